"""Who else uses the machine: how much each sample was disturbed while it was taken."""

from __future__ import annotations

import contextlib
import os
import time

from figures import COSTS, MEMORY, takes_one_cpu
from tree import family
from work import Sample, Watched, cpu_delay

WINDOW_SECONDS = 0.25  # over which the CPUs that others use are counted: the system counts hundredths of a second
UNCOUNTED = 0.05  # CPUs: that much the count is usually wrong by
COMPUTING = ("python_arithmetic_ns", "python_objects_ns")  # of which the thread does nothing else


def cpus_of_others() -> tuple[int, float] | None:
    """How many CPUs this program may run on, and the seconds that all others ever used of them; None where unknown.

    What a hypervisor took is counted with the others. All systems but Linux do not say.
    """
    try:
        allowed = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        with open("/proc/stat", encoding="ascii") as stream:
            rows = [words for line in stream if (words := line.split()) and words[0] in allowed]
        used = sum(sum(map(int, (*words[1:4], words[8]))) for words in rows)  # user, nice, system, steal
        if len(rows) != len(allowed) or not used:
            return None
        return len(rows), (used - own_ticks()) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError, IndexError):
        return None


def own_ticks() -> int:
    """The CPU time of this process, its descendants, and those of them that have ended."""
    total = 0
    for pid in family():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", "rb") as stream:
            total += sum(map(int, stream.read().rpartition(b")")[2].split()[11:15]))
    return total


class Watch:
    """Tells how much each sample of a part was disturbed. `cpus` may be used, and `width` workers use them."""

    def __init__(self, width: int, cpus: int) -> None:
        """Begin to watch."""
        self.takes = min(width + 1, cpus)  # CPUs: a pool and the thread that feeds it
        self.samples: list[tuple[str, float, float]] = []  # of the window that is open
        self.computing: list[float] = [0.0]  # parts of the time lost while this thread did nothing but compute
        self.lacked: float | None = None  # the part of the CPUs that others used in the last window
        self.opened, self.others = time.perf_counter(), cpus_of_others()
        self.waited = 0.0
        self.mark()

    def mark(self) -> None:
        """What comes now belongs to the next sample."""
        self.begun, self.cpu, self.delay = time.perf_counter(), time.thread_time(), cpu_delay()

    def take(self, sample: Sample | Watched) -> list[Watched]:
        """A sample that was just taken; returns those of which everything is known now."""
        key, value, *own = sample
        took, delay = time.perf_counter() - self.begun, cpu_delay()
        if key in COMPUTING:
            self.waited = 1 - (time.thread_time() - self.cpu) / took
            self.computing.append(self.waited)
        elif own:
            self.waited = own[0]
        elif self.others is not None and not takes_one_cpu(key):
            self.waited = 0.0  # for CPUs that our own threads take; what others take is known
        elif delay is None or self.delay is None:
            self.waited = sum(self.computing) / len(self.computing)
        elif took > 1e-4:  # else it was measured together with the one before
            self.waited = (delay - self.delay) / took
        self.samples.append((key, value, self.waited))
        done = self.close() if time.perf_counter() - self.opened >= WINDOW_SECONDS else []
        self.mark()
        return done

    def close(self) -> list[Watched]:
        """End the window: by now the CPUs that others used are known, as far as the system tells."""
        now, others = time.perf_counter(), cpus_of_others()
        if others is None or self.others is None:
            self.lacked = sum(self.computing) / len(self.computing)
        elif self.lacked is None or now - self.opened >= WINDOW_SECONDS / 2:  # shorter ones cannot be told
            free = others[0] - (others[1] - self.others[1]) / (now - self.opened) + UNCOUNTED
            self.lacked = max(0.0, 1 - free / self.takes)
        done = [(key, value, round(self.disturbance(key, waited), 4)) for key, value, waited in self.samples]
        self.samples, self.opened, self.others = [], now, others
        return done

    def disturbance(self, key: str, waited: float) -> float:
        """The part of the time, or of the CPUs that it takes, which a sample lacked."""
        if COSTS.get(key) is MEMORY:
            return 0.0
        return max(waited, 0.0 if takes_one_cpu(key) else self.lacked or 0.0)
