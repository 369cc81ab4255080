"""What to bear in mind when reading the figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from selector.text import clause, listed, percent, sentence
from selector.validation.doubts import crowd
from selector.validation.evidence import ASSUMED_NOISE, ENOUGH_RUNS, MOST_NOISE, ArmResult, Evidence, lower_title
from selector.validation.service import service_caveats
from selector.validation.verdict import Judgement

_NOISY = 0.10
_ALIKE = 0.05  # of the calls: as batches are of other items, the share that raises is not quite the same


def caveats(evidence: Evidence, judgement: Judgement) -> tuple[str, ...]:
    """What makes the figures less than they seem, each with what to do about it where something can be done."""
    return tuple(dict.fromkeys([
        *_run(evidence),
        *_interpreters(evidence),
        *_arms(evidence, judgement),
        *_noise(evidence),
        *_others(evidence, judgement),
        *_workload(evidence),
    ]))  # fmt: skip


def _run(evidence: Evidence) -> Iterator[str]:
    session = evidence.case.session
    end = session.end
    if end is None:
        yield "The run was cut off: only what was measured until then is judged."
    elif end.reason == "interrupted":
        yield "The run was interrupted: only what was measured until then is judged."
    elif end.reason == "failed":
        yield sentence(f"The run failed: {clause(end.detail) or 'no reason given'}")
    if session.start.recommended not in (None, evidence.case.recommendation.approach):
        yield (
            f"The script was made for another recommendation ({session.start.recommended}):"
            " write it again with `concurrency-selector generate`."
        )


def _interpreters(evidence: Evidence) -> Iterator[str]:
    for found in evidence.case.session.interpreters:
        if found.status != "ok":
            reason = clause(found.reason) or found.status.replace("_", " ")
            yield sentence(f"Python {found.interpreter or found.path} could not be used: {reason}")


def _arms(evidence: Evidence, judgement: Judgement) -> Iterator[str]:
    session, arms = evidence.case.session, evidence.compared
    if odd := [r for r in arms if r.measurement.status == "mismatch"]:
        yield f"Disqualified, because the results are not those of the others: {_names(evidence, odd)}."
    for result in arms:
        m = result.measurement
        if result.ok and m.failures:
            last = f" ({clause(m.reason)})" if m.reason else ""
            runs = m.samples + m.failures
            yield f"{evidence.subject(result)} failed in {m.failures} of {runs} runs{last}."
    if held := [r for r in arms if r.ok and r.arm.interpreter.endswith("t") and r.measurement.gil_enabled]:
        names = _names(evidence, held)
        yield f"The GIL was on in a free-threaded build, in {names}: an imported module switched it on."
    if short := [r for r in arms if r.ok and r.measurement.short]:
        names = _names(evidence, short)
        yield f"Under 100 ms of steady work in {names}: at that length noise matters. More tasks would help."
    yield from _raised(evidence)
    if batches := [c.batch for c in session.cells if c.batch]:
        sizes = f"{min(batches):,}" + (f" to {max(batches):,}" if max(batches) > min(batches) else "")
        tasks = session.plan.tasks if session.plan else 0
        yield (
            f"Not every run was of all {tasks:,} tasks: a run was {sizes} calls by workers that were there; the times say what"
            " starting them and all tasks take at that speed."
        )
    reckoned = {c.extrapolated_from for c in evidence.case.session.cells if c.extrapolated_from is not None}
    if reckoned:
        yield (
            f"Where tasks wait one after the other, the time is reckoned from {min(reckoned):,} of them: twice as many"
            " take twice as long."
        )
    judged = dict.fromkeys(r for r in (judgement.recommended, judgement.winner) if r is not None and r.ok)
    if judgement.doubt is None and (few := [r for r in judged if len(r.samples) < ENOUGH_RUNS]):
        yield f"Fewer than {ENOUGH_RUNS} runs of {_names(evidence, few)}: a larger --budget makes the range narrower."


def _raised(evidence: Evidence) -> Iterator[str]:
    """How many calls of the user's function raised: once where that is alike everywhere, else for each approach."""
    counts = {r: (r.measurement.raised, r.measurement.calls) for r in evidence.compared if r.ok}
    some = {r: (raised, calls) for r, (raised, calls) in counts.items() if raised is not None and calls}
    raised, calls = (sum(each) for each in zip(*some.values(), strict=True)) if some else (0, 0)
    if not raised:
        return
    first = next(clause(c.raised_first) for c in evidence.case.session.cells if c.raised_first)
    such_as = f", such as {first}." if first else "."
    if all(abs(n / of - raised / calls) <= _ALIKE for n, of in some.values()):
        yield f"{raised:,} of the {calls:,} calls that were timed raised, about as many in every approach{such_as}"
        return
    told = [f"{evidence.name(r)} {n:,} of {of:,}" for r, (n, of) in some.items()]
    yield f"Calls raised, not as many in every approach{such_as} That were in {listed(told)}."


