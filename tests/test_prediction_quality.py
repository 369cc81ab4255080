"""How good recommendations and predictions are on workloads that were measured under every approach (benchmarks/grid).

The grids were measured once by an independent harness, so that a change of the tables or of the model shows here.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from selector import Selector, WorkloadProfile
from selector.recommend.knowledge import Knowledge

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import predictions  # noqa: E402  # it lies beside the package

pytestmark = pytest.mark.one_python

ROWS, CALIBRATION = predictions.recorded()
KNOWLEDGE = predictions.knowledge_with(CALIBRATION)
CELLS = predictions.cells(ROWS, KNOWLEDGE)


def test_the_grids_are_large_enough_to_tell() -> None:
    assert len(ROWS) >= 80
    assert len(CELLS) == sum(len(row["seconds"]) for row in ROWS)


@pytest.mark.parametrize("only_gil", [False, True])
def test_the_recommended_approach_is_the_fastest_or_nearly(only_gil: bool) -> None:
    ours = predictions.policies(KNOWLEDGE)["our tables"]
    found = predictions.regrets(ROWS, ours, only_gil=only_gil)
    assert found[len(found) // 2] <= 1.01
    # The price of the band: hybrid batches have approaches of less effort within 1.2x.
    assert found[int(0.95 * len(found))] <= 1.14
    assert found[-1] <= 1.27


@pytest.mark.parametrize("policy", ["the seed's table", "always multiprocessing", "always asyncio"])
def test_simple_policies_do_worse(policy: str) -> None:
    policies = predictions.policies(KNOWLEDGE)
    ours, theirs = (predictions.regrets(ROWS, policies[name], only_gil=True) for name in ("our tables", policy))
    assert sum(theirs) > sum(ours) * 1.1


def test_four_of_five_times_are_predicted_within_a_fifth() -> None:
    times = [cell.time for cell in CELLS if cell.time is not None]
    assert sum(abs(time - 1) <= 0.2 for time in times) >= 0.9 * len(times)


def test_the_range_has_what_was_measured_and_is_narrow() -> None:
    kept = [cell.in_range for cell in CELLS if cell.in_range is not None]
    widths = sorted(cell.width for cell in CELLS if cell.width is not None)
    assert sum(kept) >= 0.85 * len(kept)
    assert widths[len(widths) // 2] <= 1.6


def test_memory_is_predicted_within_a_fifth() -> None:
    memory = [cell.memory for cell in CELLS if "process" not in cell.approach]  # see predictions.py
    assert sum(abs(ratio - 1) <= 0.2 for ratio in memory) >= 0.9 * len(memory)


def test_the_documented_costs_are_no_bad_guess() -> None:
    documented = predictions.knowledge_with(None)
    times = [cell.time for cell in predictions.cells(ROWS, documented) if cell.time is not None]
    assert sum(abs(time - 1) <= 0.2 for time in times) >= 0.7 * len(times)


def random_rows(count: int) -> list[dict[str, Any]]:
    """Workloads that have all quantities, from next to nothing to minutes of work."""
    rng = random.Random(41)

    def one() -> dict[str, Any]:
        kind = rng.choice(["cpu", "cpu", "io", "hybrid", "hybrid"])
        tasks = rng.choice([1, 2, 4, 8, 16, 64, 200, 600, 2000])
        cpu = 0.0 if kind == "io" else round(10 ** rng.uniform(0.3, 3.8) / tasks, 3)
        profile = {
            "workload_type": kind, "cpu_cores": 2, "tasks": tasks, "cpu_ms_per_task": cpu,
            "io_wait_ms_per_task": 0 if kind == "cpu" else rng.choice([1, 5, 20, 100]),
            "payload_kb_per_task": rng.choice([0, 0, 1, 50]), "releases_gil": rng.random() < 0.25,
        }  # fmt: skip
        return {"profile": profile}

    return [one() for _ in range(count)]


def answers(rows: list[dict[str, Any]], knowledge: Knowledge) -> list[str]:
    found = [predictions.situation_of(row, knowledge, only_gil=gil).answer[0] for gil in (False, True) for row in rows]
    return list(map(str, found))


def test_calibrating_twice_changes_few_recommendations() -> None:
    again = predictions.knowledge_with(CALIBRATION.with_name("calibration-2.json"))
    rows = random_rows(200)
    changed = sum(a != b for a, b in zip(answers(rows, KNOWLEDGE), answers(rows, again), strict=True))
    assert changed <= 0.03 * 2 * len(rows)


def test_the_same_profile_and_calibration_give_the_same_recommendation() -> None:
    rows = random_rows(100)
    once = answers(rows, KNOWLEDGE)
    shuffled = random.Random(1).sample(range(100), 100)
    again = answers([rows[i] for i in shuffled], predictions.knowledge_with(CALIBRATION))
    assert [again[shuffled.index(i)] for i in range(100)] == once[:100]
    profile = WorkloadProfile.model_validate(rows[0]["profile"])
    first, second = (Selector(host=predictions.HOST).recommend(profile).model_dump_json() for _ in range(2))
    assert first == second


def test_a_grid_is_what_the_harness_wrote() -> None:
    for file in predictions.GRID.glob("*.jsonl"):
        for line in file.read_text("utf-8").splitlines():
            assert set(json.loads(line)) == {"spec", "profile", "seconds", "rss_mb"}
