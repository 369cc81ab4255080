"""Plans a benchmark: which approaches are measured, with how many workers, on which builds of Python, on what workload.

Pure: the same recommendation, interpreters and options give the same plan. What is assumed or left out is said in notes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from selector.approaches import Traits
from selector.errors import SelectorError
from selector.host import Interpreter
from selector.models import Saved
from selector.recommend.chain import Candidate, Choice, consider
from selector.recommend.facts import ASSUMED_IN_FLIGHT, newest, version_key
from selector.recommend.knowledge import Knowledge
from selector.recommend.recommendation import Recommendation
from selector.text import duration, quoted
from selector.workload.profile import APPROACHES, ApproachId, WorkloadProfile

IoKind = Literal["socket", "sleep"]
#: What a parameter of a template may be: what `repr` writes and JSON keeps (its arrays are read back as tuples).
Parameter = bool | int | float | str | tuple[str | int, ...] | dict[str, int] | None

BASELINE: ApproachId = "single_threaded"
LEAST_BUDGET_SECONDS = 1.0
MOST_BUDGET_SECONDS = 24 * 3600.0
#: Assumed where a profile is silent: long enough to measure, and waits longer than computing, as they mostly are.
ASSUMED_CPU_MS = 5.0
ASSUMED_WAIT_MS = 20.0
_WAITS = 0.1  # a task that waits for less than that share of its time is computing, however many are in flight
_NAME = "Workload"  # of a profile that has no name
_SCALING = (1, 2, 4, 8)
_OLDEST_MINOR = 10  # the scripts are written for Python 3.10 and later
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
    `pythons` is the reference: the baseline runs on it. `recommended_tag` is the Python the recommendation is for.
    """

    name: str
    recommended: ApproachId
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


class _Subject(NamedTuple):
    """What a plan is made from: the choice, its recommendation, the builds to measure with, the tags found, the CPUs."""

    choice: Choice
    recommendation: Recommendation
    knowledge: Knowledge
    pythons: tuple[PlannedPython, ...]
    tags_here: tuple[str, ...]
    cpus: int

    @property
    def profile(self) -> WorkloadProfile:
        """The workload, with the CPUs and the platform that the recommendation is for."""
        return self.recommendation.profile

    def traits(self, approach: ApproachId) -> Traits:
        """What the catalogue says of an approach."""
        return self.knowledge.approaches[approach].traits

    def sized(self, approach: ApproachId) -> Candidate:
        """An approach as the tables size it for these CPUs, also where no row of strategy named it."""
        facts = {**self.choice.facts, "cpu_cores": self.cpus}
        return consider(approach, None, facts, self.choice.work._replace(cores=self.cpus), self.knowledge)


def plan_benchmark(
    choice: Choice,
    recommendation: Recommendation,
    available: Sequence[Interpreter],
    knowledge: Knowledge,
    *,
    budget_seconds: float,
    usable_cpus: int,
    wanted: Sequence[str] = (),
    io: IoKind = "socket",
    seed: int | None = None,
    cpus_asked: int | None = None,
    application: str | None = None,
) -> BenchmarkPlan:
    """The plan to measure a recommendation on a machine with these interpreters.

    `wanted` are tags or paths of `available` interpreters and win over the profile's; without either the Python of the
    recommendation is measured, else the `application`'s (a tag), beside the newest of the other kind. `cpus_asked` is what the user's
    profile asked for, where the recommendation was made for fewer: those of this machine (`usable_cpus`). Without a
    seed the script draws one. SelectorError where no interpreter fits, and where the budget is too short for one round.
    """
    notes: list[str] = []
    own = (recommendation.interpreter, application)
    pythons = _pythons(recommendation.profile, available, wanted, own, notes)
    cpus = _cpus(cpus_asked, choice.facts["cpu_cores"], usable_cpus, notes)
    subject = _Subject(choice, recommendation, knowledge, pythons, tuple(_by_tag(available)), cpus)
    approaches = _approaches(subject, notes)
    workers: dict[str, int] = {approach: _pool_size(approach, subject, notes) for approach in approaches}
    scaling = _scaling(subject) if recommendation.approach in approaches else ()
    parameters = _parameters(subject, workers, scaling, budget_seconds, notes)
    _check_budget(budget_seconds, len(approaches), parameters)
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
    )


