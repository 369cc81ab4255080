"""Facts: what the decision tables may ask about a workload. Given by the user, found on the host, or computed from both.

Every value is plain (text, number, boolean) or None for unknown. `FACTS` lists them all; the rooms to the right
(tables, explanations) know no other source.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from selector.approaches import Traits
from selector.cost.memory import footprint_of
from selector.cost.predict import CostEstimate
from selector.cost.shape import copy_ms
from selector.cost.terms import Builds, Quantities
from selector.host import default_start_method
from selector.workload.profile import WorkloadProfile

_FROM_PROFILE = (
    "workload_type", "latency_requirement_ms", "memory_budget_mb", "cpu_cores", "has_expensive_startup", "mode", "tasks",
    "concurrency", "cpu_ms_per_task", "io_wait_ms_per_task", "payload_kb_per_task", "task_memory_mb", "startup_ms",
    "startup_memory_mb", "parallelizable", "shared_state", "isolation", "releases_gil", "native_parallel", "event_loop",
    "async_library", "picklable", "free_threading_ready", "subinterpreter_ready", "platform", "notebook", "machines",
    "durable", "gpu", "current_approach",
)  # fmt: skip
_DERIVED = {
    "in_flight": "operations that can be in flight at once: the concurrency (assumed where it is not given), at most the tasks",
    "waits": "whether a task waits: it says so, or its type does",
    "cores_given": "whether the profile says how many CPUs there are",
    "workload_known": "whether tasks (of a service: concurrency), CPU time and waits are known, so that its time is predicted",
    "total_cpu_ms": "CPU time of all tasks",
    "total_work_ms": "CPU time and waits of all tasks, one after the other",
    "cpu_share": "the part of a task that is CPU time, 0 to 1",
    "copy_share": "copying the payload to a worker and back against the task's own time",
    "cpu_over_latency": "CPU time of a task against the latency requirement",
    "task_over_latency": "the whole time of a task by itself (on every core, where a library divides it) against the latency requirement",
    "thread_start_share": "starting a thread for each operation in flight against the time of all waits",
    "process_start_over_latency": "a cold process pool (of a service with its costly start) against the latency requirement",
    "free_threading": "ready (said so, or such a build is listed), possible (nothing known) or ruled_out",
    "free_threaded_here": "whether a free-threaded build is installed here, where the profile lists no interpreters",
    "free_threading_experimental": "whether the newest free-threaded build listed or here is 3.13t, an experiment (PEP 779)",
    "subinterpreters": "ready, possible or ruled_out, likewise (they need Python 3.14)",
    "gil_build": "whether a build with the GIL may be used",
    "start_method": "how processes start: fork, forkserver or spawn",
    "process_workers_that_fit": "worker processes that fit the memory budget",
}
_OF_APPROACH = {
    "approach": "the approach in question",
    **dict.fromkeys(Traits.__annotations__, "a trait of the approach (see approaches.yaml)"),
    "workers": "the size of its pool",
    "pool_limit": "what makes its pool smaller than CPUs or waits ask for: nothing, memory, latency (they would hold each other up), or pay (a start that does not pay)",
    "memory_use": "its predicted memory, as far as known, against the budget",
    "latency_use": "its predicted latency of a task by itself against the requirement",
    "queued_latency_use": "of a service: its predicted latency among all that are in flight against the requirement",
    "predicted_seconds": "of a batch: the time predicted for it",
}
_OF_CHAIN = {
    "workload_class": "what classify said",
    "speedup": "how much faster the best candidate is than the simpler one (speedup_bands)",
}
_LARGEST_RATIO = 1e12
#: Every fact by name, with its meaning.
FACTS: dict[str, str] = {
    **{name: WorkloadProfile.model_fields[name].description or name for name in _FROM_PROFILE},
    **_DERIVED,
    **_OF_APPROACH,
    **_OF_CHAIN,
}


@dataclass(frozen=True)
class HostFacts:
    """What a recommendation takes from the host: its platform, usable CPUs and interpreters (tag to path).

    `application` is the tag of the Python that the user's code runs on: that of the active environment, of the project's
    own, or the `python3` on the PATH; None where that is not known.
    """

    platform: str
    usable_cpus: int
    interpreters: tuple[tuple[str, str], ...] = ()
    application: str | None = None

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """The tags of the interpreters found here, such as 3.13 and 3.14t."""
        return tuple(tag for tag, _ in self.interpreters)


@lru_cache(maxsize=512)
def version_key(tag: str) -> tuple[int, int, bool]:
    """`3.14t` as (3, 14, True), for comparing versions."""
    major, minor = tag.rstrip("t").split(".")
    return int(major), int(minor), tag.endswith("t")


@lru_cache(maxsize=512)
def newest(tags: tuple[str, ...], free_threaded: bool, at_least: int = 0) -> str | None:
    """The newest tag of one kind of build, from Python 3.`at_least` on, or None."""
    fitting = [t for t in tags if t.endswith("t") == free_threaded and version_key(t)[1] >= at_least]
    return max(fitting, key=version_key, default=None)


EXPERIMENTAL_FREE_THREADING = ("3.13t",)  # supported from 3.14 on (PEP 779)

#: Operations in flight where nothing says how many: what the usual clients open at most unless told otherwise (aiohttp:
#: TCPConnector(limit=100); httpx: Limits(max_connections=100)), and what is plausible besides.
ASSUMED_IN_FLIGHT = 100
PLAUSIBLE_IN_FLIGHT = (10, 1000)


def build_facts(profile: WorkloadProfile, host: HostFacts) -> dict[str, Any]:
    """The facts about a workload on a host that do not depend on an approach, nor on costs."""
    facts = dict(profile.__dict__)  # with what no table asks for, such as its name: cheaper than leaving it out
    cpu, wait = profile.cpu_ms_per_task, profile.io_wait_ms_per_task
    tasks = facts["tasks"] = profile.tasks if profile.mode == "batch" else None  # a service has no end
    known = cpu is not None and wait is not None
    task_ms = (cpu or 0.0) + (wait or 0.0)
    latency = profile.latency_requirement_ms
    facts["cpu_cores"] = profile.cpu_cores or host.usable_cpus
    facts["cores_given"] = profile.cpu_cores is not None
    facts["platform"] = profile.platform or host.platform
    facts["waits"] = _waits(profile)
    facts["in_flight"] = _in_flight(profile, tasks)
    facts["total_cpu_ms"] = tasks * cpu if tasks is not None and cpu is not None else None
    task_known = _task_known(profile)
    facts["workload_known"] = _amount_known(profile) and task_known and not profile.gpu
    facts["total_work_ms"] = tasks * task_ms if tasks is not None and task_known else None
    facts["cpu_share"] = (cpu or 0.0) / task_ms if known and task_ms else None
    facts["cpu_over_latency"] = _against(cpu, latency)
    at_best_ms = task_ms if not profile.native_parallel else (cpu or 0.0) / facts["cpu_cores"] + (wait or 0.0)
    facts["task_over_latency"] = _against(at_best_ms, latency) if task_known else None
    of_this_host = profile.interpreters is None and facts["platform"] == host.platform
    facts["free_threaded_here"] = of_this_host and newest(host.tags, free_threaded=True) is not None
    free_threaded = newest(profile.interpreters or host.tags, free_threaded=True)
    facts["free_threading_experimental"] = free_threaded in EXPERIMENTAL_FREE_THREADING
    version = version_key(tag_for("any", profile, host) or "3.14")
    facts["start_method"] = default_start_method(facts["platform"], version[:2])
    facts.update(_builds(profile))
    return facts


def _waits(profile: WorkloadProfile) -> bool:
    """Whether a task waits: it says so, or its type does."""
    wait = profile.io_wait_ms_per_task
    return wait > 0 if wait is not None else profile.workload_type != "cpu"


def _in_flight(profile: WorkloadProfile, tasks: int | None) -> int | None:
    """How many operations are in flight at once; of a batch that waits an assumption where the profile does not say."""
    if not profile.parallelizable:
        return 1
    if profile.concurrency is not None or tasks is None or not _waits(profile):
        return _smaller(profile.concurrency, tasks)
    return min(ASSUMED_IN_FLIGHT, tasks)


def assumes_in_flight(profile: WorkloadProfile) -> bool:
    """Whether how many operations are in flight had to be assumed, and decides something."""
    return (
        profile.mode == "batch"
        and profile.concurrency is None
        and profile.parallelizable
        and (profile.tasks or 0) > PLAUSIBLE_IN_FLIGHT[0]
        and _waits(profile)
    )


def add_cost_facts(facts: dict[str, Any], work: Quantities, processes: Traits) -> None:
    """The facts that need costs: what copying and starting take against the task and the requirement."""
    costs = work.builds.gil
    task_ms = (work.cpu_ms or 0.0) + (work.wait_ms or 0.0)
    known = facts["payload_kb_per_task"] is not None
    facts["copy_share"] = _against(copy_ms(processes, work, costs), task_ms) if known else None
    facts["thread_start_share"] = _thread_start_share(work)
    set_up_ms = work.startup_ms if work.serves else 0.0  # of a batch, plain code makes it before its first task as well
    starts_ms = costs[f"process_pool_{work.start_method}_ms"] + set_up_ms
    facts["process_start_over_latency"] = _against(starts_ms, facts["latency_requirement_ms"])
    budget = facts["memory_budget_mb"]
    facts["process_workers_that_fit"] = None if budget is None else footprint_of(processes, work).workers_within(budget)


def _thread_start_share(work: Quantities) -> float | None:
    if not work.wait_ms or not work.tasks or not work.in_flight:
        return None
    waiting_ms = math.ceil(work.tasks / work.in_flight) * work.wait_ms
    return _against(work.in_flight * work.builds.gil["thread_start_ms"], waiting_ms)


def quantities(profile: WorkloadProfile, facts: dict[str, Any], builds: Builds) -> Quantities:
    """What the cost model needs; a CPU workload of unknown waits has none, an I/O workload of unknown CPU time none.

    What runs on a GPU is not predicted: what its device does in a millisecond is not known.
    """
    cpu, wait = profile.cpu_ms_per_task, profile.io_wait_ms_per_task
    return Quantities(
        serves=profile.mode == "service",
        tasks=None if profile.gpu else facts["tasks"],
        cpu_ms=0.0 if cpu is None and profile.workload_type == "io" else cpu,
        wait_ms=0.0 if wait is None and profile.workload_type == "cpu" else wait,
        in_flight=None if profile.gpu else facts["in_flight"],
        cores=facts["cpu_cores"],
        payload_kb=ASSUMED_PAYLOAD_KB if profile.payload_kb_per_task is None else profile.payload_kb_per_task,
        data_kb=profile.payload_kb_per_task or 0.0,
        task_mb=profile.task_memory_mb or 0.0,
        startup_ms=_startup_ms(profile),
        startup_mb=profile.startup_memory_mb or 0.0,
        startup_shared=profile.shared_state == "read_only" and facts["start_method"] == "fork",
        releases_gil=bool(profile.releases_gil),
        library_parallel=bool(profile.native_parallel),
        blocks=profile.async_library is False,
        isolated=profile.isolation in ("crash", "security"),
        shared_state=profile.shared_state,
        start_method=facts["start_method"],
        gil_build=facts["gil_build"],
        builds=builds,
    )


#: What crosses to a worker and back where nothing is said: a small record (the documented cost of a hand-over is that of a
#: number, and nobody sends nothing).
ASSUMED_PAYLOAD_KB = 1.0
#: Milliseconds of an expensive start of which nobody has told how long it takes: to load a model or a large cache is
#: seconds, to import a large library (pandas 1.4 s, scikit-learn 3.6 s of CPU) a little less.
ASSUMED_STARTUP_MS = 1000.0
PLAUSIBLE_STARTUP_MS = (200.0, 10_000.0)


def assumes_startup(profile: WorkloadProfile) -> bool:
    """Whether an expensive start is said to be, but not how long it takes."""
    return profile.has_expensive_startup and profile.startup_ms is None


def _startup_ms(profile: WorkloadProfile) -> float:
    return ASSUMED_STARTUP_MS if assumes_startup(profile) else profile.startup_ms or 0.0


#: The facts about an approach beside its traits: its pool, and predictions against what is required.
PREDICTED = (
    "workers", "pool_limit", "memory_use", "latency_use", "queued_latency_use", "predicted_seconds",
)  # fmt: skip


def prediction_facts(facts: dict[str, Any], workers: int, limit: str, predicted: CostEstimate) -> dict[str, Any]:
    """The facts about one approach that are predicted, in the order of PREDICTED; `facts` are those of the workload."""
    latency_ms = facts["latency_requirement_ms"]
    return {
        "workers": workers,
        "pool_limit": limit,
        "memory_use": _against(predicted.memory_mb, facts["memory_budget_mb"]),
        "latency_use": _against(predicted.latency_ms, latency_ms),
        "queued_latency_use": _against(predicted.queued_ms, latency_ms),
        "predicted_seconds": predicted.seconds,
    }


def _against(amount: float | None, limit: float | None) -> float | None:
    """One amount as a multiple of another, as far as both are known; finite, which is all that tables take."""
    return min(amount / limit, _LARGEST_RATIO) if amount is not None and limit else None


def _smaller(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else min(a, b)


def _amount_known(profile: WorkloadProfile) -> bool:
    """Whether it is known how much there is to do: the tasks of a batch, what is in flight in a service."""
    return (profile.tasks if profile.mode == "batch" else profile.concurrency) is not None


def _task_known(profile: WorkloadProfile) -> bool:
    """Whether the time of a task is known: both parts, or the only part its type has."""
    kind = profile.workload_type
    cpu_known = profile.cpu_ms_per_task is not None or kind == "io"
    wait_known = profile.io_wait_ms_per_task is not None or kind == "cpu"
    return cpu_known and wait_known and (profile.cpu_ms_per_task, profile.io_wait_ms_per_task) != (None, None)


def _builds(profile: WorkloadProfile) -> dict[str, Any]:
    """What the profile says about kinds of Python: its own word first, then the interpreters it lists."""
    listed = profile.interpreters
    return {
        "free_threading": _readiness(
            profile.free_threading_ready, None if listed is None else newest(listed, free_threaded=True) is not None
        ),
        "subinterpreters": _readiness(
            profile.subinterpreter_ready,
            None if listed is None else any(version_key(t)[1] >= 14 for t in listed),
            False,
        ),
        "gil_build": listed is None or newest(listed, free_threaded=False) is not None,
    }


def _readiness(said: bool | None, listed: bool | None, listing_is_word: bool = True) -> str:
    """ready, possible or ruled_out; listing a free-threaded build says it may be used, 3.14 says nothing of readiness."""
    if said is False or listed is False:
        return "ruled_out"
    return "ready" if said or (listed and listing_is_word) else "possible"


def _to_install(tags: tuple[str, ...]) -> str:
    """The free-threaded build to install: of the version that is here, if it has one that is no experiment (3.14)."""
    return max(("3.14", *(tag.rstrip("t") for tag in tags)), key=version_key) + "t"


def tag_for(needs: str, profile: WorkloadProfile, host: HostFacts) -> str | None:
    """The tag of the Python to use for an approach that needs such a build (see the traits).

    Of those that the profile lists the newest; else the one the application runs on, if it is of that kind; else the
    newest found here; else one to install. Nobody is sent from the Python he has to another one without need.
    """
    tags, own = profile.interpreters or host.tags, None if profile.interpreters else host.application
    if needs == "free_threaded":
        return own if own and own.endswith("t") else newest(tags, free_threaded=True) or _to_install(tags)
    oldest = 14 if needs == "subinterpreters" else 0
    if own and version_key(own)[1] >= oldest:
        return own
    found = newest(tags, free_threaded=False, at_least=oldest) or newest(tags, free_threaded=True, at_least=oldest)
    return found or ("3.14" if oldest else None)
