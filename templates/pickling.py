"""What does not pickle, by its path, and what to do about it."""

from __future__ import annotations

import pickle
from typing import Any

from outcome import _cut
from pickle_path import faulty_part


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


def _fault_in(value: Any, place: str) -> str:
    """What in a value does not pickle: `result['session'].lock does not pickle (lock): ...`; empty where all does."""
    error = _fault_of(value)
    if error is None:
        return ""
    place, part = faulty_part(value, place, lambda each: _fault_of(each) is not None)
    error = _fault_of(part) or error
    detail = _cut(str(error), 150)
    return f"{place} does not pickle ({type(part).__name__}): {type(error).__name__}: {detail}"


def _fault_of(value: Any) -> Exception | None:
    """What pickling a value and reading it back raises."""
    try:
        pickle.loads(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
    except Exception as error:  # noqa: BLE001  # whatever the user's own reducers raise
        return error
    return None
