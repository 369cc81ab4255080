"""From what was found to fields of the profile, each with its basis and a sentence with its figures. Pure.

The thresholds are those that told functions of known properties apart on a busy machine. A figure near one of them has a
range, or is left out: what was not measured is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

from selector.measure.clients import Clients
from selector.measure.findings import Calls, Findings, Steps, Two
from selector.measure.gil import gil_evidence
from selector.measure.models import Evidence, Value
from selector.measure.sharing import sharing_evidence
from selector.measure.waits import wait_evidence
from selector.text import MEASURED, counted, duration, listed, memory, significant

LEAST_WAIT_MS, LEAST_WAIT_SHARE = 0.3, 0.1  # below the larger of both it is noise, not waiting
HELPERS_SHARE, LEAST_HELPERS_MS = 0.25, 0.5  # CPU of other threads, from which on the library computes in parallel
WIDE = 0.3  # of the median: a spread from which on a figure is told with its range
EXPENSIVE_MS = 200.0  # a start from which on it counts
_DIGITS = 4


@dataclass(frozen=True)
class Timing:
    """One task, in ms: what it computes, in threads of its own too, and what it waits."""

    cpu_ms: float
    wait_ms: float
    native: bool

    @property
    def kind(self) -> str:
        """The type of workload: computing of less than a tenth of the time, and less than 5 ms, does not count."""
        if self.wait_ms == 0:
            return "cpu"
        return "io" if self.cpu_ms < min(5.0, 0.1 * (self.cpu_ms + self.wait_ms)) else "hybrid"

    @property
    def total_ms(self) -> float:
        """Both together."""
        return self.cpu_ms + self.wait_ms


@dataclass(frozen=True)
class Beside:
    """What other children found: the memory of a call, whether the order matters, two threads on a free-threaded build.

    `order` is `none`, `order`, `chance`, or None where it was not tried; `twin` says that there is an asynchronous twin.
    """

    task_mb: float | None = None
    order: str | None = None
    own: Two | None = None
    same: Two | None = None
    twin: bool = False
    imports_ms: tuple[float, ...] = ()  # of the module, in other processes of the same Python


def fields_of(found: Findings, beside: Beside, clients: Clients) -> dict[str, Evidence]:
    """Every field that can be said of a function, in the order in which people want to read them."""
    if found.calls is None:
        return {}
    timing = timing_of(found, found.calls)
    return {
        **_task_fields(found),
        **_timing_fields(found, found.calls, timing),
        **wait_evidence(found, waits=timing.wait_ms > 0, clients=clients, twin=beside.twin),
        **gil_evidence(found, timing.wait_ms, native=timing.native),
        **_crossing_fields(found),
        **sharing_evidence(found, beside.order, beside.same, beside.own),
        **_memory_fields(beside),
        **_start_fields(found, beside, timing),
    }


def measured(value: Value, how: str, low: float | None = None, high: float | None = None) -> Evidence:
    """A figure that was measured."""
    return Evidence(value=value, basis="measured", how=how, low=low, high=high)


def inferred(value: Value, how: str) -> Evidence:
    """What follows from what was measured."""
    return Evidence(value=value, basis="inferred", how=how)


def milliseconds(value: float) -> str:
    """A time in ms as people say it."""
    return duration(max(0.0, value) / 1000, MEASURED)


# Computing and waiting ------------------------------------------------------------------------------------------------


def timing_of(found: Findings, calls: Calls) -> Timing:
    """What a task computes and waits; waiting that is no more than noise is none."""
    if found.steps is not None:
        waiting = found.steps.await_ms + found.steps.blocking_ms
        cpu = calls.cpu_ms if found.steps.cpu_ms is None else found.steps.cpu_ms
        return Timing(cpu, _if_real(waiting, cpu), native=False)
    native = uses_helpers(calls)
    cpu = calls.cpu_ms + calls.helper_ms if native else calls.cpu_ms
    # While helpers compute the caller waits for them: what is left beside them must be much to be waiting.
    wait = _if_real(calls.wait_ms, cpu) if not native or calls.wait_ms > 0.35 * calls.wall_ms else 0.0
    return Timing(cpu, wait, native)


def uses_helpers(calls: Calls) -> bool:
    """Whether other threads of the process compute a good part of the time: the library is parallel by itself."""
    least = HELPERS_SHARE * max(calls.cpu_ms, calls.wall_ms - calls.delay_ms)  # of a call that waits they take little
    return calls.helper_ms > max(LEAST_HELPERS_MS, least)


def _if_real(wait_ms: float, cpu_ms: float) -> float:
    return wait_ms if wait_ms >= max(LEAST_WAIT_MS, LEAST_WAIT_SHARE * (cpu_ms + wait_ms)) else 0.0


def _timing_fields(found: Findings, calls: Calls, timing: Timing) -> dict[str, Evidence]:
    waiting = f"{milliseconds(timing.wait_ms)} of waiting" if timing.wait_ms else "no waiting"
    how = f"{milliseconds(timing.cpu_ms)} of computing and {waiting} a call"
    fields = {
        "workload_type": inferred(timing.kind, how),
        "cpu_ms_per_task": _cpu(found, calls, timing),
        "io_wait_ms_per_task": _wait(calls, timing, found.steps),
    }
    if timing.native:
        how = (
            f"other threads of the process computed {milliseconds(calls.helper_ms)} beside {milliseconds(calls.cpu_ms)}"
        )
        fields["native_parallel"] = measured(True, how)
    elif calls.cpu_ms >= LEAST_HELPERS_MS:
        fields["native_parallel"] = measured(False, "no other thread of the process computed in these calls")
    if found.coroutine:
        fields["event_loop"] = inferred(True, "it is a coroutine, which an event loop calls")
    return fields


def _cpu(found: Findings, calls: Calls, timing: Timing) -> Evidence:
    """The computing of a call, with its range where the calls differ."""
    whose = "all threads" if timing.native else "the coroutine" if found.steps is not None else "the calling thread"
    how = f"CPU time of {whose}, median of {counted(calls.count, 'call')}"
    if calls.cached:
        how += ", the first on each item: later ones find the result in a cache"
    value = significant(timing.cpu_ms, _DIGITS)
    more = timing.cpu_ms - calls.cpu_ms
    low, high = calls.cpu_low_ms + more, calls.cpu_high_ms + more
    if high - low <= WIDE * timing.cpu_ms:
        return measured(value, how)
    how += f"; most lie between {milliseconds(low)} and {milliseconds(high)}"
    return measured(value, how, significant(low, _DIGITS), significant(high, _DIGITS))


def _wait(calls: Calls, timing: Timing, steps: Steps | None) -> Evidence:
    """The waiting of a call; where lack of a CPU could not be told apart it is no more than an upper bound."""
    value = significant(timing.wait_ms, _DIGITS)
    if steps is not None:
        blocking = f", {milliseconds(steps.blocking_ms)} while it blocked the loop" if steps.blocking_ms > 1 else ""
        return measured(value, f"{milliseconds(steps.await_ms)} in its awaits{blocking}")
    if timing.wait_ms == 0:
        rest = f"{milliseconds(calls.wait_ms)} a call were neither computing nor lack of a CPU"
        return measured(
            0.0, f"{rest}: no more than noise" if calls.wait_ms > 0.001 else "nothing but computing was seen"
        )
    how = f"what remains of {milliseconds(calls.wall_ms)} by the clock after computing"
    if calls.delay_ms > 0.05 * calls.wall_ms:
        how += f", {milliseconds(calls.delay_ms)} without a CPU taken off"
    if not calls.delay_known:
        how += "; on this system that may be lack of a CPU as well"
        return measured(value, how, 0.0, value)
    low, high = calls.wait_low_ms, calls.wait_high_ms
    if high - low <= WIDE * timing.wait_ms:
        return measured(value, how)
    how += f"; most lie between {milliseconds(low)} and {milliseconds(high)}"
    return measured(value, how, significant(low, _DIGITS), significant(high, _DIGITS))


# Crossing to a worker, memory, start ----------------------------------------------------------------------------------


def _crossing_fields(found: Findings) -> dict[str, Evidence]:
    crossing = found.crossing
    if crossing is None:
        return {}
    if crossing.errors:
        what = "; ".join(f"the {part} does not: {why}" for part, why in crossing.errors.items())
        return {"picklable": measured(False, what)}
    fields = {}
    if crossing.all_tried:
        fields["picklable"] = measured(True, "function, items and results were pickled and read back")
    if crossing.milliseconds is not None:
        cost = significant(crossing.milliseconds, 3)
        fields["pickle_ms_per_task"] = measured(cost, "an item there and a result back, by pickle protocol 5")
    sizes = [size for size in (crossing.item_kb, crossing.result_kb) if size is not None]
    if sizes:
        how = f"pickled: an item {_kilobytes(crossing.item_kb)}, a result {_kilobytes(crossing.result_kb)}; the larger"
        fields["payload_kb_per_task"] = measured(significant(max(sizes), 3), how)
    return fields


def _kilobytes(size: float | None) -> str:
    return "unknown" if size is None else f"{significant(size, 3):g} KB"


def _memory_fields(beside: Beside) -> dict[str, Evidence]:
    if beside.task_mb is None:
        return {}
    value = significant(max(0.0, beside.task_mb), 3) if beside.task_mb >= 0.05 else 0.0
    how = "how far the peak of a call stood above what was there before it, in a fresh process"
    return {"task_memory_mb": measured(value, how)}


def _start_fields(found: Findings, beside: Beside, timing: Timing) -> dict[str, Evidence]:
    start, fields = found.start, {}
    extra, setup = _first_extra(found, timing), start.setup_ms or 0.0
    imports = [ms for ms in (start.import_ms, *beside.imports_ms) if ms is not None]
    if imports:
        how = f"CPU time to import its module in a new process, the least of {len(imports)}"
        fields["import_ms"] = measured(significant(min(imports), 3), how)
    if start.setup_ms is None and start.first_ms is None:
        return fields
    costly_ms = setup + extra
    parts = [f"set-up {milliseconds(setup)}"] if start.setup_ms is not None else []
    if start.first_ms is not None:
        parts.append(f"first call {milliseconds(start.first_ms)}, later ones {milliseconds(timing.total_ms)}")
    how = "; ".join(parts) + (
        f", as it imports {listed(start.first_imports[:3])}" if extra and start.first_imports else ""
    )
    costly = costly_ms >= EXPENSIVE_MS
    fields["has_expensive_startup"] = inferred(costly, f"{how} (from {EXPENSIVE_MS:g} ms on it counts)")
    if costly or setup >= 1.0:
        fields["startup_ms"] = measured(significant(costly_ms, 3), how)
    if (costly or setup >= 1.0) and start.setup_mb is not None:
        kept = max(0.0, start.setup_mb)
        fields["startup_memory_mb"] = measured(significant(kept, 3), f"memory grew by {memory(kept)} in the set-up")
    return fields


def _first_extra(found: Findings, timing: Timing) -> float:
    """What the first call takes more than later ones, in ms, where that is clear."""
    first = found.start.first_ms
    return max(0.0, first - timing.total_ms) if first is not None and first > max(20.0, 2 * timing.total_ms) else 0.0


def _task_fields(found: Findings) -> dict[str, Evidence]:
    if not found.tasks or not found.has_items:
        return {}
    return {"tasks": measured(found.tasks, f"the number of items ({found.taken:,} were taken)")}
