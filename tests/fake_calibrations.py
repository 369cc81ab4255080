"""Entries of calibrations, and Pythons that say what a test has them say."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from selector.calibration.kept import load_calibration, stamp_of, this_machine
from selector.host import Interpreter, usable_cpus

CPUS = usable_cpus().count
HERE = this_machine(CPUS)
COST = {"value": 0.25, "low": 0.125, "high": 0.5, "samples": 9, "quality": "usable"}
VALUES = {"thread_start_ms": 0.25}


def entry(path: str | Path, **changes: Any) -> dict[str, Any]:
    """What the file has of one Python."""
    return {
        "tag": "3.14", "version": "3.14.0", "path": str(path), "stamp": list(stamp_of(str(path)) or (0, 0)),
        "free_threaded": False, "gil_enabled": True, "start_method": "fork", "noise": 0.01, "rounds": 3,
        "seconds": 8.1, "warnings": [], "measured_at": "2026-11-21T22:00:00Z", "costs": {"thread_start_ms": COST},
    } | changes  # fmt: skip


def a_file(folder: Path, name: str) -> str:
    file = folder / name
    file.write_text(name)
    return os.path.realpath(file)


def loaded(environ: dict[str, str] | None = None) -> dict[str, dict[str, float]]:
    """What is known of this host with its usable CPUs, by path."""
    return {found.path: found.costs for found in load_calibration(environ) if found.cpus == CPUS}


class FakePythons:
    """Shell scripts in the place of Pythons that measure: each prints lines, then does what it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, tag: str = "3.14", *said: dict[str, Any] | str, end: str = "") -> Interpreter:
        """A Python that says that; where there is one of this tag, its file stays as it is, and so is known again."""
        lines = [line if isinstance(line, str) else json.dumps(line) for line in said]
        (self.folder / f"body{tag}").write_text("\n".join(["cat <<'END'", *lines, "END", end, ""]))
        file = self.folder / f"python{tag}"
        if not file.exists():
            file.write_text(f"#!/bin/sh\n. '{self.folder}/body{tag}'\n")
            file.chmod(0o755)
        return Interpreter(
            path=os.path.realpath(file), version=f"{tag.rstrip('t')}.0", tag=tag, implementation="CPython",
            free_threaded=tag.endswith("t"), gil_enabled=not tag.endswith("t"), bits=64, found_in="PATH",
        )  # fmt: skip


def done(**changes: Any) -> dict[str, Any]:
    """The last line of what a script says."""
    python = {"version": "3.14.1", "free_threaded": False, "gil_enabled": True}
    cost = {**COST, "note": ""}
    return {
        "result": {"schema": 2, "python": python, "start_method": "fork", "cpus": 2, "rounds": 3, "seconds": 1.5,
                   "noise": 0.01, "warnings": [], "costs": {"thread_start_ms": cost}} | changes
    }  # fmt: skip
