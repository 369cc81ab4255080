"""Every Python interpreter on this machine, found without help from uv, pyenv or the py launcher.

Three steps: `_candidates` looks where interpreters live and names each file once; files the cache does not know are
run once to say what they are; the answers are kept, because a start of the tool must not cost a dozen processes.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json

from selector.errors import SelectorError
from selector.files import read_own_file, read_regular_file, write_own_file

if TYPE_CHECKING:
    import subprocess

FoundIn = Literal[
    "given",
    "running",
    "PATH",
    "uv",
    "pyenv",
    "asdf",
    "mise",
    "/opt",
    "/usr/local",
    "framework",
    "Xcode tools",
    "Programs",
]

OLDEST = (3, 8)  # older ones cannot run the benchmark scripts
CACHE_DIR_VARIABLE = "CONCURRENCY_SELECTOR_CACHE_DIR"
_APP = "concurrency-selector"
_CACHE_VERSION = 2
_MAX_CACHE_BYTES = 10_000_000  # an interpreter takes some 400
_MAX_CONFIG_BYTES = 100_000  # a pyvenv.cfg has five lines
_RETRY_SECONDS = 120.0  # a file that failed once (a busy machine?) is asked again after this
_RETRY_AT_MOST_SECONDS = 3600.0  # and one that hangs each time after twice as long as before, up to an hour
_SIGKILL = 9  # the signal module of Windows has no name for it
_AT_ONCE = 16  # children at a time
_LOOK_SECONDS = 0.005  # how often ends are looked for: a Python takes some 15 ms
_HANGS = "no answer in time"
#: Why a file could not be started that say something of this moment and nothing of the file.
_NO_ROOM = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EINTR)
_IMPLEMENTATIONS: dict[str, Literal["CPython", "PyPy"]] = {"cpython": "CPython", "pypy": "PyPy"}
_NAME = re.compile(r"(?:python(?:3(?:\.\d+)?t?)?|pypy3(?:\.\d+)?)(?:\.exe)?", re.IGNORECASE)


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


# What stays in this module is plain tuples: a pydantic model costs a start of the tool 0.3 to 1 ms each.
class _Candidate(NamedTuple):
    path: str
    found_in: FoundIn
    stamp: tuple[int, int, int]  # modification time in ns, size, inode: a file with the same stamp is the same file


class _Answer(NamedTuple):
    """What came of running one candidate.

    Without an interpreter, `problem` says what went wrong, or is empty: a Python that is not wanted (too old).
    """

    interpreter: Interpreter | None
    problem: str = ""
    executable: str = ""  # its real sys.executable: another path if the candidate is a script that starts it
    lasts: bool = True  # whether it is of the file, and not of a machine that had no room for one more process


def find_interpreters(
    environ: Mapping[str, str] | None = None,
    root: Path = Path("/"),
    home: Path | None = None,
    *,
    refresh: bool = False,
) -> tuple[Interpreter, ...]:
    """Every CPython and PyPy from 3.8 on this machine, oldest first; see `survey_interpreters`."""
    return survey_interpreters(environ, root, home, refresh=refresh).interpreters


def environment_python(folder: str) -> str:
    """The Python of a virtual environment, there or not."""
    return os.path.join(folder, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))


def interpreter_at(path: str, timeout_seconds: float = 5.0) -> Interpreter:
    """The interpreter that a user names by its path, which is kept: a virtual environment has packages of its own.

    SelectorError where it is none that answers.
    """
    import shutil

    name = os.path.abspath(shutil.which(path) or os.path.expanduser(path))
    candidate = _Candidate(name, "given", (0, 0, 0))
    answer = _ask_all([candidate], _child_environ(os.environ), timeout_seconds)[name]
    if answer.interpreter is None:
        reason = answer.problem or "is no Python that this tool knows (CPython or PyPy, 3.8 or later)"
        raise SelectorError(f"{path or '(empty)'}: {reason}", "a version such as 3.14t, or the path of a Python")
    return answer.interpreter


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

    answers: dict[str, _Answer] = {}
    unknown: list[_Candidate] = []
    candidates = list(_candidates(environ, str(root), str(home), running))
    for candidate in candidates:
        if candidate.found_in == "running":
            answers[candidate.path] = _own_answer(candidate)
        elif known := _known(cache.get(candidate.path), candidate):
            answers[candidate.path] = known
        else:
            unknown.append(candidate)
    if unknown:
        hung = {c.path: _times_hung(cache.get(c.path), c) for c in unknown}
        unknown.sort(key=lambda c: hung[c.path])  # what hung before may wait behind what is new
        fresh = _ask_all(unknown, _child_environ(environ), timeout_seconds)
        kept = {c.path: _cache_entry(c, fresh[c.path], hung[c.path]) for c in unknown if fresh[c.path].lasts}
        _save_cache(cache_file, cache | kept)
        answers |= fresh
    return _survey(candidates, answers)


def cache_dir(environ: Mapping[str, str] | None = None, home: Path | None = None) -> Path:
    """Where this tool keeps what it may lose: CONCURRENCY_SELECTOR_CACHE_DIR, else the user's cache directory.

    On Linux platformdirs' rule is spelled out, because importing platformdirs costs 4 to 8 ms of a 50 ms start.
    """
    environ = os.environ if environ is None else environ
    if chosen := environ.get(CACHE_DIR_VARIABLE):
        return Path(chosen)
    if sys.platform in ("darwin", "win32"):
        import platformdirs

        return Path(platformdirs.user_cache_dir(_APP))
    base = environ.get("XDG_CACHE_HOME", "").strip()
    if os.path.isabs(base):  # the XDG specification: a relative path is to be ignored
        return Path(base, _APP)
    return Path(os.path.expanduser("~") if home is None else home, ".cache", _APP)


# Where to look --------------------------------------------------------------------------------------------------------


def _candidates(environ: Mapping[str, str], root: str, home: str, running: bool) -> Iterator[_Candidate]:
    """Each executable that may be an interpreter, once, as its real path and with the first place it was found in.

    Files are told apart by device and inode: of the three names a bin directory has for one interpreter, and of all
    the links in PATH, one is left without reading a link. A file in two places by hard link counts once.
    """
    seen: set[tuple[int, int]] = set()
    places: Iterable[tuple[FoundIn, str]] = _files(environ, root, home)
    if running and (own := _running_path()):
        places = itertools.chain([("running", own)], places)
    for found_in, name in places:
        try:
            if (key := _file_key(os.stat(name))) in seen or not os.access(name, os.X_OK):
                continue
            seen.add(key)
            path = _base_interpreter(os.path.realpath(name))
            status = os.stat(path)
        except (OSError, ValueError):
            continue
        # The copied python of a virtual environment leads to another file, which may have been seen already.
        if (base_key := _file_key(status)) == key or base_key not in seen:
            seen.add(base_key)
            if _may_run(path):
                yield _Candidate(path, found_in, (status.st_mtime_ns, status.st_size, status.st_ino))


def _running_path() -> str:
    """The file of the interpreter that runs this; empty inside a frozen or embedding application."""
    if getattr(sys, "frozen", False):
        return ""
    # Windows' venv python.exe is a launcher, and no link; CPython keeps the interpreter it launched here.
    return getattr(sys, "_base_executable", None) or sys.executable or ""


def _file_key(status: os.stat_result) -> tuple[int, int]:
    """What makes two names the same file; raises OSError for anything but a regular file."""
    if not stat.S_ISREG(status.st_mode):
        raise OSError("not a regular file")
    return status.st_dev, status.st_ino


def _may_run(path: str) -> bool:
    """Whether a file is worth running, and safe to.

    Not Python 2; not a name that JSON cannot hold (it is no UTF-8); not macOS' own /usr/bin/python3, which opens a
    dialog where the command line tools are missing (they are looked up where they lie).
    """
    if os.path.basename(path).startswith("python2") or (sys.platform == "darwin" and path.startswith("/usr/bin/")):
        return False
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _base_interpreter(real: str) -> str:
    """The interpreter a copied virtual-environment python (Windows, `venv --copies`) was made from, else `real`.

    Links need no such help. The base is `home` in pyvenv.cfg (a directory) and the same file name.
    """
    config = read_regular_file(os.path.join(os.path.dirname(os.path.dirname(real)), "pyvenv.cfg"), _MAX_CONFIG_BYTES)
    if config is None:
        return real
    try:
        lines = config.decode().splitlines()
    except ValueError:
        return real
    settings = dict(re.split(r"\s*=\s*", line.strip(), maxsplit=1) for line in lines if "=" in line)
    for base in (settings.get("executable", ""), os.path.join(settings.get("home", ""), os.path.basename(real))):
        if os.path.isabs(base) and os.path.isfile(base):
            return os.path.realpath(base)
    return real


def _files(environ: Mapping[str, str], root: str, home: str) -> Iterator[tuple[FoundIn, str]]:
    """Every file with an interpreter's name in the directories to look in, most particular name first."""
    for found_in, directory in _directories(environ, root, home):
        names = [n for n in _names(directory) if n[:1] in "pP" and _NAME.fullmatch(n)]
        for name in sorted(names, key=lambda n: (-len(n), n)):
            yield found_in, os.path.join(directory, name)


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except (OSError, ValueError):
        return []


