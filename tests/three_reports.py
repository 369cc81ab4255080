"""Whole reports on validations: one that confirms, a tie, one that refutes, with failures, and one of a service."""

from __future__ import annotations

from events import failed, latency, measured, report
from served import PLAIN, judged_service, serves

from selector.benchmark.events import Busy
from selector.recommend.expected import Expected
from selector.validation import Measurement, Timeline, ValidationReport
from selector.workload.profile import WorkloadProfile


def _timelines() -> tuple[Timeline, ...]:
    """Two threads that are busy but for their start, and two interpreters that start late and leave gaps."""
    threads = {"seconds": 0.214, "more_workers": 0, "workers": tuple(
        {"tasks": tasks, "seconds": 0.206, "at_once": 1.0, "spans": ((0.001, end),)} for tasks, end in ((507, 0.213), (493, 0.209))
    )}  # fmt: skip
    spans = tuple((0.055 + 0.005 * n, 0.059 + 0.005 * n) for n in range(44))
    interpreters = {"seconds": 0.283, "more_workers": 3, "workers": tuple(
        {"tasks": 500, "seconds": 0.176, "at_once": 1.0, "spans": spans[number:]} for number in range(2)
    )}  # fmt: skip
    return (
        Timeline(approach="free_threaded", title="Free-threaded Python", interpreter="3.14t", busy=Busy(**threads)),
        Timeline(approach="subinterpreters", title="Subinterpreters", interpreter="3.14", busy=Busy(**interpreters)),
    )


def confirmed_cpu() -> ValidationReport:
    """Free-threaded Python wins, as recommended, and all is well."""
    return report(
        recommended="free_threaded", recommended_interpreter="3.14t", winner="free_threaded", winner_interpreter="3.14t",
        reason="Free-threaded Python took 214 ms and was the fastest. Subinterpreters, the next, took 283 ms, 1.32x"
        " (1.27x to 1.36x) as long.",
        profile=WorkloadProfile(
            workload_type="cpu", name="Image batch", latency_requirement_ms=25, memory_budget_mb=64, tasks=1000
        ),
        measurements=(
            measured("single_threaded", "3.14", 1, 0.4123, role="baseline", speedup=1.0, band="stay_simple",
                     predicted_seconds=0.41),
            measured("free_threaded", "3.14t", 2, 0.2139, spread=0.031, speedup=1.9275, band="consider", cpu_percent=197.2,
                     peak_memory_mb=16.04, predicted_seconds=0.22, task_latency_ms=latency(6.7)),
            measured("subinterpreters", "3.14", 2, 0.2827, speedup=1.4584, band="consider", cpu_percent=191, predicted_seconds=0.25,
                     peak_memory_mb=27.9),
            measured("multiprocessing", "3.14", 2, 0.3012, spread=0.052, speedup=1.3689, band="consider", cpu_percent=188.2,
                     peak_memory_mb=34.53, predicted_seconds=0.26),
            measured("threads", "3.14", 2, 0.4301, spread=0.004, speedup=0.9586, band="avoid", cpu_percent=101.4,
                     task_latency_ms=latency(13.2), predicted_seconds=0.42),
            measured("free_threaded", "3.14t", 4, 0.2201, role="scaling", oversubscribed=True),
        ),
        latency={"required": 25.0, "measured": 8.04, "met": True},
        memory={"required": 64.0, "measured": 16.04, "met": True},
        noise_floor=0.021, tasks_asked=1000, task_wall_ms=6.44, task_cpu_ms=6.43, used_seconds=58.4,
        analysis=(
            "Free-threaded Python kept 2 of 2 CPUs busy (197 %): its threads run Python code at the same time.",
            "Threads took 2.0x as long: with the GIL their Python code takes turns (101 % CPU).",
            "Multiprocessing took 1.41x as long: 62 ms to start its workers, and every payload is copied both ways.",
        ),
        timelines=_timelines(),
        scalability={
            "approach": "free_threaded", "interpreter": "3.14t",
            "points": tuple(
                {"workers": w, "seconds": s, "speedup": 0.4188 / s, "oversubscribed": w > 2}
                for w, s in ((1, 0.4188), (2, 0.2139), (4, 0.2201), (8, 0.2312))
            ),
            "contention": 0.0213, "coherence": 0.0008, "best_workers": 35.0, "stops_paying_at": 4,
            "text": "2 workers: 1.9x; 4 and 8 workers add nothing (2 usable CPUs: more than 2 oversubscribe).",
        },
        expected=Expected.model_validate(
            {"speedup": {"low": 1.7, "mid": 1.88, "high": 1.98}, "seconds": 3.4, "memory_mb": 17.1, "memory_overhead_mb": 1.1,
             "source": "documented"}
        ),
    )  # fmt: skip


