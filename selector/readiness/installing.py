"""Can a package be installed for a build: asked of the resolver that the user has, with his own index, and nothing is installed.

uv is asked for the lowest version from the wanted one on that has a wheel for that very interpreter; without uv, pip
for the versions that have one. Both know the tags of the interpreter: an abi3 wheel does not serve a free-threaded build.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from selector.measure.python import ChosenPython
from selector.processes import Child, NotStartedError
from selector.readiness.kept import Kept
from selector.temporary import temporary_folder
from selector.text import one_line, printable

ASK_SECONDS = 40.0  # for all questions together
_ALL_SECONDS = 30.0  # for a question about many packages
_ONE_SECONDS = 15.0
_TOOK_LONG = "no answer in time"
_AT_ONCE = 4
_OFFLINE = re.compile(
    r"error sending request|failed to fetch|connectivity is disabled|network was disabled|connection|offline|timed out"
    r"|name resolution|could not fetch url|max retries|dns error",
    re.IGNORECASE,
)
_UNKNOWN_NAME = re.compile(r"not found in the package registry|not found in the cache|no such package", re.IGNORECASE)
_NO_SOLUTION, _NO_SOURCE = "No solution found", "no source distribution"
_INSTALLS = re.compile(r"^ \+ ([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
_VERSIONS = re.compile(r"Available versions: (.+)")


class Want(NamedTuple):
    """A package that is to be installed: by its canonical name, from this version on (None: any that fits `specifier`)."""

    name: str
    version: str | None
    specifier: str = ""

    def __str__(self) -> str:
        return f"{self.name}>={_public(self.version)}" if self.version else f"{self.name}{self.specifier}"


class Answer(NamedTuple):
    """The lowest version from the wanted one on that has a wheel for a build, of any the newest (None: none has).

    `source` is whether there is a source to build it from (None: not known), and `earlier` the last version before the
    wanted one that has a wheel. With a `problem` nobody answered.
    """

    version: str | None
    source: bool | None = None
    problem: str = ""
    earlier: str | None = None


class Resolver(NamedTuple):
    """The user's resolver: `uv` or `pip`, and how it is called (without the interpreter)."""

    name: str
    command: tuple[str, ...]


def find_resolver(python: ChosenPython, folders: Sequence[str], environ: Mapping[str, str]) -> Resolver | None:
    """The uv on the PATH, or beside one of the Pythons here; else the pip of that interpreter, or of another here."""
    uv = shutil.which("uv", path=environ.get("PATH")) or next(filter(None, (_beside(f, "uv") for f in folders)), None)
    if uv is not None:
        return Resolver("uv", (uv,))
    if _has_pip(python.path):
        return Resolver("pip", (python.path, "-m", "pip"))
    if _has_pip(sys.executable):
        return Resolver("pip", (sys.executable, "-m", "pip", "--python", python.path))
    return None


def _beside(folder: str, name: str) -> str | None:
    return shutil.which(name, path=folder)


def _has_pip(python: str) -> bool:
    code, _ = _run([python, "-m", "pip", "--version"], Path.cwd(), {}, _ONE_SECONDS)
    return code == 0


def ask(
    wants: Sequence[Want],
    python: ChosenPython,
    resolver: Resolver | None,
    kept: Kept,
    folder: Path,
    seconds: float = ASK_SECONDS,
) -> dict[Want, Answer]:
    """What each package comes to for a build. Whatever nobody answered has a problem; questions end in `seconds`."""
    if resolver is None:
        return {want: Answer(None, problem="neither uv nor pip is here to ask") for want in wants}
    found: dict[Want, Answer] = {}
    for want in wants:
        if (entry := kept.answer(_key(want, python, resolver))) is not None:
            found[want] = _answer_of(entry)
    rest = [want for want in wants if want not in found]
    fresh = _Questions(python, resolver, folder, time.monotonic() + seconds).answers(rest) if rest else {}
    for want, answer in fresh.items():
        if not answer.problem:
            kept.keep_answer(_key(want, python, resolver), answer._asdict())
    return found | fresh


def _answer_of(entry: Mapping[str, Any]) -> Answer:
    """An answer that was kept."""
    version, source, earlier = (entry.get(name) for name in ("version", "source", "earlier"))
    return Answer(
        version if isinstance(version, str) else None,
        source if isinstance(source, bool) else None,
        earlier=earlier if isinstance(earlier, str) else None,
    )


def _key(want: Want, python: ChosenPython, resolver: Resolver) -> str:
    return f"{resolver.name} {want} {python.path} {python.interpreter.version}"


