"""What a validation ends in, as models that can be saved as JSON, read back and rendered."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from selector.approaches import Engine
from selector.benchmark.events import Busy, Role, Status, TaskLatency
from selector.models import Saved
from selector.recommend.expected import Expected
from selector.workload.given import GivenProfile
from selector.workload.profile import ApproachId

Verdict = Literal["confirmed", "tie", "refuted", "inconclusive"]


class SecondsRange(Saved):
    """The median of the cells, with its 95 % interval."""

    median: float
    low: float
    high: float


class SpeedupRange(Saved):
    """The ends of the 95 % interval of a speedup."""

    low: float
    high: float


class ServedAt(Saved):
    """What an approach did with so many requests a second, over all its visits; latencies run from the planned arrival.

    `late`: what sent the requests was late itself by more than a few percent, so that the row is not judged.
    """

    rate: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    done_per_s: float
    errors: int
    requests: int
    kept_up: bool
    late: bool
    late_ms: float
    predicted_p95_ms: float | None


class ServiceFigures(Saved):
    """A service as measured: each rate it was sent, up to the first that it did not keep up with, and the most it does.

    `keeps_up` is with the full rate. `cpu_ms_per_request` is the CPU time of the whole server at the lowest rate,
    `sender_cpus` the CPUs that sending the requests took. What is predicted is for this pool on this Python.
    """

    arrivals_per_s: tuple[ServedAt, ...]
    saturation_per_s: float
    open_loop: Literal[True]
    keeps_up: bool
    cpu_ms_per_request: float | None
    sender_cpus: float
    predicted_saturation_per_s: float | None


class Measurement(Saved):
    """One arm of the benchmark: what its good cells came to; every figure is None unless `status` is ok.

    Seconds and shares are medians over the cells, `peak_memory_mb` is their largest. `speedup` is against the baseline
    (single-threaded on the reference interpreter), `band` what the table speedup_bands says to it. `reason` is that of
    the last cell that failed. `predicted_seconds` is the cost model's for just these tasks and workers. `no_cpu_percent`
    is the share of its time that a worker was ready to run and got no CPU, where that was measured, and `quiet_seconds`
    an estimate of what it would take with a CPU for each worker that can run. Of a service there are no seconds: `service`
    has what was measured, `task_latency_ms` is at the full rate, and speedups are of the most that it does. Of a user's function, `calls` is how many
    were timed, and `raised` how many of them raised. `engine` is what a distributed approach ran on, on this one machine.
    `samples_seconds` are the times that the median is of; of a service the 95th percentiles of its visits.
    """

    approach: ApproachId
    title: str
    interpreter: str
    workers: int
    processes: int = 1
    role: Role
    status: Status
    reason: str
    seconds: SecondsRange | None
    speedup: float | None
    speedup_range: SpeedupRange | None
    band: str | None
    cpu_percent: float | None
    cpu_seconds: float | None
    peak_memory_mb: float | None
    memory_metric: str | None
    task_latency_ms: TaskLatency | None
    launch_seconds: float | None
    startup_seconds: float | None
    first_result_seconds: float | None
    steady_seconds: float | None
    samples: int
    failures: int
    gil_enabled: bool | None
    workers_seen: int | None
    imbalance: float | None
    oversubscribed: bool
    short: bool
    predicted_seconds: float | None
    no_cpu_percent: float | None = None
    quiet_seconds: float | None = None
    calls: int | None = None
    raised: int | None = None
    engine: Engine | None = None
    service: ServiceFigures | None = None
    samples_seconds: tuple[float, ...] = ()


class Timeline(Saved):
    """When the workers of an approach had a task, in the one of its measurements that is nearest to their median."""

    approach: ApproachId
    title: str
    interpreter: str
    busy: Busy


class Requirement(Saved):
    """A limit of the profile against what the recommended approach took; None where that was not measured.

    A latency that is not met and was not measured is that of a service which does not keep up.
    """

    required: float
    measured: float | None
    met: bool | None


class ScalingPoint(Saved):
    """The recommended approach with so many workers; `speedup` is against one worker of it, if that was measured."""

    workers: int
    seconds: float
    speedup: float | None
    oversubscribed: bool


class Scalability(Saved):
    """How the recommended approach scales, and the universal scalability law fitted to it.

    The law is fitted to pools that are not oversubscribed: past the CPUs one measures the scheduler, not the code.
    """

    approach: ApproachId
    interpreter: str
    points: tuple[ScalingPoint, ...]
    contention: float | None
    coherence: float | None
    best_workers: float | None
    stops_paying_at: int | None
    text: str


class ValidationReport(Saved):
    """A recommendation judged by what was measured on this host.

    `verdict` is about time alone, and "inconclusive" means that there is none; whether the `latency` and `memory`
    requirements were met stands apart from it (None: not required). `winner` is the fastest approach, or the simplest
    within the noise of it. `noise_floor` is 0.03 where two runs of the same thing may differ by 3 %, `cpus_taken` how
    many CPUs others took meanwhile (None: not known). `used_seconds` is of `budget_seconds`. `complete` is False where
    the run was cut off, or came to its end before everything ran once. `timelines` are of the recommended approach and of
    the fastest other one.
    """

    schema_version: Literal[1] = Field(1, alias="schema")
    verdict: Verdict
    reason: str
    recommended: ApproachId
    recommended_interpreter: str | None
    winner: ApproachId | None
    winner_interpreter: str | None
    measurements: tuple[Measurement, ...]
    latency: Requirement | None
    memory: Requirement | None
    throughput: Requirement | None = None
    noise_floor: float | None
    cpus_taken: float | None = None
    analysis: tuple[str, ...]
    advice: tuple[str, ...]
    scalability: Scalability | None
    warnings: tuple[str, ...]
    tasks: int | None
    tasks_asked: int | None
    requests_per_second: float | None = None
    server: str | None = None
    task_wall_ms: float | None
    task_cpu_ms: float | None
    budget_seconds: float
    used_seconds: float
    complete: bool
    io: str
    seed: int
    assumed: tuple[str, ...]
    cpus: int
    profile: GivenProfile
    expected: Expected
    workload_class: str
    timelines: tuple[Timeline, ...] = ()

    def _repr_html_(self) -> str:
        """What a notebook shows: the report as a page in a frame."""
        from selector.report.html import render_frame
        from selector.report.pages import validation_page
        from selector.report.saved import page_title

        return render_frame(validation_page(self), page_title(self.profile.name))

    def _repr_markdown_(self) -> str:
        """What it shows where it takes no HTML: the report as `validate --format markdown` prints it."""
        from selector.report.markdown import render_markdown
        from selector.report.validation import validation_document

        return render_markdown(validation_document(self))
