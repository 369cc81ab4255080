"""Where in a value the part is that does not pickle. It imports nothing of ours: scripts have this file put in, too."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

_DEEPEST = 8
_MOST_PARTS = 1000


def faulty_part(value: Any, place: str, is_faulty: Callable[[Any], bool], deep: int = 0) -> tuple[str, Any]:
    """(The way to it, such as item.rows[3]['lock'], the part) of a value that is at fault: none of its own parts is."""
    for step, part in islice(_parts(value), _MOST_PARTS) if deep < _DEEPEST else ():
        if is_faulty(part):
            return faulty_part(part, place + step, is_faulty, deep + 1)
    return place, value


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value is made of: (how it is reached, the part)."""
    if isinstance(value, dict):
        yield from ((f"[{key!r:.40}]", part) for key, part in list(value.items()))
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"[{number}]", part) for number, part in enumerate(value))
    elif callable(value) and hasattr(value, "func") and hasattr(value, "args"):
        yield from ((f".{name}", getattr(value, name)) for name in ("func", "args", "keywords"))
    elif not isinstance(value, type) and hasattr(value, "__self__") and hasattr(value, "__func__"):
        yield ".__self__", value.__self__
    elif not isinstance(value, type):
        with contextlib.suppress(Exception):
            yield from ((f".{name}", part) for name, part in vars(value).items())
        for name in getattr(type(value), "__slots__", ()):
            if isinstance(name, str) and hasattr(value, name):
                yield f".{name}", getattr(value, name)
