"""Plans a benchmark: which approaches are measured, with how many workers, on which builds of Python, on what workload.

Pure: the same recommendation, interpreters and options give the same plan. What is assumed or left out is said in notes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from selector.approaches import Traits
from selector.benchmark.budget import check_budget
from selector.benchmark.interpreters import by_tag, interpreters_to_measure
from selector.benchmark.parameters import Parameter, service_parameters, workload_parameters
from selector.host import Interpreter
from selector.models import Saved
from selector.recommend.candidates import Candidate, Choice
from selector.recommend.chain import Situation
from selector.recommend.facts import version_key
from selector.recommend.recommendation import Recommendation
from selector.workload.profile import APPROACHES, ApproachId, WorkloadProfile

IoKind = Literal["socket", "sleep", "function"]  # what the work waits for; function: whatever the user's own does
OWN_FUNCTION = "own_function"  # the template that measures it
BATCHES, SERVICES = "compare_approaches", "compare_services"  # those that measure what a profile says
BASELINE: ApproachId = "single_threaded"
_NAME = "Workload"  # of a profile that has no name
_SCALING = (1, 2, 4, 8)
_MOST_PROCESSES = 8  # on machines with fewer CPUs: more would mostly measure how processes start
_PROCESS_LIMIT = 61  # ProcessPoolExecutor takes no more on Windows (docs)
_NEEDS = {  # what an approach needs, and what to install for it
    "any": ("a build with the GIL", "3.15"),
    "free_threaded": ("a free-threaded build", "3.14t"),
    "subinterpreters": ("Python 3.14 or later", "3.15"),
}


class PlannedPython(Saved):
    """One build of Python to measure with."""

    tag: str
    path: str
    free_threaded: bool


class BenchmarkPlan(Saved):
    """All that a benchmark is made from; saved with its results, and read back from JSON unchanged.

    `approaches` has the baseline first, then the recommendation if it can be measured, then the others. The first of
    `pythons` is the reference: the baseline runs on it. `recommended_tag` is the Python the recommendation is for; both are
    None for a function of which no profile is known.
    """

    name: str
    recommended: ApproachId | None
    recommended_tag: str | None
    approaches: Annotated[tuple[ApproachId, ...], Field(min_length=1)]
    workers: dict[str, Annotated[int, Field(ge=1)]]
    scaling: tuple[int, ...]
    pythons: Annotated[tuple[PlannedPython, ...], Field(min_length=1)]
    budget_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    io: IoKind
    seed: int | None
    parameters: dict[str, Parameter]
    notes: tuple[str, ...]
    template: str = BATCHES


class _Subject(NamedTuple):
    """What a plan is made from: the situation, its recommendation, the builds to measure with, the tags found, the CPUs."""

    situation: Situation
    recommendation: Recommendation
    pythons: tuple[PlannedPython, ...]
    tags_here: tuple[str, ...]
    cpus: int

    @property
    def choice(self) -> Choice:
        """What the tables chose."""
        return self.situation.choice

    @property
    def profile(self) -> WorkloadProfile:
        """The workload, with the CPUs and the platform that the recommendation is for."""
        return self.recommendation.profile

    def traits(self, approach: ApproachId) -> Traits:
        """What the catalogue says of an approach."""
        return self.situation.traits(approach)

    def sized(self, approach: ApproachId) -> Candidate:
        """An approach as the tables size it for these CPUs, also where no row of strategy named it."""
        here = self.situation
        if here.facts["cpu_cores"] != self.cpus:
            here = here.changed(cpu_cores=self.cpus)
        return here.candidate(approach)


def plan_benchmark(
    situation: Situation,
    recommendation: Recommendation,
    available: Sequence[Interpreter],
    *,
    budget_seconds: float,
    usable_cpus: int,
    wanted: Sequence[str] = (),
    io: IoKind = "socket",
    seed: int | None = None,
    cpus_asked: int | None = None,
    application: str | None = None,
    server: str | None = None,
) -> BenchmarkPlan:
    """The plan to measure a recommendation on a machine with these interpreters.

    `wanted` are tags or paths of `available` interpreters and win over the profile's; without either the Python of the
    recommendation is measured, else the `application`'s (a tag), beside the newest of the other kind. `cpus_asked` is what the user's
    profile asked for, where the recommendation was made for fewer: those of this machine (`usable_cpus`). Without a
    seed the script draws one. `server` is a real one that serves what it can of a service. SelectorError where no interpreter fits, and where the budget is too short for one round.
    """
    notes: list[str] = []
    own = (recommendation.interpreter, application)
    chosen = interpreters_to_measure(recommendation.profile, available, wanted, own, notes)
    pythons = tuple(PlannedPython(tag=i.tag, path=i.path, free_threaded=i.free_threaded) for i in chosen)
    cpus = _cpus(cpus_asked, situation.facts["cpu_cores"], usable_cpus, notes)
    subject = _Subject(situation, recommendation, pythons, tuple(by_tag(available)), cpus)
    approaches = _approaches(subject, notes)
    workers: dict[str, int] = {approach: _pool_size(approach, subject, notes) for approach in approaches}
    scaling = _scaling(subject) if recommendation.approach in approaches else ()
    parameters = _parameters(subject, workers, scaling, budget_seconds, notes)
    if "REQUESTS_PER_SECOND" in parameters:
        parameters["SERVER"] = server
    check_budget(budget_seconds, len(approaches), parameters)
    return BenchmarkPlan(
        name=recommendation.profile.name or _NAME,
        recommended=recommendation.approach,
        recommended_tag=recommendation.interpreter,
        approaches=approaches,
        workers=workers,
        scaling=scaling,
        pythons=pythons,
        budget_seconds=budget_seconds,
        io=io,
        seed=seed,
        parameters=parameters,
        notes=tuple(notes),
        template=SERVICES if recommendation.profile.mode == "service" else BATCHES,
    )


# Approaches -----------------------------------------------------------------------------------------------------------


def _approaches(subject: _Subject, notes: list[str]) -> tuple[ApproachId, ...]:
    """The baseline, the recommendation, what runs today, then the alternatives that no rule rejects, contenders first.

    Waits that are computed between may overlap in plain pools too: those join a batch that no event loop runs. What
    cannot be measured here is left out with a note. Where only the baseline remains, challengers join it.
    """
    standing = {c.approach: c.standing for c in subject.choice.others}
    alternatives = [a.approach for a in subject.recommendation.alternatives if a.rejected_by is None]
    alternatives.sort(key=lambda a: standing[a] != "contender")
    measured: list[ApproachId] = []
    today = [subject.profile.current_approach] if subject.profile.current_approach else []
    roles = {**dict.fromkeys(today, "what runs today, "), subject.recommendation.approach: "the recommendation, "}
    for approach in dict.fromkeys(
        (BASELINE, *reversed(roles), *alternatives, *_blocking_pools(subject), *_servers(subject))
    ):
        if hindrance := _hindrance(subject.traits(approach), subject):
            role = roles.get(approach, "")
            notes.append(f"Not measured: {role}{approach}. {hindrance}")
        else:
            measured.append(approach)
    if len(measured) == 1:
        measured += _challengers(subject)
        others = " and ".join(measured[1:])
        notes.append(
            f"The baseline is compared with {others}, which the rules do not recommend here, to have a comparison."
            if others
            else "There is nothing to compare the baseline with."
        )
    _note_recommended_build(subject, measured, notes)
    return tuple(measured)


def _blocking_pools(subject: _Subject) -> list[ApproachId]:
    """For a hybrid batch outside an event loop: pools whose workers block, of threads and of processes, if eligible."""
    facts = subject.choice.facts
    if facts["workload_type"] != "hybrid" or facts["mode"] != "batch" or facts["event_loop"]:
        return []
    if not subject.profile.parallelizable:
        return []
    blocking = [a for a in APPROACHES if _waits_in_workers(subject.traits(a)) and not subject.sized(a).ruled_out]
    return [a for a in blocking if not _hindrance(subject.traits(a), subject)]


def _servers(subject: _Subject) -> list[ApproachId]:
    """For a service: every way of this Python that nothing forbids. What falls behind shows soon, and is dropped."""
    if subject.profile.mode != "service" or not subject.profile.parallelizable:
        return []
    own = [a for a in APPROACHES if subject.traits(a).needs == "any" and _allowed(a, subject)]
    return [a for a in own if not _hindrance(subject.traits(a), subject)]


def _waits_in_workers(traits: Traits) -> bool:
    """Whether it is a plain pool of this Python that needs nothing special: threads, or processes."""
    return traits.overlaps_waits == "pool" and traits.needs == "any" and traits.runs_in in ("own", "workers")


def _hindrance(traits: Traits, subject: _Subject) -> str:
    """Why an approach cannot be measured with the planned builds, as a sentence; empty if it can."""
    profile = subject.profile
    if traits.runs_in == "cluster":
        return "It spreads over machines, and this benchmark runs on one."
    by_library = traits.pool == "none" and traits.parallel_native
    if by_library and not (profile.native_parallel or profile.mostly_releases_gil):
        return "Nothing in the profile says that its code is native (native_parallel, releases_gil)."
    if any(_runs_on(traits, python.tag) for python in subject.pythons):
        return ""
    needed, default = _NEEDS[traits.needs]
    if here := [tag for tag in subject.tags_here if _runs_on(traits, tag)]:
        return f"It needs {needed}: --interpreter {max(here, key=version_key)} adds one."
    listed = [tag for tag in profile.interpreters or () if _runs_on(traits, tag)]
    tag = max(listed, key=version_key, default=default)
    return f"It needs {needed}, which is not on this machine: uv python install {tag}"


def _runs_on(traits: Traits, tag: str) -> bool:
    """Whether an approach is itself on a build: threads that the GIL holds up are another approach without it."""
    _, minor, free_threaded = version_key(tag)
    if traits.needs == "free_threaded":
        return free_threaded
    if traits.needs == "subinterpreters":
        return minor >= 14
    return not (traits.convoy and free_threaded)


def _challengers(subject: _Subject) -> list[ApproachId]:
    """What a sceptic would try where the tables leave only the baseline: waits in a pool, and Python on several cores.

    A choice of plain code is proven only by something that was slower. One approach of each family will do: the first
    of the candidates that runs here, else of the catalogue. Approaches that more than speed speaks against are no
    challengers: what the workload forbids would prove nothing.
    """
    if not subject.profile.parallelizable:
        return []
    families: tuple[Callable[[Traits], bool], ...] = (lambda t: t.pool == "waits", lambda t: t.parallel_python)
    ordered = dict.fromkeys([*(c.approach for c in subject.choice.others), *APPROACHES])
    possible = [a for a in ordered if not _hindrance(subject.traits(a), subject) and _allowed(a, subject)]
    firsts = (next((a for a in possible if family(subject.traits(a))), None) for family in families)
    return [approach for approach in firsts if approach is not None]


def _allowed(approach: ApproachId, subject: _Subject) -> bool:
    """Whether nothing but speed or memory speaks against an approach, on the one machine that a benchmark runs on."""
    here = subject.situation.changed(durable=False, machines=1)
    return all(rule.outputs["kind"] != "forbidden" for rule in here.candidate(approach).ruled_out)


def _note_recommended_build(subject: _Subject, measured: Sequence[ApproachId], notes: list[str]) -> None:
    """Say which build stands in for the recommended one, where that is not measured."""
    tag, approach = subject.recommendation.interpreter, subject.recommendation.approach
    if tag is None or approach not in measured or any(p.tag == tag for p in subject.pythons):
        return
    instead = next(p.tag for p in subject.pythons if _runs_on(subject.traits(approach), p.tag))
    why = "was not asked for" if tag in subject.tags_here else "cannot be measured on this machine"
    notes.append(f"Python {tag}, which the recommendation is for, {why}: {instead} is measured instead.")


# Pools ----------------------------------------------------------------------------------------------------------------


def _cpus(asked: int | None, planned: int, usable: int, notes: list[str]) -> int:
    """The CPUs to plan for: no more than there are, as pools for CPUs that are elsewhere measure nothing."""
    asked = max(asked or planned, planned)
    if asked > usable:
        notes.append(f"The profile has {asked} CPU cores, this machine {usable}: everything is measured with {usable}.")
    return min(planned, usable)


def _pool_size(approach: ApproachId, subject: _Subject, notes: list[str]) -> int:
    """The workers of an approach: as the tables size it, within what a benchmark on this machine can tell.

    The pool beside an event loop with an async library has a worker a CPU, because the loop does the waiting, and there
    is no use in a hundred processes that wait.
    """
    traits, size, cpus = subject.traits(approach), subject.sized(approach).workers, subject.cpus
    if not subject.profile.parallelizable:
        return 1
    if traits.pool != "none" and approach != subject.recommendation.approach:
        size = max(size, min(2, cpus, subject.profile.tasks or 2))  # one worker would show nothing of what pools do
    if traits.runs_loop and subject.profile.async_library is not False and size > cpus:
        notes.append(f"{approach} is measured with a pool of {cpus}, not {size}: the event loop does the waiting.")
        size = cpus
    most = min(max(cpus, _MOST_PROCESSES), _PROCESS_LIMIT)
    if (traits.runs_in == "workers" or traits.needs == "subinterpreters") and size > most:
        kind = "processes" if traits.runs_in == "workers" else "interpreters"
        notes.append(f"{approach} is measured with {most} {kind}, not {size}, which would take too long to start.")
        size = most
    return size


def _scaling(subject: _Subject) -> tuple[int, ...]:
    """The pool sizes to try the recommendation with: where its pool computes, not where it only waits."""
    chosen = subject.choice.chosen
    if subject.profile.mode == "service":
        return ()  # its pools are judged by the rates that they keep up with
    computes = "cores" in (subject.traits(chosen.approach).pool, chosen.sizing.outputs["basis"])
    return _SCALING if computes and subject.profile.parallelizable else ()


def _parameters(
    subject: _Subject, workers: dict[str, int], scaling: tuple[int, ...], budget_seconds: float, notes: list[str]
) -> dict[str, Parameter]:
    """The parameter block of the script. RECOMMENDED is None where the recommendation is not measured."""
    approach = subject.recommendation.approach
    parameters: dict[str, Parameter] = {
        "NAME": subject.profile.name or _NAME,
        "RECOMMENDED": approach if approach in workers else None,
        "APPROACHES": tuple(workers),
        "WORKERS": workers,
        "SCALING": scaling,
        "CPUS": subject.cpus,
        **workload_parameters(subject.profile, subject.choice.facts["in_flight"], notes),
        "BUDGET_SECONDS": budget_seconds,
    }
    if subject.profile.mode != "service":
        return parameters
    most = subject.recommendation.expected.saturation_per_s
    return service_parameters(parameters, subject.profile, most, notes)
