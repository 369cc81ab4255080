"""Plans of benchmarks for some workloads and machines, and what every plan keeps."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from pythons import interpreter

from selector import HostFacts, SelectorError, WorkloadProfile
from selector.benchmark.plan import BASELINE, SERVICES, BenchmarkPlan, plan_benchmark
from selector.host import Interpreter
from selector.pipeline import example_profiles
from selector.recommend.chain import Situation
from selector.recommend.knowledge import Knowledge, load_knowledge
from selector.recommend.recommendation import build_recommendation

#: The parameters of templates/compare_approaches.py, in its order.
PARAMETERS = (
    "NAME", "RECOMMENDED", "APPROACHES", "WORKERS", "SCALING", "CPUS", "TASKS", "CONCURRENCY", "CPU_MS_PER_TASK",
    "IO_WAIT_MS_PER_TASK", "PAYLOAD_KB_PER_TASK", "TASK_MEMORY_MB", "STARTUP_MS", "STARTUP_MEMORY_MB", "SHARED_STATE",
    "RELEASES_GIL", "NATIVE_PARALLEL", "ASYNC_LIBRARY", "MEMORY_BUDGET_MB", "ASSUMED", "BUDGET_SECONDS",
)  # fmt: skip
#: Those of templates/compare_services.py.
SERVICE_PARAMETERS = (
    *(name for name in PARAMETERS if name not in ("TASKS", "CONCURRENCY", "SHARED_STATE")),
    "REQUESTS_PER_SECOND",
    "SERVER",
    "PROCESSES",
)
MACHINES = {"3.14 and 3.13t": ("3.14", "3.13t"), "only 3.11": ("3.11",), "only 3.13t": ("3.13t",)}
EXAMPLES = dict(example_profiles())
CPU: dict[str, Any] = {"workload_type": "cpu", "tasks": 200, "cpu_ms_per_task": 20, "releases_gil": False}
IO: dict[str, Any] = {"workload_type": "io", "tasks": 500, "io_wait_ms_per_task": 50, "cpu_ms_per_task": 0.1}
TINY: dict[str, Any] = {"workload_type": "cpu", "tasks": 2, "cpu_ms_per_task": 0.01}
ALONE = {**CPU, "parallelizable": False}


@cache
def tables() -> Knowledge:
    """The shipped knowledge, loaded once."""
    return load_knowledge()


def plan_of(
    profile: WorkloadProfile | dict[str, Any],
    *tags: str,
    cpus: int = 2,
    host: HostFacts | None = None,
    available: tuple[Interpreter, ...] | None = None,
    **options: Any,
) -> BenchmarkPlan:
    """The plan for a workload on a Linux machine with these interpreters, or on that host."""
    if isinstance(profile, dict):
        profile = WorkloadProfile.model_validate(profile)
    host = host or HostFacts("linux", cpus, tuple((tag, f"/x/python{tag}") for tag in tags))
    if available is None:
        available = tuple(map(interpreter, host.tags))
    situation = Situation(profile, host, tables())
    recommendation = build_recommendation(situation)
    options = {"budget_seconds": 60.0, "usable_cpus": host.usable_cpus} | options
    return plan_benchmark(situation, recommendation, available, **options)


def tried(call: Callable[[], Any]) -> Any:
    """What a call returns, or the error it ends in."""
    try:
        return call()
    except SelectorError as error:
        return error


def notes_of(plan: BenchmarkPlan) -> str:
    return "\n".join(plan.notes)


def check(plan: BenchmarkPlan) -> None:
    """What every plan keeps."""
    traits = {a: tables().approaches[a].traits for a in plan.approaches}
    tags = [p.tag for p in plan.pythons]
    assert plan.approaches[0] == BASELINE
    assert len(set(plan.approaches)) == len(plan.approaches)
    assert plan.recommended in plan.approaches[
        :2
    ] or f"Not measured: the recommendation, {plan.recommended}." in notes_of(plan)
    assert all(t.runs_in != "cluster" for t in traits.values())
    assert tuple(plan.workers) == plan.approaches
    assert all(1 <= size <= 256 for size in plan.workers.values())
    assert all(plan.workers[a] == 1 for a, t in traits.items() if t.pool == "none")
    assert all(plan.workers[a] <= 61 for a, t in traits.items() if t.runs_in == "workers")
    assert plan.scaling in ((), (1, 2, 4, 8))
    assert len(set(tags)) == len(tags)
    assert plan.pythons == tuple(sorted(plan.pythons, key=lambda p: (p.free_threaded, -int(p.tag[2:].rstrip("t")))))
    assert not any(t.needs == "free_threaded" for t in traits.values()) or any(p.free_threaded for p in plan.pythons)
    assert not any(t.convoy for t in traits.values()) or not plan.pythons[0].free_threaded
    assert len(set(plan.notes)) == len(plan.notes)
    check_parameters(plan)
    assert BenchmarkPlan.model_validate_json(plan.model_dump_json()) == plan


def check_parameters(plan: BenchmarkPlan) -> None:
    """The parameters are those of the template, of the types that it has, and agree with the plan."""
    given_ = plan.parameters
    serves = plan.template == SERVICES
    assert set(given_) == set(SERVICE_PARAMETERS) if serves else tuple(given_) == PARAMETERS
    assert not serves or given_["REQUESTS_PER_SECOND"] > 0  # type: ignore[operator]
    assert all(type(given_[name]) is float for name in given_ if name.endswith(("_MS", "_TASK", "MEMORY_MB")))
    assert all(type(given_[name]) is bool for name in ("RELEASES_GIL", "NATIVE_PARALLEL", "ASYNC_LIBRARY"))
    assert given_["RECOMMENDED"] == (plan.recommended if plan.recommended in plan.approaches else None)
    assert not serves or given_["PROCESSES"] == plan.processes
    assert serves or not plan.processes
    expected = (plan.name, plan.approaches, plan.workers, plan.scaling, plan.budget_seconds)
    assert tuple(given_[n] for n in ("NAME", "APPROACHES", "WORKERS", "SCALING", "BUDGET_SECONDS")) == expected
    assert isinstance(given_["ASSUMED"], tuple) and set(given_["ASSUMED"]) <= {
        "CPU_MS_PER_TASK", "IO_WAIT_MS_PER_TASK", "REQUESTS_PER_SECOND" if serves else "CONCURRENCY",
    }  # fmt: skip