# Interpreters ---------------------------------------------------------------------------------------------------------


def _pythons(
    profile: WorkloadProfile,
    available: Sequence[Interpreter],
    wanted: Sequence[str],
    own: Sequence[str | None],
    notes: list[str],
) -> tuple[PlannedPython, ...]:
    """The builds to measure with, the reference (newest build with a GIL) first.

    They are the ones asked for, else those of the profile that are here, else one of each kind found here: `own`, which
    are the recommendation's and the application's tag, before the newest.
    """
    here = _by_tag(available)
    if wanted:
        chosen = asked_for(wanted, available)
    elif profile.interpreters:
        chosen = _listed(profile.interpreters, here, notes)
    else:
        chosen = one_of_each_kind(available, own)
    if not chosen:
        raise SelectorError("no Python that the benchmark can run on was found here", "uv python install 3.15", 1)
    chosen.sort(key=lambda i: (i.free_threaded, -version_key(i.tag)[1]))
    if chosen[0].free_threaded:
        notes.append(
            f"Only free-threaded builds are measured: the baseline runs on {chosen[0].tag}, "
            "and the times per task are those of that build."
        )
    return tuple(PlannedPython(tag=i.tag, path=i.path, free_threaded=i.free_threaded) for i in chosen)


def _by_tag(available: Iterable[Interpreter]) -> dict[str, Interpreter]:
    """The interpreters that can be measured, one a tag: the last one found, which is also the one HostFacts has."""
    return {i.tag: i for i in available if not _unfit(i)}


def _unfit(interpreter: Interpreter) -> str:
    """Why a benchmark does not run on this interpreter; empty if it does."""
    if interpreter.implementation != "CPython":
        return f"is {interpreter.implementation}: builds of CPython are compared"
    too_old = version_key(interpreter.tag)[1] < _OLDEST_MINOR
    return f"is Python {interpreter.tag}: the benchmark needs 3.{_OLDEST_MINOR} or later" if too_old else ""


def one_of_each_kind(available: Iterable[Interpreter], own: Iterable[str | None]) -> list[Interpreter]:
    """One with a GIL and a free-threaded one, as far as there are: the first of the user's `own` tags, else the newest."""
    here = _by_tag(available)
    first = [tag for tag in own if tag in here]
    tags = (
        next((tag for tag in first if tag.endswith("t") == kind), None) or newest(tuple(here), free_threaded=kind)
        for kind in (False, True)
    )
    return [here[tag] for tag in tags if tag is not None]


def asked_for(wanted: Sequence[str], available: Sequence[Interpreter]) -> list[Interpreter]:
    """The interpreters that the user named, each once; SelectorError for one that is not here or cannot be measured."""
    chosen: dict[str, Interpreter] = {}
    for word in wanted:
        by_path = [i for i in available if i.path == word]
        by_tag = [i for i in available if i.tag == word.strip().casefold()]
        found = next(reversed(by_path or [i for i in by_tag if not _unfit(i)] or by_tag), None)
        if found is None:
            raise SelectorError(f"no interpreter {quoted(word)} on this machine", f"here are: {_listing(available)}")
        if problem := _unfit(found):
            raise SelectorError(f"interpreter {quoted(word)} {problem}", f"here are: {_listing(available)}")
        if chosen.setdefault(found.tag, found).path != found.path:
            paths = f"{chosen[found.tag].path} and {found.path}"
            raise SelectorError(f"two interpreters of one version, {found.tag}: {paths}", "give one of them")
    return list(chosen.values())


