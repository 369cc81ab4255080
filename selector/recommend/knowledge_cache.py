"""Keeps checked, compiled knowledge between runs, because reading the YAML again takes a third of a start.

The cache belongs to one state of the rule files: any file added, removed or touched makes it void. It is a pickle, read
by an unpickler that knows the few classes of tables and catalogues and nothing else, so that the file is data even if
somebody else wrote it. A cache that is missing, broken or cannot be written is no error: the YAML is read instead.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
from pathlib import Path
from typing import Any

_FORMAT = 1
_ALLOWED = {
    "pathlib": {"PosixPath", "WindowsPath", "Path"},
    "pathlib._local": {"PosixPath", "WindowsPath"},
    "selector.catalogue": {"Approach", "Traits"},
    "selector.cost.calibrated": {"HostCosts"},
    "selector.decision.cells": {"Anything", "Compare", "Interval", "Not", "OneOf"},
    "selector.decision.compiled": {"Column"},
    "selector.decision.table": {"DecisionTable", "Example", "Input", "OutputColumn", "Rule"},
    "selector.recommend.knowledge": {"Knowledge", "Move"},
}

State = tuple[object, ...]


class _OnlyOurClasses(pickle.Unpickler):
    """Refuses every name that knowledge is not made of (Python docs: restricting globals)."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        """The class of that name, if knowledge is made of it."""
        if global_name not in _ALLOWED.get(module_name, ()):
            raise pickle.UnpicklingError(f"{module_name}.{global_name} has no place in a rules cache")
        return super().find_class(module_name, global_name)


def state_of(folders: tuple[Path, ...]) -> State:
    """What the knowledge depends on: this code, this Python, and every rule file with its time and size."""
    from selector import __version__

    files = []
    for folder in folders:
        for directory in (folder, folder / "migration"):
            try:
                with os.scandir(directory) as entries:
                    for entry in entries:
                        if entry.name.endswith(".yaml"):
                            status = entry.stat()
                            files.append((entry.path, status.st_mtime_ns, status.st_size, status.st_ino))
            except OSError:
                continue
    return (_FORMAT, __version__, _code_state(), sys.version, tuple(map(str, folders)), tuple(sorted(files)))


def _code_state() -> tuple[int, ...]:
    """The times of the modules that read and check rules: in a checkout they change without a new version."""
    package = Path(__file__).parent.parent
    decision = (package / "decision" / f"{name}.py" for name in ("cells", "table", "compiled", "load", "source"))
    recommend = (package / "recommend" / f"{name}.py" for name in ("knowledge", "migration", "facts"))
    cost = (package / "cost" / f"{name}.py" for name in ("calibrated", "terms"))
    return tuple(path.stat().st_mtime_ns for path in (*decision, *recommend, *cost, package / "catalogue.py"))


def recall(state: State) -> Any:
    """The knowledge kept for this state, or None."""
    try:
        with _file(state).open("rb") as stream:
            data = stream.read()
        kept, knowledge = _OnlyOurClasses(io.BytesIO(data)).load()
    except Exception:  # noqa: BLE001  # whatever a broken pickle raises: it is only a cache
        return None
    return knowledge if kept == state else None


def keep(state: State, knowledge: Any) -> None:
    """Keep the knowledge for the next run, if the cache folder can be written."""
    from selector.files import write_atomically

    file = _file(state)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(file, pickle.dumps((state, knowledge), protocol=5))
    except OSError:
        return


def _file(state: State) -> Path:
    """One file for each set of folders, so that editing rules replaces it instead of adding to it."""
    from zlib import crc32

    from selector.host import cache_dir

    return cache_dir() / f"rules-{crc32(repr(state[4]).encode()):08x}.pickle"
