"""Facts: what the decision tables may ask about a workload. Given by the user, found on the host, or computed from both.

Every value is plain (text, number, boolean) or None for unknown. The types of facts here are the one list of them:
`FACTS`, which tables are checked against and `rules show facts` prints, is read from them.
"""
# No `from __future__ import annotations`: what is annotated is read below, and reading texts would cost a start.

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated, Literal, TypedDict

from selector.approaches import Traits
from selector.workload.profile import ApproachId, WorkloadProfile, WorkloadType

Readiness = Literal["ready", "possible", "ruled_out"]
PoolLimit = Literal["nothing", "memory", "latency", "pay"]


class WorkloadFacts(TypedDict):
    """The facts before any table was asked: fields of the profile, which mean what they mean there, and what follows."""

    workload_type: WorkloadType
    latency_requirement_ms: float | None
    memory_budget_mb: float | None
    cpu_cores: int
    has_expensive_startup: bool
    mode: Literal["batch", "service"]
    tasks: int | None
    concurrency: int | None
    requests_per_second: float | None
    throughput_requirement_per_s: float | None
    finish_within_s: float | None
    cpu_ms_per_task: float | None
    io_wait_ms_per_task: float | None
    io_kind: Literal["network", "disk", "database", "subprocess", "mixed"] | None
    payload_kb_per_task: float | None
    pickle_ms_per_task: float | None
    task_memory_mb: float | None
    startup_ms: float | None
    startup_memory_mb: float | None
    import_ms: float | None
    parallelizable: bool
    shared_state: Literal["none", "read_only", "disjoint_writes", "hot_writes", "hot_reads"] | None
    isolation: Literal["none", "crash", "security"] | None
    releases_gil: Annotated[
        bool | None,
        "the hot code is native and releases the GIL: as the profile says, or its gil_share lets as many threads as there are CPUs compute",
    ]
    gil_share: Annotated[
        float | None,
        "the share of its CPU time in which the code holds the GIL; 0 or 1 where only releases_gil is said",
    ]
    gil_hold_ms: float | None
    native_parallel: bool | None
    event_loop: bool | None
    async_library: Annotated[bool | None, "an async client exists for the I/O: as the profile says; of files none does"]
    picklable: bool | None
    free_threading_ready: bool | None
    free_threaded_ratio: float | None
    subinterpreter_ready: bool | None
    platform: str
    notebook: bool | None
    machines: int
    durable: bool
    gpu: bool | None
    current_approach: ApproachId | None
    maintainability: Literal["normal", "high"] | None

    in_flight: Annotated[
        int | None,
        "operations that can be in flight at once: the concurrency (assumed where it is not given), at most the tasks; of a service whose requests_per_second are given, what is hardly ever exceeded by Little's law",
    ]
    waits: Annotated[bool, "whether a task waits: it says so, or its type does"]
    cores_given: Annotated[bool, "whether the profile says how many CPUs there are"]
    workload_known: Annotated[
        bool,
        "whether tasks (of a service: requests_per_second, or concurrency), CPU time and waits are known, so that its time is predicted",
    ]
    total_cpu_ms: Annotated[float | None, "CPU time of all tasks"]
    total_work_ms: Annotated[float | None, "CPU time and waits of all tasks, one after the other"]
    cpu_load: Annotated[
        float | None,
        "CPUs that are kept busy by what arrives in a second, or must be done in one or by the deadline, against cpu_cores",
    ]
    one_machine_use: Annotated[
        float | None,
        "where several machines are given, and nothing must survive a restart: what the best way on one of them takes of the deadline, the rate, the latency or the memory, whichever it takes most of (predicted)",
    ]
    machines_gain: Annotated[
        float | None,
        "likewise of a batch: how many times as fast all of them are with an engine as the best way on one (predicted)",
    ]
    cpu_share: Annotated[float | None, "the part of a task that is CPU time, 0 to 1"]
    copy_share: Annotated[float | None, "copying the payload to a worker and back against the task's own time"]
    cpu_over_latency: Annotated[float | None, "CPU time of a task against the latency requirement"]
    gil_hold_over_latency: Annotated[
        float | None, "the longest time the code holds the GIL without a break against the latency requirement"
    ]
    free_threaded_gain: Annotated[
        float | None,
        "how much faster all CPUs together are on a free-threaded build, at most: their number by free_threaded_ratio",
    ]
    task_over_latency: Annotated[
        float | None,
        "the whole time of a task by itself (on every core, where a library divides it) against the latency requirement",
    ]
    thread_start_share: Annotated[
        float | None, "starting a thread for each operation in flight against the time of all waits"
    ]
    process_start_over_latency: Annotated[
        float | None,
        "a cold process pool (of a service with its costly start) against the latency requirement",
    ]
    free_threading: Annotated[
        Readiness, "ready (said so, or such a build is listed), possible (nothing known) or ruled_out"
    ]
    free_threaded_here: Annotated[
        bool, "whether a free-threaded build is installed here, where the profile lists no interpreters"
    ]
    free_threading_experimental: Annotated[
        bool, "whether the newest free-threaded build listed or here is 3.13t, an experiment (PEP 779)"
    ]
    subinterpreters: Annotated[Readiness, "ready, possible or ruled_out, likewise (they need Python 3.14)"]
    gil_build: Annotated[bool, "whether a build with the GIL may be used"]
    start_method: Annotated[str, "how processes start: fork, forkserver or spawn"]
    process_workers_that_fit: Annotated[int | None, "worker processes that fit the memory budget"]
    joined: Annotated[bool, "whether it is a part of a system, whose parts hand work to one another"]
    lacks_asyncio: Annotated[bool, "whether team_knows is given, and asyncio is not in it"]
    lacks_threads: Annotated[bool, "whether team_knows is given, and threads are not in it"]
    lacks_processes: Annotated[bool, "whether team_knows is given, and processes are not in it"]
    lacks_queues: Annotated[bool, "whether team_knows is given, and queues are not in it"]