def _listed(tags: Sequence[str], here: Mapping[str, Interpreter], notes: list[str]) -> list[Interpreter]:
    """Those of the profile's interpreters that are here; SelectorError if none is."""
    missing = sorted((tag for tag in set(tags) if tag not in here), key=version_key)
    found = [here[tag] for tag in set(tags) if tag in here]
    if not found:
        newest_tag = missing[-1] if version_key(missing[-1])[1] >= _OLDEST_MINOR else "3.15"
        raise SelectorError(
            f"none of the profile's interpreters can be measured on this machine: {', '.join(missing)}",
            f"uv python install {newest_tag}, or --interpreter with one that is here: {_listing(here.values())}",
        )
    if missing:
        notes.append(f"In the profile, but not to be measured on this machine: Python {', '.join(missing)}.")
    return found


def _listing(available: Iterable[Interpreter]) -> str:
    """The interpreters a benchmark can run on, as a message lists them."""
    found = [f"{i.tag} ({i.path})" for i in _by_tag(available).values()]
    return ", ".join(found) or "none that the benchmark can run on"


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
    for approach in dict.fromkeys((BASELINE, *reversed(roles), *alternatives, *_blocking_pools(subject))):
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


def _waits_in_workers(traits: Traits) -> bool:
    """Whether it is a plain pool of this Python that needs nothing special: threads, or processes."""
    return traits.overlaps_waits == "pool" and traits.needs == "any" and traits.runs_in in ("own", "workers")


def _hindrance(traits: Traits, subject: _Subject) -> str:
    """Why an approach cannot be measured with the planned builds, as a sentence; empty if it can."""
    profile = subject.profile
    if traits.runs_in == "cluster":
        return "It spreads over machines, and this benchmark runs on one."
    by_library = traits.pool == "none" and traits.parallel_native
    if by_library and not (profile.native_parallel or profile.releases_gil):
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
    facts = {**subject.choice.facts, "durable": False, "machines": 1}
    considered = consider(approach, None, facts, subject.choice.work, subject.knowledge)
    return all(rule.outputs["kind"] != "forbidden" for rule in considered.ruled_out)


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
    computes = "cores" in (subject.traits(chosen.approach).pool, chosen.sizing.outputs["basis"])
    return _SCALING if computes and subject.profile.parallelizable else ()


# The workload ---------------------------------------------------------------------------------------------------------


def _parameters(
    subject: _Subject, workers: dict[str, int], scaling: tuple[int, ...], budget_seconds: float, notes: list[str]
) -> dict[str, Parameter]:
    """The parameter block of the script. RECOMMENDED is None where the recommendation is not measured."""
    approach = subject.recommendation.approach
    return {
        "NAME": subject.profile.name or _NAME,
        "RECOMMENDED": approach if approach in workers else None,
        "APPROACHES": tuple(workers),
        "WORKERS": workers,
        "SCALING": scaling,
        "CPUS": subject.cpus,
        **_workload(subject, notes),
        "BUDGET_SECONDS": budget_seconds,
    }


