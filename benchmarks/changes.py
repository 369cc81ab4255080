"""The nearest changes and the questions worth asking: how long they take, and what brute force finds that they miss.

    python benchmarks/changes.py [--check 300]

Without an option: medians over 50 random workloads, beside those of the way before (powers of ten, then halving). With
one: that many random workloads held against a dense grid of numbers, under both.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from selector.recommend.candidates import Answer
from selector.recommend.chain import Situation
from selector.recommend.changes import alternatives_of, input_names, would_change
from selector.recommend.knowledge import Knowledge, load_knowledge
from selector.recommend.line import Line
from selector.recommend.numbers import Number, axis_of
from selector.recommend.questions import questions
from selector.workload.fields import field_kind
from selector.workload.reading import profile_from_mapping

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from strategies import FIXED_HOST, random_profile  # type: ignore[import-not-found]

NUMBERS = tuple(f for f in input_names() if field_kind(f).kind in ("count", "number"))
WORKLOADS = 50
POINTS = 400  # of a grid
LEAST = 1e-6  # where the grid of an amount begins, after 0
FAR = 1000  # a known number that far off is another workload
ROUNDED = 1.011  # a reported number may be so much further off than the nearest one

Ask = Callable[[Any], Answer]
Place = tuple[str, Any, Answer]  # an input, a value, and the answer there
Changes = Callable[[Situation], list[Place]]


class Miss(NamedTuple):
    """What is wrong: a change that is overlooked, further off than need be, or untrue; a question that is not asked."""

    kind: str
    field: str
    detail: str


def reported(situation: Situation) -> list[Place]:
    """What would change the answer, by `would_change`."""
    return [(c.input, c.to, (c.approach, c.engine)) for c in would_change(situation, exact=True)]


# --- brute force -----------------------------------------------------------------------------------------------------


def grid_of(field: str, current: Number | None, knowledge: Knowledge) -> list[Number]:
    """Log-spaced numbers from a 1000th to 1000 times the current one (or all), and each literal with its neighbours."""
    axis = axis_of(field)
    low, high = axis.least, axis.largest
    if current is not None:
        low, high = max(low, current / FAR), min(high, current * FAR)
    whole = field_kind(field).kind == "count"
    least = max(low, 1 if whole else LEAST)
    found: set[float] = {low, high} | {least * (high / least) ** (step / (POINTS - 1)) for step in range(POINTS)}
    for table in knowledge.tables.values():
        for bound in table.thresholds(field) if field in table.input_names else ():
            if isinstance(bound, int | float) and not isinstance(bound, bool):
                found |= {bound + side * (1 if whole else bound * 1e-9) for side in (-1, 0, 1)}
    values = {round(v) for v in found} if whole else {float(v) for v in found}
    return sorted(v for v in values if low <= v <= high)


def misses_of(situation: Situation, changes: Changes = reported) -> Iterator[Miss]:
    """What is wrong with the changes and questions of one workload, by asking the tables at every point of a grid."""
    profile, knowledge, now = situation.profile, situation.knowledge, situation.answer
    said = changes(situation)
    for field, value, answer in said:
        if situation.changed(**{field: value}).answer != answer or answer == now:
            yield Miss("untrue", field, f"{value}: {answer}")
    asked = {q.field for q in questions(situation, frozenset()) if q.alone}
    for field in NUMBERS:
        current: Any = situation.facts.get(field, getattr(profile, field))
        line = Line(situation, field)
        others = [v for v in grid_of(field, current, knowledge) if line.answer(v) != now]
        yield from _overlooked(field, current, others, [value for name, value, _ in said if name == field])
        if others and field not in profile.model_fields_set and field not in asked:
            yield Miss("not asked", field, f"e.g. {others[0]}")


def _overlooked(field: str, current: Number | None, others: list[Number], said: list[Number]) -> Iterator[Miss]:
    """What the values that have another answer say of those that are reported."""
    if current is None:
        if others and not said:
            yield Miss("overlooked", field, f"unknown -> {others[0]}")
        return
    for side in (1, -1):
        nearest = min((v for v in others if (v - current) * side > 0), key=lambda v: abs(v - current), default=None)
        found = next((v for v in said if (v - current) * side > 0), None)
        if nearest is not None and found is None:
            yield Miss("overlooked", field, f"{current} -> {nearest}")
        elif nearest is not None and found is not None and _further(found, nearest, current):
            yield Miss("further", field, f"{current} -> {nearest}, not {found}")


def _further(found: Number, nearest: Number, current: Number) -> bool:
    """Whether a reported number is further off than the nearest one, by more than its rounding."""
    ratio = found / nearest if found > current else nearest / max(found, math.ulp(0.0))
    return ratio > ROUNDED and abs(found - nearest) > LEAST


# --- the way before, for comparison ----------------------------------------------------------------------------------


def by_ladder(situation: Situation) -> list[Place]:
    """The nearest changes of numbers as they were found before: powers of ten, then halving between two of them."""
    found, now = [], situation.answer
    for field in NUMBERS:
        current: Any = situation.facts.get(field, getattr(situation.profile, field))
        rungs = [v for v in alternatives_of(field) if v != current]
        ask = Line(situation, field).answer
        if current is None:
            answers = [ask(rung) for rung in rungs[::2]]
            found += [(field, v, a) for v, a in zip(rungs[::2], answers, strict=True) if a != now][:1]
            continue
        below = [v for v in reversed(rungs) if current / FAR <= v < current]
        for side in (below, [v for v in rungs if current < v <= current * FAR]):
            inside = current
            for rung in side:
                if ask(rung) != now:
                    value = _halved(inside, rung, now, ask)
                    found.append((field, value, ask(value)))
                    break
                inside = rung
    return found


def _halved(inside: Any, outside: Any, answer: Answer, ask: Ask) -> Any:
    """The number nearest to `inside` that gives another answer, to 2 %."""
    whole = isinstance(outside, int)
    while abs(outside - inside) > max(1 if whole else 1e-9, abs(outside) * 0.02):
        middle = math.sqrt(inside * outside) if inside > 0 and outside > 0 else (inside + outside) / 2
        middle = round(middle) if whole else float(f"{middle:.3g}")
        if middle in (inside, outside):
            break
        inside, outside = (middle, outside) if ask(middle) == answer else (inside, middle)
    return outside


def questions_by_ladder(situation: Situation) -> list[str]:
    """The numbers that were asked for before: those of which a power of ten changes the answer."""
    fields = [f for f in input_names() if f not in situation.profile.model_fields_set]
    asked = ((f, Line(situation, f)) for f in fields)
    return [f for f, line in asked if any(line.answer(v) != situation.answer for v in alternatives_of(f))]


# --- figures ---------------------------------------------------------------------------------------------------------


def workloads(count: int, knowledge: Knowledge) -> list[Situation]:
    """Random ones, the same every time."""
    profiles = (profile_from_mapping(random_profile(random.Random(seed))) for seed in range(count))
    return [Situation(profile, FIXED_HOST, knowledge) for profile in profiles]


def timed(run: Callable[[Situation], Any], situations: list[Situation]) -> str:
    """The median and the longest CPU time over some workloads."""
    taken = []
    for situation in situations:
        start = time.process_time()
        run(situation)
        taken.append((time.process_time() - start) * 1000)
    return f"median {statistics.median(taken):6.1f} ms, at most {max(taken):6.1f} ms"


def without_what_matters_alone(situation: Situation) -> frozenset[str]:
    """The fields to close, so that only pairs are left to look at."""
    closed: frozenset[str] = frozenset()
    while (found := questions(situation, closed)) and found[0].alone:
        closed |= {q.field for q in found}
    return closed


def print_times(knowledge: Knowledge) -> None:
    """How long everything takes, before and now."""
    situations = workloads(WORKLOADS, knowledge)
    closed = {id(s): without_what_matters_alone(s) for s in situations}
    print(f"{WORKLOADS} random workloads, CPU time")
    print("changes, ladder (numbers only)  ", timed(by_ladder, situations))
    print("changes                         ", timed(reported, situations))
    print("questions, ladder (not ordered) ", timed(questions_by_ladder, situations))
    print("questions                       ", timed(lambda s: questions(s, frozenset()), situations))
    print("questions in pairs              ", timed(lambda s: questions(s, closed[id(s)]), situations))


def print_misses(count: int, knowledge: Knowledge) -> bool:
    """What a grid finds that the changes miss, before and now; whether now it is nothing."""
    clean = True
    for name, changes in (("ladder", by_ladder), ("now", reported)):
        found = [(n, m) for n, s in enumerate(workloads(count, knowledge)) for m in misses_of(s, changes)]
        found = [(n, m) for n, m in found if m.kind != "not asked" or changes is reported]
        kinds = Counter(miss.kind for _, miss in found)
        print(f"{name}: {len(found)} misses in {count} workloads x {len(NUMBERS)} inputs: {dict(kinds)}")
        if changes is reported:
            clean = not found
            for seed, miss in found:
                print(f"  workload {seed}: {miss.kind} {miss.field}: {miss.detail}")
    return clean


def main() -> int:
    """Times, or with --check the misses; 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", type=int, metavar="WORKLOADS", help="hold so many random workloads against a grid")
    count = parser.parse_args().check
    knowledge = load_knowledge()
    if count:
        return 0 if print_misses(count, knowledge) else 1
    print_times(knowledge)
    return 0


if __name__ == "__main__":
    sys.exit(main())
