"""Where a thread is, looked at every few milliseconds by another one: the lines that calls spend their time in."""

from __future__ import annotations

import linecache
import os
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any, NamedTuple

LOOK_SECONDS = 0.002
SHARE = 0.2  # of the looks that find a place: less tells nothing
_PROBE = os.path.dirname(os.path.abspath(__file__))
#: What the innermost places say of what is waited for: the end of a file's path, the kind.
KINDS = (
    ("socket.py", "network"),
    ("ssl.py", "network"),
    ("subprocess.py", "subprocess"),
    ("popen_fork.py", "subprocess"),
)


class Place(NamedTuple):
    """A line: file, number, function."""

    file: str
    line: int
    function: str


class Looks:
    """A context in which another thread looks where this one is. It needs the GIL for it: blind while C code holds it."""

    def __init__(self) -> None:
        self.seen: dict[Place, int] = {}
        self._watched = threading.get_ident()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Looks:  # noqa: PYI034  # typing.Self is of 3.11
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(1)

    def _look(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            frame = sys._current_frames().get(self._watched)  # noqa: SLF001  # the documented way
            if frame is not None and (place := place_of(frame)) is not None:
                self.seen[place] = self.seen.get(place, 0) + 1


def place_of(frame: FrameType) -> Place | None:
    """Where a frame is; None in the probe itself, and between two lines, where it has no number (since 3.10)."""
    if frame.f_lineno is None or frame.f_code.co_filename.startswith(_PROBE):
        return None
    return Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def shares(seen: dict[Place, int]) -> list[dict[str, Any]]:
    """The message `where`: the places with most looks, each with its share and the line as it is written."""
    total = sum(seen.values())
    found = sorted(seen.items(), key=lambda each: -each[1])[:5]
    return [
        {
            "place": f"{os.path.basename(place.file)}:{place.line} {place.function}",
            "text": linecache.getline(place.file, place.line).strip()[:120],
            "share": round(count / total, 3),
        }
        for place, count in found
    ]


def kinds(places: Sequence[dict[str, Any]]) -> set[str]:
    """What the places say of what is waited for."""
    found = set()
    for place in places:
        if place["share"] >= SHARE:
            name = place["place"].partition(":")[0]
            found |= {kind for file, kind in KINDS if name == file}
            if "sleep(" in place["text"]:
                found.add("sleep")
    return found
