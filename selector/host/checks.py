"""What may disturb a benchmark on this machine: looked at before and after a run, told as warnings.

A warning is one sentence: what, how much, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterator

from selector.host.cgroups import Throttling
from selector.host.probe import UsableCpus
from selector.host.state import CpuTime, Frequency, HostState
from selector.text import of_cpus, quoted

#: With these drivers the governor "powersave" scales as the load asks; with any other it holds the lowest frequency.
_SCALE_UNDER_POWERSAVE = ("intel_pstate", "amd-pstate-epp")

# From where on something is worth a warning.
_BUSY_BEFORE = 0.5  # load of other programs for each CPU that the run may use
_WAITED_PERCENT = 10.0  # of the last 10 seconds, in which some program waited for a CPU
_BUSY_DURING = 0.1  # of the CPUs that the run may use, taken by others
_STOLEN = 0.02  # of the CPU time, taken by the hypervisor
_LITTLE_MEMORY_MB = 500
_SWAPPED_MB = 1.0


def warnings_before(state: HostState) -> tuple[str, ...]:
    """What speaks against starting a benchmark now, or for reading its figures with care."""
    return (
        *_busy_before(state),
        *_part_of_a_cpu(state.cpus),
        *dict.fromkeys(text for frequency in state.frequencies for text in _slow_clock(frequency)),
        *_battery(state),
        *_little_memory(state),
    )


def warnings_after(before: HostState, after: HostState, own_cpu_seconds: float | None) -> tuple[str, ...]:
    """What disturbed the run between two looks at the machine.

    `own_cpu_seconds` is the user and system time of everything that the run started, as far as the caller could count
    it; None (unknown) leaves out what other programs took. The snapshots count too, and miss other children than the
    caller does (those that nobody waited for), so the larger figure is taken.
    """
    own = None if own_cpu_seconds is None else max(own_cpu_seconds, after.own_cpu_seconds - before.own_cpu_seconds)
    return (
        *_throttled(before.throttling, after.throttling),
        *_too_hot(before.overheated, after.overheated),
        *_stolen(before.cpu_time, after.cpu_time),
        *_others(before.cpu_time, after.cpu_time, after.cpus.count, own),
        *_swapped(before.swapped_mb, after.swapped_mb),
    )


def tells_of_others(warning: str, *, watched: bool) -> bool:
    """Whether a warning of these says that the times of a run are not those of a machine of its own.

    `watched`: it is known what others took while it ran. Then a load before it is no sign: it may have been our own.
    """
    return any(sign in warning for sign in _SIGNS_DURING) or (_SIGN_BEFORE in warning and not watched)


#: What stands in those warnings; a test holds them to the sentences below.
_SIGN_BEFORE = "other programs are busy"
_SIGNS_DURING = (
    "other programs took",
    "during the run (steal)",
    "slowed down for heat",
    "were swapped during the run",
)


def _busy_before(state: HostState) -> Iterator[str]:
    """Load beyond the CPUs that this process may not use anyway: the load average counts the whole machine.

    Pressure knows better what is going on now, but it also counts who waits for a quota of its own, so it is asked
    only where this process has the whole machine.
    """
    cpus = state.cpus
    out_of_the_way = max(0, cpus.logical - cpus.count)
    if state.load is not None and state.load - out_of_the_way > _BUSY_BEFORE * cpus.count:
        what = f"load average {state.load:.1f} on {_count(cpus.logical, 'CPU')} before the run"
    elif state.waited_percent is not None and state.waited_percent > _WAITED_PERCENT and not out_of_the_way:
        what = f"programs waited for a CPU in {state.waited_percent:.0f} % of the 10 seconds before the run"
    else:
        return
    yield f"{what}: other programs are busy; close them or expect wide intervals"


def _part_of_a_cpu(cpus: UsableCpus) -> Iterator[str]:
    quota = cpus.quota
    if quota is None or cpus.limited_by != "cgroup quota" or abs(quota - max(1, round(quota))) <= 0.01:
        return
    yield (
        f"the CPU quota is {round(quota, 3):g} CPUs ({quoted(cpus.quota_from, 300)}): with {_count(cpus.count, 'worker')} "
        f"the run is stopped for a part of each period; grant whole CPUs (such as docker run --cpus={cpus.count}) "
        "or expect less speedup than on whole CPUs"
    )


def _slow_clock(frequency: Frequency) -> Iterator[str]:
    if frequency.governor == "powersave" and frequency.driver not in _SCALE_UNDER_POWERSAVE:
        yield (
            'the CPU frequency governor is "powersave", which holds the lowest frequency; '
            'switch to "performance" (sudo cpupower frequency-set -g performance) or expect long times'
        )
    elif frequency.preference == "power":
        yield (
            'the CPUs\' energy preference is "power", which keeps frequencies low; choose the power profile '
            '"performance" (powerprofilesctl set performance) or expect long times'
        )


def _battery(state: HostState) -> Iterator[str]:
    if state.discharging:
        yield "this computer runs on its battery and may slow its CPUs down at any time; plug it in"


def _little_memory(state: HostState) -> Iterator[str]:
    found = state.memory
    if found is None or found.usable_mb is None or found.usable_mb >= _LITTLE_MEMORY_MB:
        return
    if found.limited_by == "cgroup limit":
        yield f"the memory limit is {found.usable_mb} MB: raise it (such as docker run --memory=2g) or ask for fewer tasks"
        return
    swapped = f" and {state.swap_used_mb} MB are swapped out" if state.swap_used_mb else ""
    yield f"{found.usable_mb} MB of memory are free{swapped} before the run: close programs or ask for fewer tasks"


def _throttled(before: Throttling | None, after: Throttling | None) -> Iterator[str]:
    if before is not None and after is not None and (times := after.times - before.times) > 0:
        seconds = max(0.0, after.seconds - before.seconds)
        yield (
            f"the CPU quota stopped the run {_count(times, 'time')}, for {seconds:.2f} s summed over its CPUs: grant the "
            "container more CPUs (such as docker run --cpus), or take the times as those under this quota"
        )


def _too_hot(before: int | None, after: int | None) -> Iterator[str]:
    if before is not None and after is not None and after > before:
        yield (
            f"the CPUs slowed down for heat during the run ({_count(after - before, 'report')}): "
            "let the machine cool down, then run again"
        )


def _stolen(before: CpuTime | None, after: CpuTime | None) -> Iterator[str]:
    spent = _between(before, after)
    if spent is not None and spent.stolen > _STOLEN * spent.total:
        yield (
            f"the hypervisor took {100 * spent.stolen / spent.total:.1f} % of the CPU time during the run (steal): other "
            "virtual machines share these CPUs; run again later, or on a machine with CPUs of its own"
        )


def _others(before: CpuTime | None, after: CpuTime | None, usable: int, own_seconds: float | None) -> Iterator[str]:
    """CPUs kept busy by others beyond those that this process may not use anyway (a quota of 2 on 64 CPUs)."""
    spent = _between(before, after)
    if spent is None or own_seconds is None:
        return
    busy = spent.cpus * (spent.used - own_seconds) / spent.total
    taken = (busy - max(0, spent.cpus - usable)) / usable
    if taken > _BUSY_DURING:
        yield (
            f"other programs took {of_cpus(taken * usable, usable)} during the run: "
            "close them and run again, or expect wide intervals"
        )


def _swapped(before: float | None, after: float | None) -> Iterator[str]:
    if before is not None and after is not None and after - before >= _SWAPPED_MB:
        yield (
            f"{after - before:,.0f} MB were swapped during the run: some times are those of the disk; "
            "close programs or ask for fewer tasks, then run again"
        )


def _between(before: CpuTime | None, after: CpuTime | None) -> CpuTime | None:
    """What the CPUs did between two looks; None if that is unknown, a CPU came or went, or no time has passed."""
    if before is None or after is None or before.cpus != after.cpus or after.total <= before.total:
        return None
    stolen = max(0.0, after.stolen - before.stolen)
    return CpuTime(after.cpus, after.total - before.total, after.used - before.used, stolen)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
