"""Every Python interpreter on this machine, found without help from uv, pyenv or the py launcher.

Three steps: `places` names each file that may be one; files that the cache does not know are run once to say what they
are (`asking`); what came of it is kept, because a start of the tool must not cost a dozen processes.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json

from selector.errors import SelectorError
from selector.files import cache_dir, read_own_file, write_own_file
from selector.host.places import Candidate, FoundIn, candidates

OLDEST = (3, 8)  # older ones cannot run the benchmark scripts
_CACHE_VERSION = 2
_MAX_CACHE_BYTES = 10_000_000  # an interpreter takes some 400
_RETRY_SECONDS = 120.0  # a file that failed once (a busy machine?) is asked again after this
_RETRY_AT_MOST_SECONDS = 3600.0  # and one that hangs each time after twice as long as before, up to an hour
_IMPLEMENTATIONS: dict[str, Literal["CPython", "PyPy"]] = {"cpython": "CPython", "pypy": "PyPy"}


class Interpreter(BaseModel):
    """One Python installation that was run and said what it is.

    `path` is the real file: links are followed, and a virtual environment counts as the interpreter it was made
    from. `gil_enabled` is what a fresh process has without any option or PYTHON_GIL; it can differ from
    `not free_threaded` only where a build decides so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    path: str
    version: str = Field(description="such as 3.14.10 or 3.15.0a3")
    tag: str = Field(pattern=r"^3\.\d{1,2}t?$", description="such as 3.14, or 3.13t for a free-threaded build")
    implementation: Literal["CPython", "PyPy"]
    free_threaded: bool
    gil_enabled: bool
    bits: Literal[32, 64]
    found_in: FoundIn

    def order(self) -> tuple[int, bool, bool]:
        """Sort key: by minor version, CPython first, builds with a GIL first."""
        return int(self.tag[2:].rstrip("t")), self.implementation != "CPython", self.free_threaded


class Survey(NamedTuple):
    """The interpreters found, and why others were left out (`path: reason`; Python 2 and the like are no problem)."""

    interpreters: tuple[Interpreter, ...]
    problems: tuple[str, ...]


# What stays in this module is a plain tuple: a pydantic model costs a start of the tool 0.3 to 1 ms each.
class _Finding(NamedTuple):
    """What came of running one candidate.

    Without an interpreter, `problem` says what went wrong, or is empty: a Python that is not wanted (too old).
    """

    interpreter: Interpreter | None
    problem: str = ""
    executable: str = ""  # its real sys.executable: another path if the candidate is a script that starts it
    lasts: bool = True  # whether it is of the file, and not of a machine that had no room for one more process
    hangs: bool = False  # whether it gave no answer in time


def find_interpreters(
    environ: Mapping[str, str] | None = None,
    root: Path = Path("/"),
    home: Path | None = None,
    *,
    refresh: bool = False,
) -> tuple[Interpreter, ...]:
    """Every CPython and PyPy from 3.8 on this machine, oldest first; see `survey_interpreters`."""
    return survey_interpreters(environ, root, home, refresh=refresh).interpreters


def interpreter_at(path: str, timeout_seconds: float = 5.0) -> Interpreter:
    """The interpreter that a user names by its path, which is kept: a virtual environment has packages of its own.

    SelectorError where it is none that answers.
    """
    import shutil

    name = os.path.abspath(shutil.which(path) or os.path.expanduser(path))
    finding = _findings([Candidate(name, "given", (0, 0, 0))], os.environ, timeout_seconds)[name]
    if finding.interpreter is None:
        reason = finding.problem or "is no Python that this tool knows (CPython or PyPy, 3.8 or later)"
        raise SelectorError(f"{path or '(empty)'}: {reason}", "a version such as 3.14t, or the path of a Python")
    return finding.interpreter


def survey_interpreters(
    environ: Mapping[str, str] | None = None,
    root: Path = Path("/"),
    home: Path | None = None,
    *,
    refresh: bool = False,
    running: bool = True,
    timeout_seconds: float = 5.0,
) -> Survey:
    """Look for interpreters and verify each by running it, unless the cache knows the file.

    `environ` (default: os.environ) gives PATH and the tools' own variables; `root` and `home` stand before the places
    outside PATH, so that a test can use a fake tree. `refresh` ignores the cache, `running=False` leaves out the
    interpreter this code runs on, and `timeout_seconds` is what all children together may take. Nothing here raises for
    a broken file or cache. Order: by version, then by where it was found (running, PATH, ...).
    """
    environ = os.environ if environ is None else environ
    home = Path(os.path.expanduser("~")) if home is None else home
    cache_file = os.path.join(cache_dir(environ, home), "interpreters.json")
    cache = {} if refresh else _load_cache(cache_file)

    findings: dict[str, _Finding] = {}
    unknown: list[Candidate] = []
    files = list(candidates(environ, str(root), str(home), running))
    for candidate in files:
        if candidate.found_in == "running":
            findings[candidate.path] = _own_finding(candidate)
        elif known := _known(cache.get(candidate.path), candidate):
            findings[candidate.path] = known
        else:
            unknown.append(candidate)
    if unknown:
        hung = {c.path: _times_hung(cache.get(c.path), c) for c in unknown}
        unknown.sort(key=lambda c: hung[c.path])  # what hung before may wait behind what is new
        fresh = _findings(unknown, environ, timeout_seconds)
        kept = {c.path: _cache_entry(c, fresh[c.path], hung[c.path]) for c in unknown if fresh[c.path].lasts}
        _save_cache(cache_file, cache | kept)
        findings |= fresh
    return _survey(files, findings)


