"""The file in the user's cache that keeps what was measured on this machine, and the quick way to its figures.

It holds for one machine, and for each Python as its file was when it was measured. Whatever does not hold any more, is
torn or was written by somebody else counts as not there: it can be measured again. The models of what is in it are in
`calibrate`: a recommendation, which asks for the figures each time, starts a few milliseconds sooner without them.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from selector.files import write_atomically
from selector.host import cache_dir, memory
from selector.host.probe import cpu_model_of, system_of

SCHEMA = 1
_MAX_FILE_BYTES = 1_000_000  # a Python takes some 5,000
_MEMORY_TOLERANCE = 0.1  # how much of it the system keeps for itself changes with each kernel

Stamp = tuple[int, int]  # modification time in ns and size: a file with the same stamp is the same file
_Plain = dict[str, Any]  # JSON, as it is in the file


class Machine(NamedTuple):
    """What costs depend on beside the Python. Another machine may have the same home directory."""

    cpu_model: str | None
    cpus: int  # that may be used
    system: str
    memory_mb: int

    def is_same(self, kept: _Plain) -> bool:
        """Whether a file was written on this machine."""
        return (self.cpu_model, self.cpus, self.system) == (
            kept["cpu_model"],
            kept["cpus"],
            kept["system"],
        ) and math.isclose(self.memory_mb, kept["memory_mb"], rel_tol=_MEMORY_TOLERANCE)


def this_machine(cpus: int) -> Machine:
    """The machine that this runs on, of which so many CPUs may be used; 0.2 ms on Linux."""
    return Machine(cpu_model_of("/", os.environ), cpus, system_of(), memory().total_mb or 0)


def load_calibration(
    cpus: int, paths: Mapping[str, str], environ: Mapping[str, str] | None = None
) -> dict[str, dict[str, float]]:
    """The costs measured on this machine with so many CPUs, by tag, for those of the Pythons (tag to path) that have any.

    Half a millisecond, and it never raises. Their names and units are those of templates/calibration.py.
    """
    if not (kept := _read(environ)) or kept.get("cpus") != cpus:
        return {}
    entries = _valid_entries(kept, this_machine(cpus))
    found = {tag: entries.get(os.path.realpath(path)) for tag, path in paths.items()}
    return {tag: {key: float(cost["value"]) for key, cost in e["costs"].items()} for tag, e in found.items() if e}


def kept_entries(machine: Machine, environ: Mapping[str, str] | None = None) -> dict[str, _Plain]:
    """What the file has of this machine and still holds, by the path of the Python."""
    return _valid_entries(_read(environ), machine)


def keep_entry(machine: Machine, entry: _Plain, environ: Mapping[str, str] | None = None) -> None:
    """Put what was measured under one Python into the file, beside what is there of others and still holds.

    The file is read anew and replaced in one step, so that of two who save at once both leave a whole file. Raises
    OSError where it cannot be written.
    """
    entries = kept_entries(machine, environ) | {entry["path"]: entry}
    file = calibration_file(environ)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(file, to_json({"schema": SCHEMA, **machine._asdict(), "interpreters": list(entries.values())}))


def calibration_file(environ: Mapping[str, str] | None = None) -> Path:
    """Where calibrations are kept."""
    return cache_dir(environ) / "calibration.json"


def stamp_of(path: str) -> Stamp | None:
    """What tells this state of a file from another, links followed; None where there is none."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size


def _read(environ: Mapping[str, str] | None) -> _Plain:
    """The file; empty where it cannot be read, is no JSON object, or is too large to be ours."""
    with contextlib.suppress(OSError, ValueError), calibration_file(environ).open("rb") as stream:
        text = stream.read(_MAX_FILE_BYTES + 1)
        kept = from_json(text) if len(text) <= _MAX_FILE_BYTES else None
        return kept if isinstance(kept, dict) else {}
    return {}


def _valid_entries(kept: _Plain, machine: Machine) -> dict[str, _Plain]:
    with contextlib.suppress(KeyError, TypeError, ValueError):
        if kept["schema"] == SCHEMA and machine.is_same(kept):
            return {entry["path"]: entry for entry in kept["interpreters"] if _holds(entry)}
    return {}


def _holds(entry: Any) -> bool:
    """Whether an entry is for this very Python, and has figures."""
    with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
        figures = [cost[name] for cost in entry["costs"].values() for name in ("low", "value", "high")]
        are_costs = all(isinstance(figure, (int, float)) and 0 <= figure < math.inf for figure in figures)
        return bool(figures) and are_costs and stamp_of(entry["path"]) == tuple(entry["stamp"])
    return False