def _below(directory: str, *inside: str) -> Iterator[str]:
    """The directory `inside` of each entry of `directory`, in order of name: directory/*/inside."""
    for name in sorted(_names(directory)):
        yield os.path.join(directory, name, *inside)


def _directories(environ: Mapping[str, str], root: str, home: str) -> Iterator[tuple[FoundIn, str]]:
    """Where interpreters live: PATH, the version managers' stores, then the system's usual places."""
    for directory in _path_directories(environ):
        yield "PATH", directory
    if sys.platform == "win32":
        yield from _windows_directories(environ, home)
        return
    data = environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    library = os.path.join(home, "Library", "Application Support")  # uv on macOS before 0.5
    for base in (environ.get("UV_PYTHON_INSTALL_DIR"), os.path.join(data, "uv/python"), f"{library}/uv/python"):
        if base:
            yield from (("uv", d) for d in _below(base, "bin"))
    pyenv = environ.get("PYENV_ROOT") or os.path.join(home, ".pyenv")
    yield from (("pyenv", d) for d in _below(os.path.join(pyenv, "versions"), "bin"))
    asdf = environ.get("ASDF_DATA_DIR") or os.path.join(home, ".asdf")
    yield from (("asdf", d) for d in _below(os.path.join(asdf, "installs/python"), "bin"))
    mise = environ.get("MISE_DATA_DIR") or os.path.join(data, "mise")
    yield from (("mise", d) for d in _below(os.path.join(mise, "installs/python"), "bin"))
    yield from _system_directories(root)


