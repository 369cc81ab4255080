"""What the decision document lists: when to decide anew, what can go wrong, what is ready; each with its figure of this run."""

from __future__ import annotations

from collections.abc import Iterator

from limits import limit_of
from markdown import escaped
from measures import FREE_THREADED
from results import Comparison, Measured, points, ways
from scaling import stops_paying_at
from text import figure, plural

_PART = 0.75  # of the CPUs: 3x on 4
_ENOUGH = 3  # measurements
_QUIET = 0.15  # of the CPUs, at most, that others may take
_TENTH = 10


def triggers(row: Measured, found: Comparison) -> Iterator[str]:
    """What would make another way the right one, with the figure at which it does."""
    rate = found.work.tasks / row.seconds
    yield f"More than {float(f'{rate * 86_400:.3g}'):,.0f} tasks a day: this machine does no more in 24 hours, at {figure(rate, 0)} a second."
    yield from _small_batches(row, found)
    if row.cpu_seconds is not None and row.work_cpu_seconds is not None and not row.baseline:
        beside = 1000 * max(0.0, row.cpu_seconds - row.work_cpu_seconds) / found.work.tasks
        yield (
            f"Tasks that compute for less than {figure(_TENTH * beside, 2)} ms: starting and handing out took"
            f" {figure(beside, 3)} ms of CPU for each here, a tenth of that. Take larger batches first."
        )
    yield f"Tasks that take much longer, or shorter, than {figure(found.work.task_ms, 2)} ms, or wait for something: measure again."
    yield f"Another number of CPUs than {found.machine.cpus:,}, or another Python than {escaped(row.python)}: measure again."
    if found.machine.memory_mb is not None and row.peak_memory_mb is not None:
        part = 100 * row.peak_memory_mb / found.machine.memory_mb
        yield f"Memory: it takes {figure(row.peak_memory_mb, 0)} MB, {figure(part, 1)} % of this machine; a container has less."
    if FREE_THREADED in row.title:
        yield "A dependency that is not ready for free threads: it turns the GIL on, and threads take turns."
    yield "Work that must survive the machine, or is more than it can do: a task queue. Not measured here."
    yield from _uneven(found)


def _small_batches(row: Measured, found: Comparison) -> Iterator[str]:
    """How many tasks make up for the start of the processors: below, plain code is done earlier."""
    base, start = found.baseline, row.startup_seconds
    if row.baseline or start is None:
        return
    each = (row.seconds - start) / found.work.tasks
    plain = base.seconds / found.work.tasks
    if plain > each:
        least = start / (plain - each)
        yield f"Fewer than {least:,.0f} tasks at once: plain sequential code is done before (reckoned from the start of {figure(start, 3)} s)."


def _uneven(found: Comparison) -> Iterator[str]:
    for title, rows in found.besides.items():
        kept = [row for row in rows if row.samples and not row.baseline]
        if title.startswith("Schedules") and len(kept) > 1:
            best, worst = (edge(kept, key=lambda row: row.seconds) for edge in (min, max))
            times = figure(worst.seconds / best.seconds, 2)
            named = escaped(title[0].lower() + title[1:])
            yield f"Uneven work ({named}): {escaped(best.schedule)} was {times} times as fast as {escaped(worst.schedule)}."


def risks(row: Measured, found: Comparison) -> Iterator[tuple[str, str, str]]:
    """(What can happen, what is done about it, what this run saw of it)."""
    thrown = {trial.thrown_in: trial for trial in found.trials}
    seen = "; ".join(f"{escaped(name)}: {trial.lost:,} lost, {trial.twice:,} twice" for name, trial in thrown.items())
    yield "A task raises", "it fails alone, after `--attempts`; its error is in `--out`", seen or "not thrown in"
    killed = "; ".join(escaped(name) for name in thrown if "kill" in name)
    if row.execution == "processes":
        done = "it is replaced, and what it did comes again, task by task; hanging ones after `--timeout`"
        yield "A processor is killed, or hangs", done, f"thrown in ({killed})" if killed else "not thrown in"
    else:
        done = "nobody can end a thread: a crash ends the program, and `--journal` goes on from there; `processes` can be replaced"
        yield "A processor crashes, or hangs", done, "not thrown in"
    yield "The program or the machine is killed", "`--journal FILE`: the same command goes on", "not tried in this run"
    same = "gave the same results" if found.same_results else "did NOT all give the same results"
    yield (
        "A race in shared state",
        "the coordinator alone collects; tasks share nothing",
        f"{found.measurements:,} measurements {same}",
    )
    if FREE_THREADED in row.title:
        done = "`run` prints whether the GIL is on; check it after each new dependency"
        yield "An extension turns the GIL on", done, "it was off in all of these measurements, or they would not count"
    yield "Too many processors for the memory", "`--processors`, and a limit of the container", _memory(row, found)
    taken = "not known" if row.cpus_taken is None else f"{figure(row.cpus_taken, 2)} of {found.machine.cpus:,} CPUs"
    yield "Other programs take the CPUs", "measure again on a quiet machine", f"others took {taken} here"
    source = f"todos of {escaped(found.work.source)}" if found.work.source else "made-up todos only"
    yield "Your todos are not like these", "`compare --from FILE`, with your own kind of work", source


