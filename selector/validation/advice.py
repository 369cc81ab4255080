"""What to do about the verdict: in the profile, in the choice, in the size of the pool, or with the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from selector.benchmark.events import Status
from selector.decision.table import Rule
from selector.text import (
    MEASURED,
    MEMORY,
    MILLISECONDS,
    beside,
    listed,
    measured_duration,
    measured_times,
    number,
    value_text,
)
from selector.validation.case import QUIET_CPUS, worth_it
from selector.validation.contest import Contest
from selector.validation.evidence import ArmResult, Evidence, lower_title
from selector.validation.models import Requirement
from selector.validation.verdict import Judgement

_FAR_OFF = 1.5  # a quantity measured so much above or below what the profile says is worth a look
_MOST_CHANGES = 3
_POOL_GAIN = 1.05


def requirements(evidence: Evidence, result: ArmResult | None) -> tuple[Requirement | None, Requirement | None]:
    """(Latency at the 95th percentile in ms, peak memory in MB) of an arm against the profile's limits."""
    m, profile = result.measurement if result else None, evidence.case.profile
    latency = m.task_latency_ms.p95 if m and m.task_latency_ms else None
    if profile.mode == "service" and not evidence.case.serves:
        latency = None  # a batch has no arrivals and no queue: it says nothing of the latency of a request
    memory = _required(profile.memory_budget_mb, m.peak_memory_mb if m else None)
    limit = profile.latency_requirement_ms
    if limit is not None and m and m.service and not m.service.keeps_up:
        return Requirement(required=limit, measured=None, met=False), memory  # its queue grows as long as requests come
    return _required(limit, latency), memory


def _required(limit: float | None, measured: float | None) -> Requirement | None:
    if limit is None:
        return None
    return Requirement(required=limit, measured=measured, met=None if measured is None else measured <= limit)


def advise(evidence: Evidence, judgement: Judgement, sizes: Sequence[ArmResult]) -> tuple[str, ...]:
    """What follows from the verdict, most useful first; `sizes` are what `scaled_arms` found."""
    by_verdict = {"refuted": _refuted, "tie": _tie, "confirmed": _simpler, "inconclusive": _inconclusive}
    return (
        *by_verdict[judgement.verdict](evidence, judgement),
        *_pool(evidence, judgement, sizes),
        *_own_code(evidence),
    )


def _own_code(evidence: Evidence) -> Iterator[str]:
    """Where the user's own code ran: what the profile says wrongly of a task. Work made from the profile cannot tell, nor
    can a task beside other programs, which computes for longer.
    """
    plan = evidence.case.session.plan
    if plan is not None and plan.stand_in is None and (evidence.cpus_taken or 0.0) <= QUIET_CPUS:
        yield from _quantities(evidence)


def _refuted(evidence: Evidence, judgement: Judgement) -> Iterator[str]:
    recommended, opponent = judgement.recommended, judgement.opponent
    assert recommended is not None and opponent is not None
    gain = measured_times(evidence.ratio(recommended, opponent).mid)
    yield f"Take {evidence.name(opponent)}: {gain} as fast here.{''.join(_drawbacks(evidence, recommended, opponent))}"
    yield from _against_prediction(evidence, recommended)
    known = evidence.case.recommendation.would_change or ()
    changes = [c for c in known if c.approach == opponent.arm.approach]
    if changes:
        fields = listed([f"{c.input} = {value_text(c.to)}" for c in changes[:_MOST_CHANGES]], "or")
        yield f"The tables choose {lower_title(opponent.approach)} with {fields}: check what the profile says there."
    else:
        yield from _edit(evidence, opponent)


def _drawbacks(evidence: Evidence, recommended: ArmResult, opponent: ArmResult) -> Iterator[str]:
    """Requirements that the recommended approach met and the other one misses."""
    pairs = zip(requirements(evidence, recommended), requirements(evidence, opponent), strict=True)
    for (ours, theirs), (what, units) in zip(
        pairs, (("latency requirement", MILLISECONDS), ("memory budget", MEMORY)), strict=True
    ):
        if ours and theirs and ours.met and theirs.met is False and theirs.measured is not None:
            figures = beside(theirs.measured, theirs.required, units, over=True, digits=MEASURED)
            yield f" But it misses the {what}: {figures}."


def _quantities(evidence: Evidence) -> Iterator[str]:
    """Quantities of the profile that are far from what a task of the user's own code took."""
    plan, profile = evidence.case.session.plan, evidence.case.profile
    assert plan is not None  # something was measured
    cpu, wall = plan.task_cpu_ms, plan.task_wall_ms
    waited = max(0.0, wall - cpu) if wall is not None and cpu is not None else None
    measured = (("computes", "cpu_ms_per_task", cpu), ("waits", "io_wait_ms_per_task", waited))
    for verb, field, found in measured:
        given = getattr(profile, field)
        if given and found is not None and not 1 / _FAR_OFF <= found / given <= _FAR_OFF:
            says = f"the profile says {field} = {number(given)}"
            yield f"A task {verb} for {measured_duration(found / 1000)} here, and {says}: correct it and ask again."


def _against_prediction(evidence: Evidence, recommended: ArmResult) -> Iterator[str]:
    """Where the recommended approach fell short of what was promised, and whether its start-up did it."""
    m, expected = recommended.measurement, evidence.case.recommendation.expected.speedup
    if expected is not None and m.speedup is not None and not expected.low <= m.speedup <= expected.high:
        promised = f"{measured_times(expected.low)} to {measured_times(expected.high)}"
        name = evidence.subject(recommended)
        yield f"{name} was expected to be {promised} as fast as sequential and was {measured_times(m.speedup)}."
    start = evidence.case.predicted_start_seconds(recommended.arm)
    if start is not None and m.startup_seconds is not None and _slow_start(m.startup_seconds, start, recommended):
        took = f"{measured_duration(m.startup_seconds)}, predicted {measured_duration(start)}"
        yield f"The start-up of {evidence.name(recommended)} took {took}: more tasks in a run, or a pool that is kept, would spread it."


