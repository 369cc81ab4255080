"""Every row of the tables is somebody's, and every approach an answer."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest
from asked import PANELS, tables
from strategies import FIXED_HOST, random_host, random_profile

from selector.decision import Decision, DecisionTable
from selector.pipeline import example_profiles
from selector.recommend.asking import in_parts, limit_of_staying
from selector.recommend.chain import Situation
from selector.recommend.facts import HostFacts
from selector.recommend.knowledge import CHAIN
from selector.recommend.recommendation import recommendation_data
from selector.workload.profile import APPROACHES
from selector.workload.reading import profile_from_mapping

pytestmark = [pytest.mark.one_python, pytest.mark.slow]  # thousands of workloads

# Every row has its case -----------------------------------------------------------------------------------------------

#: Rows for what is measured, not predicted: of two predictions the faster is never the slower one.
ONLY_FOR_MEASUREMENTS = {"speedup_bands/slower"}
PART = "a part of a system"


@dataclass
class Harvest:
    """What happened over many workloads: rows that fired, rows of strategy that brought their approach in, answers."""

    fired: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    brought_in: set[str] = field(default_factory=set)
    answers: set[str] = field(default_factory=set)
    engines: set[str | None] = field(default_factory=set)


def many_workloads() -> Iterator[tuple[Mapping[str, Any], HostFacts]]:
    """The examples, both panels, and workloads drawn at random (the same ones every time)."""
    for _, profile in example_profiles():
        yield profile.given(), FIXED_HOST
    for panel in PANELS:
        for case in json.loads(panel.read_text("utf-8")):
            yield case["profile"], FIXED_HOST
    # threads that wait, of which more would compute side by side than the latency allows; how many tasks is not known
    few_at_once = {"cpu_ms_per_task": 5, "io_wait_ms_per_task": 100, "latency_requirement_ms": 112, "concurrency": 60}
    yield {"workload_type": "hybrid", "async_library": False, "free_threading_ready": False, **few_at_once}, FIXED_HOST
    # tens of waits that are over before a thread for each has started
    yield {"workload_type": "io", "tasks": 50, "concurrency": 50, "io_wait_ms_per_task": 10}, FIXED_HOST
    # a few ms of work that a loop overlaps
    yield {"workload_type": "io", "tasks": 4, "io_wait_ms_per_task": 1, "cpu_ms_per_task": 0.01}, FIXED_HOST
    # subinterpreters, each of which imports for long
    imports = {"cpu_ms_per_task": 50, "import_ms": 150, "subinterpreter_ready": True, "free_threading_ready": False}
    yield {"workload_type": "cpu", "tasks": 2000, "interpreters": ["3.14"], **imports}, FIXED_HOST
    # what the team knows, where that decides
    waits = {"tasks": 1000, "io_wait_ms_per_task": 50, "concurrency": 200, "team_knows": ["threads"]}
    yield {"workload_type": "io", **waits}, FIXED_HOST
    yield {"workload_type": "cpu", "free_threading_ready": True, "team_knows": ["processes"]}, FIXED_HOST
    # rows that few workloads drawn at random come to
    rarely_waits = {"cpu_ms_per_task": 400, "io_wait_ms_per_task": 10, "shared_state": "hot_writes"}
    yield {"workload_type": "hybrid", **rarely_waits}, FIXED_HOST
    one_fits = {"shared_state": "read_only", "memory_budget_mb": 60, "startup_memory_mb": 30}
    yield {"workload_type": "cpu", **one_fits}, FIXED_HOST
    # time enough to start workers, and no free-threaded build there
    yield {"workload_type": "hybrid", "latency_requirement_ms": 300, "platform": "windows"}, FIXED_HOST
    arrive = {"requests_per_second": 100, "cpu_ms_per_task": 5, "io_wait_ms_per_task": 5}
    yield {"workload_type": "hybrid", **arrive, "name": PART}, FIXED_HOST
    yield {"workload_type": "hybrid", **arrive, "shared_state": "hot_writes"}, FIXED_HOST
    rng = random.Random(8)  # others need up to 6,000 workloads until every row has fired
    for _ in range(2500):
        yield random_profile(rng), random_host(rng)


@pytest.fixture(scope="module")
def harvest() -> Harvest:
    found = Harvest()
    in_parts.cache_clear()  # it keeps which row of sizing fired, and asks no more
    for people, arrives in product(
        (False, True), repeat=2
    ):  # each asks on both sides of every bound, once: no workload's question
        limit_of_staying(tables(), people=people, arrives=arrives)

    def noting(decide: Callable[..., Decision]) -> Callable[..., Decision]:
        def decide_and_note(self: DecisionTable, *asked: Any) -> Decision:
            decision = decide(self, *asked)
            found.fired[self.name].update(rule.id for rule in decision.rules)
            return decision

        return decide_and_note

    with pytest.MonkeyPatch.context() as patch:
        for ask in ("decide_among", "decision_of"):  # a table is asked as a whole, or in parts
            patch.setattr(DecisionTable, ask, noting(getattr(DecisionTable, ask)))
        for data, host in many_workloads():
            profile = profile_from_mapping(data)
            situation = Situation(profile, host, tables(), joined=profile.name == PART)
            recommendation_data(situation)  # asks for advice, too
            choice = situation.choice
            found.brought_in.update(c.row.id for c in (choice.chosen, *choice.others) if c.row is not None)
            found.answers.add(choice.answer[0])
            found.engines.add(choice.answer[1])
    return found


@pytest.mark.parametrize("table", CHAIN)
def test_every_row_fires_for_some_workload(table: str, harvest: Harvest) -> None:
    rows = {rule.id for rule in tables().tables[table].rules}
    silent = {f"{table}/{row}" for row in rows - harvest.fired[table]}
    assert silent == {row for row in ONLY_FOR_MEASUREMENTS if row.startswith(f"{table}/")}


def test_no_row_of_strategy_stands_in_the_shadow_of_the_rows_above(harvest: Harvest) -> None:
    assert {rule.id for rule in tables().tables["strategy"].rules} == harvest.brought_in


def test_every_approach_and_every_engine_is_somebodys_answer(harvest: Harvest) -> None:
    assert harvest.answers == set(APPROACHES)
    assert harvest.engines == {None, "celery", "rq", "dask", "ray", "dramatiq", "huey"}
