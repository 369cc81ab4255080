"""The report of a comparison in Markdown, with a section for each question that it answers.

Text that came with the tasks, or with a file of results, is data: it is escaped, so that nothing of it is mark-up.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from limits import limit_of
from measures import Run
from results import Comparison, Measured, Trial, left_out, points, ways
from scaling import scalability, stops_paying_at, usl
from text import figure, plural, printable
from timelines import idle_percent, timeline
from winner import CLOSE, choice, fastest, gains, racing, warning_of_other_programs, why, why_fastest, winner


def markdown(found: Comparison) -> str:
    """The report, with the sections of the capstone."""
    best = fastest(found)
    scale = scale_of(best, found)
    sections = {
        "Measured speedups": f"{_speedups(found.rows, found)}\n\n{_LEGEND}{_left_out(found)}",
        "CPU use": f"{_cpu_use(found.rows)}\n\n{_processors(found.shown)}",
        "Memory": _memory_use(found.rows),
        "Error handling confirmed": _errors(found),
        **{escaped(title): _speedups(rows, found) for title, rows in found.besides.items()},
        "Scalability": _code(scalability(best, scale, usl(scale), cpus=found.machine.cpus)),
        "What limits it": limits_of(found),
        "Complexity against gain": complexity(found),
        **({} if found.shown is None else {"Timeline": _code(timeline(found.shown, whole=True))}),
        "Recommendation": _recommendation(found, best, scale),
    }
    parts = (f"## {title}\n\n{text}\n" for title, text in sections.items())
    return "\n".join([f"# Todo batch processing\n\n{where(found)}\n", *parts])


def where(found: Comparison) -> str:
    """What was measured, where and when, in a sentence or two."""
    here, work = found.machine, found.work
    asked = f" of {work.tasks_asked:,}" if work.tasks_asked != work.tasks else ""
    source = f" from {escaped(work.source)}" if work.source else ""
    uneven = f", the first tenth of them {work.uneven} times as dear" if work.uneven > 1 else ""
    return (
        f"{plural(work.tasks, 'task')}{asked}{source} of {figure(work.task_ms, 2)} ms ({escaped(work.kind)}){uneven}, in"
        f" batches of {work.batch_size:,}. {plural(found.measurements, 'measurement')} in random order, each in a fresh"
        f" process, {figure(found.seconds, 0)} s, seed {found.seed}, {escaped(found.at)}."
        f"\n\n{plural(here.cpus, 'CPU')}, numbers {escaped(here.cpu_numbers)}: {escaped(here.cpu_model)};"
        f" {escaped(here.system)}; Python {escaped(', '.join(here.pythons))}."
    )


def scale_of(row: Measured, found: Comparison) -> list[tuple[int, float]]:
    """(Processors, speedup over one) of the way of a row."""
    return next((points(rows) for rows in ways(found.rows) if row in rows and not row.baseline), [])


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: no mark-up, no HTML, no link, no end of a table's cell."""
    shown = html.escape(re.sub(r"([\\`*_\[\]|~#!$])", r"\\\1", printable(text)), quote=False)
    return re.sub(r"(?i)(\bwww)\.|:(?=//)", lambda found: f"{found[1]}\\." if found[1] else "\\:", shown)


def _code(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())  # by indentation: no text can end it


