"""What was measured on this host, kept in the user's cache, and the quick way to its figures.

A file for each Python on each host with each number of usable CPUs: two hosts that share a home directory and a
container that may use one CPU of many do not overwrite one another's, and of several who save at once nobody loses
anything. What does not hold any more (the Python's file was replaced), is torn or was written by somebody else counts as
not there: it can be measured again. The models of what is in the files are in `models`: a recommendation, which asks
for the figures each time, starts a few milliseconds sooner without them.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import zlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from selector.cost.sheet import MeasuredCosts
from selector.files import cache_dir, read_own_file, write_own_file
from selector.host import memory
from selector.host.probe import cpu_model_of, system_of

SCHEMA = 2
_MAX_FILE_BYTES = 200_000  # usual are 10,000
MOST_FILES = 100  # of all hosts: a home directory that many machines share, or containers whose Pythons come and go
_MEMORY_TOLERANCE = 0.1  # how much of it the system keeps for itself changes with each kernel

Stamp = tuple[int, int]  # modification time in ns and size: a file with the same stamp is the same file
_Plain = dict[str, Any]  # JSON, as it is in a file


class Machine(NamedTuple):
    """What costs depend on beside the Python: the host, and how many of its CPUs may be used."""

    cpu_model: str | None
    cpus: int  # that may be used
    system: str
    memory_mb: int | None  # None where the system does not say

    def is_host_of(self, kept: _Plain) -> bool:
        """Whether a file was written on this host, with however many CPUs."""
        if (self.cpu_model, self.system) != (kept["cpu_model"], kept["system"]):
            return False
        if self.memory_mb is None or kept["memory_mb"] is None:
            return self.memory_mb is kept["memory_mb"]
        return math.isclose(self.memory_mb, kept["memory_mb"], rel_tol=_MEMORY_TOLERANCE)


def this_machine(cpus: int) -> Machine:
    """The machine that this runs on, of which so many CPUs may be used; 0.2 ms on Linux. It never raises."""
    return Machine(cpu_model_of("/", os.environ), cpus, system_of(), memory().total_mb)


def load_calibration(environ: Mapping[str, str] | None = None) -> tuple[MeasuredCosts, ...]:
    """All that was measured on this host and still holds, with whatever number of CPUs; the newest first.

    Half a millisecond, and it never raises.
    """
    machine = None
    found = []
    for file in _files(environ):
        machine = machine or this_machine(1)
        if (kept := _read(file, machine)) is not None:
            found.append((kept["interpreter"]["measured_at"], _measured(kept)))
    return tuple(measured for _, measured in sorted(found, key=lambda pair: pair[0], reverse=True))


def kept_entries(machine: Machine, environ: Mapping[str, str] | None = None) -> dict[str, _Plain]:
    """What is kept of this host with so many CPUs and still holds, by the path of the Python."""
    kept = [entry for file in _files(environ) if (entry := _read(file, machine)) and entry["cpus"] == machine.cpus]
    kept.sort(key=lambda entry: str(entry["interpreter"]["measured_at"]))
    return {entry["interpreter"]["path"]: entry["interpreter"] for entry in kept}


def keep_entry(machine: Machine, entry: _Plain, environ: Mapping[str, str] | None = None) -> Path:
    """Keep what was measured under one Python, instead of what was kept of it; returns the file.

    Raises OSError where it cannot be written.
    """
    file = calibration_folder(environ) / _name_of(machine, entry["path"])
    write_own_file(file, to_json({"schema": SCHEMA, **machine._asdict(), "interpreter": entry}))
    _clear(file, machine, entry["path"], environ)
    return file


def calibration_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where calibrations are kept."""
    return cache_dir(environ) / "calibrations"


def stamp_of(path: str) -> Stamp | None:
    """What tells this state of a file from another, links followed; None where there is none."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size


def _name_of(machine: Machine, path: str) -> str:
    """The file of one Python on one host with so many CPUs, with what a person can tell it by."""
    key = "\0".join(map(str, (*machine, path)))
    readable = re.sub(r"[^A-Za-z0-9.]", "-", Path(path).name)[:30]
    return f"{readable}-{machine.cpus}cpu-{zlib.crc32(key.encode('utf-8', 'surrogatepass')):08x}.json"


def _files(environ: Mapping[str, str] | None) -> list[Path]:
    """The files that are kept, of all hosts."""
    try:
        with os.scandir(calibration_folder(environ)) as entries:
            return [Path(entry.path) for entry in entries if entry.name.endswith(".json")][: 2 * MOST_FILES]
    except (OSError, ValueError):
        return []


def _clear(kept: Path, machine: Machine, path: str, environ: Mapping[str, str] | None) -> None:
    """Remove what one file stands for now: of the same host under another name, and the oldest where there are many."""
    others = [file for file in _files(environ) if file.name != kept.name]
    with contextlib.suppress(OSError):  # two at once: another may have removed one of them
        for file in others:
            if (same := _read(file, machine)) and (same["interpreter"]["path"], same["cpus"]) == (path, machine.cpus):
                file.unlink()
        others = sorted((file for file in _files(environ) if file.name != kept.name), key=lambda f: f.lstat().st_mtime)
        for file in others[: max(0, len(others) + 1 - MOST_FILES)]:
            file.unlink()


def _read(file: Path, machine: Machine) -> _Plain | None:
    """A file of this host that still holds, as it is; None for any other, and for what is none of ours."""
    text = read_own_file(file, _MAX_FILE_BYTES)
    with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError, OverflowError):
        kept = from_json(text) if text is not None else {}
        if (
            kept["schema"] == SCHEMA
            and machine.is_host_of(kept)
            and _is_count(kept["cpus"])
            and _holds(kept["interpreter"])
        ):
            return dict(kept)
    return None


def _holds(entry: _Plain) -> bool:
    """Whether an entry is for this very Python, and all that is said of it is of the kind it should be."""
    words = [entry[name] for name in ("tag", "version", "path", "start_method", "measured_at")]
    figures = [float(cost[name]) for cost in entry["costs"].values() for name in ("low", "value", "high")]
    usable = [cost["quality"] in ("usable", "noisy") for cost in entry["costs"].values()]
    date.fromisoformat(entry["measured_at"][:10])
    return (
        all(isinstance(word, str) for word in words)
        and isinstance(entry["free_threaded"], bool)
        and bool(figures)
        and all(0 <= figure < math.inf for figure in figures)
        and all(usable)
        and stamp_of(entry["path"]) == tuple(entry["stamp"])
    )


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 1


def _measured(kept: _Plain) -> MeasuredCosts:
    entry = kept["interpreter"]
    return MeasuredCosts(
        tag=entry["tag"],
        version=entry["version"],
        path=entry["path"],
        free_threaded=entry["free_threaded"],
        start_method=entry["start_method"],
        cpus=kept["cpus"],
        measured_at=entry["measured_at"][:10],
        costs=usable_costs(entry),
    )


def usable_costs(entry: _Plain) -> dict[str, float]:
    """The figures under one Python that are good enough to use."""
    return {name: float(cost["value"]) for name, cost in entry["costs"].items() if cost["quality"] == "usable"}
