"""Why the winner won: short sentences, each on a trait of an approach and a number that was measured."""

from __future__ import annotations

from collections.abc import Iterator

from selector.text import (
    measured_duration,
    measured_memory,
    measured_range,
    measured_times,
    of_cpus,
    percent,
    sentence,
)
from selector.validation.contest import Contest
from selector.validation.evidence import ArmResult, Evidence
from selector.validation.verdict import Judgement

_MOST = 6
_MUCH_START = 0.10  # share of the time from which on start-up is worth a sentence
_ONE_CPU = (75.0, 130.0)  # CPU %, of a pool that takes turns on one CPU
_HALF = 0.5
_IDLE = 50.0  # CPU %, under which most of the time is waiting
_DEAR = 1.2  # CPU time against the baseline's
_UNEVEN = 1.25  # the busiest worker against the mean


def analyse(evidence: Evidence, judgement: Judgement) -> tuple[str, ...]:
    """Three to six sentences where enough was measured; none without a winner."""
    if judgement.winner is None:
        return ()
    found = [_ranking(evidence, judgement.winner), *_today(evidence, judgement), *_winner(evidence, judgement.winner)]
    found += [*_not_admitted(evidence, judgement.winner), *_others(evidence, judgement.winner)]
    return tuple(found[:_MOST])


def _ranking(evidence: Evidence, winner: ArmResult) -> str:
    """Which is fastest, and by how much: against the baseline and against the next."""
    name, took = evidence.name(winner), measured_duration(winner.seconds)
    ahead = _speedup(evidence, winner)
    others = [r for r in evidence.compared if r.ok and r.arm.approach != winner.arm.approach]
    others = [r for r in others if not r.ruled_out or r.seconds > winner.seconds]
    if not others:
        return f"Only {name} gave a result that counts: {took}{ahead}."
    next_best = min(others, key=lambda r: r.seconds)
    contest = Contest(evidence, winner, next_best)
    next_name = evidence.name(next_best)
    if contest.tied:
        near = f"{next_name} took as long within the noise ({measured_duration(next_best.seconds)})"
        return f"{evidence.subject(winner)} took {took}{ahead}; {near}."
    if next_best is evidence.baseline:
        return f"The fastest was {name}: {took}{ahead}, the next."
    gain = measured_times(1 / contest.ratio.mid)
    return f"The fastest was {name}: {took}{ahead}, {gain} as fast as {next_name}, the next."


def _today(evidence: Evidence, judgement: Judgement) -> Iterator[str]:
    """What runs today, against the recommendation: whether to change anything."""
    current, recommended = evidence.case.profile.current_approach, judgement.recommended
    found = [r for r in evidence.compared if r.ok and r.arm.approach == current]
    if recommended is None or not recommended.ok or not found or current == recommended.arm.approach:
        return
    today = next((r for r in found if r.arm.interpreter == recommended.arm.interpreter), found[0])
    contest = Contest(evidence, recommended, today)
    took = f"{evidence.subject(today)}, which runs today, took {measured_duration(today.seconds)}"
    if contest.tied:
        yield f"{took}, as long as the recommended {evidence.name(recommended)} within the noise: it may stay."
    else:
        yield f"{took}, {measured_times(1 / contest.ratio.mid)} as long as the recommended {evidence.name(recommended)}."


def _speedup(evidence: Evidence, result: ArmResult) -> str:
    """`, 4.1x as fast as single-threaded (3.9x to 4.3x)`; nothing of the baseline itself."""
    m = result.measurement
    if evidence.baseline is None or result is evidence.baseline or m.speedup is None or m.speedup_range is None:
        return ""
    mid, span = measured_range(m.speedup_range.low, m.speedup, m.speedup_range.high)
    return f", {mid} as fast as {evidence.name(evidence.baseline)} ({span})"


