"""What is measured, and how samples become a figure and its range.

Pure. Only undisturbed samples make a figure. It is `usable` where there are enough of them and they agree, else `noisy`.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

MOST_WORKERS = 16  # in a pool of CPUs: more of them would cost the time for everything else
DISTURBED = 0.1  # is a sample that waited for a CPU in this part of its time, or lacked this part of the CPUs it takes
BEYOND = 1.05  # times what is possible may be chance; what is more is no figure at all


class Summary(NamedTuple):
    """How samples become a figure and its range, and when it is good enough to be used.

    `value`, `low` and `high` are parts of all samples in order of size: 0.5 is the middle one. `alone` says that one CPU
    is enough to measure it, so that other programs on the others do no harm. `spread` is how wide the range may be, as a
    part of the value, and `slack` how wide it may be in any case: a difference of times may be next to nothing.
    """

    value: float
    low: float
    high: float
    alone: bool = False
    least: int = 2
    spread: float = 0.6
    slack: float = 0.0


#: Whatever disturbs a measurement makes it longer, so a quarter of the way up is nearer to the truth than the middle.
TIME = Summary(0.25, 0.0, 0.75)
ALONE = TIME._replace(alone=True)
#: What a program does once, so that each round has one sample of it: a long one, or of many that were taken together.
ONCE = TIME._replace(least=1)
#: The same, upside down: disturbances only make it slower.
RATE = Summary(0.75, 0.25, 1.0)
#: What goes from thread to thread depends on where the system runs them, and a difference or a ratio of two times is
#: disturbed either way.
MIDDLE = Summary(0.5, 0.25, 0.75)
EFFICIENCY = MIDDLE._replace(spread=0.25)
MANY = MIDDLE._replace(least=1)  # of very many at once, in each round
START = MIDDLE._replace(least=1, slack=5.0)
#: Memory is what it is, whoever computes meanwhile.
MEMORY = Summary(0.5, 0.25, 0.75, alone=True, least=1)

#: What is measured. W is the number of CPUs, but MOST_WORKERS at most.
COSTS: dict[str, Summary] = {
    # Computing. The ratio of two Pythons tells how much slower one is.
    "python_arithmetic_ns": ALONE,  # a step of `arithmetic`: with numbers of three kinds
    "python_objects_ns": ALONE,  # a step of `make_rows`: calls, and objects that are made, filled and dropped
    # Threads. A pool takes start x threads + dispatch x tasks.
    "thread_start_ms": TIME,  # a thread of a pool: made, woken, joined; without the dispatch of its first task
    "thread_dispatch_ms": MIDDLE,  # a task through `map` of a pool of W threads
    "thread_wait_ms": MANY,  # of tasks that sleep 1 ms, on 128 threads: what bounds how many can wait in turn
    # asyncio. A program takes start + task x tasks, and for each task what it hands over.
    "asyncio_start_ms": ALONE._replace(least=1),  # the first `asyncio.run` of a program, of nothing
    "asyncio_task_ms": ALONE,  # a coroutine in `gather`, behind a semaphore, that yields once
    "asyncio_wait_ms": ALONE,  # CPU time of one that sleeps 1 ms instead
    "loop_handover_ms": MIDDLE,  # more for a task that goes to a pool of W threads and back, in a stream of them
    "loop_process_ms": MIDDLE,  # more for a task that goes to a pool of W processes and back, in a stream of them
    # Processes. A pool takes pool + start x (workers - 1). In it: what work.py imports, and every worker (or their
    # server) with it.
    **{f"process_pool_{method}_ms": ONCE for method in ("fork", "forkserver", "spawn")},  # the first, of one worker
    **{f"process_start_{method}_ms": START for method in ("fork", "forkserver", "spawn")},
    "process_pool_unused_ms": ONCE,  # a pool that nothing is given to, the first of a program
    "process_dispatch_ms": MIDDLE,  # a message with a task to a worker, and with its result back
    "chunked_dispatch_ms": MANY,  # an item more in chunks, without their messages: there are four for each worker
    # Bytes, counted both ways, beside the dispatch: in messages of 8 MB.
    "process_copy_mb_per_s": RATE._replace(least=1),
    # Subinterpreters. A pool takes start + more x (workers - 1, up to W) + extra x (workers over W). Each of them loads
    # work.py.
    "subinterpreter_start_ms": ONCE,  # the first pool of a program, of one worker
    "subinterpreter_more_ms": START,
    "subinterpreter_extra_ms": START,
    "subinterpreter_dispatch_ms": MIDDLE,
    "subinterpreter_copy_mb_per_s": RATE,  # bytes, counted both ways, in pieces of 1 MB
    # Efficiency: how many times as much W workers do than one, divided by W. 1 is perfect; with a GIL it is 1/W.
    # More than that is impossible.
    "efficiency_processes": EFFICIENCY,
    "efficiency_subinterpreters": EFFICIENCY,
    "efficiency_threads_python": EFFICIENCY,  # each computes with data of its own
    "efficiency_threads_native": EFFICIENCY,
    "efficiency_read_only": EFFICIENCY,  # free-threaded builds only: all read one dict every 50 steps
    "efficiency_hot": EFFICIENCY,  # free-threaded builds only: all write to one dict behind a lock every 50 steps
    "sleep_overshoot_ms": MIDDLE,  # how much longer than 1 ms `time.sleep` takes
    # Memory of the process tree, where the system tells what is shared (Linux).
    "base_memory_mb": MEMORY,  # a script that has imported what work.py does, and shares with no other program
    "thread_memory_mb": MEMORY,  # a thread of a pool
    "process_pool_memory_mb": MEMORY,  # what a pool of processes takes beside its workers: helpers, modules
    "process_memory_mb": MEMORY,  # a worker of it
    "subinterpreter_memory_mb": MEMORY,  # a worker of a pool of subinterpreters
}


def gil_enabled() -> bool:
    """Whether threads of this process take turns."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def takes_one_cpu(key: str) -> bool:
    """Whether one CPU is enough to measure something."""
    return key in COSTS and COSTS[key].alone


