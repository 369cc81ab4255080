"""Computing that stands in for a part's own. As many steps of Python, and of native code, as take the CPU time it should take."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from computing import _least_cpu_seconds, _StandIn
from native import hash_pieces

#: Steps of Python code, which hold the GIL, and pieces that are hashed, which releases it.
Steps = tuple[int, int]


def burn(steps: Steps) -> None:
    """Compute for so many steps."""
    _spin(steps[0])
    if steps[1]:
        hash_pieces(steps[1])


def steps_for(cpu_ms: float, gil_share: float) -> Steps:
    """How many steps take so many ms of CPU time on this Python, by trying: less than a second."""
    seconds = cpu_ms / 1000
    return _found(seconds * gil_share, _spin), _found(seconds * (1 - gil_share), hash_pieces)


def _found(seconds: float, run: Callable[[int], object]) -> int:
    if seconds <= 0:
        return 0

    def took(steps: int) -> float:
        """The CPU time of so many steps."""
        return _least_cpu_seconds(partial(run, steps))

    return _StandIn(seconds, took, took).made()[0]


def _spin(steps: int) -> int:
    value = 1
    for step in range(steps):
        value = (value + step * step) % 65_521
    return value
