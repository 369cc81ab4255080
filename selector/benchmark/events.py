"""What a benchmark script says while it runs: one JSON object a line, in the order things happen.

Each kind of event is a model. They are checked strictly, because a script is a file that users edit: a number that is no
number, or a field nobody knows, must not become a measurement. Times are seconds and memory is megabytes (of the whole
process tree) unless the name says otherwise; what the script could not find out is None.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails, from_json

from selector.approaches import Engine
from selector.errors import SelectorError
from selector.models import Saved
from selector.processes import MAX_LINE_BYTES
from selector.text import printable, quoted
from selector.version import VERSION
from selector.workload.profile import ApproachId

SCHEMA = 1
_LARGEST = 10**12
_LATE, _LATE_MS = 0.05, 0.3  # of a latency, and ms: a sender that is later than both is not judged by

Status = Literal[
    "ok",
    "timeout",
    "crash",
    "out_of_memory",
    "unpicklable",
    "missing_dependency",
    "gil_enabled",
    "error",
    "mismatch",
    "not_run",
]
Role = Literal["baseline", "control", "candidate", "scaling"]
EndReason = Literal["budget", "done", "interrupted", "failed"]

_Amount = Annotated[float, Field(ge=0, le=_LARGEST)]
_Index = Annotated[int, Field(ge=0, le=_LARGEST)]
_Count = Annotated[int, Field(ge=1, le=_LARGEST)]
_Text = Annotated[str, Field(max_length=2000)]
_Label = Annotated[str, Field(max_length=200)]


class StartEvent(Saved):
    """The first event: what is measured, and where. `assumed` names the parameters that the profile did not give.

    `server` is what serves the approaches that it can run, where that is no server of ours.
    """

    event: Literal["start"] = "start"
    schema_version: int = Field(alias="schema", ge=SCHEMA, le=SCHEMA)
    name: _Text
    seed: int
    budget_seconds: _Amount
    io: Literal[
        "socket", "sleep", "function"
    ]  # what the work waits for: a server of ours, a sleep, whatever the user's function does
    cpus: _Count
    recommended: ApproachId | None
    assumed: Annotated[tuple[_Label, ...], Field(max_length=100)]
    memory_limit_mb: _Amount | None
    python: _Label
    server: Literal["uvicorn", "gunicorn"] | None = None


class InterpreterEvent(Saved):
    """One interpreter, as it described itself; `interpreter` is its tag, such as 3.14t."""

    event: Literal["interpreter"] = "interpreter"
    interpreter: _Label | None
    path: _Text
    version: _Label | None
    free_threaded_build: bool | None
    gil_enabled: bool | None
    reference: bool
    status: Status
    reason: _Text


class Arm(Saved):
    """One thing that is measured, again and again: an approach (on an engine), under an interpreter, with so many workers.

    Of a service in so many `processes` that share what arrives, each with so many.
    """

    arm: _Index
    approach: ApproachId
    interpreter: _Label
    workers: _Count
    role: Role
    variant: _Label
    processes: _Count = 1
    engine: Engine | None = None


class StandIn(Saved):
    """The CPU time of a task whose work is made: what it should take, and what it was found to take."""

    cpu_ms: _Amount
    made_cpu_ms: _Amount


class PlanEvent(Saved):
    """What will be measured. `tasks` is what a cell runs, out of the `tasks_asked` for in the profile.

    `stand_in` is None where the work is the user's own. A service has `requests_per_second`, and no tasks. `left_out` says why an approach is not measured with this function,
    `variables` are those of the environment that keep a library of it to one thread, in every approach but its own threads.
    """

    event: Literal["plan"] = "plan"
    tasks: _Count
    tasks_asked: _Count | None
    task_wall_ms: _Amount | None
    task_cpu_ms: _Amount | None
    stand_in: StandIn | None = None
    arms: Annotated[tuple[Arm, ...], Field(max_length=1000)]
    requests_per_second: _Amount | None = None
    left_out: dict[ApproachId, _Text] = Field(default_factory=dict)
    variables: dict[_Label, _Label] = Field(default_factory=dict)


class RunningEvent(Saved):
    """A cell begins. `seconds_left` of the budget may be below zero."""

    event: Literal["running"] = "running"
    arm: _Index
    round: _Index
    elapsed_seconds: _Amount
    seconds_left: Annotated[float, Field(ge=-_LARGEST, le=_LARGEST)]


class TaskLatency(Saved):
    """Percentiles of what one task took, in milliseconds."""

    p50: _Amount
    p95: _Amount
    p99: _Amount


class ServedRate(Saved):
    """What a service did with so many requests a second, at planned moments: latencies from there to the answer, in ms.

    `errors` were refused, broken off or not answered in the time that they had. `late_ms` is how late the sender was, 95th
    percentile: what it sends late, nobody can answer in time. `kept_up` is whether all were done soon after the last came.
    `latencies_ms` are some of the latencies, evenly spread from the least to the most.
    """

    rate: _Amount
    p50_ms: _Amount | None
    p95_ms: _Amount | None
    p99_ms: _Amount | None
    done_per_s: _Amount
    errors: _Index
    requests: _Count
    kept_up: bool
    late_ms: _Amount
    latencies_ms: tuple[_Amount, ...] = ()

    @property
    def late(self) -> bool:
        """Whether the sender was late by more than a few percent of what it measured."""
        return self.late_ms > max(_LATE * (self.p95_ms or 0.0), _LATE_MS)


class ServiceLoad(Saved):
    """One visit to a warm server: the rates it was sent, and the most it did. `open_loop`: nobody waited for answers.

    `cpu_ms_per_request` is the CPU time of all its processes, at the lowest rate; `sender_cpus` the CPUs that sending took.
    """

    arrivals_per_s: Annotated[tuple[ServedRate, ...], Field(min_length=1, max_length=100)]
    saturation_per_s: _Amount
    open_loop: Literal[True]
    cpu_ms_per_request: _Amount | None
    sender_cpus: _Amount


class BusyWorker(Saved):
    """A worker while a measurement ran: its tasks, for how many seconds it had one, how many at once then, on average.

    `spans` are from when to when it had one, in seconds from the begin, without gaps that are too short to be seen.
    """

    tasks: _Count
    seconds: _Amount
    at_once: _Amount
    spans: Annotated[tuple[tuple[_Amount, _Amount], ...], Field(min_length=1, max_length=500)]


class Busy(Saved):
    """When the workers of a measurement of so many `seconds` had a task; of many only some are here, evenly chosen."""

    seconds: Annotated[float, Field(gt=0, le=_LARGEST)]
    workers: Annotated[tuple[BusyWorker, ...], Field(min_length=1, max_length=100)]
    more_workers: _Index


class CellEvent(Saved):
    """One arm, measured once in a process of its own.

    `seconds` runs from before the pool is made until it is shut down; `launch_seconds` from the start of the process to
    there, `startup_seconds` until the first task starts, `first_result_seconds` until it is done, `steady_seconds` from
    the first result to the last. `cpu_percent` is 200 where two CPUs are busy. `imbalance` is the busiest worker's
    tasks over the mean. Where tasks wait one after the other, seconds may be reckoned from fewer tasks than `tasks`: from
    `extrapolated_from`. Of a user's function `batch` tasks ran in this cell, and seconds are reckoned for all: the start of
    the workers, and the rest by proportion. `no_cpu_percent` is the share of its time that a worker was ready to run and
    got no CPU, on average, `quiet_seconds` what it might take without that; `raised` is how many calls of the batch raised, and
    `raised_first` what the first of them did. `cpus_taken` is how many CPUs other programs and the hypervisor took from it, on average.
    `figures` are what the work tells of itself, `busy` is when its workers had a task. A `service` is sent requests: seconds are those of all rates, `task_latency_ms` is at the full one, `startup_seconds` until
    it serves. A cell that is `ok` has its seconds; one that failed says why in `reason`.
    """

    event: Literal["cell"] = "cell"
    arm: _Index
    round: _Index
    approach: ApproachId
    interpreter: _Label
    workers: _Count
    role: Role
    variant: _Label
    processes: _Count = 1
    status: Status
    reason: _Text
    tasks: _Index | None
    seconds: _Amount | None
    launch_seconds: _Amount | None
    startup_seconds: _Amount | None
    first_result_seconds: _Amount | None
    steady_seconds: _Amount | None
    cpu_seconds: _Amount | None
    cpu_percent: _Amount | None
    peak_memory_mb: _Amount | None
    memory_metric: _Label | None
    task_latency_ms: TaskLatency | None
    gil_enabled: bool | None
    checksum: _Label | None
    workers_seen: _Index | None
    imbalance: _Amount | None
    short: bool | None
    extrapolated_from: _Index | None
    cpus_taken: _Amount | None = None
    figures: dict[_Label, _Amount] | None = None
    batch: _Index | None = None
    no_cpu_percent: _Amount | None = None
    quiet_seconds: _Amount | None = None
    raised: _Index | None = None
    raised_first: _Text | None = None
    service: ServiceLoad | None = None
    busy: Busy | None = None

    @property
    def compared_seconds(self) -> float | None:
        """What approaches are compared by: the time of the batch; of a service the 95th percentile at the full rate."""
        if self.service is None:
            return self.seconds
        return None if self.task_latency_ms is None else self.task_latency_ms.p95 / 1000

    @model_validator(mode="after")
    def _measured(self) -> Self:
        if self.status == "ok" and self.seconds is None:
            raise ValueError("a cell that is ok has its seconds")
        return self


class DroppedEvent(Saved):
    """An arm that is measured no more, because it has clearly lost."""

    event: Literal["dropped"] = "dropped"
    arm: _Index
    reason: _Text


class EndEvent(Saved):
    """The last event: why the run ended, and after how long."""

    event: Literal["end"] = "end"
    reason: EndReason
    detail: _Text
    seconds: _Amount


Event = StartEvent | InterpreterEvent | PlanEvent | RunningEvent | CellEvent | DroppedEvent | EndEvent


class UnknownSchemaError(SelectorError):
    """Events of a schema that this version of the tool cannot read."""


class Session(NamedTuple):
    """Everything that one run said. `plan` is None where it never came to one, `end` where the run was cut off."""

    start: StartEvent
    interpreters: tuple[InterpreterEvent, ...]
    plan: PlanEvent | None
    cells: tuple[CellEvent, ...]
    dropped: tuple[DroppedEvent, ...]
    end: EndEvent | None


@cache
def _adapter() -> TypeAdapter[Event]:
    return TypeAdapter(Annotated[Event, Field(discriminator="event")])


def parse_event(line: str | bytes) -> Event:
    """The event that a line holds.

    SelectorError (exit code 1) for a line that holds none, UnknownSchemaError for the start of a newer or older kind.
    """
    if isinstance(line, str):
        line = line.encode("utf-8", "surrogatepass")  # half a character is refused below, like any other bad text
    if len(line) > MAX_LINE_BYTES:
        raise SelectorError(f"no benchmark event: longer than {MAX_LINE_BYTES:,} bytes", exit_code=1)
    try:
        return _adapter().validate_json(line)
    except ValidationError as error:
        _check_schema(line)
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise SelectorError(f"no benchmark event: {_described(first)}", exit_code=1) from None


def event_line(event: Event) -> bytes:
    """An event as the line that `parse_event` reads."""
    return event.model_dump_json().encode() + b"\n"


def _described(error: ErrorDetails) -> str:
    """What is wrong, after the place where it is: `cell.seconds: Input should be ...`."""
    place = ".".join(str(part)[:60] for part in error["loc"])
    return printable(f"{place}: {error['msg'][:200]}" if place else error["msg"][:200])


def _check_schema(line: bytes) -> None:
    """Raise UnknownSchemaError if the line is the start of a run whose events are of another schema than ours."""
    try:
        data: Any = from_json(line)
    except ValueError:
        return
    if not isinstance(data, dict) or data.get("event") != "start" or "schema" not in data:
        return
    schema = data["schema"]
    if type(schema) is int and schema != SCHEMA:
        needed = "a newer" if schema > SCHEMA else "an older"
        raise UnknownSchemaError(
            f"these are benchmark events of schema {quoted(schema)}: that takes {needed} concurrency-selector than {VERSION}, which reads schema {SCHEMA}",
            "write the script again with this version (concurrency-selector generate), or use the version that wrote it",
            1,
        )


def collect(events: Iterable[Event]) -> Session:
    """The events of one run, sorted by kind; SelectorError (exit code 1) where they are not those of one run."""
    start: StartEvent | None = None
    plan: PlanEvent | None = None
    end: EndEvent | None = None
    interpreters: list[InterpreterEvent] = []
    cells: list[CellEvent] = []
    dropped: list[DroppedEvent] = []
    for event in events:
        if (start is None) != isinstance(event, StartEvent) or end is not None:
            raise _misplaced(event.event, "a run begins with one start event and finishes with its end event")
        match event:
            case StartEvent():
                start = event
            case InterpreterEvent():
                interpreters.append(event)
            case PlanEvent():
                if plan is not None:
                    raise _misplaced("plan", "a run has one plan")
                plan = event
            case CellEvent():
                _check_arm(event, plan)
                cells.append(event)
            case DroppedEvent():
                _check_arm(event, plan)
                dropped.append(event)
            case EndEvent():
                end = event
    if start is None:
        raise SelectorError("no benchmark events", "a run begins with its start event", 1)
    return Session(start, tuple(interpreters), plan, tuple(cells), tuple(dropped), end)


def _check_arm(event: CellEvent | DroppedEvent, plan: PlanEvent | None) -> None:
    if plan is None or all(arm.arm != event.arm for arm in plan.arms):
        raise _misplaced(event.event, f"arm {event.arm} is in no plan before it")


def _misplaced(kind: str, rule: str) -> SelectorError:
    return SelectorError(f"a benchmark event {quoted(kind)} where none belongs", rule, 1)
