"""What does not pickle, by its path, and what to do about it."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from itertools import islice
from typing import Any

_DEEPEST = 8
_MOST_PARTS = 1000


def _function_fault(function: Any) -> str:
    """Why a worker process cannot be handed this function; empty where it can."""
    try:
        pickle.dumps(function)
    except Exception as error:  # noqa: BLE001  # whatever the user's own reducers raise
        name = str(getattr(function, "__qualname__", type(function).__name__))
        if "<lambda>" in name:
            return "the function is a lambda, which does not pickle: write it as a def at the top of its module"
        if "<locals>" in name:
            return f"the function {name} is made inside another one (a closure), and does not pickle: write it as a def at the top of its module"
        if getattr(function, "__module__", "") == "__main__":
            return f"the function {name} is of __main__, where workers do not find it: put it into a module"
        return f"the function does not pickle: {type(error).__name__}: {error}"
    return ""


def _fault_in(value: Any, place: str, deep: int = 0) -> str:
    """What in a value does not pickle: `result['session'].lock, a lock, does not pickle`; empty where all does."""
    try:
        pickle.loads(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
    except Exception as error:  # noqa: BLE001  # whatever the user's own reducers raise
        for step, part in islice(_parts(value), _MOST_PARTS) if deep < _DEEPEST else ():
            if found := _fault_in(part, place + step, deep + 1):
                return found
        detail = " ".join(str(error).split())[:150]
        return f"{place} does not pickle ({type(value).__name__}): {type(error).__name__}: {detail}"
    return ""


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value consists of, each with the step that leads to it."""
    if isinstance(value, dict):
        yield from ((f"[{key!r:.40}]", part) for key, part in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"[{number}]", part) for number, part in enumerate(value))
    else:
        yield from ((f".{name}", part) for name, part in getattr(value, "__dict__", {}).items())
        yield from (
            (f".{name}", getattr(value, name)) for name in getattr(type(value), "__slots__", ()) if hasattr(value, name)
        )
