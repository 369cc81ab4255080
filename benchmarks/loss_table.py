"""What came of tasks on an engine that was disturbed, and the table of it. Pure: text in, text out."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

#: What befalls a run. The names go into the records.
FAULTS = {
    "worker": "`kill -9` of one worker, with what it forked",
    "workers": "`kill -9` of all workers",
    "broker": "`kill -9` of the broker: redis-server, Dask's scheduler, Ray's raylet",
    "submitter": "`kill -9` of `jobs run`, which is started again at once",
}
NOT_THERE = {("huey", "broker"): "its broker is a file"}


class Line(NamedTuple):
    """What a task wrote at its end: which one, the text that it returned as well, and when (Unix seconds)."""

    task: int
    said: str
    at: float


class Counts(NamedTuple):
    """What was found of the tasks of one run.

    `lost` have no result; `failed` have one that says that they were given up. `twice` came to their end more than once;
    `in_effect` of them have another result than they had at first, or two. After the fault, `pause_s` is the longest time in which
    no task came to its end for the first time (what was running in a worker that lives may do so at once), `all_s` is until
    the last did; None where none did.
    """

    lost: int
    failed: int
    twice: int
    in_effect: int
    pause_s: float | None
    all_s: float | None


def read_ledger(text: str) -> list[Line]:
    """The lines that tasks wrote: `TASK PID-NANOSECONDS`. A last one without its end is not there."""
    found = []
    for line in text.split("\n")[:-1]:
        task, _, mark = line.partition(" ")
        found.append(Line(int(task), line, int(mark.rpartition("-")[2]) / 1e9))
    return found


def counted(
    tasks: int, ledger: list[Line], results: list[dict[str, Any]], seen: dict[int, str], fault_at: float
) -> Counts:
    """What came of tasks 0 to `tasks` - 1. `results` are the lines of results.jsonl, `seen` what was kept of a task when it was first seen."""
    ends, kept = Counter(line.task for line in ledger), Counter(task_of(each) for each in results)
    failed = {task_of(each) for each in results if not each["ok"]}
    last = {task_of(each): each.get("value") for each in results}
    changed = {task for task, value in seen.items() if task in last and last[task] != value}
    firsts: dict[int, float] = {}
    for line in ledger:
        firsts[line.task] = min(line.at, firsts.get(line.task, line.at))
    after = sorted(at - fault_at for at in firsts.values() if at > fault_at)
    return Counts(
        lost=sum(task not in kept for task in range(tasks)),
        failed=len(failed),
        twice=sum(times > 1 for times in ends.values()),
        in_effect=len(changed | {task for task, times in kept.items() if times > 1}),
        pause_s=round(max(b - a for a, b in pairwise([0.0, *after])), 3) if after else None,
        all_s=round(after[-1], 3) if after else None,
    )


def invented(ledger: list[Line], results: list[dict[str, Any]]) -> list[str]:
    """Results that no task ever came to: there must be none."""
    said = {line.said for line in ledger}
    return [each["key"] for each in results if each["ok"] and each["value"] not in said]


def task_of(result: dict[str, Any]) -> int:
    """The number of a task: the begin of its key."""
    return int(result["key"].partition("-")[0])


# The table ------------------------------------------------------------------------------------------------------------


def table(records: Iterable[dict[str, Any]]) -> str:
    """Markdown: a line for each engine, its settings and what befell it. Of `records` those count that were disturbed and went well."""
    cells: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for record in records:
        if not record["wrong"]:
            cells.setdefault((record["engine"], record["settings"], record["fault"]), []).append(record)
    lines = [
        "| engine | settings | what was killed | runs | tasks | lost | done twice | twice in effect | longest pause | all results |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    order = {name: number for number, name in enumerate(FAULTS)}
    for (engine, settings, fault), mine in sorted(cells.items(), key=lambda it: (it[0][0], it[0][1], order[it[0][2]])):
        lines.append(f"| {engine} | {settings} | {fault} | {' | '.join(_cell(mine))} |")
    return "\n".join(lines)


def _cell(mine: list[dict[str, Any]]) -> list[str]:
    """The figures of one line."""
    tasks = sum(each["tasks"] for each in mine)
    lost, failed, twice, in_effect = (
        sum(each[name] for each in mine) for name in ("lost", "failed", "twice", "in_effect")
    )
    told = f"{lost + failed:,}" + (f" ({failed} told as failed)" if failed else "")
    pauses, alls = ([each[name] for each in mine if each[name] is not None] for name in ("pause_s", "all_s"))
    return [str(len(mine)), f"{tasks:,}", told, str(twice), str(in_effect), _spread(pauses), _spread(alls)]


def _spread(seconds: list[float]) -> str:
    """The median and the longest."""
    if not seconds:
        return "none came"
    return f"{_short(statistics.median(seconds))} (≤ {_short(max(seconds))}) s"


def _short(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds < 10 else f"{seconds:.0f}"
