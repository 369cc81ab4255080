"""A user's function, measured in child processes of the user's Python: what it is like, and what that recommends.

>>> from selector import measure
>>> report = measure("resize.py:thumbnail", items="photos/*.jpg")  # doctest: +SKIP
>>> report.recommendation.approach  # doctest: +SKIP
'threads'
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selector.measure.models import MeasureReport, Request
    from selector.pipeline import Selector


def measure(
    target: str,
    *,
    items: str | None = None,
    setup: str | None = None,
    async_function: str | None = None,
    python: str | None = None,
    interpreters: Sequence[str] = (),
    budget_seconds: float = 20.0,
    settings: Sequence[str] = (),
    folder: Path | str | None = None,
) -> MeasureReport:
    """Measure a function and recommend: what `concurrency-selector measure` does, with the same options.

    The function is really called, many times, in child processes. A function that cannot be measured is no exception:
    the report has `problems` and no profile. SelectorError for arguments that are wrong.
    """
    from selector.measure.request import request_from

    return measure_function(
        request_from(
            target,
            items=items,
            setup=setup,
            async_function=async_function,
            python=python,
            interpreters=tuple(interpreters),
            budget_seconds=budget_seconds,
            settings=tuple(settings),
            folder=Path(folder) if folder is not None else Path.cwd(),
        )
    )


def measure_function(
    request: Request,
    selector: Selector | None = None,
    tell: Callable[[str], None] = lambda _: None,
    begun: float | None = None,
) -> MeasureReport:
    """Measure what a request names; `tell` gets what is being done, as it begins.

    The budget counts from `begun` (time.monotonic(); default: now), as whoever called has spent some of it.
    """
    from selector.measure.report import measured_report

    return measured_report(request, selector, tell, begun)