_WORDS = {"Approach", "Schedule", "Why", "Thrown in", "Verdict", "Risk", "What we do", "In this run", "What"}  # text


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Figures stand at the right of their columns."""
    lines = [heads, ["---" if head in _WORDS else "---:" for head in heads], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _speedups(rows: Iterable[Measured], found: Comparison) -> str:
    heads = (
        "Approach",
        "Processors",
        "Schedule",
        "Runs",
        "Time (s)",
        "Speedup",
        "95 %",
        "Efficiency",
        "Unused",
        "Critical path (s)",
    )
    return table(heads, (_speedup(row, found) for row in rows if row.samples))


def _speedup(row: Measured, found: Comparison) -> tuple[str, ...]:
    speedup = found.speedup(row)
    unused = None if row.busy_share is None else 100 - 100 * row.busy_share
    return (
        escaped(row.title),
        f"{row.processors:,}",
        escaped(row.schedule),
        f"{len(row.samples):,}",
        figure(row.seconds, 3),
        figure(speedup.mid, 2, "x"),
        f"{figure(speedup.low, 2)} to {figure(speedup.high, 2)}" if speedup.low < speedup.high else "-",
        figure(100 * speedup.mid / row.processors, 0, " %"),
        figure(unused, 1, " %"),
        figure(row.busiest_seconds, 3),
    )


_LEGEND = (
    "Speedup is against plain sequential code on the first Python, efficiency the speedup for each processor; 95 % is "
    "where the speedup lies by chance alone (- with a single run). Unused is the part of the processors' time in which "
    "they did not work: starting, waiting for a batch, handing in. The critical path is the time of the busiest "
    "processor: with that split of the work, no run can be shorter."
)


def _left_out(found: Comparison) -> str:
    reasons = left_out(found).items()
    lines = [f"- not measured ({escaped(reason)}): {escaped('; '.join(names))}" for reason, names in reasons]
    return "\n\n" + "\n".join(lines) if lines else ""


def _cpu_use(rows: Iterable[Measured]) -> str:
    cells = ((escaped(row.title), f"{row.processors:,}", figure(row.cpu_percent, 0, " %"), why(row)) for row in rows)
    return (
        f"{table(('Approach', 'Processors', 'CPU use', 'Why'), cells)}\n\n100 % is one CPU; all processes are counted."
    )


def _processors(run: Run | None) -> str:
    """What each processor of a run did, and how much of the time it worked."""
    if run is None:
        return "No run was looked at processor by processor."
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
    return f"The processors of one run of {escaped(run.title)}:\n\n{table(heads, rows)}"


def _memory_use(rows: Sequence[Measured]) -> str:
    metrics = {"pss": "PSS: shared pages are counted once", "uss": "unique size, by psutil"}
    other = "peak of the main process, without its workers"
    named = "; ".join(dict.fromkeys(metrics.get(row.memory_metric or "", other) for row in rows))
    cells = ((escaped(row.title), f"{row.processors:,}", figure(row.peak_memory_mb, 1)) for row in rows)
    return f"{table(('Approach', 'Processors', 'Peak (MB)'), cells)}\n\nOf the whole process tree ({named})."


def _errors(found: Comparison) -> str:
    """Whether all results are the same, and what came of what was thrown in."""
    if found.same_results:
        text = f"All {found.measurements:,} measurements gave the same results."
    else:
        text = f"**{found.differed:,} of {found.measurements:,} measurements gave other results than the sequential code: that must not be.**"
    if found.trials:
        text += f"\n\n{trials_of(found.trials)}"
    else:
        text += "\n\nNothing was thrown into these runs on purpose."
    if errors := [error for trial in found.trials for error in trial.errors]:
        text += "\n\nErrors of tasks:\n\n" + "\n".join(f"- said: {escaped(error)}" for error in errors)
    return text


def trials_of(trials: Iterable[Trial]) -> str:
    """What was thrown in, and where every task of it ended."""
    heads = ("Thrown in", "Tasks", "Done", "Failed", "Not processed", "Lost", "Done twice", "Orphan processes")
    return table(
        heads,
        (
            (escaped(trial.thrown_in), *("not known" if count is None else f"{count:,}" for count in trial[1:8]))
            for trial in trials
        ),
    )


def limits_of(found: Comparison) -> str:
    """What limits each way, a line each."""
    several = (rows for rows in ways(found.rows) if len(rows) > 1)
    lines = [f"- {escaped(rows[0].title)}: {escaped(limit_of(rows, found).text)}." for rows in several]
    return "\n".join(lines) or "No way was measured with several numbers of processors."


def complexity(found: Comparison) -> str:
    """Lines and concepts of every schedule and execution, beside what it gains."""
    heads = ("What", "Lines", "Concepts", "Gain", "95 %", "Verdict")
    rows = []
    for gain in gains(found):
        low, mid, high = gain.gain
        code = ("-", "-") if gain.code is None else (f"{gain.code.lines:,}", f"{len(gain.code.concepts):,}")
        between = f"{figure(low, 2)} to {figure(high, 2)}" if low < high else "-"
        rows.append((f"{gain.what} {escaped(gain.name)}", *code, figure(mid, 2, "x"), between, gain.verdict))
    chosen = choice(found)
    return (
        f"{table(heads, rows)}\n\nGain is over the simplest of its kind. Lines of code and concepts (classes of its own,"
        " names of modules for concurrency) are counted in the source; an execution has those of its fastest schedule,"
        f" too.\n\nTake **{escaped(chosen.taken.title)}** with {plural(chosen.taken.processors, 'processor')}:"
        f" {escaped(chosen.because)}."
    )


def _recommendation(found: Comparison, best: Measured, scale: Sequence[tuple[int, float]]) -> str:
    """What is the fastest for work like this, where it was measured."""
    text = (
        f"**{escaped(best.title)}** with {plural(best.processors, 'processor')} was the fastest: {why_fastest(found)}."
    )
    following = winner([row for row in racing(found) if row.name != best.name])
    if following is not None:
        times = following.seconds / best.seconds
        if times < CLOSE:
            text += f" {escaped(following.title)} came so close ({figure(times, 2)}x the time) that other reasons may decide."
        else:
            text += f" The next, {escaped(following.title)}, took {figure(times, 2)} times as long."
    stop = stops_paying_at(scale)
    if stop is not None:
        text += f" Beyond {plural(stop, 'processor')}, one more is not worth its memory here."
    chosen = choice(found)
    if chosen.taken is not best:
        text += f" But take {escaped(chosen.taken.title)}, {plural(chosen.taken.processors, 'processor')}: {escaped(chosen.because)}."
    disturbed = warning_of_other_programs(found.rows)
    text += f"\n\n{disturbed}" if disturbed else ""
    return f"{text}\n\nThis holds for this machine and these tasks; measure again when either changes."