def _winner(evidence: Evidence, winner: ArmResult) -> Iterator[str]:
    """What the winner did with the machine."""
    m, cpus, traits = winner.measurement, evidence.case.cpus, winner.approach.traits
    name, it = evidence.name(winner), evidence.subject(winner)
    if m.cpu_percent is not None:
        busy = m.cpu_percent / 100
        if traits.overlaps_waits != "none" and m.cpu_percent < _IDLE and (m.speedup or 0) > 1.2:
            yield f"{it} kept {percent(busy)} of one CPU busy: its time is waiting, and the waits overlapped."
        elif cpus > 1:
            yield f"{it} kept {of_cpus(busy, cpus)} busy."
        else:
            yield f"{it} kept the CPU busy for {percent(busy)} of the time."
    if m.startup_seconds is not None and m.startup_seconds >= _MUCH_START * winner.seconds > 0:
        share = percent(min(1.0, m.startup_seconds / winner.seconds))
        start = measured_duration(m.startup_seconds)
        yield f"The start-up of {name} was {share} of its time ({start}), which more tasks would spread."
    if m.imbalance is not None and m.imbalance >= _UNEVEN:
        uneven = measured_times(m.imbalance)
        yield f"The busiest worker of {name} did {uneven} the mean of the work: smaller pieces would even that out."
    yield from _memory(evidence, winner)


def _memory(evidence: Evidence, winner: ArmResult) -> Iterator[str]:
    """Its peak, and what that is more than the baseline's."""
    peak, base = winner.measurement.peak_memory_mb, evidence.baseline
    if peak is None or base is None or base is winner or base.measurement.peak_memory_mb is None:
        return
    more, it = peak - base.measurement.peak_memory_mb, evidence.subject(winner)
    if more >= 1 and more >= 0.05 * peak:
        yield f"{it} needed {measured_memory(peak)} at its peak, {measured_memory(more)} more than {evidence.name(base)}."
    else:
        yield f"{it} needed {measured_memory(peak)} at its peak, no more than {evidence.name(base)}."


def _others(evidence: Evidence, winner: ArmResult) -> Iterator[str]:
    """What held the others back, where it is plain: the GIL, or the price of workers."""
    others = sorted((r for r in evidence.compared if r is not winner and r.ok), key=lambda r: r.seconds)
    if held := next((r for r in others if _held_by_gil(evidence, r)), None):
        busy = f"{of_cpus((held.measurement.cpu_percent or 0.0) / 100, evidence.case.cpus)} busy"
        with_workers = f"with {held.arm.workers} workers: the GIL lets one compute at a time"
        yield f"{evidence.subject(held)} kept {busy} {with_workers}."
    if dear := next((r for r in others if r.approach.traits.pickles), None):
        yield from _price_of_workers(evidence, dear)


def _held_by_gil(evidence: Evidence, result: ArmResult) -> bool:
    """Whether several workers took turns on one CPU, with code that wants more."""
    m, traits = result.measurement, result.approach.traits
    pure_python = not (traits.parallel_native and evidence.case.profile.mostly_releases_gil)
    takes_turns = traits.pool != "none" and not traits.parallel_python and pure_python and m.gil_enabled is not False
    computing = (evidence.case.cpu_share or 0.0) >= _HALF and evidence.case.cpus > 1 and result.arm.workers > 1
    on_one_cpu = m.cpu_percent is not None and _ONE_CPU[0] <= m.cpu_percent <= _ONE_CPU[1]
    return takes_turns and computing and on_one_cpu


def _price_of_workers(evidence: Evidence, result: ArmResult) -> Iterator[str]:
    """Start-up, or else the CPU time that copying and dispatch took, of workers that get their work pickled."""
    m, base = result.measurement, evidence.baseline
    name = evidence.subject(result)
    if m.startup_seconds is not None and m.startup_seconds >= _MUCH_START * result.seconds > 0:
        start, whole = measured_duration(m.startup_seconds), measured_duration(result.seconds)
        yield f"{name} spent {start} of {whole} on starting its workers."
        return
    plain = base.measurement.cpu_seconds if base else None
    if base and m.cpu_seconds is not None and plain and m.cpu_seconds >= _DEAR * plain:
        more = measured_times(m.cpu_seconds / plain)
        yield f"{name} used {more} the CPU time of {evidence.name(base)}: starting workers, and pickling for them."


def _not_admitted(evidence: Evidence, winner: ArmResult) -> Iterator[str]:
    """The fastest of those that were faster than the winner, but are ruled out for this workload."""
    faster = [r for r in evidence.compared if r.ok and r.ruled_out and r is not winner and r.seconds < winner.seconds]
    first = min(faster, key=lambda r: r.seconds, default=None)
    if first is not None and first.ruled_out is not None:
        because = sentence(first.ruled_out.because)
        yield f"{evidence.subject(first)} took {measured_duration(first.seconds)}, but is ruled out: {because}"
