"""How long a benchmark may take: what a user writes, and whether one round fits it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from selector.benchmark.parameters import Parameter
from selector.errors import SelectorError
from selector.text import duration, quoted

LEAST_BUDGET_SECONDS = 1.0
MOST_BUDGET_SECONDS = 24 * 3600.0
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_BUDGET = re.compile(rf"(?:{_NUMBER}h)?(?:{_NUMBER}m(?!s))?(?:{_NUMBER}s)?(?:{_NUMBER}ms)?")
_UNIT_SECONDS = (3600.0, 60.0, 1.0, 0.001)


def budget_from_text(text: str) -> float:
    """A budget in seconds from `90`, `60s`, `2m`, `1m30s`, `1.5h` or `5000ms`; SelectorError for anything else.

    It is from 1 second, in which little can be told apart, to 24 hours.

    >>> budget_from_text("1m30s")
    90.0
    """
    word = text.strip().casefold()
    match = _BUDGET.fullmatch(f"{word}s" if re.fullmatch(_NUMBER, word) else word)
    if match is None or not any(match.groups()):
        raise SelectorError(f"budget {quoted(text)} is no length of time", "for example 60s, 2m, 1m30s or 90 (seconds)")
    seconds = sum(float(n) * unit for n, unit in zip(match.groups(), _UNIT_SECONDS, strict=True) if n)
    if not LEAST_BUDGET_SECONDS <= seconds <= MOST_BUDGET_SECONDS:
        length = "short" if seconds < LEAST_BUDGET_SECONDS else "long"
        raise SelectorError(f"budget {quoted(text)} is too {length}", "from 1s to 24h")
    return seconds


def check_budget(budget_seconds: float, approaches: int, parameters: Mapping[str, Parameter]) -> None:
    """SelectorError where not one round fits the budget.

    The least there can be is one task of the baseline, twice, and one of each other approach, each in a process that
    pays the startup: (approaches + 1) x (STARTUP_MS + CPU_MS_PER_TASK + IO_WAIT_MS_PER_TASK). Further builds of Python
    and what they take to start are not counted.
    """
    times_ms = [parameters[name] for name in ("STARTUP_MS", "CPU_MS_PER_TASK", "IO_WAIT_MS_PER_TASK")]
    task_seconds = sum(ms for ms in times_ms if isinstance(ms, float)) / 1000
    least_seconds = (approaches + 1) * task_seconds
    if least_seconds <= budget_seconds:
        return
    hint = f"--budget {math.ceil(least_seconds)}s would do for two tasks of the baseline and one of each other approach"
    if least_seconds > MOST_BUDGET_SECONDS:
        hint = "no budget up to 24h would do: give the times of a smaller task, such as --set cpu_ms_per_task=1000"
    raise SelectorError(
        f"a budget of {duration(budget_seconds, None)} is too short: one task, with its startup, takes"
        f" {duration(task_seconds, None)}",
        hint,
    )
