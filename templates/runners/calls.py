"""A call and what it comes to."""

from __future__ import annotations

from typing import Any

from yours import function


def outcome(item: Any) -> tuple[Any, str]:
    """(Result, "") of a call, or (None, what it raised)."""
    try:
        return function(item), ""
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return None, repr(error)[:500]