def _system_directories(root: str) -> Iterator[tuple[FoundIn, str]]:
    """/opt, /usr/local and, on macOS, the frameworks of python.org and of Apple's command line tools."""
    opt = os.path.join(root, "opt")
    for directory in (*_below(opt, "bin"), *_below(opt, "usr/bin"), *_below(os.path.join(opt, "python"), "bin")):
        yield "/opt", directory
    for versions in _below(os.path.join(opt, "hostedtoolcache/Python")):  # GitHub's runners: VERSION/ARCHITECTURE/bin
        yield from (("/opt", d) for d in _below(versions, "bin"))
    yield "/usr/local", os.path.join(root, "usr/local/bin")
    library = os.path.join(root, "Library")
    for framework in ("Python", "PythonT"):  # PythonT: the free-threaded build
        versions = os.path.join(library, f"Frameworks/{framework}.framework/Versions")
        yield from (("framework", d) for d in _below(versions, "bin"))
    tools = os.path.join(library, "Developer/CommandLineTools/Library/Frameworks/Python3.framework/Versions")
    yield from (("Xcode tools", d) for d in _below(tools, "bin"))


def _windows_directories(environ: Mapping[str, str], home: str) -> Iterator[tuple[FoundIn, str]]:
    """The folders of uv and pyenv-win, then where the python.org installer and the Python install manager put theirs."""
    roaming, local = environ.get("APPDATA"), environ.get("LOCALAPPDATA")
    if base := environ.get("UV_PYTHON_INSTALL_DIR"):
        yield from (("uv", d) for d in _below(base))
    if roaming:  # uv's documentation names the first, its `python install` uses the second (astral-sh/uv#13877)
        yield from (("uv", d) for d in _below(os.path.join(roaming, "uv", "data", "python")))
        yield from (("uv", d) for d in _below(os.path.join(roaming, "uv", "python")))
    pyenv = environ.get("PYENV_ROOT") or os.path.join(home, ".pyenv", "pyenv-win")
    yield from (("pyenv", d) for d in _below(os.path.join(pyenv, "versions")))
    if local:
        yield from (("Programs", d) for d in _below(os.path.join(local, "Programs", "Python")))
        yield from (("Programs", d) for d in _below(os.path.join(local, "Python")))
    if programs := environ.get("PROGRAMFILES"):
        yield from (("Programs", d) for d in _below(programs) if os.path.basename(d).lower().startswith("python"))


