"""A user's function as a benchmark takes it, and the plan to measure it in every way that can run here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from selector.approaches import Traits
from selector.benchmark.parameters import Parameter
from selector.benchmark.plan import BASELINE, OWN_FUNCTION, BenchmarkPlan, PlannedPython
from selector.errors import SelectorError
from selector.models import Frozen
from selector.recommend.chain import Situation
from selector.recommend.facts import newest, version_key
from selector.recommend.recommendation import Recommendation
from selector.workload.profile import ApproachId, WorkloadProfile

_OLDEST_MINOR, _SUBINTERPRETERS_SINCE = 10, 14
_MOST_WORKERS = 256  # that wait: more threads would mostly measure how they start


class Subject(Frozen):
    """A function by its texts, as the command line takes them; nothing of it is imported here.

    `folder` is where they are looked for. Without `items` the function is called with no argument.
    """

    function: str
    folder: Path
    items: str | None = None
    setup: str | None = None
    async_function: str | None = None


def plan_function(
    subject: Subject,
    pythons: Sequence[PlannedPython],
    *,
    known: tuple[Situation, Recommendation] | None,
    approaches: Sequence[ApproachId],
    budget_seconds: float,
    usable_cpus: int,
    seed: int | None = None,
) -> BenchmarkPlan:
    """The plan to measure a function on a machine, under these Pythons, the one that has its libraries first.

    All `approaches` are in it, whatever is recommended: what a call takes, and so how many workers pay, is found by the
    script. What is `known` of the function adds what it is named for, its limits, and the size of pools that wait.
    """
    profile = known[1].profile if known else None
    name = (profile.name if profile else None) or subject.function
    recommended = known[1].approach if known else None
    order = tuple(dict.fromkeys((BASELINE, *approaches)))
    workers = _pools(known[0], order) if known else {}
    parameters: dict[str, Parameter] = {
        "NAME": name,
        "FUNCTION": subject.function,
        "ASYNC_FUNCTION": subject.async_function,
        "ITEMS": subject.items,
        "SETUP": subject.setup,
        "FOLDER": str(subject.folder),
        "RECOMMENDED": recommended if recommended in order else None,
        "APPROACHES": order,
        "WORKERS": workers,
        "CPUS": usable_cpus,
        "BUDGET_SECONDS": budget_seconds,
        **(_limits(profile, usable_cpus) if profile else {}),
    }
    return BenchmarkPlan(
        name=name,
        recommended=recommended,
        recommended_tag=known[1].interpreter if known else None,
        approaches=order,
        workers=workers,
        scaling=(),
        pythons=tuple(pythons),
        budget_seconds=budget_seconds,
        io="function",
        seed=seed,
        parameters=parameters,
        notes=_notes(subject),
        template=OWN_FUNCTION,
    )


def _notes(subject: Subject) -> tuple[str, ...]:
    """What to bear in mind of what is called."""
    twin = subject.async_function
    return (f"asyncio is measured with {twin}, all else with {subject.function}",) if twin is not None else ()


def _limits(profile: WorkloadProfile, usable_cpus: int) -> dict[str, Parameter]:
    """What the profile says of the whole job and its limits."""
    return {
        "CPUS": min(profile.cpu_cores or usable_cpus, usable_cpus),
        "TASKS": profile.tasks,
        "CONCURRENCY": profile.concurrency if profile.parallelizable else 1,
        "GIL_SHARE": profile.gil_share,
        "MEMORY_BUDGET_MB": profile.memory_budget_mb,
    }


def _pools(situation: Situation, approaches: Sequence[ApproachId]) -> dict[str, int]:
    """The sizes of pools of threads by the tables, where the profile has the quantities that they follow from.

    Threads behind a loop are as many: a function that blocks needs one for each call that waits.
    """
    profile = situation.profile
    if profile.cpu_ms_per_task is None or profile.io_wait_ms_per_task is None or not profile.parallelizable:
        return {}
    threads = [a for a in approaches if _is_of_threads(situation.traits(a))]
    plain = {situation.traits(a).needs: a for a in threads if not situation.traits(a).runs_loop}
    sizes = {needs: min(situation.candidate(a).workers, _MOST_WORKERS) for needs, a in plain.items()}
    return {a: sizes[situation.traits(a).needs] for a in threads if situation.traits(a).needs in sizes}


def _is_of_threads(traits: Traits) -> bool:
    """Whether its pool is one of threads."""
    return traits.pool != "none" and traits.runs_in == "own" and traits.needs != "subinterpreters"


def pythons_to_try(
    reference: PlannedPython, further: Sequence[PlannedPython] | None, available: Mapping[str, str]
) -> tuple[PlannedPython, ...]:
    """The Pythons to try a function under: the one that has its libraries, and those that the user named.

    Where nothing is named (None), those found here (`available`, tag to path) that can do what the reference cannot: the
    newest free-threaded build, and the newest that has subinterpreters. Whether they import the function, the script
    finds out. SelectorError for two of one version.
    """
    chosen = {reference.tag: reference}
    for python in further or ():
        if chosen.setdefault(python.tag, python).path != python.path:
            paths = f"{chosen[python.tag].path} and {python.path}"
            raise SelectorError(f"two interpreters of one version, {python.tag}: {paths}", "give one of them")
    if further is not None:
        return tuple(chosen.values())
    tags = tuple(tag for tag in available if version_key(tag)[1] >= _OLDEST_MINOR)
    wanted = [] if reference.free_threaded else [newest(tags, free_threaded=True)]
    if version_key(reference.tag)[1] < _SUBINTERPRETERS_SINCE:
        wanted.append(newest(tags, free_threaded=False))
    for tag in wanted:
        if tag is not None and tag not in chosen:
            chosen[tag] = PlannedPython(tag=tag, path=available[tag], free_threaded=tag.endswith("t"))
    return tuple(chosen.values())


def for_a_script_in(plan: BenchmarkPlan, folder: Path) -> BenchmarkPlan:
    """The plan with the folder of its function as a script in another folder sees it, so that both can be moved together."""
    here = str(plan.parameters["FOLDER"])
    try:
        seen = os.path.relpath(here, folder)
    except ValueError:  # on another drive
        seen = here
    return plan.model_copy(update={"parameters": {**plan.parameters, "FOLDER": Path(seen).as_posix()}})
