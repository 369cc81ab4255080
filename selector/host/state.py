"""What this machine is doing: one look at it, of which two tell what happened in between.

Nothing here tunes the machine or starts a process, and what the system does not say, or says oddly, counts as unknown.
"""

from __future__ import annotations

import os
import re
import warnings
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from selector.host.cgroups import Throttling, cpu_throttling
from selector.host.kernel import system_text, whole_number
from selector.host.probe import Memory, UsableCpus, memory, platform_id, usable_cpus

_CPUS = "/sys/devices/system/cpu"
_SUPPLIES = "/sys/class/power_supply"
_MB = 1024 * 1024


class Frequency(NamedTuple):
    """Who sets the frequency of some CPUs; "" where nothing is said."""

    governor: str
    driver: str
    preference: str  # between energy and performance, where the processor scales itself


class CpuTime(NamedTuple):
    """What the CPUs that this process may run on have done since the machine started, in seconds over all of them."""

    cpus: int
    total: float
    used: float  # by processes; interrupts are left out, they may be the run's own network traffic
    stolen: float  # by the hypervisor, for other machines


class HostState(NamedTuple):
    """One look at the machine; None where it does not say. Counters run since the start of the machine or group."""

    cpus: UsableCpus
    own_cpu_seconds: float  # of this process and of its children that have ended
    load: float | None = None  # average of one minute, over the whole machine
    waited_percent: float | None = None  # of the last 10 s, in which some program waited for a CPU
    throttling: Throttling | None = None
    frequencies: tuple[Frequency, ...] = ()  # each once
    overheated: int | None = None  # reports of cores and packages that they slowed down for heat
    discharging: bool | None = None
    cpu_time: CpuTime | None = None
    memory: Memory | None = None
    swap_used_mb: int = 0
    swapped_mb: float | None = None  # ever moved to or from swap


def host_state(root: Path = Path("/")) -> HostState:
    """Look at the machine: some milliseconds. `root` stands before the files of /proc and /sys that are read here."""
    cpus = usable_cpus(root)
    allowed = _allowed_cpus(cpus.logical)
    linux = platform_id() == "linux"
    swap_used_mb, swapped_mb = _swap() if linux else (0, None)  # elsewhere it counts other pages, or none
    return HostState(
        cpus=cpus,
        own_cpu_seconds=sum(os.times()[:4]),
        load=_load_average(),
        waited_percent=_decimal(system_text("/proc/pressure/cpu", root).partition("some avg10=")[2]),
        throttling=cpu_throttling(root),
        frequencies=tuple(sorted({_frequency(root, cpu) for cpu in allowed} - {Frequency("", "", "")})),
        overheated=_overheated(root, allowed),
        discharging=_discharging(root) if linux else _psutil_discharging(),
        cpu_time=_cpu_time(allowed) if linux else None,
        memory=memory(root),
        swap_used_mb=swap_used_mb,
        swapped_mb=swapped_mb,
    )


def _decimal(text: str) -> float | None:
    """The decimal number that a text starts with, or None."""
    found = re.match(r"\d{1,9}(?:\.\d{1,9})?(?!\S)", text, re.ASCII)
    return float(found[0]) if found else None


def _allowed_cpus(logical: int) -> list[int]:
    """The numbers of the CPUs that this process may run on."""
    with suppress(AttributeError, NotImplementedError, OSError):
        return sorted(os.sched_getaffinity(0))
    return list(range(logical))


def _frequency(root: Path, cpu: int) -> Frequency:
    names = ("scaling_governor", "scaling_driver", "energy_performance_preference")
    return Frequency(*(system_text(f"{_CPUS}/cpu{cpu}/cpufreq/{name}", root).strip() for name in names))


def _overheated(root: Path, allowed: list[int]) -> int | None:
    """The sum of all counters: each CPU counts for itself, and for its package once more."""
    files = [f"{_CPUS}/cpu{c}/thermal_throttle/{part}_throttle_count" for c in allowed for part in ("core", "package")]
    counts = [count for file in files if (count := whole_number(system_text(file, root))) is not None]
    return sum(counts) if counts else None


def _discharging(root: Path) -> bool | None:
    """Whether a battery of the computer drives it; None where there is neither a battery nor a mains supply.

    Not by psutil, which takes the first battery that it meets for the computer's and knows mains by two names only. A mouse has a battery too: its scope is "Device". With a supply online a battery may still say "Discharging", as
    laptops do that hold it below full; they are not short of power.
    """
    try:
        names = os.listdir(f"{str(root).rstrip('/')}{_SUPPLIES}")
    except OSError:
        return None
    files = ("type", "status", "online", "scope")
    supplies = [[system_text(f"{_SUPPLIES}/{name}/{file}", root).strip() for file in files] for name in names]
    known = [(kind, status, online) for kind, status, online, scope in supplies if kind and scope != "Device"]
    if not known:
        return None
    if any(online == "1" and kind != "Battery" for kind, _, online in known):
        return False
    return any(kind == "Battery" and status == "Discharging" for kind, status, _ in known)


def _cpu_time(allowed: list[int]) -> CpuTime | None:
    """What the CPUs of these numbers did. Guest time is also in that of users, so it is left out."""
    try:
        import psutil

        rows = psutil.cpu_times(percpu=True)
    except Exception:  # noqa: BLE001  # an odd /proc, or none: FileNotFoundError, ValueError, its own ...
        return None
    if len(allowed) < len(rows):  # else all of those that are on, whose numbers need not be consecutive
        rows = [rows[cpu] for cpu in allowed if cpu < len(rows)]
    if not rows:
        return None
    used = sum(row.user + row.nice + row.system for row in rows)
    stolen = sum(row.steal for row in rows)
    rest = sum(row.idle + row.iowait + row.irq + row.softirq for row in rows)
    return CpuTime(len(rows), used + stolen + rest, used, stolen)


def _swap() -> tuple[int, float | None]:
    """MB that are swapped out, and MB that were ever moved to or from swap, None where nothing says so."""
    try:
        import psutil

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that /proc does not say what was moved: then it is 0 each time
            swap = psutil.swap_memory()
    except Exception:  # noqa: BLE001  # as above
        return 0, None
    return swap.used // _MB, (swap.sin + swap.sout) / _MB


def _load_average() -> float | None:
    """Of one minute. psutil could make one up on Windows, from a thread that has to run for a while first."""
    with suppress(AttributeError, OSError):
        return os.getloadavg()[0]
    return None


def _psutil_discharging() -> bool | None:
    import psutil

    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError, RuntimeError):  # not there on every system; odd hardware
        return None
    plugged = battery.power_plugged if battery is not None else None
    return None if plugged is None else not plugged