def _workload(subject: _Subject, notes: list[str]) -> dict[str, Parameter]:
    """The parameters that describe the workload; what the profile had to give and did not is assumed, and named.

    An I/O workload of unknown CPU time has none, and a CPU workload of unknown waits has none, as in the predictions.
    """
    profile = subject.profile
    cpu_ms, wait_ms, assumed = profile.cpu_ms_per_task, profile.io_wait_ms_per_task, []
    if cpu_ms is None and profile.workload_type != "io":
        cpu_ms = ASSUMED_CPU_MS
        assumed.append("CPU_MS_PER_TASK")
        notes.append(f"The CPU time of a task is not known: {cpu_ms:g} ms are assumed.")
    if wait_ms is None and profile.workload_type != "cpu":
        wait_ms = ASSUMED_WAIT_MS
        assumed.append("IO_WAIT_MS_PER_TASK")
        notes.append(f"The time a task waits is not known: {wait_ms:g} ms are assumed.")
    in_flight = profile.concurrency if profile.parallelizable else 1
    if in_flight is None and wait_ms and wait_ms >= _WAITS * (wait_ms + (cpu_ms or 0.0)):
        in_flight = subject.choice.facts["in_flight"] or ASSUMED_IN_FLIGHT
        if in_flight != profile.tasks:  # fewer tasks than that are all in flight anyway
            assumed.append("CONCURRENCY")
            notes.append(f"How many operations are in flight at once is not known: {in_flight} are assumed.")
    if profile.has_expensive_startup and profile.startup_ms is None:
        notes.append("How long the expensive startup takes is not known: it is not measured.")
    if not profile.parallelizable:
        notes.append("The tasks depend on each other: one is in flight at a time, and every pool has one worker.")
    return {
        "TASKS": profile.tasks,
        "CONCURRENCY": in_flight,
        "CPU_MS_PER_TASK": cpu_ms or 0.0,
        "IO_WAIT_MS_PER_TASK": wait_ms or 0.0,
        "PAYLOAD_KB_PER_TASK": profile.payload_kb_per_task or 0.0,
        "TASK_MEMORY_MB": profile.task_memory_mb or 0.0,
        "STARTUP_MS": profile.startup_ms or 0.0,
        "STARTUP_MEMORY_MB": profile.startup_memory_mb or 0.0,
        "SHARED_STATE": profile.shared_state or "none",
        "RELEASES_GIL": bool(profile.releases_gil),
        "NATIVE_PARALLEL": bool(profile.native_parallel),
        "ASYNC_LIBRARY": profile.async_library is not False,
        "MEMORY_BUDGET_MB": profile.memory_budget_mb,
        "ASSUMED": tuple(assumed),
    }


# The budget -----------------------------------------------------------------------------------------------------------


def _check_budget(budget_seconds: float, approaches: int, parameters: Mapping[str, Parameter]) -> None:
    """SelectorError where not one round fits the budget.

    The least there can be is one task of the baseline, twice, and one of each other approach, each in a process that
    pays the startup: (approaches + 1) x (STARTUP_MS + CPU_MS_PER_TASK + IO_WAIT_MS_PER_TASK). Further builds of Python
    and what they take to start are not counted.
    """
    times_ms = [parameters[name] for name in ("STARTUP_MS", "CPU_MS_PER_TASK", "IO_WAIT_MS_PER_TASK")]
    task_seconds = sum(ms for ms in times_ms if isinstance(ms, float)) / 1000
    least_seconds = (approaches + 1) * task_seconds
    if least_seconds <= budget_seconds:
        return
    hint = f"--budget {math.ceil(least_seconds)}s would do for two tasks of the baseline and one of each other approach"
    if least_seconds > MOST_BUDGET_SECONDS:
        hint = "no budget up to 24h would do: give the times of a smaller task, such as --set cpu_ms_per_task=1000"
    raise SelectorError(
        f"a budget of {duration(budget_seconds, None)} is too short: one task, with its startup, takes"
        f" {duration(task_seconds, None)}",
        hint,
    )


_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_BUDGET = re.compile(rf"(?:{_NUMBER}h)?(?:{_NUMBER}m(?!s))?(?:{_NUMBER}s)?(?:{_NUMBER}ms)?")
_UNIT_SECONDS = (3600.0, 60.0, 1.0, 0.001)


def budget_from_text(text: str) -> float:
    """A budget in seconds from `90`, `60s`, `2m`, `1m30s`, `1.5h` or `5000ms`; SelectorError for anything else.

    It is from 1 second, in which little can be told apart, to 24 hours.

    >>> budget_from_text("1m30s")
    90.0
    """
    word = text.strip().casefold()
    match = _BUDGET.fullmatch(f"{word}s" if re.fullmatch(_NUMBER, word) else word)
    if match is None or not any(match.groups()):
        raise SelectorError(f"budget {quoted(text)} is no length of time", "for example 60s, 2m, 1m30s or 90 (seconds)")
    seconds = sum(float(n) * unit for n, unit in zip(match.groups(), _UNIT_SECONDS, strict=True) if n)
    if not LEAST_BUDGET_SECONDS <= seconds <= MOST_BUDGET_SECONDS:
        length = "short" if seconds < LEAST_BUDGET_SECONDS else "long"
        raise SelectorError(f"budget {quoted(text)} is too {length}", "from 1s to 24h")
    return seconds
