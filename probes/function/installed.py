"""What is installed for this Python: each distribution with what it needs, its modules, and a stamp of its files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from importlib.util import find_spec
from typing import Any, NamedTuple

from .channel import Channel, first_line
from .settings import Settings, guard_start

MOST_FILES = 50_000  # of a distribution that are looked at
MOST_MODULES, MOST_LATE = 200, 200
_NO_MODULES = {"tests", "test", "docs", "doc", "examples", "example", "benchmarks", "scripts", "setup", "conftest"}
_INITS = tuple(f"__init__{suffix}" for suffix in (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES))


def installed(settings: Settings, channel: Channel) -> None:
    """The mode installed: a message for each distribution, and the environment that markers are asked in."""
    guard_start(settings, channel)
    channel.say(markers=_markers(), prefix=sys.prefix)
    seen: set[str] = set()
    for dist in metadata.distributions():
        try:
            name = str(dist.metadata["Name"])
            if name.lower() in seen or name == "None":  # the first on the path is the one that is imported
                continue
            seen.add(name.lower())
            channel.say(**{f"dist {name}": {"name": name, **_told(dist)}})
        except Exception as error:
            channel.say(broken=first_line(f"{getattr(dist, '_path', '?')}: {type(error).__name__}: {error}", 300))


def _markers() -> dict[str, str]:
    """The variables of environment markers (the specification of dependency specifiers, "Environment Markers")."""
    release = sys.implementation.version
    number = f"{release.major}.{release.minor}.{release.micro}"
    if release.releaselevel != "final":
        number += f"{release.releaselevel[0]}{release.serial}"
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": number,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }


def _told(dist: metadata.Distribution) -> dict[str, Any]:
    """What one distribution says of itself, and what its files are."""
    wheel = dist.read_text("WHEEL") or ""
    lines = [line.partition(":") for line in wheel.splitlines()]
    files = [str(file) for file in (dist.files or [])[:MOST_FILES]]
    editable = _is_editable(dist)
    root = str(dist.locate_file(""))
    if editable or dist.files is None:
        root, files = "", _files_of_modules(_named(dist, files))
    found = modules_in([os.path.relpath(f, _above(f)) if os.path.isabs(f) else f for f in files])
    return {
        "version": str(dist.version),
        "requires": list(dist.requires or []),
        "python": dist.metadata.get("Requires-Python"),
        "tags": [value.strip() for key, _, value in lines if key == "Tag"],
        "modules": found.modules,
        "late": found.late,
        "native": found.native,
        "editable": editable,
        "stamp": _stamp(dist, root, files),
    }


def _is_editable(dist: metadata.Distribution) -> bool:
    with contextlib.suppress(ValueError, AttributeError):
        return bool(json.loads(dist.read_text("direct_url.json") or "{}").get("dir_info", {}).get("editable"))
    return False


def _named(dist: metadata.Distribution, files: list[str]) -> list[str]:
    """The modules of a distribution whose files are elsewhere: those that it names, else what is called as it, or as a folder of it."""
    told = (dist.read_text("top_level.txt") or "").split()
    folders = {file.split("/")[0] for file in files if "/" in file}
    called = str(dist.metadata["Name"]).replace("-", "_").replace(".", "_")
    return told or [name for name in dict.fromkeys([called, *sorted(folders)]) if name.isidentifier()]


def _files_of_modules(names: list[str]) -> list[str]:
    """The files of some modules, found where an import would find them; absolute paths."""
    found: list[str] = []
    for name in names:
        with contextlib.suppress(Exception):
            spec = find_spec(name)
            for folder in (spec.submodule_search_locations or []) if spec is not None else []:
                found += _below(folder)
            if spec is not None and spec.origin and not spec.submodule_search_locations:
                found.append(spec.origin)
    return found[:MOST_FILES]


def _below(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
        yield from (os.path.join(place, name) for name in names if name.endswith((".py", *EXTENSION_SUFFIXES)))


def _above(file: str) -> str:
    """The folder that the outermost package of a file lies in."""
    folder = os.path.dirname(file)
    while any(os.path.exists(os.path.join(folder, name)) for name in _INITS):
        folder = os.path.dirname(folder)
    return folder


class Modules(NamedTuple):
    """What can be imported: the outermost modules, extension modules (below them, or private) and whether there are any."""

    modules: list[str]
    late: list[str]
    native: bool


def modules_in(files: list[str]) -> Modules:
    """The modules among the files of a distribution, by their paths relative to where modules are found."""
    paths = [file.replace(os.sep, "/").split("/") for file in files]
    paths = [path for path in paths if ".." not in path and not path[0].endswith((".dist-info", ".egg-info", ".data"))]
    packages = {tuple(path[:-1]) for path in paths if path[-1] in _INITS}
    tops: dict[str, None] = {}
    native: dict[str, None] = {}
    for path in paths:
        stem, extension = _module_of(path[-1])
        if stem is None:
            continue
        whole = path[:-1] if stem == "__init__" else [*path[:-1], stem]
        if not whole or not all(part.isidentifier() for part in whole):
            continue
        outermost = next((whole[:n] for n in range(1, len(whole)) if tuple(whole[:n]) in packages), whole)
        tops[".".join(outermost)] = None
        if extension and not any("test" in part for part in whole):
            native[".".join(whole)] = None
    usual = [name for name in tops if name.partition(".")[0] not in _NO_MODULES and not name.endswith("__main__")]
    public = [name for name in usual if "._" not in f".{name}"] or usual
    late = [name for name in native if name not in public]
    any_native = bool(native) or any(_module_of(path[-1])[1] for path in paths)
    return Modules(public[:MOST_MODULES], late[:MOST_LATE], any_native)


def _module_of(name: str) -> tuple[str | None, bool]:
    """The stem of a file that is a module (None: it is none), and whether it is an extension module."""
    for suffix in EXTENSION_SUFFIXES:  # the most special first
        if name.endswith(suffix):
            return name[: -len(suffix)], True
    return (name[:-3], False) if name.endswith(".py") else (None, False)


def _stamp(dist: metadata.Distribution, root: str, files: list[str]) -> str:
    """What changes whenever the distribution does: a hash of its list of files, their sizes and times."""
    found = hashlib.sha256((dist.read_text("RECORD") or dist.read_text("METADATA") or "").encode())
    for file in files:
        with contextlib.suppress(OSError):
            status = os.stat(os.path.join(root, file))
            found.update(f"{file} {status.st_size} {status.st_mtime_ns}\n".encode())
    return found.hexdigest()