def tied_io() -> ValidationReport:
    """asyncio and threads take the same time; the profile says little."""
    return report(
        verdict="tie", recommended="asyncio", recommended_interpreter="3.14", winner="asyncio", winner_interpreter="3.14",
        reason="asyncio took 1.31 s, 1.01x (0.97x to 1.05x) as long as threads (1.30 s): no difference to rely on; a"
        " difference under 4.4 % is noise here. The recommended one is the simpler of the two.",
        profile=WorkloadProfile(workload_type="io", tasks=100),
        measurements=(
            measured("single_threaded", "3.14", 1, 12.61, role="baseline", speedup=1.0, cpu_percent=3.1, samples=1, spread=0),
            measured("asyncio", "3.14", 1, 1.312, spread=0.035, speedup=9.611, band="use", cpu_percent=12.4,
                     peak_memory_mb=19.8, task_latency_ms=latency(128.3)),
            measured("threads", "3.14", 16, 1.299, spread=0.12, speedup=9.707, band="use", cpu_percent=14.9,
                     peak_memory_mb=17.6, task_latency_ms=latency(131.0)),
            measured("asyncio_threads", "3.14", 16, 1.371, spread=0.04, speedup=9.197, band="use", cpu_percent=18.2,
                     peak_memory_mb=21.2, task_latency_ms=latency(139.9)),
        ),
        noise_floor=0.044, tasks=100, tasks_asked=100, task_wall_ms=125.7, task_cpu_ms=0.3, cpus=1,
        assumed=("IO_WAIT_MS_PER_TASK", "PAYLOAD_KB_PER_TASK"),
        analysis=("asyncio and threads wait for everything in flight at once; the CPUs are idle (12 %).",),
        warnings=("Nothing pins the clock of this machine: the governor is powersave. Set it to performance and measure again.",),
    )  # fmt: skip


def _with_failures() -> tuple[Measurement, ...]:
    """Arms with a result, and one of each kind of failure."""
    return (
        measured("single_threaded", "3.14", 1, 61.3, role="baseline", speedup=1.0, spread=0.004, cpu_percent=31.0),
        measured("asyncio_free_threaded", "3.13t", 2, 4.921, spread=0.11, speedup=12.46, band="use", cpu_percent=141.7,
                 peak_memory_mb=118.4, task_latency_ms=latency(412.0), predicted_seconds=3.4),
        measured("asyncio_processes", "3.14", 2, 3.111, speedup=19.7, band="use", cpu_percent=183.3, memory_metric="rss",
                 peak_memory_mb=1212.4, task_latency_ms=latency(201.1), predicted_seconds=3.6),
        measured("asyncio_threads", "3.14", 32, 6.02, spread=0.3, speedup=10.18, band="use", cpu_percent=96.0,
                 predicted_seconds=7.6),
        failed("multiprocessing", "3.14", 2, "crash", "a worker was killed by signal 9"),
        failed("subinterpreters", "3.14", 2, "unpicklable", "cannot pickle 'module' object"),
        failed("free_threaded", "3.13t", 2, "gil_enabled", "the module _speedups turned the GIL back on"),
        failed("threads", "3.14", 32, "not_run", "the budget of 60 s ended before"),
        measured("asyncio_free_threaded", "3.13t", 1, 5.02, role="scaling"),
        measured("asyncio_free_threaded", "3.13t", 4, 5.61, role="scaling"),
    )  # fmt: skip


def refuted_with_failures() -> ValidationReport:
    """The recommended approach loses, others break, and the run was cut off."""
    return report(
        verdict="refuted", recommended="asyncio_free_threaded", recommended_interpreter="3.13t",
        winner="asyncio_processes", winner_interpreter="3.14",
        reason="Asyncio + free-threaded Python took 4.92 s, 1.58x (1.49x to 1.66x) as long as asyncio + processes (3.11 s).",
        profile=WorkloadProfile(
            workload_type="hybrid", name="Scraper | *parse* <b>all</b> of `it`", latency_requirement_ms=300,
            memory_budget_mb=64,
        ),
        measurements=_with_failures(),
        latency={"required": 300.0, "measured": 412.0, "met": False}, memory={"required": 64.0, "measured": 118.4, "met": False},
        noise_floor=0.031, tasks=120, tasks_asked=1200, task_wall_ms=510.8, task_cpu_ms=160.0, used_seconds=33.0,
        complete=False,
        analysis=(
            "asyncio + processes kept both CPUs busy (183 %), asyncio + free-threaded Python only 142 %.",
            "It pays with memory: 1212 MB instead of 118 MB.",
        ),
        advice=(
            "Set shared_state to hot_writes if the workers write to one dictionary: asyncio_processes is recommended then.",
            "Or take asyncio + processes: concurrency-selector migrate asyncio_free_threaded asyncio_processes",
        ),
        scalability={
            "approach": "asyncio_free_threaded", "interpreter": "3.13t",
            "points": (
                {"workers": 1, "seconds": 5.02, "speedup": 1.0, "oversubscribed": False},
                {"workers": 2, "seconds": 4.921, "speedup": 1.02, "oversubscribed": False},
                {"workers": 4, "seconds": 5.61, "speedup": 0.895, "oversubscribed": True},
            ),
            "contention": 0.963, "coherence": 0.0, "best_workers": None, "stops_paying_at": 2,
            "text": "2 workers add nothing; 4 workers are slower (0.90x) (2 usable CPUs: more than 2 oversubscribe).",
        },
        warnings=(
            "The run was interrupted: only what was measured until then is judged.",
            "Other processes kept 0.7 CPUs busy when the run began: close them and measure again.",
        ),
        expected=Expected.model_validate(
            {"speedup": {"low": 17.0, "mid": 18.2, "high": 19.9}, "seconds": 34.0, "memory_mb": None,
             "memory_overhead_mb": 2.5, "source": "documented"}
        ),
    )  # fmt: skip


def confirmed_service() -> ValidationReport:
    """A loop keeps up in time, threads take longer, and plain code falls behind."""
    return judged_service([PLAIN, serves("asyncio", 24.0, 400.0), serves("threads", 40.0, 300.0)])


REPORTS = {
    "confirmed-cpu": confirmed_cpu,
    "tie-io": tied_io,
    "refuted-failures": refuted_with_failures,
    "confirmed-service": confirmed_service,
}
