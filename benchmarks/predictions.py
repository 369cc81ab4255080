"""How good recommendations and predictions are, on workloads that were measured under every approach.

    python benchmarks/predictions.py [GRID.jsonl ...] [--calibration CALIBRATION.json] [--documented]

A grid has a workload a line, with the seconds of each approach on a Python with a GIL and on a free-threaded one; those
in benchmarks/grid/ were measured by an independent harness on one machine, whose calibration lies beside them. Regret is
how much longer the approach that is recommended took than the fastest one, with 5 ms added to both.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from selector import WorkloadProfile
from selector.calibration.kept import usable_costs
from selector.cost.predict import estimate
from selector.cost.sheet import MeasuredCosts
from selector.recommend.chain import Situation
from selector.recommend.expected import expected_of, outlook_of
from selector.recommend.facts import HostFacts
from selector.recommend.knowledge import Knowledge, load_knowledge

GRID = Path(__file__).parent / "grid"
GIL, FREE_THREADED = "3.14", "3.13t"
CPUS = 2
HOST = HostFacts("linux", CPUS, ((GIL, "python3.14"), (FREE_THREADED, "python3.13t")), GIL)
NEEDS_FREE_THREADED = ("free_threaded", "asyncio_free_threaded")
SLACK_S = 0.005  # below which nobody cares
SHORTEST_S = 0.02  # of a cell whose prediction counts
RIGHT_WITHIN = 0.2

Row = dict[str, Any]
Policy = Callable[[Row, bool], str]


def rows_of(files: Iterable[Path]) -> list[Row]:
    """The workloads of some grids."""
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def knowledge_with(calibration: Path | None) -> Knowledge:
    """Our tables, with the costs that a calibration found (none: the documented ones)."""
    knowledge = load_knowledge()
    if calibration is None:
        return knowledge
    measured = tuple(measured_costs(python) for python in json.loads(calibration.read_text("utf-8"))["interpreters"])
    return replace(knowledge, costs=replace(knowledge.costs, measured=measured, platform=HOST.platform))


def measured_costs(python: dict[str, Any]) -> MeasuredCosts:
    """What a calibration found under one Python."""
    plain = {name: {"quality": "usable", **cost} for name, cost in python["costs"].items()}  # older ones do not say
    costs = usable_costs({"costs": plain})
    free, day = python["free_threaded"], python["measured_at"][:10]
    return MeasuredCosts(python["tag"], python["version"], "", free, python["start_method"], CPUS, day, costs)


def profile_of(row: Row, *, only_gil: bool) -> WorkloadProfile:
    """A workload, with the interpreters that may be used."""
    tags = [GIL] if only_gil else [GIL, FREE_THREADED]
    return WorkloadProfile.model_validate({**row["profile"], "interpreters": tags})


def situation_of(row: Row, knowledge: Knowledge, *, only_gil: bool) -> Situation:
    """A workload on the machine of the grid when those interpreters may be used."""
    return Situation(profile_of(row, only_gil=only_gil), HOST, knowledge)


# Regret ---------------------------------------------------------------------------------------------------------------


def seeds_table(row: Row, only_gil: bool) -> str:
    """What the table of the seed says: by the type of the work alone."""
    if row["profile"]["workload_type"] == "io":
        return "asyncio"
    if row["profile"]["workload_type"] == "hybrid":
        return "asyncio_threads" if only_gil else "asyncio_free_threaded"
    if row["profile"]["tasks"] == 1:
        return "single_threaded"
    return "multiprocessing" if only_gil else "free_threaded"


def policies(knowledge: Knowledge) -> dict[str, Policy]:
    """Ours, and the simple ones it has to beat."""
    return {
        "our tables": lambda row, only_gil: situation_of(row, knowledge, only_gil=only_gil).answer[0],
        "the seed's table": seeds_table,
        "always multiprocessing": lambda *_: "multiprocessing",
        "always asyncio": lambda *_: "asyncio",
    }


def regrets(rows: list[Row], policy: Policy, *, only_gil: bool) -> list[float]:
    """The regret of a policy for each workload, in order of size."""
    found = []
    for row in rows:
        seconds = {a: s for a, s in row["seconds"].items() if not (only_gil and a in NEEDS_FREE_THREADED)}
        took = seconds["single_threaded" if (approach := policy(row, only_gil)) == "native_parallel" else approach]
        found.append((took + SLACK_S) / (min(seconds.values()) + SLACK_S))
    return sorted(found)


def regret_lines(rows: list[Row], knowledge: Knowledge) -> list[str]:
    """A line for each policy: median, 95th percentile and worst."""
    lines = []
    for only_gil, title in ((False, "both Pythons"), (True, "3.14 only")):
        for name, policy in policies(knowledge).items():
            found = regrets(rows, policy, only_gil=only_gil)
            p95 = found[min(len(found) - 1, int(0.95 * len(found)))]
            figures = f"median {found[len(found) // 2]:6.3f}  p95 {p95:7.3f}  worst {found[-1]:8.3f}"
            lines.append(f"regret, {title:12} {name:24} {figures}")
    return lines


# Predictions ----------------------------------------------------------------------------------------------------------


class Cell(NamedTuple):
    """One approach for one workload: what was predicted over what was measured, and whether the range had it."""

    approach: str
    time: float | None  # None: too short to count
    in_range: bool | None
    width: float | None
    memory: float


def cells(rows: list[Row], knowledge: Knowledge) -> list[Cell]:
    """Every approach of every workload, with as many workers as it was measured with."""
    return [cell for row in rows for cell in _cells(row, situation_of(row, knowledge, only_gil=False))]


def _cells(row: Row, situation: Situation) -> Iterable[Cell]:
    outlook = outlook_of(situation)
    for approach, measured in row["seconds"].items():
        candidate = situation.candidate(approach)
        if candidate.traits.pickles:  # as many as it was measured with
            predicted = estimate(candidate.traits, CPUS, situation.work)
            candidate = candidate._replace(workers=CPUS, predicted=predicted)
        expected = expected_of(candidate, outlook)
        spread = expected["speedup"]
        counts = measured > SHORTEST_S
        compared = counts and approach != "single_threaded" and spread
        yield Cell(
            approach,
            (candidate.predicted.seconds or 0.0) / measured if counts else None,
            spread["low"] <= row["seconds"]["single_threaded"] / measured <= spread["high"] if compared else None,
            spread["high"] / spread["low"] if compared else None,
            expected["memory_mb"] / row["rss_mb"][approach],
        )


def prediction_lines(found: list[Cell]) -> list[str]:
    """How many predictions were right, in all and by approach."""
    times = [c.time for c in found if c.time is not None]
    kept = [c.in_range for c in found if c.in_range is not None]
    widths = [c.width for c in found if c.width is not None]
    # the harness counts a process and its children; those of a fork server are not among them
    memory = [c.memory for c in found if "process" not in c.approach]
    lines = [
        f"seconds within 20 %:              {_right(times):6.1%} of {len(times)} cells over 20 ms",
        f"speedup in the predicted range:   {sum(kept) / len(kept):6.1%}, high/low {statistics.median(widths):.2f}",
        f"memory within 20 %:               {_right(memory):6.1%} of {len(memory)} cells without processes",
    ]
    by_approach: dict[str, list[float]] = {}
    for cell in found:
        if cell.time is not None:
            by_approach.setdefault(cell.approach, []).append(cell.time)
    return lines + [
        f"  {approach:24} {_right(ratios):6.1%}  predicted/measured: median {statistics.median(ratios):.2f},"
        f" {min(ratios):.2f} to {max(ratios):.2f}"
        for approach, ratios in by_approach.items()
    ]


def _right(ratios: list[float]) -> float:
    return sum(abs(ratio - 1) <= RIGHT_WITHIN for ratio in ratios) / len(ratios)


def recorded() -> tuple[list[Row], Path]:
    """The grids that were measured during development, and the calibration of their machine."""
    return rows_of(sorted(GRID.glob("*.jsonl"))), GRID / "calibration.json"


def main() -> None:
    """Print the regret of each policy and how good the predictions were."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("grids", nargs="*", type=Path, metavar="GRID.jsonl")
    parser.add_argument("--calibration", type=Path, default=GRID / "calibration.json")
    parser.add_argument("--documented", action="store_true", help="with the documented costs instead")
    options = parser.parse_args()
    rows: list[Row] = rows_of(options.grids) if options.grids else recorded()[0]
    knowledge = knowledge_with(None if options.documented else options.calibration)
    print(f"{len(rows)} workloads, {'measured' if knowledge.costs.measured else 'documented'} costs")
    print("\n".join([*regret_lines(rows, knowledge), *prediction_lines(cells(rows, knowledge))]))


if __name__ == "__main__":
    main()