class Facts(WorkloadFacts):
    """All facts about a workload: also what the first table said."""

    workload_class: Annotated[str, "what classify said"]


class PredictedFacts(TypedDict):
    """The facts about an approach beside its traits: its pool, and predictions against what is required."""

    workers: Annotated[int, "the size of its pool"]
    processes: Annotated[int, "of a service: the processes of it that share what arrives, each with such a pool"]
    pool_limit: Annotated[
        PoolLimit,
        "what makes its pool smaller than CPUs or waits ask for: nothing, memory, latency (they would hold each other up), or pay (a start that does not pay)",
    ]
    memory_use: Annotated[float | None, "its predicted memory, as far as known, against the budget"]
    latency_use: Annotated[float | None, "its predicted latency of a task by itself against the requirement"]
    queued_latency_use: Annotated[
        float | None, "of a service: its predicted latency among all that are in flight against the requirement"
    ]
    utilisation: Annotated[
        float | None,
        "of a service: the requests that arrive in a second, or must be done, against what it can do at most (predicted); from 1 on it does not keep up",
    ]
    deadline_use: Annotated[
        float | None,
        "of a batch: the time predicted for it against finish_within_s, and against the time that throughput_requirement_per_s leaves it",
    ]
    predicted_seconds: Annotated[float | None, "of a batch: the time predicted for it"]


class SpeedupFacts(TypedDict):
    """What speedup_bands is asked."""

    speedup: Annotated[float, "how much faster the best candidate is than the simpler one (speedup_bands)"]
    unfamiliar: Annotated[
        bool | None, "whether the best candidate takes a skill that team_knows lacks, and the simpler one does not"
    ]
    harder_to_debug: Annotated[
        bool | None, "whether maintainability is high, and the best candidate is harder to debug than the simpler one"
    ]
    arrives: Annotated[
        bool | None, "whether requests arrive at a rate of their own, so that `speedup` is how much sooner it answers"
    ]


def _meanings(facts: type) -> dict[str, str]:
    """The names of facts, each with what it means: as it says here, else as the field of the profile does."""
    fields = WorkloadProfile.model_fields
    return {
        name: hint.__metadata__[0] if hasattr(hint, "__metadata__") else fields[name].description or name
        for name, hint in facts.__annotations__.items()
    }


#: The facts about two candidates that speedup_bands is asked.
OF_A_PAIR = tuple(SpeedupFacts.__annotations__)
#: The facts about an approach that are predicted.
PREDICTED = tuple(PredictedFacts.__annotations__)
#: Every fact by name, with its meaning.
FACTS: dict[str, str] = {
    **_meanings(WorkloadFacts),
    "approach": "the approach in question",
    **dict.fromkeys(Traits.__annotations__, "a trait of the approach (see approaches.yaml)"),
    **_meanings(PredictedFacts),
    **_meanings(Facts),
    **_meanings(SpeedupFacts),
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


def _to_install(tags: tuple[str, ...]) -> str:
    """The free-threaded build to install: of the version that is here, if it has one that is no experiment (3.14)."""
    return max(("3.14", *(tag.rstrip("t") for tag in tags)), key=version_key) + "t"


def tag_for(needs: str, profile: WorkloadProfile, host: HostFacts) -> str | None:
    """The tag of the Python to use for an approach that needs such a build (see the traits).

    The one the application runs on, if it is of that kind, and listed where the profile lists any; else the newest of
    those listed, or found here; else one to install. Nobody is sent from the Python he has to another one without need.
    """
    return _tag_for(needs, profile.interpreters, host.tags, host.application)


@lru_cache(maxsize=4096)
def _tag_for(
    needs: str, listed: tuple[str, ...] | None, found_here: tuple[str, ...], application: str | None
) -> str | None:
    tags, own = listed or found_here, application if not listed or application in listed else None
    if needs == "free_threaded":
        return own if own and own.endswith("t") else newest(tags, free_threaded=True) or _to_install(tags)
    oldest = 14 if needs == "subinterpreters" else 0
    if own and version_key(own)[1] >= oldest:
        return own
    found = newest(tags, free_threaded=False, at_least=oldest) or newest(tags, free_threaded=True, at_least=oldest)
    return found or ("3.14" if oldest else None)
