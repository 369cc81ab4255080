"""What a comparison comes to, as sections: the answer, what was measured, where the time went, what to take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from blocks import Bar, Bars, Block, Characters, Code, Curve, Fields, Paragraph, Section, Table, bullets, table
from limits import limit_of, limit_told
from measures import Run
from results import Comparison, Measured, Trial, left_out, points, ways
from scaling import scalability, stops_paying_at, usl
from text import figure, plural
from timelines import drawn, idle_percent, lanes_of, notes
from waits import told
from winner import (
    CLOSE,
    best_of_each,
    choice,
    fastest,
    fastest_crew,
    gains,
    racing,
    speedup_told,
    takes_turns,
    warning_of_other_programs,
    why,
    why_fastest,
    winner,
)

_LEGEND = (
    "Speedup is against plain sequential code on the first Python, efficiency the speedup for each processor; 95 % is "
    "where the speedup lies by chance alone (- with a single run). Unused is the part of the processors' time in which "
    "they did not work: starting, waiting for a batch, handing in. The critical path is the time of the busiest "
    "processor: with that split of the work, no run can be shorter."
)


def sections_of(found: Comparison) -> list[Section]:
    """The answer, the sections of the capstone, with pictures for a page, and how it was measured."""
    best = fastest(found)
    scale = scale_of(best, found)
    named: list[tuple[str, Sequence[Block]]] = [
        ("Answer", _answer(found)),
        ("Measured speedups", [*_speedup_bars(found), _speedups(found.rows, found), *_legend(found)]),
        ("CPU use", [*_cpu_use(found.rows), *_processors(found.shown)]),
        ("Memory", [*_memory_bars(found), *_memory_use(found.rows)]),
        ("Error handling confirmed", _errors(found)),
        *((title, [_speedups(rows, found)]) for title, rows in found.besides.items()),
        ("Scalability", [*_curve(found), _laws(best, scale, found)]),
        ("What limits it", limits(found)),
        ("Complexity against gain", complexity(found)),
        ("Timeline", who_worked_when(found.shown) if found.shown is not None else []),
        ("Recommendation", _recommendation(found, best, scale)),
        ("How it was measured", where(found)),
    ]
    return [Section(title, tuple(blocks)) for title, blocks in named if blocks]


def _answer(found: Comparison) -> list[Block]:
    """What to take, how sure that is, what it does, and what to do next."""
    chosen = choice(found)
    row = chosen.taken
    way = f"--execution {row.execution} --processors {row.processors} --schedule {row.schedule}"
    beside = "" if row.collect == "queue" or row.execution != "threads" else f" --collect {row.collect}"
    command = "python todos run --execution sequential" if row.baseline else f"python todos run {way}{beside}"
    pairs = (
        ("Use", f"{row.title} with {plural(row.processors, 'processor')}"),
        ("Because", chosen.because),
        (
            "It does",
            f"{figure(found.rate(row), 0)} tasks a second, {speedup_told(row, found)} as many as plain sequential code",
        ),
        ("How sure", _how_sure(found)),
        ("Limited by", limit_told(row, found)),
        ("Next", f"{command}; measure again when the machine or the tasks change"),
    )
    return [Fields(pairs)]


def _how_sure(found: Comparison) -> str:
    """Whether results were right, and what is noise."""
    if not found.same_results:
        return f"NOT: {found.differed:,} of {found.measurements:,} measurements gave other results"
    noise = (
        "how much is noise is not known" if found.noise is None else f"up to {100 * found.noise:.0f} % is noise here"
    )
    disturbed = warning_of_other_programs(found.rows)
    return f"{plural(found.measurements, 'measurement')}, all with the same results; {noise}{f'. {disturbed}' if disturbed else ''}"


def where(found: Comparison) -> tuple[Block, ...]:
    """What was measured, where and when, in a sentence or two."""
    here, work = found.machine, found.work
    asked = f" of {work.tasks_asked:,}" if work.tasks_asked != work.tasks else ""
    source = f" from {work.source}" if work.source else ""
    uneven = f", the first tenth of them {work.uneven} times as dear" if work.uneven > 1 else ""
    return (
        Paragraph(
            f"{plural(work.tasks, 'task')}{asked}{source} of {figure(work.task_ms, 2)} ms ({work.kind}){uneven}, in"
            f" batches of {work.batch_size:,}. {plural(found.measurements, 'measurement')} in random order, each in a fresh"
            f" process, {figure(found.seconds, 0)} s, seed {found.seed}, {found.at}."
        ),
        Paragraph(
            f"{plural(here.cpus, 'CPU')}, numbers {here.cpu_numbers}: {here.cpu_model}; {here.system};"
            f" Python {', '.join(here.pythons)}."
        ),
    )


def scale_of(row: Measured, found: Comparison) -> list[tuple[int, float]]:
    """(Processors, speedup over one) of the way of a row."""
    return next((points(rows) for rows in ways(found.rows) if row in rows and not row.baseline), [])


# What was measured ----------------------------------------------------------------------------------------------------


def _speedup_bars(found: Comparison) -> list[Block]:
    """Of each execution the fastest way, and the one to take."""
    bars = []
    for row in best_of_each(found):
        low, mid, high = found.speedup(row)
        bars.append(Bar(_named(row), mid, figure(mid, 2, "x"), *((low, high) if low < high else (None, None))))
    title = "The best of each execution, against plain sequential code"
    return [Bars(title, "times as fast", tuple(bars), (1.0, "no faster"))]


def _named(row: Measured) -> str:
    return row.title if row.baseline else f"{row.title}, {row.processors:,}"


def _speedups(rows: Iterable[Measured], found: Comparison) -> Table:
    heads = (
        "Approach", "Processors", "Schedule", "Runs", "Time (s)", "Speedup", "95 %", "Efficiency", "Unused", "Critical path (s)",
    )  # fmt: skip
    return table(heads, [_speedup(row, found) for row in rows if row.samples])


def _speedup(row: Measured, found: Comparison) -> tuple[str, ...]:
    speedup = found.speedup(row)
    unused = None if row.busy_share is None else 100 - 100 * row.busy_share
    return (
        row.title,
        f"{row.processors:,}",
        row.schedule,
        f"{len(row.samples):,}",
        figure(row.seconds, 3),
        figure(speedup.mid, 2, "x"),
        f"{figure(speedup.low, 2)} to {figure(speedup.high, 2)}" if speedup.low < speedup.high else "-",
        figure(100 * speedup.mid / row.processors, 0, " %"),
        figure(unused, 1, " %"),
        figure(row.busiest_seconds, 3),
    )


def _legend(found: Comparison) -> list[Block]:
    lines = [f"not measured ({reason}): {'; '.join(names)}" for reason, names in left_out(found).items()]
    return [Paragraph(_LEGEND), *([bullets(*lines)] if lines else [])]


def _cpu_use(rows: Iterable[Measured]) -> list[Block]:
    cells = [(row.title, f"{row.processors:,}", figure(row.cpu_percent, 0, " %"), why(row)) for row in rows]
    heads = ("Approach", "Processors", "CPU use", "Why")
    return [table(heads, cells), Paragraph("100 % is one CPU; all processes are counted.")]


def _processors(run: Run | None) -> list[Block]:
    """What each processor of a run did, and how much of the time it worked."""
    if run is None:
        return [Paragraph("No run was looked at processor by processor.")]
    heads = ("Processor", "Tasks", "Batches", "Busy (s)", "Computing (s)", "Busy", "Idle (s)", "Times lost")
    rows = [
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
    ]
    return [Paragraph(f"The processors of one run of {run.title}:"), table(heads, rows)]


def _memory_bars(found: Comparison) -> list[Block]:
    known = [(row, row.peak_memory_mb) for row in best_of_each(found) if row.peak_memory_mb is not None]
    bars = tuple(Bar(_named(row), size, f"{figure(size, 1)} MB") for row, size in known)
    return [Bars("Peak memory of the best of each execution", "MB", bars)] if bars else []


def _memory_use(rows: Sequence[Measured]) -> list[Block]:
    metrics = {"pss": "PSS: shared pages are counted once", "uss": "unique size, by psutil"}
    other = "peak of the main process, without its workers"
    named = "; ".join(dict.fromkeys(metrics.get(row.memory_metric or "", other) for row in rows))
    cells = [(row.title, f"{row.processors:,}", figure(row.peak_memory_mb, 1)) for row in rows]
    return [table(("Approach", "Processors", "Peak (MB)"), cells), Paragraph(f"Of the whole process tree ({named}).")]


def _errors(found: Comparison) -> list[Block]:
    """Whether all results are the same, and what came of what was thrown in."""
    said = f"All {found.measurements:,} measurements gave the same results."
    if not found.same_results:
        said = (
            f"The results DIFFER: {found.differed:,} of {found.measurements:,} measurements gave other results than the"
            " sequential code: that must not be."
        )
    nothing = Paragraph("Nothing was thrown into these runs on purpose.")
    blocks: list[Block] = [Paragraph(said), _trials(found.trials) if found.trials else nothing]
    if errors := [error for trial in found.trials for error in trial.errors]:
        blocks += [Paragraph("Errors of tasks:"), bullets(*(f"said: {error}" for error in errors))]
    return blocks


def _trials(trials: Iterable[Trial]) -> Table:
    """What was thrown in, and where every task of it ended."""
    heads = ("Thrown in", "Tasks", "Done", "Failed", "Not processed", "Lost", "Done twice", "Orphan processes")
    counts = [(t.thrown_in, t.tasks, t.done, t.failed, t.not_processed, t.lost, t.twice, t.orphans) for t in trials]
    return table(heads, [(name, *("not known" if n is None else f"{n:,}" for n in rest)) for name, *rest in counts])


# What follows from it -------------------------------------------------------------------------------------------------


def _curve(found: Comparison) -> list[Block]:
    """The speedup of the fastest crew by processors, and the law that fits it; of what takes turns there is none."""
    best = fastest_crew(found)
    scale = scale_of(best, found) if best is not None else []
    if best is None or len(scale) < 2:
        return []
    cpus, (contention, coherence) = found.machine.cpus, usl(scale)
    kept = tuple((float(n), speedup, "more than CPUs" if n > cpus else "") for n, speedup in scale)
    law = tuple((float(n), n / (1 + contention * (n - 1) + coherence * n * (n - 1))) for n, _ in scale)
    title = f"{best.title}: speedup by processors"
    limit = (float(cpus), plural(cpus, "CPU"))
    return [Curve(title, "processors", "speedup over one", kept, () if takes_turns(best) else law, limit)]


def _laws(best: Measured, scale: Sequence[tuple[int, float]], found: Comparison) -> Code:
    return Code(scalability(best, scale, usl(scale), cpus=found.machine.cpus))


def limits(found: Comparison) -> list[Block]:
    """What limits each way, a line each."""
    several = [rows for rows in ways(found.rows) if len(rows) > 1]
    if not several:
        return [Paragraph("No way was measured with several numbers of processors.")]
    return [bullets(*(f"{rows[0].title}: {limit_of(rows, found).text}." for rows in several))]


def complexity(found: Comparison) -> list[Block]:
    """Lines and concepts of every schedule and execution, beside what it gains."""
    heads = ("What", "Lines", "Concepts", "Gain", "95 %", "Verdict")
    rows = []
    for gain in gains(found):
        low, mid, high = gain.gain
        code = ("-", "-") if gain.code is None else (f"{gain.code.lines:,}", f"{len(gain.code.concepts):,}")
        between = f"{figure(low, 2)} to {figure(high, 2)}" if low < high else "-"
        rows.append((f"{gain.what} {gain.name}", *code, figure(mid, 2, "x"), between, gain.verdict))
    chosen = choice(found)
    how = (
        "Gain is over the simplest of its kind. Lines of code and concepts (classes of its own, names of modules for"
        " concurrency) are counted in the source; an execution has those of its fastest schedule, too."
    )
    take = f"Take {chosen.taken.title} with {plural(chosen.taken.processors, 'processor')}: {chosen.because}."
    return [table(heads, rows), Paragraph(how), Paragraph(take)]


def _recommendation(found: Comparison, best: Measured, scale: Sequence[tuple[int, float]]) -> list[Block]:
    """What is the fastest for work like this, where it was measured."""
    said = f"{best.title} with {plural(best.processors, 'processor')} was the fastest: {why_fastest(found)}."
    following = winner([row for row in racing(found) if row.name != best.name])
    if following is not None:
        ratio = following.seconds / best.seconds
        if ratio < CLOSE:
            said += f" {following.title} came so close ({figure(ratio, 2)}x the time) that other reasons may decide."
        else:
            said += f" The next, {following.title}, took {figure(ratio, 2)} times as long."
    stop = stops_paying_at(scale)
    if stop is not None:
        said += f" Beyond {plural(stop, 'processor')}, one more is not worth its memory here."
    chosen = choice(found)
    if chosen.taken is not best:
        said += f" But take {chosen.taken.title}, {plural(chosen.taken.processors, 'processor')}: {chosen.because}."
    texts = [
        said,
        warning_of_other_programs(found.rows),
        "This holds for this machine and these tasks; measure again when either changes.",
    ]
    return [Paragraph(each) for each in texts if each]


# A run ----------------------------------------------------------------------------------------------------------------


def sections_of_run(run: Run) -> list[Section]:
    """One run: what it did, who worked when, who waited for whom."""
    report = run.report
    pairs = (
        ("Ran", f"{run.title}, {plural(run.processors, 'processor')}, {run.schedule}"),
        (
            "Took",
            f"{figure(run.seconds, 3)} s, {figure(run.tasks / run.seconds if run.seconds else None, 0)} tasks a second",
        ),
        ("Tasks", f"{report.done:,} done, {report.failed:,} failed, {len(report.not_processed):,} not processed"),
        ("Not worked", f"{100 * run.overhead:.0f} % of the processors' time"),
    )
    return [Section("In short", (Fields(pairs),)), Section("Timeline", tuple(who_worked_when(run)))]


def who_worked_when(run: Run) -> list[Block]:
    """Who worked when, and who waited for whom."""
    waits = "\n".join(told(run, whole=True))
    said = [*notes(run)]
    return [
        lanes_of(run),
        Characters(drawn(run)),
        *([bullets(*said)] if said else []),
        *([Code(waits)] if waits else []),
    ]
