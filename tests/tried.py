"""Systems that were tried out, for tests: what a skeleton of the example with four parts might have measured."""

from __future__ import annotations

from functools import cache
from typing import Any

from strategies import FIXED_HOST

from selector import Selector
from selector.pipeline import example_systems
from selector.system.answer import recommend_system
from selector.system.models import SystemRecommendation
from selector.system.verdict import Row, SystemReport, TrialEvent, judge_system

SYSTEMS = dict(example_systems())
BUSY = "other programs took 1.6 of 2 CPUs during the run: close them and run again, or expect wide intervals"


def row(name: str, per_second: float, busy: float, **more: Any) -> Row:
    return Row(
        **{"name": name, "done": 100, "errors": 0, "per_second": per_second, "busy": busy, "last_error": "", **more}
    )


@cache
def answer_of_the_api() -> SystemRecommendation:
    return recommend_system(Selector(host=FIXED_HOST), SYSTEMS["api-with-pipeline"])


def judged(*together: Row, warnings: tuple[str, ...] = ()) -> SystemReport:
    answer = answer_of_the_api()
    alone = [TrialEvent(event="alone", seconds=1.0, parts=(r,)) for r in together]
    events = [*alone, *([TrialEvent(event="together", seconds=5.0, parts=together)] if together else [])]
    return judge_system(answer, events, "3.14", warnings)


def measured(api: float, busiest: str = "clean", **more: Any) -> tuple[Row, ...]:
    """The rows of a run in which so many items a second entered, and one part was busy all the time."""
    rates = {"api": api, "clean": api, "thumbnail": api / 5, "store": api * 1.2}
    return tuple(row(name, rate, 0.98 if name == busiest else 0.4, **more) for name, rate in rates.items())