def figures(samples: dict[str, list[tuple[float, float]]], cpus: int) -> dict[str, dict[str, Any]]:
    """What all samples come to, for each figure that has some; each sample with the part of it that was disturbed."""
    found = {key: samples[key] for key in COSTS if key in samples}
    impossible: dict[str, int] = {}
    for key, taken in found.items():
        if COSTS[key] is EFFICIENCY:
            most = most_efficient(key, cpus)
            found[key] = [(min(ratio, most), disturbance) for ratio, disturbance in taken if ratio <= most * BEYOND]
            impossible[key] = len(taken) - len(found[key])
    return {key: figure(taken, COSTS[key], impossible.get(key, 0)) for key, taken in found.items()}


def most_efficient(key: str, cpus: int) -> float:
    """What is possible: where threads take turns, the part that one of them is of all."""
    takes_turns = key == "efficiency_threads_python" and gil_enabled()
    return 1 / min(cpus, MOST_WORKERS) if takes_turns else 1.0


def figure(samples: list[tuple[float, float]], summary: Summary, impossible: int) -> dict[str, Any]:
    """A figure made of its undisturbed samples, and whether they are good enough for it to be used.

    Where none is undisturbed, it is made of all, so that one can see what it came to.
    """
    good = undisturbed(samples)
    taken = len(samples) + impossible
    if not samples:
        note = "beyond what is possible"
        return {"value": 0.0, "low": 0.0, "high": 0.0, "samples": taken, "quality": "noisy", "note": note}
    made = summarised(good or [sample for sample, _ in samples], summary)
    note = ""
    if len(good) < summary.least:
        note = f"{len(good)} of {taken} undisturbed" + (f", {impossible} beyond what is possible" if impossible else "")
    elif made["high"] - made["low"] > max(summary.spread * made["value"], summary.slack):
        note = f"{made['low']:.3g} to {made['high']:.3g}"
    return {**made, "quality": "noisy" if note else "usable", "note": note}


def undisturbed(samples: list[tuple[float, float]]) -> list[float]:
    """The samples that nothing disturbed."""
    return [sample for sample, disturbance in samples if disturbance <= DISTURBED]


def noise(samples: dict[str, list[tuple[float, float]]]) -> float:
    """The part of all samples that was disturbed by other programs, each figure counted once."""
    parts = [1 - len(undisturbed(found)) / len(found) for found in samples.values()]
    return round(sum(parts) / len(parts), 4)


def summarised(samples: list[float], summary: Summary) -> dict[str, float]:
    """The figure made of samples, its range, and how many they were. No cost is below nothing."""
    ordered = sorted(max(0.0, sample) for sample in samples)

    def at(part: float) -> float:
        place = part * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        return float(f"{ordered[below] + (ordered[above] - ordered[below]) * (place - below):.5g}")

    return {"value": at(summary.value), "low": at(summary.low), "high": at(summary.high), "samples": len(ordered)}