def _path_directories(environ: Mapping[str, str]) -> Iterator[str]:
    """The directories of PATH that are worth a look, each once (/bin is often a link to /usr/bin).

    Left out: relative entries (they would run whatever lies in the current directory), shims (slow scripts, or one
    binary under many names) and, in WSL, Windows' own directories (slow to list, no Linux python in them).
    """
    in_wsl = "WSL_DISTRO_NAME" in environ
    seen: set[tuple[int, int]] = set()
    for entry in environ.get("PATH", os.defpath).split(os.pathsep):
        directory = entry.rstrip("/\\")
        if not os.path.isabs(directory) or os.path.basename(directory) == "shims":
            continue
        if in_wsl and re.match(r"/mnt/[a-z]/", directory):
            continue
        try:
            status = os.stat(directory)
        except (OSError, ValueError):
            continue
        if (key := (status.st_dev, status.st_ino)) not in seen:
            seen.add(key)
            yield directory


# Asking an interpreter ------------------------------------------------------------------------------------------------

# Runs on any Python from 3.4, without site. Two signs of a free-threaded build, because Windows had no abiflags
# before 3.14; the text in sys.version is the one the free-threading HOWTO documents. sysconfig costs 20 ms more.
_QUESTION = """
import json, sys
print(json.dumps({
    "version": sys.version.split()[0],
    "release": list(sys.version_info[:2]),
    "implementation": sys.implementation.name,
    "free_threaded": "t" in getattr(sys, "abiflags", "") or "free-threading build" in sys.version,
    "gil_enabled": bool(getattr(sys, "_is_gil_enabled", lambda: True)()),
    "bits": 64 if sys.maxsize > 2**32 else 32,
    "executable": sys.executable,
}))
"""


def _ask_all(candidates: list[_Candidate], environ: dict[str, str], timeout_seconds: float) -> dict[str, _Answer]:
    """Run every candidate and collect by path what each says of itself, in `timeout_seconds` however many they are.

    The children run in parallel without a thread here, 16 at a time. One that has not answered in a fifth of the time
    seems to hang and makes room for the next, so that some that hang do not keep the others from being asked. However
    this ends (an error, Ctrl-C), every child is killed and reaped first.
    """
    began = time.monotonic()
    answers: dict[str, _Answer] = {}
    waiting = list(reversed(candidates))
    running: list[_Running] = []
    try:
        while (waiting or running) and (now := time.monotonic()) < began + timeout_seconds:
            hopeful = sum(now < child.started_at + timeout_seconds / 5 for child in running)
            for _ in range(min(len(waiting), _AT_ONCE - hopeful)):
                _begin(waiting.pop(), environ, running, answers)
            _wait()
            for ended in [child for child in running if child.process.poll() is not None]:
                answers[ended.candidate.path] = _answer_of(ended)
                _stop(ended.process)
                running.remove(ended)
        answers |= {child.candidate.path: _Answer(None, _HANGS) for child in running}
        answers |= {c.path: _Answer(None, "not asked yet: others did not answer", lasts=False) for c in waiting}
    finally:
        for child in running:
            _stop(child.process)
    return answers


class _Running(NamedTuple):
    candidate: _Candidate
    process: subprocess.Popen[bytes]
    started_at: float  # monotonic


def _begin(
    candidate: _Candidate, environ: dict[str, str], running: list[_Running], answers: dict[str, _Answer]
) -> None:
    """Start a candidate, or note why that cannot be done."""
    try:
        running.append(_Running(candidate, _start(candidate.path, environ), time.monotonic()))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        lasts = getattr(error, "errno", None) not in _NO_ROOM
        answers[candidate.path] = _Answer(None, f"cannot be run: {reason}", lasts=lasts)


