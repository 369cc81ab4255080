"""The verdict on a service: whether the recommended approach keeps up with what arrives, in time, and no other is better.

What counts is the 95th percentile from the planned arrival of a request to its answer, at the full rate, of those that
keep up with it. Bands, noise and doubts are those of batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from selector.text import (
    listed,
    measured_duration,
    measured_memory,
    measured_range,
    measured_times,
    number,
    sentence,
    significant,
)
from selector.validation.advice import requirements
from selector.validation.contest import Contest
from selector.validation.doubts import Doubt, crowd, doubt_of_stand_in, doubt_of_verdict
from selector.validation.evidence import ArmResult, Evidence
from selector.validation.models import Requirement, ServedAt, ServiceFigures
from selector.validation.served import most_alone
from selector.validation.verdict import Judgement, decide, no_result, recommended_arm, winner_of

_BY_CPU = 0.7  # of what its CPUs allow: a prediction above that is limited by computing
_WORTH_IT = 1.2  # as in the bands: what is less than that faster than another one is not worth more
_QUIET = "Close what else computes, or wait until it is done, and validate again."
_AGAIN = "Validate again when the machine is quiet."
_SLOWER = 1.3  # than reckoned: what answering costs, and what two at once lose, is not known to a tenth
_MOST_SENT = 0.3  # of a CPU, for sending: more takes part in what is measured


def judge_service(evidence: Evidence) -> Judgement:
    """The verdict on the recommendation of a service."""
    recommended = recommended_arm(evidence)
    if doubt := doubt_of_stand_in(evidence):
        return Judgement("inconclusive", doubt.why, recommended, None, None, (), doubt)
    if recommended is None or not recommended.ok or recommended.measurement.service is None:
        return Judgement("inconclusive", no_result(evidence, recommended), recommended, None, None, ())
    if doubt := _doubt_of_sender(evidence, recommended):
        return Judgement("inconclusive", doubt.why, recommended, None, None, (), doubt)
    if doubt := _doubt_of_speed(evidence):
        return Judgement("inconclusive", doubt.why, recommended, None, None, (), doubt)
    rivals = [r for r in evidence.compared if r.ok and r.arm.approach != recommended.arm.approach]
    admitted = [r for r in rivals if r.measurement.service and (recommended.ruled_out or not r.ruled_out)]
    able = sorted((r for r in admitted if _keeps_up(r)), key=lambda r: r.seconds)
    if not _keeps_up(recommended):
        return _falls_behind(evidence, recommended, able, admitted)
    return _judged_by_latency(evidence, recommended, able, [r for r in admitted if r not in able])


def _keeps_up(result: ArmResult) -> bool:
    return figures(result).keeps_up


def figures(result: ArmResult) -> ServiceFigures:
    """What a service was measured to do."""
    assert result.measurement.service is not None
    return result.measurement.service


def _at_full_rate(evidence: Evidence, result: ArmResult) -> ServedAt:
    """The row of the full rate, or the highest that it was sent below it."""
    rate = evidence.case.rate or 0.0
    rows = figures(result).arrivals_per_s
    return max((row for row in rows if row.rate <= rate * 1.001), key=lambda row: row.rate, default=rows[0])


def _doubt_of_sender(evidence: Evidence, result: ArmResult) -> Doubt | None:
    row = _at_full_rate(evidence, result)
    if not row.late:
        return None
    why = f"What sent the requests was late itself, by {measured_duration(row.late_ms / 1000)}: that is no measure of a server."
    return Doubt(" ".join(filter(None, (why, crowd(evidence)))), _AGAIN)


def _doubt_of_speed(evidence: Evidence) -> Doubt | None:
    """Where a request took far more CPU time under every approach than it was made for: then it was another workload."""
    known = [(figures(r).cpu_ms_per_request, r) for r in evidence.compared if r.ok and r.measurement.service]
    pairs = [(cpu, evidence.case.request_cpu_ms(r.arm)) for cpu, r in known if cpu is not None]
    ratios = [cpu / expected for cpu, expected in pairs if expected]
    if not ratios or min(ratios) <= _SLOWER:
        return None
    why = (
        f"A request took {min(ratios):.2g} times the CPU time that it was made to take, or more: the CPUs were slower"
        " meanwhile, as they are where a virtual machine shares them with others."
    )
    return Doubt(" ".join(filter(None, (why, crowd(evidence)))), _AGAIN)


def _falls_behind(
    evidence: Evidence, recommended: ArmResult, able: Sequence[ArmResult], admitted: Sequence[ArmResult]
) -> Judgement:
    """The recommended approach does not keep up: refuted where another one does; else who does most decides."""
    rate, most = evidence.case.rate or 0.0, figures(recommended).saturation_per_s
    told = f"{evidence.subject(recommended)} does not keep up with {number(rate)} requests a second: it does {most:.3g}"
    if doubt := _doubt_of_saturation(evidence, [recommended], rate):
        return Judgement("inconclusive", doubt.why, recommended, None, None, (), doubt)
    if able:
        best = winner_of(evidence, able)
        reason = f"{told}. {evidence.subject(best)} keeps up, with a p95 of {measured_duration(best.seconds)}."
        return Judgement("refuted", reason, recommended, best, best, ())
    others = sorted(admitted, key=lambda r: -figures(r).saturation_per_s)
    better = [r for r in others if figures(r).saturation_per_s > most * (1 + max(evidence.same_within, 0.2))]
    if better:
        reason = (
            f"{told}. None keeps up, and {evidence.name(better[0])} does {figures(better[0]).saturation_per_s:.3g}."
        )
        return Judgement("refuted", reason, recommended, better[0], better[0], ())
    next_best = others[0] if others else None
    behind = (
        f", and {evidence.name(next_best)}, the next, {figures(next_best).saturation_per_s:.3g}" if next_best else ""
    )
    promised = figures(recommended).predicted_saturation_per_s
    if promised is not None and promised > rate:
        reason = f"{told}{behind}. None keeps up here, and {promised:.3g} were expected of it."
        return Judgement("refuted", reason, recommended, None, recommended, ())
    return Judgement("confirmed", f"{told}{behind}. None keeps up here.", recommended, next_best, recommended, ())


def _doubt_of_saturation(evidence: Evidence, results: Sequence[ArmResult], rate: float) -> Doubt | None:
    """Where others took CPUs, without which one of these would keep up; or it did as much, and fell behind all the same."""
    for result in results:
        measured, taken = figures(result).saturation_per_s, result.cpus_taken
        if rate > most_alone(evidence.case, result.arm, measured, taken):
            continue
        may = f"{evidence.name(result)} may keep up with {number(rate)} a second"
        if beside := crowd(evidence, taken):
            return Doubt(f"{beside} Without them {may}.", _QUIET, result)
        return Doubt(f"{may[:1].upper()}{may[1:]}: it did {measured:.3g}, and was behind all the same.", _AGAIN, result)
    return None


def _judged_by_latency(
    evidence: Evidence, recommended: ArmResult, able: Sequence[ArmResult], behind: Sequence[ArmResult]
) -> Judgement:
    """The recommended approach keeps up: its p95 against the requirement, and against that of all others that do."""
    contests = tuple(Contest(evidence, recommended, r) for r in able)
    if late := _late(evidence, recommended, able):
        return late
    task_ms = evidence.case.session.plan.task_wall_ms if evidence.case.session.plan else None
    slow = task_ms is None or 1000 * recommended.seconds > _WORTH_IT * task_ms  # so that another one may be better
    could = [r for r in behind if slow or r.place < recommended.place]
    if doubt := _doubt_of_saturation(evidence, could, evidence.case.rate or 0.0):
        return Judgement("inconclusive", doubt.why, recommended, doubt.rival, None, contests, doubt)
    kept = f"{_waits(evidence, recommended)} at {number(evidence.case.rate or 0.0)} requests a second"
    if not contests:
        others = listed([f"{evidence.name(r)} ({figures(r).saturation_per_s:.3g})" for r in behind[:3]])
        reason = f"{kept}, and no other approach keeps up{f': {others}' if others else ''}."
        return Judgement("confirmed", reason, recommended, behind[0] if behind else None, recommended, ())
    verdict, decisive = decide(contests)
    doubt = _doubt_of_sender(evidence, decisive.rival) or doubt_of_verdict(evidence, verdict, decisive, contests)
    if doubt:
        return Judgement("inconclusive", doubt.why, recommended, doubt.rival, None, contests, doubt)
    winner = winner_of(evidence, [recommended, *able])
    mid, ends = measured_range(*decisive.ratio)
    against = f"{evidence.name(decisive.rival)} {measured_duration(decisive.rival.seconds)}"
    reason = f"{kept}, {against}: {mid} ({ends}) as long."
    if verdict == "refuted":
        simpler = " It is also the simpler." if decisive.rival_is_simpler else ""
        reason = f"{reason}{simpler}"
    elif verdict == "tie":
        winner = min((recommended, decisive.rival), key=lambda result: result.place)
        reason = f"{reason} No difference that counts. Take {evidence.name(winner)}, the simpler of the two."
    elif decisive.lost:
        band = evidence.case.band(decisive.ratio.mid, recommended.arm, decisive.rival.arm)
        reason = f"{reason} {sentence(band.because)}"
    return Judgement(verdict, reason, recommended, decisive.rival, winner, contests)


def _late(evidence: Evidence, recommended: ArmResult, able: Sequence[ArmResult]) -> Judgement | None:
    """Where the recommended approach misses the latency requirement and another one meets it."""
    limit_ms = evidence.case.profile.latency_requirement_ms
    if limit_ms is None or recommended.seconds * 1000 <= limit_ms:
        return None
    in_time = [r for r in able if r.seconds * 1000 <= limit_ms]
    if not in_time:
        return None
    best = winner_of(evidence, in_time)
    if recommended.seconds * (1 - recommended.held_back) * 1000 <= limit_ms:
        why = f"{crowd(evidence, recommended.cpus_taken)} Without them {evidence.name(recommended)} may answer in time."
        doubt = Doubt(why, _QUIET, best)
        return Judgement("inconclusive", why, recommended, best, None, (), doubt)
    reason = (
        f"{_waits(evidence, recommended)}, over the {number(limit_ms)} ms that are allowed."
        f" {evidence.subject(best)} answers in {measured_duration(best.seconds)}."
    )
    return Judgement("refuted", reason, recommended, best, best, ())


def _waits(evidence: Evidence, result: ArmResult) -> str:
    return f"{evidence.subject(result)} answers 95 of 100 requests in {measured_duration(result.seconds)}"


def throughput(evidence: Evidence, result: ArmResult | None) -> Requirement | None:
    """The requests a second that must be done against the most that the recommended approach does."""
    required = evidence.case.profile.throughput_requirement_per_s
    if required is None or not evidence.case.serves:
        return None
    found = result.measurement.service if result is not None else None
    most = found.saturation_per_s if found is not None else None
    return Requirement(required=required, measured=most, met=None if most is None else most >= required)


# What follows ---------------------------------------------------------------------------------------------------------


def analyse_service(evidence: Evidence, judgement: Judgement) -> tuple[str, ...]:
    """What each did: who keeps up, what the winner takes, how far the model was off, and what it leaves out."""
    done = [r for r in evidence.compared if r.ok and r.measurement.service]
    if judgement.winner is None or not done:
        return ()
    rate, found = evidence.case.rate or 0.0, []
    if behind := [f"{evidence.name(r)} ({figures(r).saturation_per_s:.3g})" for r in done if not _keeps_up(r)]:
        found.append(f"These do not keep up with {number(rate)} requests a second: {listed(behind)}.")
    m = judgement.winner.measurement
    served = figures(judgement.winner)
    most = served.saturation_per_s
    found.append(
        f"{evidence.subject(judgement.winner)} answers up to {most:.3g} requests a second; {number(rate)} arrive."
    )
    if m.peak_memory_mb is not None:
        found.append(f"{evidence.subject(judgement.winner)} needed {measured_memory(m.peak_memory_mb)} at its peak.")
    found += _corrected(evidence, judgement.recommended or judgement.winner)
    return tuple(found)


def _corrected(evidence: Evidence, result: ArmResult) -> Iterator[str]:
    """What a request costs beyond its own computing, which the model does not know: as measured at the lowest rate."""
    plan, cpu_ms = evidence.case.session.plan, figures(result).cpu_ms_per_request
    if plan is None or cpu_ms is None or plan.task_cpu_ms is None:
        return
    more = cpu_ms - plan.task_cpu_ms
    if more > max(0.05, 0.02 * plan.task_cpu_ms):
        most = figures(result).predicted_saturation_per_s
        limit = ""
        filled = 1000 * evidence.case.computes_on(result.arm) / cpu_ms
        if most and most >= _BY_CPU * filled:  # what limits it is computing, and not how many workers it has
            limit = f" So its CPUs are full at {filled:.3g} requests a second, where {most:.3g} are predicted."
        yield (
            f"A request to {evidence.name(result)} costs {more:.2g} ms of CPU time beside its own {plan.task_cpu_ms:.3g} ms:"
            f" to take it from the socket, hand it over and answer.{limit}"
        )


def advise_service(evidence: Evidence, judgement: Judgement) -> tuple[str, ...]:
    """What follows from the verdict, most useful first."""
    return tuple(_advice(evidence, judgement))


def _advice(evidence: Evidence, judgement: Judgement) -> Iterator[str]:
    recommended, opponent = judgement.recommended, judgement.opponent
    if judgement.doubt is not None:
        yield judgement.doubt.remedy
    elif judgement.verdict == "inconclusive":
        budget = evidence.case.session.start.budget_seconds
        yield f"Give it more time (--budget {2 * budget:g}s) on a machine that does nothing else meanwhile."
    elif judgement.verdict == "refuted" and opponent is not None and recommended is not None:
        gain = measured_times(recommended.seconds / opponent.seconds)
        why = f": {gain} as fast to answer here" if _keeps_up(recommended) else ", which does more here"
        yield f"Take {evidence.name(opponent)}{why}."
    elif judgement.verdict == "tie" and judgement.winner is not None and judgement.winner is not recommended:
        yield f"Take {evidence.name(judgement.winner)}: as fast, and simpler."
    if judgement.verdict != "inconclusive" and recommended is not None and recommended.measurement.service:
        yield from _sizes(evidence, recommended)


def _sizes(evidence: Evidence, result: ArmResult) -> Iterator[str]:
    """What it takes where the recommended approach is too slow for what arrives, or for the latency that is allowed."""
    rate, most = evidence.case.rate or 0.0, figures(result).saturation_per_s
    if most and not _keeps_up(result):
        machines = -(-rate // (0.7 * most))
        yield f"For {number(rate)} requests a second it takes about {machines:.0f} such machines, each at most 70 % busy."
    latency, _ = requirements(evidence, result)
    if latency is not None and latency.met is False and _keeps_up(result) and most:
        rows = [row for row in figures(result).arrivals_per_s if (row.p95_ms or 0.0) <= latency.required]
        if rows:
            yield f"The latency requirement is met up to {number(rows[-1].rate)} requests a second."


def service_caveats(evidence: Evidence) -> Iterator[str]:
    """What to bear in mind when reading the figures of a service."""
    cpus = evidence.case.cpus
    loads = [r for r in evidence.compared if r.ok and r.measurement.service]
    sent = max((figures(r).sender_cpus for r in loads), default=0.0)
    if sent > _MOST_SENT or (cpus <= 2 and loads):
        yield (
            f"What sends the requests runs on the same {cpus} CPUs, and took up to {sent:.2g} of one: on a machine of its own"
            " the server would have that, too."
        )
    if late := [f"{evidence.name(r)} at {rates}" for r in loads if (rates := _late_rates(r))]:
        yield (
            f"Requests were sent late to {listed(late)} a second: their latencies there are too long, and stand beside no"
            " prediction. What each does at most, and whether it keeps up, does not hang on that."
        )


def _late_rates(result: ArmResult) -> str:
    """`48 and 60`: the rates at which what sends the requests was late."""
    return listed([number(significant(row.rate, 3)) for row in figures(result).arrivals_per_s if row.late])