def _slow_start(measured: float, predicted: float, result: ArmResult) -> bool:
    return measured > _FAR_OFF * predicted and measured >= 0.1 * result.seconds


def _edit(evidence: Evidence, opponent: ArmResult) -> Iterator[str]:
    """Where no single field of the profile makes the tables choose the opponent: the row of strategy to edit."""
    rows = [reason.rule for reason in evidence.case.recommendation.reasons if reason.rule.startswith("strategy/")]
    row = f" {rows[0]}" if rows else "s of strategy"
    yield (
        f"No single field of the profile makes the tables choose {lower_title(opponent.approach)}: if the workload is"
        f" right as it stands, change the row{row} in a folder of rules of your own (--rules DIR)."
    )


def _tie(evidence: Evidence, judgement: Judgement) -> Iterator[str]:
    winner, recommended = judgement.winner, judgement.recommended
    assert winner is not None and recommended is not None
    if winner.place < recommended.place:
        drawbacks = "".join(_drawbacks(evidence, recommended, winner))
        yield f"Take {evidence.name(winner)}: as fast, and simpler.{drawbacks}"


def _simpler(evidence: Evidence, judgement: Judgement) -> Iterator[str]:
    """The simplest approach that is slower by too little to pay for the complexity of the recommended one."""
    near = [c for c in judgement.contests if c.rival_is_simpler and not worth_it(_band_of(evidence, c))]
    if near:
        c = min(near, key=lambda c: c.rival.place)
        because = _band_of(evidence, c).because
        longer = measured_times(1 / c.ratio.mid)
        yield f"{evidence.subject(c.rival)} took only {longer} as long and would be simpler: {because}"


def _band_of(evidence: Evidence, c: Contest) -> Rule:
    """The band of the speedup over the simpler rival."""
    return evidence.case.band(1 / c.ratio.mid, c.rival.arm, c.recommended.arm)


#: What a failure of the recommended approach says about the profile.
_FAILURES: dict[Status, str] = {
    "unpicklable": "If your own code does not pickle either: --set picklable=false and ask again.",
    "gil_enabled": "A dependency is not ready for free threading: --set free_threading_ready=false and ask again.",
    "out_of_memory": "Tell the profile what memory there is and what a task needs: memory_budget_mb, task_memory_mb.",
    "missing_dependency": "Install what it needs for that interpreter, then validate again.",
    "mismatch": "Workers disturb each other's results: look at what they share before you use it.",
    "crash": "Run the script with this approach alone (--approach) to see it crash.",
    "error": """The whole error: python -c "import bench; bench.work(bench.items(1)[0])", in the folder of bench.py.""",
}


def _inconclusive(evidence: Evidence, judgement: Judgement) -> Iterator[str]:
    recommended, end = judgement.recommended, evidence.case.session.end
    if judgement.doubt is not None:
        yield judgement.doubt.remedy
        return
    if recommended is None:
        yield from _install(evidence)
        return
    if not recommended.ok and (hint := _FAILURES.get(recommended.measurement.status)):
        yield hint
    elif end is None or end.reason == "interrupted":
        yield "Let it run to its end."
    else:
        budget = evidence.case.session.start.budget_seconds
        yield f"Give it more time (--budget {2 * budget:g}s) on a machine that does nothing else meanwhile."


def _install(evidence: Evidence) -> Iterator[str]:
    """Where the Python that it needs did not run: how to get it."""
    recommendation = evidence.case.recommendation
    needs = evidence.case.knowledge.approaches[recommendation.approach].traits.needs
    ran = {i.interpreter for i in evidence.case.session.interpreters if i.status == "ok"}
    if needs != "any" and recommendation.interpreter is not None and recommendation.interpreter not in ran:
        tag = recommendation.interpreter
        yield f"Install Python {tag} (uv python install {tag}) and validate again."


def _pool(evidence: Evidence, judgement: Judgement, sizes: Sequence[ArmResult]) -> Iterator[str]:
    """Whether another size of its pool, or another Python, would have served the recommended approach better."""
    recommended = judgement.recommended
    if recommended is None or not recommended.ok or judgement.doubt is not None:
        return
    others = [r for r in sizes if r is not recommended]
    if (c := _best(evidence, recommended, others)) and c.ratio.mid >= _POOL_GAIN:
        instead = f"{c.rival.arm.workers} instead of {recommended.arm.workers} workers"
        took = f"{measured_duration(c.rival.seconds)} instead of {measured_duration(recommended.seconds)}"
        yield f"With {instead}, {evidence.name(recommended)} took {took}: {measured_times(c.ratio.mid)} as fast."
    elsewhere = [r for r in evidence.compared if r.ok and r.approach is recommended.approach and r is not recommended]
    if c := _best(evidence, recommended, elsewhere):
        gain = f"{measured_times(c.ratio.mid)} as fast as on {recommended.arm.interpreter}"
        yield f"{evidence.subject(c.rival)} took {measured_duration(c.rival.seconds)}: {gain}."


def _best(evidence: Evidence, recommended: ArmResult, others: Sequence[ArmResult]) -> Contest | None:
    """The contest with the fastest of some arms, if it is faster beyond the noise."""
    fastest = min(others, key=lambda r: r.seconds, default=None)
    if fastest is None:
        return None
    contest = Contest(evidence, recommended, fastest)
    return contest if contest.lost else None