def _start(path: str, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    import subprocess

    return subprocess.Popen(
        [path, "-I", "-S", "-B", "-c", _QUESTION],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environ,
        # A group of its own, so that a wrapper script goes down together with what it started.
        process_group=0 if os.name == "posix" else None,
    )


def _wait() -> None:
    """Until it is worth to look for ends again."""
    time.sleep(_LOOK_SECONDS)


def _answer_of(ended: _Running) -> _Answer:
    """What a child said that has ended."""
    code = ended.process.returncode
    if code == 0:
        return _understand(_read(ended.process), ended.candidate)
    return _Answer(None, f"ended with exit code {code}" if code > 0 else f"was killed by signal {-code}")


def _read(child: subprocess.Popen[bytes]) -> bytes:
    """What an ended child wrote: one read, of what fits a pipe. A child that writes more blocks, and times out."""
    if child.stdout is None:
        return b""
    try:
        if sys.platform != "win32":
            os.set_blocking(child.stdout.fileno(), False)  # something it left running may hold the pipe open
        return os.read(child.stdout.fileno(), 65536)
    except OSError:
        return b""


def _understand(text: bytes, candidate: _Candidate) -> _Answer:
    """An answer out of the JSON that a candidate printed."""
    try:
        facts = from_json(text)
        major, minor = facts["release"]
        implementation = _IMPLEMENTATIONS.get(facts["implementation"])
        if implementation is None or not OLDEST <= (major, minor) < (4, 0):
            return _Answer(None)
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
        return _Answer(interpreter, executable=os.path.realpath(facts["executable"]))
    except (ValueError, KeyError, TypeError):
        return _Answer(None, "did not answer as Python does")


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Kill a child that still runs, with its group, and reap it."""
    if child.poll() is None:
        try:
            if sys.platform != "win32":
                os.killpg(child.pid, _SIGKILL)
            else:
                child.kill()
        except OSError:
            child.kill()
        child.wait()
    if child.stdout is not None:
        child.stdout.close()


def _child_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what changes an interpreter's mind: PYTHONHOME, PYTHONPATH, PYTHON_GIL and the rest."""
    return {k: v for k, v in environ.items() if not k.upper().startswith("PYTHON") and k != "__PYVENV_LAUNCHER__"}


def _own_answer(candidate: _Candidate) -> _Answer:
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
    return _understand(to_json(facts), candidate)


def _survey(candidates: list[_Candidate], answers: Mapping[str, _Answer]) -> Survey:
    """Interpreters and problems out of the answers; a script that only starts a listed interpreter is left out."""
    listed = {path for path, answer in answers.items() if answer.interpreter}
    found: list[Interpreter] = []
    problems: list[str] = []
    for path in (c.path for c in candidates):
        interpreter, problem, executable, _ = answers[path]
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


def _known(entry: Any, candidate: _Candidate) -> _Answer | None:
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
        return _Answer(found, str(entry["problem"]), str(entry["executable"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _remembered_seconds(entry: Any) -> float:
    """How long a failure holds: to ask a file that hangs costs seconds each time."""
    doublings = min(max(0, int(entry["hung"]) - 1), 20)
    return min(_RETRY_SECONDS * float(2**doublings), _RETRY_AT_MOST_SECONDS)


def _times_hung(entry: Any, candidate: _Candidate) -> int:
    """How often this very file gave no answer in time, one time after the other."""
    try:
        return int(entry["hung"]) if tuple(entry["stamp"]) == candidate.stamp else 0
    except (KeyError, TypeError, ValueError, OverflowError):
        return 0


def _cache_entry(candidate: _Candidate, answer: _Answer, hung: int) -> dict[str, Any]:
    return {
        "stamp": candidate.stamp,
        "asked_at": time.time(),
        "interpreter": answer.interpreter,
        "problem": answer.problem,
        "executable": answer.executable,
        "hung": hung + 1 if answer.problem == _HANGS else 0,
    }


def _save_cache(file: str, entries: Mapping[str, Any]) -> None:
    """Replace the cache in one step, so that a second process reads the old file or the new one, never half of it.

    Entries of files that are gone are dropped. A cache that cannot be written is no error: the next start asks again.
    """
    cache = {"version": _CACHE_VERSION, "entries": {p: e for p, e in entries.items() if os.path.exists(p)}}
    with contextlib.suppress(OSError, ValueError):
        write_own_file(Path(file), to_json(cache))