# What they say ---------------------------------------------------------------------------------------------------------


def _findings(files: Sequence[Candidate], environ: Mapping[str, str], timeout_seconds: float) -> dict[str, _Finding]:
    """Run each file, and what comes of it by path."""
    from selector.host.asking import ask_all

    replies = ask_all([file.path for file in files], environ, timeout_seconds)
    return {
        file.path: _Finding(None, reply.problem, lasts=reply.lasts, hangs=reply.hangs)
        if reply.problem
        else _understood(reply.text, file)
        for file in files
        for reply in (replies[file.path],)
    }


def _understood(text: bytes, candidate: Candidate) -> _Finding:
    """What is said in the JSON that a candidate printed."""
    try:
        facts = from_json(text)
        major, minor = facts["release"]
        implementation = _IMPLEMENTATIONS.get(facts["implementation"])
        if implementation is None or not OLDEST <= (major, minor) < (4, 0):
            return _Finding(None)
        interpreter = Interpreter(
            path=candidate.path,
            version=facts["version"],
            tag=f"{major}.{minor}{'t' if facts['free_threaded'] else ''}",
            implementation=implementation,
            free_threaded=facts["free_threaded"],
            gil_enabled=facts["gil_enabled"],
            bits=facts["bits"],
            found_in=candidate.found_in,
        )
        return _Finding(interpreter, executable=os.path.realpath(facts["executable"]))
    except (ValueError, KeyError, TypeError):
        return _Finding(None, "did not answer as Python does")


def _own_finding(candidate: Candidate) -> _Finding:
    """The interpreter that runs this, without a child.

    The GIL of this very process may be on by PYTHON_GIL or by an extension; a fresh one has what its build gives it.
    """
    free_threaded = "t" in getattr(sys, "abiflags", "") or "free-threading build" in sys.version
    facts = {
        "version": sys.version.split()[0],
        "release": sys.version_info[:2],
        "implementation": sys.implementation.name,
        "free_threaded": free_threaded,
        "gil_enabled": not free_threaded,
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "executable": candidate.path,
    }
    return _understood(to_json(facts), candidate)


def _survey(files: list[Candidate], findings: Mapping[str, _Finding]) -> Survey:
    """Interpreters and problems; a script that only starts a listed interpreter is left out."""
    listed = {path for path, finding in findings.items() if finding.interpreter}
    found: list[Interpreter] = []
    problems: list[str] = []
    for path in (file.path for file in files):
        interpreter, problem, executable, *_ = findings[path]
        if problem:
            problems.append(f"{path}: {problem}")
        elif interpreter and (executable == path or executable not in listed):
            found.append(interpreter)
    return Survey(tuple(sorted(found, key=Interpreter.order)), tuple(problems))


# The cache ------------------------------------------------------------------------------------------------------------


def _load_cache(file: str) -> dict[str, Any]:
    """Entries by path; none where the file is missing, torn, of another version or not ours."""
    try:
        data = from_json(read_own_file(file, _MAX_CACHE_BYTES) or b"")
        return dict(data["entries"]) if data["version"] == _CACHE_VERSION else {}
    except (ValueError, KeyError, TypeError):
        return {}


def _known(entry: Any, candidate: Candidate) -> _Finding | None:
    """What the cache says of a candidate, or None where it says nothing that still holds.

    A failure holds for a while only: it may have been the fault of a busy machine or of a missing library.
    """
    try:
        if tuple(entry["stamp"]) != candidate.stamp:
            return None
        if entry["problem"] and not 0 <= time.time() - entry["asked_at"] < _remembered_seconds(entry):
            return None
        fields = entry["interpreter"]
        # Where it was found and its own path are today's: the cache is shared by different PATHs.
        found = (
            None
            if fields is None
            else Interpreter(**{**fields, "path": candidate.path, "found_in": candidate.found_in})
        )
        return _Finding(found, str(entry["problem"]), str(entry["executable"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _remembered_seconds(entry: Any) -> float:
    """How long a failure holds: to ask a file that hangs costs seconds each time."""
    doublings = min(max(0, int(entry["hung"]) - 1), 20)
    return min(_RETRY_SECONDS * float(2**doublings), _RETRY_AT_MOST_SECONDS)


def _times_hung(entry: Any, candidate: Candidate) -> int:
    """How often this very file gave no answer in time, one time after the other."""
    try:
        return int(entry["hung"]) if tuple(entry["stamp"]) == candidate.stamp else 0
    except (KeyError, TypeError, ValueError, OverflowError):
        return 0


def _cache_entry(candidate: Candidate, finding: _Finding, hung: int) -> dict[str, Any]:
    return {
        "stamp": candidate.stamp,
        "asked_at": time.time(),
        "interpreter": finding.interpreter,
        "problem": finding.problem,
        "executable": finding.executable,
        "hung": hung + 1 if finding.hangs else 0,
    }


def _save_cache(file: str, entries: Mapping[str, Any]) -> None:
    """Replace the cache in one step, so that a second process reads the old file or the new one, never half of it.

    Entries of files that are gone are dropped. A cache that cannot be written is no error: the next start asks again.
    """
    cache = {"version": _CACHE_VERSION, "entries": {p: e for p, e in entries.items() if os.path.exists(p)}}
    with contextlib.suppress(OSError, ValueError):
        write_own_file(Path(file), to_json(cache))
