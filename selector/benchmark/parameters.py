"""The workload of a profile as the parameters of a benchmark script; what the profile leaves open is assumed."""

from __future__ import annotations

from selector.recommend.derive import ASSUMED_IN_FLIGHT
from selector.workload.profile import WorkloadProfile

#: What a parameter of a template may be: what `repr` writes and JSON keeps (its arrays are read back as tuples).
Parameter = bool | int | float | str | tuple[str | int, ...] | dict[str, int] | None

#: Assumed where a profile is silent: long enough to measure, and waits longer than computing, as they mostly are.
ASSUMED_CPU_MS = 5.0
ASSUMED_WAIT_MS = 20.0
_WAITS = 0.1  # a task that waits for less than that share of its time is computing, however many are in flight


def workload_parameters(profile: WorkloadProfile, in_flight_here: int | None, notes: list[str]) -> dict[str, Parameter]:
    """The parameters that describe the workload; what the profile had to give and did not is assumed, and named.

    An I/O workload of unknown CPU time has none, and a CPU workload of unknown waits has none, as in the predictions.
    """
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
        in_flight = in_flight_here or ASSUMED_IN_FLIGHT
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
        "RELEASES_GIL": bool(profile.mostly_releases_gil),
        "NATIVE_PARALLEL": bool(profile.native_parallel),
        "ASYNC_LIBRARY": profile.async_library is not False,
        "MEMORY_BUDGET_MB": profile.memory_budget_mb,
        "ASSUMED": tuple(assumed),
    }


_OF_BATCHES = ("TASKS", "CONCURRENCY", "SHARED_STATE")
_LOADED = 0.7  # of what a service can do at most, where nobody says how many requests arrive


def service_parameters(
    parameters: dict[str, Parameter], profile: WorkloadProfile, most_per_s: float | None, notes: list[str]
) -> dict[str, Parameter]:
    """The same for a service, with the requests that arrive in a second.

    Where the profile does not say how many, as many as those in flight come to by Little's law, and no more than a good
    part of what the recommended approach can do (`most_per_s`, None: not known); that is named.
    """
    left = {name: value for name, value in parameters.items() if name not in _OF_BATCHES}
    given = parameters["ASSUMED"]
    assumed = [name for name in given if name != "CONCURRENCY"] if isinstance(given, tuple) else []
    notes[:] = [note for note in notes if not note.startswith("How many operations")]
    rate = profile.requests_per_second
    if rate is None:
        rate, by = _assumed_rate(left, profile, most_per_s)
        assumed.append("REQUESTS_PER_SECOND")
        notes.append(f"How many requests arrive is not known: {rate:g} in a second are assumed, {by}.")
    return {**left, "REQUESTS_PER_SECOND": float(rate), "ASSUMED": tuple(assumed)}


def _assumed_rate(
    parameters: dict[str, Parameter], profile: WorkloadProfile, most_per_s: float | None
) -> tuple[float, str]:
    """(Requests a second, how they are found)."""
    cpu_ms, wait_ms = (float(str(parameters[name])) for name in ("CPU_MS_PER_TASK", "IO_WAIT_MS_PER_TASK"))
    if profile.throughput_requirement_per_s:
        return profile.throughput_requirement_per_s, "what must be done"
    rate = _LOADED * (most_per_s or 1000 / max(cpu_ms, wait_ms / 100, 0.1))
    by = f"{_LOADED:g} of what the recommended approach can do"
    if (
        profile.concurrency is not None
        and (in_flight := 1000 * profile.concurrency / max(cpu_ms + wait_ms, 0.1)) < rate
    ):
        rate, by = in_flight, "what those in flight come to by Little's law"
    return float(f"{rate:.3g}"), by