class _Questions:
    """Questions to a resolver about one interpreter, until the time is over."""

    def __init__(self, python: ChosenPython, resolver: Resolver, folder: Path, end: float) -> None:
        self._python, self._resolver, self._folder, self._end = python, resolver, folder, end
        self._problem = ""  # of the index, not of a package: it is not asked again

    def answers(self, wants: Sequence[Want]) -> dict[Want, Answer]:
        """All at once, which is quick where all have a wheel; else one by one."""
        if self._resolver.name == "uv" and len(wants) > 1:
            found: dict[Want, Answer] = {}
            for some in ([w for w in wants if w.version], [w for w in wants if not w.version]):
                code, text = self._uv(some, _ALL_SECONDS) if some and not self._problem else (0, "")
                if code == 0:
                    versions = _installs(text)
                    found |= {w: Answer(versions[w.name]) for w in some if w.name in versions}
                else:
                    self._note(text)
            return found | self._one_by_one([want for want in wants if want not in found])
        return self._one_by_one(wants)

    def _one_by_one(self, wants: Sequence[Want]) -> dict[Want, Answer]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(wants, pool.map(self._one, wants), strict=True))

    def _one(self, want: Want) -> Answer:
        if self._problem or time.monotonic() > self._end:
            return Answer(None, problem=self._problem or "there was no time to ask the index")
        return self._by_uv(want) if self._resolver.name == "uv" else self._by_pip(want)

    def _by_uv(self, want: Want) -> Answer:
        code, text = self._uv([want])
        if code == 0:
            version = _installs(text).get(want.name)
            return Answer(version, problem="" if version else _odd(text))
        if self._note(text):
            return Answer(None, problem=self._problem)
        if _UNKNOWN_NAME.search(text):
            return Answer(None, problem="the index does not know it")
        if _NO_SOLUTION in text:
            _, text = self._uv([want], more=("--no-binary", ":all:"))  # nothing is built: what it lacks is what it says
            source = None if _NO_SOLUTION not in text else _NO_SOURCE not in text
            return Answer(None, source, earlier=self._earlier(want))
        return Answer(None, problem=_odd(text))

    def _earlier(self, want: Want) -> str | None:
        """The last version before the wanted one that has a wheel, as far as uv says so."""
        if want.version is None:
            return None
        code, text = self._uv([Want(want.name, None, f"<{_public(want.version)}")])
        return _installs(text).get(want.name) if code == 0 else None

    def _by_pip(self, want: Want) -> Answer:
        found = self._versions(want.name, "--only-binary")
        if isinstance(found, str):
            return Answer(None, problem=found)
        fitting = [v for v in found if want.version is None or v >= Version(_public(want.version))]
        if not fitting:
            sources = self._versions(want.name, "--no-binary")
            earlier = str(max(found)) if found else None
            return Answer(None, None if isinstance(sources, str) else bool(sources), earlier=earlier)
        return Answer(str(min(fitting)) if want.version else str(max(fitting)))

    def _versions(self, name: str, form: str) -> list[Version] | str:
        """The versions of a package that come in a form, for this interpreter; or why nobody knows."""
        arguments = ["--disable-pip-version-check", "--no-input", "index", "versions", name, form, ":all:"]
        code, text = _run([*self._resolver.command, *arguments], self._folder, {}, self._seconds())
        if found := _VERSIONS.search(text):
            return [v for part in found[1].split(",") if (v := _version(part.strip())) is not None]
        if self._note(text):
            return self._problem
        return [] if "No matching distribution" in text else (_odd(text) if code else [])

    def _uv(self, wants: Sequence[Want], seconds: float = _ONE_SECONDS, more: Sequence[str] = ()) -> tuple[int, str]:
        """Ask uv for some packages that are all wanted from a version on, or none is."""
        resolution = "lowest" if wants[0].version else "highest"
        with temporary_folder() as nowhere:
            command = [
                *self._resolver.command, "pip", "install", "--dry-run", "--no-deps", "--only-binary", ":all:",
                "--resolution", resolution, "--python", self._python.path, "--target", str(nowhere), "--color", "never",
                "--no-progress", *more, *map(str, wants),
            ]  # fmt: skip
            return _run(
                command, self._folder, {"UV_HTTP_RETRIES": "1", "UV_HTTP_TIMEOUT": "10"}, self._seconds(seconds)
            )

    def _seconds(self, most: float = _ONE_SECONDS) -> float:
        return max(1.0, min(most, self._end - time.monotonic()))

    def _note(self, text: str) -> bool:
        """Whether this is said of the index as a whole: it is out of reach."""
        if _OFFLINE.search(text):
            self._problem = f"the index cannot be reached ({_odd(text)})"
        return bool(self._problem)


def _run(command: Sequence[str], folder: Path, more: Mapping[str, str], seconds: float) -> tuple[int, str]:
    """Run a resolver: its exit code, and all that it wrote, harmless to show; 1 where it could not be run or took too long."""
    environment = {**more, **os.environ}  # what the user sets counts
    environment.pop("PYTHONPATH", None)
    lines: list[str] = []
    try:
        child = Child(
            command,
            deadline_seconds=seconds,
            grace_seconds=0.3,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        with child:
            lines += [(line or b"").decode("utf-8", "replace") for line in child]
            text = "\n".join([*lines, child.errors])
            if child.overdue:
                return 1, _TOOK_LONG
            return child.process.returncode or 0, "\n".join(map(printable, text.splitlines()))
    except NotStartedError as error:
        return 1, f"it {error}"


def _installs(text: str) -> dict[str, str]:
    return {canonicalize_name(name): version for name, version in _INSTALLS.findall(text)}


def _odd(text: str) -> str:
    """The line of an answer that says most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if line.lower().startswith(("error", "cause"))]
    return one_line(" ".join((told or lines)[-2:]) or "no answer", 160)


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _public(version: str | None) -> str:
    """A version without its local part, which no comparison may have."""
    found = _version(version or "")
    return found.public if found is not None else str(version)
