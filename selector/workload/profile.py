"""WorkloadProfile: what a user tells us about a workload, and the words they may use for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from selector.models import Saved

WorkloadType = Literal["cpu", "io", "hybrid"]
ApproachId = Literal[
    "single_threaded",
    "native_parallel",
    "threads",
    "asyncio",
    "asyncio_threads",
    "free_threaded",
    "asyncio_free_threaded",
    "subinterpreters",
    "multiprocessing",
    "asyncio_processes",
    "distributed",
]
#: What people have to know to keep an approach running.
Skill = Literal["asyncio", "threads", "processes", "queues"]
SKILLS: tuple[Skill, ...] = get_args(Skill)
#: Every approach, simplest first: the order that settles ties.
APPROACHES: tuple[ApproachId, ...] = get_args(ApproachId)

#: The largest number that a field takes: far past any workload, far below where floats lose whole numbers.
LARGEST = 10**12

_WORKLOAD_SPELLINGS: dict[str, WorkloadType] = {
    "cpu": "cpu", "cpubound": "cpu", "cpuintensive": "cpu", "cpuheavy": "cpu", "compute": "cpu",
    "computebound": "cpu", "computation": "cpu",
    "io": "io", "iobound": "io", "iointensive": "io", "ioheavy": "io", "network": "io", "networkbound": "io",
    "hybrid": "hybrid", "mixed": "hybrid", "both": "hybrid", "cpuio": "hybrid", "cpuandio": "hybrid",
    "iocpu": "hybrid", "ioandcpu": "hybrid", "ioboundandcpubound": "hybrid", "cpuboundandiobound": "hybrid",
}  # fmt: skip


def _workload_type(value: object) -> object:
    """`CPU-bound`, `I/O bound`, `mixed`, … as one of the three ids; anything else is left to be refused."""
    if not isinstance(value, str):
        return value
    letters = "".join(c for c in value.casefold() if c.isalnum())
    return _WORKLOAD_SPELLINGS.get(letters, value)


def _id_spelling(value: object) -> object:
    """`Hot-Writes` as `hot_writes`: ids are lower case with underscores, however they are typed."""
    return value.strip().casefold().replace("-", "_").replace(" ", "_") if isinstance(value, str) else value


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


_Id = BeforeValidator(_id_spelling)
_Amount = Annotated[float, Field(ge=0, le=LARGEST)]
Positive = Annotated[float, Field(gt=0, le=LARGEST)]
Share = Annotated[float, Field(ge=0, le=1)]
_Count = Annotated[int, Field(ge=1, le=LARGEST)]
InterpreterTag = Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}t?$")]


class WorkloadProfile(Saved):
    """A workload, as far as its owner knows it.

    The first five fields are the ones a user is always asked for; every other one is optional, and `None`
    means unknown. Times are milliseconds and sizes megabytes unless the name says otherwise; times per task
    are those of one worker on a GIL build of CPython. Values are checked strictly: a number is not accepted
    as text, a boolean is not a number, an unknown field is an error.

    >>> WorkloadProfile(workload_type="I/O bound", tasks=200).workload_type
    'io'
    """

    workload_type: Annotated[WorkloadType, BeforeValidator(_workload_type)] = Field(
        description="What the work mostly does: compute (cpu), wait (io), or both (hybrid)"
    )
    latency_requirement_ms: Positive | None = Field(None, description="What one task may take, 95th percentile, in ms")
    memory_budget_mb: Positive | None = Field(None, description="Memory for the whole process tree, in MB")
    cpu_cores: _Count | None = Field(None, description="CPU cores the work may use (default: usable here)")
    has_expensive_startup: bool = Field(False, description="A worker needs costly set-up, such as a model or a cache")

    name: Annotated[str, Field(max_length=200)] | None = Field(None, description="A name for the workload")
    description: Annotated[str, Field(max_length=4000)] | None = Field(None, description="What it does, in words")
    mode: Annotated[Literal["batch", "service"], _Id] = Field(
        "batch", description="A finite set of tasks (batch) or a stream of arrivals (service)"
    )
    tasks: _Count | None = Field(None, description="Independent units of work in one run")
    concurrency: _Count | None = Field(None, description="Operations in flight at once")
    requests_per_second: Positive | None = Field(
        None, description="Of a service: how many requests arrive in a second (what is in flight follows from it)"
    )
    cpu_ms_per_task: _Amount | None = Field(None, description="CPU time of one task, in ms")
    io_wait_ms_per_task: _Amount | None = Field(None, description="Time one task waits for I/O, in ms")
    io_kind: Annotated[Literal["network", "disk", "database", "subprocess", "mixed"], _Id] | None = Field(
        None, description="What the waits are for"
    )
    payload_kb_per_task: _Amount | None = Field(
        None, description="Data that goes to a worker and comes back for one task, in KB each way"
    )
    pickle_ms_per_task: _Amount | None = Field(
        None, description="Time to pickle and unpickle what one task takes and gives, both ways together, in ms"
    )
    task_memory_mb: _Amount | None = Field(None, description="Working set of one task, in MB")
    startup_ms: _Amount | None = Field(None, description="Time of the costly set-up, once a worker, in ms")
    startup_memory_mb: _Amount | None = Field(None, description="Memory of the costly set-up, once a worker, in MB")
    import_ms: _Amount | None = Field(
        None, description="CPU time to import what the function needs, once a new process or subinterpreter, in ms"
    )
    parallelizable: bool = Field(True, description="The tasks do not depend on each other")
    shared_state: Annotated[Literal["none", "read_only", "disjoint_writes", "hot_writes", "hot_reads"], _Id] | None = (
        Field(None, description="What the workers share")
    )
    isolation: Annotated[Literal["none", "crash", "security"], _Id] | None = Field(
        None, description="What one worker's failure must not touch"
    )
    releases_gil: bool | None = Field(None, description="The hot code is native and releases the GIL")
    gil_share: Share | None = Field(
        None, description="The share of its CPU time in which it holds the GIL, 0 to 1 (pure Python: 1)"
    )
    gil_hold_ms: _Amount | None = Field(
        None, description="The longest time it holds the GIL without a break, in ms (Python code: 5)"
    )
    native_parallel: bool | None = Field(None, description="The library already uses every core (BLAS, Polars, ...)")
    library_threads: _Count | None = Field(
        None, description="Threads that a native library is kept to (OMP_NUM_THREADS), as more were found to be slower"
    )
    event_loop: bool | None = Field(None, description="The work is called from a running asyncio application")
    async_library: bool | None = Field(None, description="An async client library exists for the I/O")
    picklable: bool | None = Field(None, description="Functions, arguments and results can be pickled")
    free_threading_ready: bool | None = Field(None, description="All dependencies support free-threaded Python")
    free_threaded_ratio: Positive | None = Field(
        None, description="CPU time of a task on a free-threaded build, as a multiple of that with the GIL"
    )
    subinterpreter_ready: bool | None = Field(None, description="All dependencies support subinterpreters")
    interpreters: (
        Annotated[tuple[InterpreterTag, ...], BeforeValidator(_as_tuple), Field(min_length=1, max_length=50)] | None
    ) = Field(None, description="Python versions that may be used, such as 3.13 or 3.14t (free-threaded)")
    platform: Annotated[Literal["linux", "macos", "windows"], _Id] | None = Field(
        None, description="Where it runs (default: this host)"
    )
    notebook: bool | None = Field(None, description="The code lives in a notebook or a REPL")
    machines: _Count = Field(1, description="Machines the work must be spread over")
    durable: bool = Field(False, description="Work must survive a restart and be retried")
    gpu: bool | None = Field(None, description="The work runs on a GPU")
    throughput_requirement_per_s: Positive | None = Field(
        None, description="Tasks or requests that must be done in a second"
    )
    finish_within_s: Positive | None = Field(None, description="Of a batch: when all of it must be done, in s")
    team_knows: (
        Annotated[tuple[Annotated[Skill, _Id], ...], BeforeValidator(_as_tuple), Field(min_length=1, max_length=10)]
        | None
    ) = Field(None, description="What the people who will keep it running know")
    maintainability: Annotated[Literal["normal", "high"], _Id] | None = Field(
        None, description="high: what is hard to debug must gain more before it is taken"
    )
    current_approach: Annotated[ApproachId, _Id] | None = Field(None, description="Where the code is today")

    @model_validator(mode="before")
    @classmethod
    def _null_means_unknown(cls, data: Any) -> Any:
        """A `null` is the same as leaving the field out, for every field; an unknown field stays an error.

        Where requests arrive, it is a service, if nothing else is said.
        """
        if isinstance(data, Mapping):
            said = {k: v for k, v in data.items() if v is not None or k not in cls.model_fields}
            return {"mode": "service", **said} if "requests_per_second" in said else said
        return data

    @property
    def origin(self) -> ApproachId:
        """Where the code is now: single-threaded unless it says otherwise."""
        return self.current_approach or "single_threaded"

    @property
    def mostly_releases_gil(self) -> bool | None:
        """Whether its code releases the GIL for half of its CPU time or more: by the share, or the word for it."""
        return self.releases_gil if self.gil_share is None else self.gil_share <= 0.5

    def given(self) -> dict[str, Any]:
        """The fields that say something, as JSON has them: those set to other than what is implied, in the order of the model."""
        implied = {**_DEFAULTS, "mode": "batch" if self.requests_per_second is None else "service"}
        said = {name: value for name, value in self.__dict__.items() if value != implied[name]}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}


_DEFAULTS = {name: field.default for name, field in WorkloadProfile.model_fields.items()}