def _names(evidence: Evidence, results: Iterable[ArmResult]) -> str:
    return listed(list(dict.fromkeys(map(evidence.name, results))))


def _noise(evidence: Evidence) -> Iterator[str]:
    if evidence.noise is None and any(r.ok for r in evidence.compared):
        yield f"How noisy this host is could not be measured; {percent(ASSUMED_NOISE)} is assumed."
    elif evidence.noise is not None and evidence.noise > MOST_NOISE:
        yield "Two measurements of the same thing may be more than twice apart here: the times are no guide."
    elif evidence.noise is not None and evidence.noise > _NOISY:
        yield (
            f"A difference under {percent(evidence.noise)} may be chance here: close other programs, or give it more"
            " time (--budget)."
        )


def _others(evidence: Evidence, judgement: Judgement) -> Iterator[str]:
    """Where others took CPUs, and there is a verdict all the same."""
    held = [r for r in evidence.compared if r.ok and r.held_back > _NOISY]
    if held and judgement.verdict != "inconclusive":
        names = _names(evidence, held)
        yield f"{crowd(evidence)} The verdict would hold without them too, but {names} might be faster."


def _workload(evidence: Evidence) -> Iterator[str]:
    if evidence.case.serves:
        yield from service_caveats(evidence)
    elif evidence.case.profile.mode == "service":
        yield (
            "A batch of its tasks was measured, not requests that arrive: that says which approach gets more done, and"
            " nothing of the latency of a request."
        )
    plan, assumed = evidence.case.session.plan, evidence.case.session.start.assumed
    if plan is not None and plan.variables:
        named = " ".join(f"{name}={value}" for name, value in plan.variables.items())
        yield f"The function's library uses threads of its own. All but a parallel library ran with {named}: set that, too."
    if plan is not None:
        for why in dict.fromkeys(plan.left_out.values()):
            left_out = [
                lower_title(evidence.case.knowledge.approaches[a]) for a, given in plan.left_out.items() if given == why
            ]
            yield f"Not measured: {listed(left_out)}. {why}"
    if plan is not None and plan.tasks_asked is not None and plan.tasks != plan.tasks_asked:
        effect = "more" if plan.tasks < plan.tasks_asked else "less"
        yield (
            f"{plan.tasks:,} tasks were measured, the profile says {plan.tasks_asked:,}:"
            f" start-up weighs {effect} here than there."
        )
        in_flight = evidence.case.profile.concurrency
        if in_flight is not None and plan.tasks < min(in_flight, plan.tasks_asked):
            yield (
                f"With {plan.tasks:,} tasks no more than that were in flight, and the profile says {in_flight:,}:"
                " what overlaps waits gains less here than there."
            )
    if assumed:
        names = listed([name.lower() for name in assumed])
        verb = "was" if len(assumed) == 1 else "were"
        yield f"{names} {verb} assumed, because the profile does not say: the verdict holds for the assumed values."
