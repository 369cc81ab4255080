"""What is run, on what: stands for the user's part, which a generated project has in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

ENGINE = "huey"
NAME = "jobs"  # keys in a broker that others use, too, begin with it


def function(item: int) -> float:
    """Stands for the function of the user."""
    return 12 / (item - 3)


def items() -> Iterable[Any]:
    """What it is called with."""
    return range(10)


setup: Callable[[], Any] | None = None
