"""Where Python interpreters live on this machine: PATH, the stores of version managers, the system's usual places.

Found without help from uv, pyenv or the py launcher, and without running anything.
"""

from __future__ import annotations

import itertools
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from selector.files import read_regular_file

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

_MAX_CONFIG_BYTES = 100_000  # a pyvenv.cfg has five lines
_NAME = re.compile(r"(?:python(?:3(?:\.\d+)?t?)?|pypy3(?:\.\d+)?)(?:\.exe)?", re.IGNORECASE)


class Candidate(NamedTuple):
    """A file that may be an interpreter, and the first place it was found in."""

    path: str
    found_in: FoundIn
    stamp: tuple[int, int, int]  # modification time in ns, size, inode: a file with the same stamp is the same file


def environment_python(folder: str) -> str:
    """The Python of a virtual environment, there or not."""
    return os.path.join(folder, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))


def is_ours(python: str) -> bool:
    """Whether it is the Python of this tool itself: links of environments lead to one file, so that the folder counts."""
    here = os.path.dirname(os.path.abspath(sys.executable))
    return os.path.dirname(python) == here and os.path.realpath(python) == os.path.realpath(sys.executable)


def made_for_us(python: str, environ: Mapping[str, str]) -> bool:
    """Whether uvx or pre-commit made its environment for this tool alone, and put it in front: nothing of the user's is in it."""
    by_uvx = "UV" in environ and "VIRTUAL_ENV" not in environ  # which `uv run` sets, as the project's is meant there
    name = os.path.basename(os.path.dirname(os.path.dirname(python)))
    return (by_uvx or name.startswith("py_env-")) and is_ours(python)


def candidates(environ: Mapping[str, str], root: str, home: str, running: bool) -> Iterator[Candidate]:
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
                yield Candidate(path, found_in, (status.st_mtime_ns, status.st_size, status.st_ino))


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
