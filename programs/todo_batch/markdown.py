"""The report of a comparison in Markdown, with a section for each question that it answers.

Text that came with the tasks is data: it is escaped, so that nothing of it is mark-up.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from measures import Run
from scaling import scalability, stops_paying_at, usl
from text import figure, plural, printable
from timelines import idle_percent, timeline
from winner import CLOSE, warning_of_other_programs, why, why_fastest, winner


class Trial(NamedTuple):
    """What was thrown at a run on purpose, and what came of its tasks."""

    thrown_in: str  # such as "a worker killed in the middle of a batch"
    tasks: int
    done: int
    failed: int
    not_processed: int
    lost: int = 0
    twice: int = 0
    orphans: int | None = 0  # processes that outlived the run; None: nobody could look
    errors: tuple[str, ...] = ()  # what some of the tasks that failed said


def markdown(
    runs: Sequence[Run],
    scaling: Sequence[tuple[int, float]] = (),
    *,
    trials: Sequence[Trial] = (),
    besides: Mapping[str, Sequence[Run]] = {},
) -> str:
    """The report, with the sections of the capstone.

    `trials`: failures thrown in on purpose; `besides`: other runs that were compared, by what they are.
    """
    best = winner(runs)
    if best is None:
        return "# Todo batch processing\n\nNothing was measured.\n"
    sections = {
        "Measured speedups": f"{_speedups(runs)}\n\n{_LEGEND}",
        "CPU use": f"{_cpu_use(runs)}\n\n{_processors(best)}",
        "Memory": _memory_use(runs),
        "Error handling confirmed": _errors(runs, trials),
        **{_md(title): _speedups(others) for title, others in besides.items()},
        "Scalability": _code(scalability(best, scaling, usl(scaling))),
        "Timeline": _code(timeline(best)),
        "Recommendation": _recommendation(runs, best, scaling),
    }
    parts = (f"## {title}\n\n{text}\n" for title, text in sections.items())
    return "\n".join([f"# Todo batch processing\n\n{plural(best.tasks, 'task')}, each way one run.\n", *parts])


def _md(text: str) -> str:
    """Text that Markdown shows as it is: no mark-up, no HTML, no link, no end of a table's cell."""
    shown = html.escape(re.sub(r"([\\`*_\[\]|~#!$])", r"\\\1", printable(text)), quote=False)
    return re.sub(r"(?i)(\bwww)\.|:(?=//)", lambda found: f"{found[1]}\\." if found[1] else "\\:", shown)


def _code(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())  # by indentation: no text can end it


_WORDS = ("Approach", "Schedule", "Why", "Run", "Thrown in")  # columns that hold text


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Figures stand at the right of their columns."""
    lines = [heads, ["---" if head in _WORDS else "---:" for head in heads], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _speedups(runs: Iterable[Run]) -> str:
    heads = ("Approach", "Processors", "Schedule", "Time (s)", "Speedup", "Efficiency", "Unused", "Critical path (s)")
    rows = (
        (
            _md(run.title),
            f"{run.processors}",
            _md(run.schedule),
            figure(run.seconds, 3),
            figure(run.speedup, 2, "x"),
            figure(None if run.efficiency is None else 100 * run.efficiency, 0, " %"),
            figure(100 * run.overhead, 1, " %"),
            figure(run.critical_seconds, 3),
        )
        for run in runs
    )
    return _table(heads, rows)


_LEGEND = (
    "Speedup is against the sequential run, efficiency the speedup for each processor. Unused is the part of the "
    "processors' time in which they did not work: starting, waiting for a batch, handing in. The critical path is "
    "the time of the busiest processor: with that split of the work, no run can be shorter."
)


def _cpu_use(runs: Iterable[Run]) -> str:
    rows = ((_md(run.title), figure(run.cpu_percent, 0, " %"), why(run)) for run in runs)
    return f"{_table(('Approach', 'CPU use', 'Why'), rows)}\n\n100 % is one CPU; all processes are counted."


def _processors(run: Run) -> str:
    """What each processor of a run did, and how much of the time it worked."""
    heads = ("Processor", "Tasks", "Batches", "Busy (s)", "Computing (s)", "Busy", "Idle (s)", "Times lost")
    rows = (
        (
            f"{number}",
            f"{share.tasks:,}",
            f"{share.batches:,}",
            figure(share.busy_seconds, 3),
            figure(share.cpu_seconds, 3),
            figure(100 - idle_percent(run, number), 0, " %"),
            figure(run.idle_seconds.get(number), 3),
            f"{share.lost}",
        )
        for number, share in sorted(run.report.shares.items())
    )
    return f"The processors of {_md(run.title)}:\n\n{_table(heads, rows)}"


def _memory_use(runs: Sequence[Run]) -> str:
    metrics = {"pss": "PSS: shared pages are counted once", "rss": "resident size", None: "unknown"}
    named = "; ".join(dict.fromkeys(metrics.get(run.memory_metric, "unknown") for run in runs))
    rows = ((_md(run.title), figure(run.peak_memory_mb, 1)) for run in runs)
    return f"{_table(('Approach', 'Peak (MB)'), rows)}\n\nOf the whole process tree ({named})."


def _errors(runs: Iterable[Run], trials: Sequence[Trial]) -> str:
    """What every run counted, and what came of what was thrown in."""
    heads: Sequence[str] = (
        "Run",
        "Tasks",
        "Done",
        "Failed",
        "Not processed",
        "Tried again",
        "Processors lost",
        "Missing",
        "Too many",
    )
    text = _table(heads, (_account(run) for run in runs))
    text += "\n\nMissing and too many: tasks that no outcome was counted for, and outcomes beyond the number of tasks."
    if trials:
        heads = ("Thrown in", "Tasks", "Done", "Failed", "Not processed", "Lost", "Done twice", "Orphan processes")
        text += "\n\n" + _table(
            heads,
            (
                (_md(trial.thrown_in), *("not known" if count is None else f"{count:,}" for count in trial[1:8]))
                for trial in trials
            ),
        )
    else:
        text += "\n\nNothing was thrown into these runs on purpose."
    if errors := [error for trial in trials for error in trial.errors]:
        text += "\n\nErrors of tasks:\n\n" + "\n".join(f"- said: {_md(error)}" for error in errors)
    return text


def _account(run: Run) -> tuple[str, ...]:
    report = run.report
    left = run.tasks - report.done - report.failed - len(report.not_processed)
    lost = sum(share.lost for share in report.shares.values())
    counts = (run.tasks, report.done, report.failed, len(report.not_processed), report.retried, lost)
    return _md(run.title), *(f"{count:,}" for count in (*counts, max(0, left), max(0, -left)))


def _recommendation(runs: Sequence[Run], best: Run, scaling: Sequence[tuple[int, float]]) -> str:
    """What to take for work like this, where it was measured."""
    text = f"**{_md(best.title)}** with {plural(best.processors, 'processor')}: {why_fastest(best)}."
    following = winner([run for run in runs if run is not best])
    if following is not None:
        times = following.seconds / best.seconds
        if times < CLOSE:
            text += (
                f" {_md(following.title)} came so close ({figure(times, 2)}x the time) that other reasons may decide."
            )
        else:
            text += f" The next, {_md(following.title)}, took {figure(times, 2)} times as long."
    stop = stops_paying_at(scaling)
    if stop is not None:
        text += f" Beyond {plural(stop, 'processor')}, one more is not worth its memory here."
    disturbed = warning_of_other_programs(runs)
    text += f"\n\n{disturbed}" if disturbed else ""
    return f"{text}\n\nThis holds for this machine and these tasks; measure again when either changes."
