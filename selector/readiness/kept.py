"""What was found out before, in the user's own cache folder: looks by what they depend on, answers of an index for a day."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from selector.files import cache_dir, read_own_file, write_own_file
from selector.measure.children import Said
from selector.measure.python import ChosenPython

FILE = "readiness.json"
_VERSION = 1
_MOST_BYTES = 50_000_000
_MOST_LOOKS = 5000  # the latest
_HOURS = 3600.0
INDEX_SECONDS = 24 * _HOURS  # an index changes
HANG_SECONDS = 24 * _HOURS  # it may have been a busy machine
_LOOK_SECONDS = 90 * 24 * _HOURS


def hangs(said: Said) -> bool:
    """Whether a child was ended as it took too long: by the clock, idle, or computing."""
    return said.timed_out or said.code == -getattr(signal, "SIGXCPU", 0) != 0


class Kept:
    """What is known from before; `fresh` reads nothing. What cannot be read or written is no error: it is found out anew."""

    def __init__(self, folder: Path | None = None, *, fresh: bool = False) -> None:
        self._file = (folder or cache_dir()) / FILE
        self._new = False
        self._entries: dict[str, dict[str, Any]] = {}
        if not fresh:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                data = from_json(read_own_file(self._file, _MOST_BYTES) or b"")
                if data["version"] == _VERSION:
                    self._entries = {str(k): dict(v) for k, v in data["entries"].items() if isinstance(v, dict)}

    def said(self, key: str, python: ChosenPython) -> Said | None:
        """What a child said, where that still holds."""
        entry = self._entry(key, _LOOK_SECONDS)
        if entry is None:
            return None
        try:
            overdue = bool(entry["overdue"])
            said = Said(
                mode=str(entry["mode"]),
                python=python,
                facts=dict(entry["facts"]),
                phase=str(entry["phase"]),
                fault=str(entry["fault"]),
                errors=str(entry["errors"]),
                overdue=overdue,
                code=entry["code"] if isinstance(entry["code"], int) else None,
            )
        except (KeyError, TypeError, ValueError):
            return None
        return None if hangs(said) and self._entry(key, HANG_SECONDS) is None else said

    def keep(self, key: str, said: Said) -> None:
        """Keep what a child said; not that it could not be started, nor what came of a signal from outside."""
        if said.phase == "start" or said.code in (-2, -9, -15):
            return
        fields = ("mode", "facts", "phase", "fault", "errors", "overdue", "code")
        self._put(key, {name: getattr(said, name) for name in fields})

    def answer(self, key: str) -> Mapping[str, Any] | None:
        """What an index answered, if it did so not long ago."""
        return self._entry(key, INDEX_SECONDS)

    def keep_answer(self, key: str, answer: Mapping[str, Any]) -> None:
        """Keep what an index answered."""
        self._put(key, dict(answer))

    def save(self) -> None:
        """Write what is new, with what was there; the oldest is left out where it is too much."""
        if not self._new:
            return
        latest = sorted(self._entries.items(), key=lambda item: -float(item[1].get("at", 0)))[:_MOST_LOOKS]
        with contextlib.suppress(OSError, ValueError, TypeError):
            write_own_file(self._file, to_json({"version": _VERSION, "entries": dict(latest)}))

    def _entry(self, key: str, seconds: float) -> dict[str, Any] | None:
        entry = self._entries.get(key)
        if entry is None or not isinstance(at := entry.get("at"), int | float) or not 0 <= time.time() - at < seconds:
            return None
        return entry

    def _put(self, key: str, entry: dict[str, Any]) -> None:
        self._entries[key] = {**entry, "at": time.time()}
        self._new = True