def _memory(row: Measured, found: Comparison) -> str:
    known = [
        (r.processors, r.peak_memory_mb)
        for r in next(rows for rows in ways(found.rows) if row in rows)
        if r.peak_memory_mb
    ]
    if not known:
        return "not measured"
    (least, low), (most, high) = known[0], known[-1]
    if least == most:
        return f"{figure(high, 1)} MB with {plural(most, 'processor')}"
    return f"{figure(low, 1)} MB with {least:,}, {figure(high, 1)} MB with {plural(most, 'processor')}"


def readiness(row: Measured, found: Comparison) -> Iterator[tuple[bool, str]]:
    """(Whether this run showed it, what): the checklist of the capstone, then what no run can show."""
    speedup, cpus = found.speedup(row), found.machine.cpus
    between = (
        f", {figure(speedup.low, 2)} to {figure(speedup.high, 2)}" if speedup.low < speedup.high else ", a single run"
    )
    told = f"{figure(speedup.mid, 2)}x on {plural(cpus, 'CPU')}{between}"
    fast = cpus > 1 and len(row.samples) > 1 and speedup.low >= _PART * cpus
    yield fast, f"It is three quarters as many times as fast as it has CPUs (3x on 4): {told}."
    same = "all the same" if found.same_results else f"{found.differed:,} were others"
    yield (
        found.same_results and found.measurements > 1,
        f"Every way gives correct results: {found.measurements:,} measurements, {same}.",
    )
    yield _resilient(found)
    rows = next(rows for rows in ways(found.rows) if row in rows)
    stop, limit = stops_paying_at(points(rows)), limit_of(rows, found)
    where = "where it stops paying was not seen" if stop is None else f"it stops paying at {plural(stop, 'processor')}"
    yield stop is not None, f"The scaling is understood: {where}."
    yield limit.kind not in ("none", "unclear"), f"The bottleneck is identified: {escaped(limit.text)}."
    threads = sum(len(other.samples) for other in found.rows if other.execution == "threads" and other.processors > 1)
    safe = found.same_results and threads >= _ENOUGH
    yield (
        safe,
        f"Shared state: {threads:,} measurements with several threads, no wrong result among them. That is no proof."
        if safe
        else "Shared state: not enough was measured with several threads.",
    )
    taken = row.cpus_taken
    few = min(len(row.samples), len(found.baseline.samples))
    quiet = taken is not None and taken < _QUIET * cpus
    others = (
        "not known what others took" if taken is None else f"others took {figure(taken, 2)} of {plural(cpus, 'CPU')}"
    )
    yield (
        few >= _ENOUGH and quiet,
        f"Measured often enough, on a quiet machine: {plural(few, 'run')} of ours and of plain code at least, {others}.",
    )
    yield found.work.source is not None, "Measured with your own todos (`compare --from FILE`)."
    yield False, "A kill of the whole program was tried where it will run, and `--journal` took it up again."
    yield False, "Memory and CPUs of the container are those of this machine, or it was measured there."
    yield False, "Deployment: which Python, who starts it, what it may take, and who is told of exit codes 1 and 3."
    yield False, "Dependencies of your own kind of work were looked at: `concurrency-selector deps`."


def _resilient(found: Comparison) -> tuple[bool, str]:
    if not found.trials:
        return False, "Failures: nothing was thrown in."
    lost, twice = (sum(getattr(trial, name) for trial in found.trials) for name in ("lost", "twice"))
    left = sum(trial.orphans or 0 for trial in found.trials)
    unknown = any(trial.orphans is None for trial in found.trials)
    what = escaped("; ".join(trial.thrown_in for trial in found.trials))
    orphans = "whether processes were left is not known" if unknown else f"{left:,} processes left behind"
    ok = not (lost or twice or left or unknown)
    return ok, f"Failures ({what}) are survived: {lost:,} tasks lost, {twice:,} done twice, {orphans}."
