"""What this machine has: CPUs that may really be used, memory, start methods, interpreters.

Nothing here starts a process or imports psutil on Linux, and nothing raises for an odd /proc or /sys: a file that
says nothing sensible sets no limit.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from selector.errors import SelectorError
from selector.host.cgroups import Cgroups
from selector.host.interpreters import Interpreter, survey_interpreters
from selector.host.kernel import named_numbers, system_text

PlatformId = Literal["linux", "macos", "windows"]
StartMethod = Literal["fork", "forkserver", "spawn"]

_MB = 1024 * 1024


class UsableCpus(BaseModel):
    """How many CPUs this process can keep busy, and what decides that.

    `count` is `max(1, ceil(min(affinity, quota)))`. A quota is CPU time per period, wherever it runs, so a fraction is
    rounded up: under 1.5 CPUs one worker leaves half a CPU idle, two use it all and are throttled now and then.
    (joblib's loky and Go 1.25 round up too.) The unrounded `quota` is there for whoever predicts speed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    count: int = Field(ge=1)
    logical: int = Field(ge=1, description="logical CPUs of the machine")
    affinity: int = Field(ge=1, description="CPUs this process may be scheduled on (taskset, cpuset, PYTHON_CPU_COUNT)")
    quota: float | None = Field(None, gt=0, description="CPUs' worth of time that the tightest cgroup grants")
    limited_by: Literal["logical CPUs", "affinity", "cgroup quota"]
    quota_from: str | None = Field(None, description="the file that sets the quota")


class Memory(BaseModel):
    """Memory in MB of 1,048,576 bytes; None where the machine does not say.

    `available_mb` is what the machine can give without swapping, `limit_mb` the tightest cgroup limit (None: no
    limit), `usable_mb` the smaller of the two. What the group already uses is not taken off the limit, because that
    figure counts file cache which the kernel drops when asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    total_mb: int | None = Field(ge=0)
    available_mb: int | None = Field(ge=0)
    limit_mb: int | None = Field(None, ge=0)
    usable_mb: int | None = Field(ge=0)
    limited_by: Literal["available memory", "cgroup limit"]


class Host(BaseModel):
    """This machine and the Python that looks at it; saved with every result, and read back from JSON unchanged."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    platform: PlatformId
    system: str = Field(description="such as Linux 6.1 x86_64")
    cpu_model: str | None = None
    cpus: UsableCpus
    memory: Memory
    start_methods: tuple[StartMethod, ...]
    default_start_method: StartMethod = Field(description="of the running Python")
    python: str = Field(description="version of the running Python")
    python_gil_enabled: bool = Field(description="in this very process")
    interpreters: tuple[Interpreter, ...] = ()
    interpreter_problems: tuple[str, ...] = Field((), description="files that look like an interpreter and do not run")


def probe_host(root: Path = Path("/"), environ: Mapping[str, str] | None = None, home: Path | None = None) -> Host:
    """Look at this machine: a few milliseconds, more (about 0.2 s) when an interpreter is met for the first time.

    `root` stands before every path of the system, `environ` (default: os.environ) replaces the environment and `home`
    the home directory, so that a test can use a fake machine.
    """
    platform = platform_id()
    survey = survey_interpreters(environ, root, home)
    cgroups = Cgroups(root)
    return Host(
        platform=platform,
        system=system_of(),
        cpu_model=cpu_model_of(str(root), os.environ if environ is None else environ),
        cpus=_usable_cpus(cgroups),
        memory=_memory(root, cgroups),
        start_methods=start_methods(platform),
        default_start_method=default_start_method(platform, sys.version_info[:2]),
        python=sys.version.split()[0],
        python_gil_enabled=bool(getattr(sys, "_is_gil_enabled", lambda: True)()),
        interpreters=survey.interpreters,
        interpreter_problems=survey.problems,
    )


# CPUs -----------------------------------------------------------------------------------------------------------------


def usable_cpus(root: Path = Path("/")) -> UsableCpus:
    """CPUs this process can use: scheduling affinity, and the CPU quota of its cgroup and of every group around it.

    Takes well under a millisecond, needs the standard library only and never raises. `root` stands before /proc and
    /sys; the affinity is always that of this process. Unlike `os.process_cpu_count()` this sees container limits.
    """
    return _usable_cpus(Cgroups(root))


def _usable_cpus(cgroups: Cgroups) -> UsableCpus:
    logical = os.cpu_count() or 1
    affinity = _affinity(logical)
    quota, quota_from = cgroups.cpu_quota()
    count = affinity if quota is None else max(1, math.ceil(min(affinity, quota)))
    limited_by: Literal["logical CPUs", "affinity", "cgroup quota"] = "logical CPUs"
    if quota is not None and quota < affinity:
        limited_by = "cgroup quota"
    elif affinity < logical:
        limited_by = "affinity"
    return UsableCpus(
        count=count, logical=logical, affinity=affinity, quota=quota, limited_by=limited_by, quota_from=quota_from
    )


def _affinity(logical: int) -> int:
    """CPUs this process may run on; os.process_cpu_count (3.13) also knows PYTHON_CPU_COUNT and -X cpu_count."""
    try:
        if hasattr(os, "process_cpu_count"):
            return os.process_cpu_count() or logical
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0)) or logical
    except (OSError, NotImplementedError):
        pass
    return logical


# Memory ---------------------------------------------------------------------------------------------------------------


def memory(root: Path = Path("/")) -> Memory:
    """Memory of the machine and the limit its cgroups set; `root` as in `usable_cpus`. What is not said is None.

    The machine is asked by /proc/meminfo, else by psutil, else (a sandbox without /proc) by the C library.
    """
    return _memory(root, Cgroups(root))


def _memory(root: Path, cgroups: Cgroups) -> Memory:
    total, available = _meminfo(root) or _psutil_memory() or _sysconf_memory() or (None, None)
    limit = cgroups.memory_limit()
    limited = limit is not None and (available is None or limit // _MB < available // _MB)
    return Memory(
        total_mb=_in_mb(total),
        available_mb=_in_mb(available),
        limit_mb=_in_mb(limit),
        usable_mb=_in_mb(limit if limited else available),
        limited_by="cgroup limit" if limited else "available memory",
    )


def _in_mb(size: int | None) -> int | None:
    return None if size is None else size // _MB


def _meminfo(root: Path) -> tuple[int, int] | None:
    """Total and available bytes from /proc/meminfo, or None where it does not say both."""
    numbers = named_numbers(system_text("/proc/meminfo", root))
    kilobytes = {name: value for name, value in numbers.items() if value}
    total = kilobytes.get("MemTotal")
    available = kilobytes.get("MemAvailable")
    if available is None and "MemFree" in kilobytes:  # WSL 1 and kernels before 3.14
        available = kilobytes["MemFree"] + kilobytes.get("Buffers", 0) + kilobytes.get("Cached", 0)
    if total is None or available is None:
        return None
    return total * 1024, min(available, total) * 1024


def _psutil_memory() -> tuple[int, int] | None:
    try:
        import psutil

        now = psutil.virtual_memory()
        return int(now.total), int(now.available)
    except Exception:  # noqa: BLE001  # without /proc, or with an odd one: FileNotFoundError, KeyError, its own ...
        return None


def _sysconf_memory() -> tuple[int, int] | None:
    """By the system call behind `sysconf` (Linux); free pages are taken for what is available."""
    try:
        page, total, free = (os.sysconf(f"SC_{name}") for name in ("PAGE_SIZE", "PHYS_PAGES", "AVPHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return None
    return (total * page, free * page) if min(page, total, free) > 0 else None


# Platform -------------------------------------------------------------------------------------------------------------


def platform_id(name: str = sys.platform) -> PlatformId:
    """`linux`, `macos` or `windows` for a sys.platform; every other POSIX system counts as `linux`."""
    if name == "darwin":
        return "macos"
    return "windows" if name == "win32" else "linux"


def start_methods(platform: str) -> tuple[StartMethod, ...]:
    """The multiprocessing start methods a platform has; SelectorError for an unknown platform."""
    _check_platform(platform)
    return ("spawn",) if platform == "windows" else ("fork", "forkserver", "spawn")


def default_start_method(platform: str, version: tuple[int, int]) -> StartMethod:
    """The multiprocessing start method CPython uses when none is set; SelectorError for an unknown platform.

    Source: "Contexts and start methods" in the multiprocessing documentation. macOS changed from fork to spawn in
    3.8, other POSIX systems from fork to forkserver in 3.14.

    >>> default_start_method("linux", (3, 13)), default_start_method("linux", (3, 14))
    ('fork', 'forkserver')
    """
    _check_platform(platform)
    if platform == "windows":
        return "spawn"
    if platform == "macos":
        return "spawn" if version >= (3, 8) else "fork"
    return "forkserver" if version >= (3, 14) else "fork"


def _check_platform(platform: str) -> None:
    if platform not in ("linux", "macos", "windows"):
        raise SelectorError(f"unknown platform {platform!r}", "one of linux, macos, windows")


def system_of() -> str:
    """Such as `Linux 6.1 x86_64` or `Windows 10.0.22631 AMD64`; the platform module would cost 3 ms to import."""
    if sys.platform == "win32":
        version = sys.getwindowsversion()
        build = f"{version.major}.{version.minor}.{version.build}"
        return f"Windows {build} {os.environ.get('PROCESSOR_ARCHITECTURE', '')}".strip()
    name = os.uname()
    release = re.match(r"\d+(?:\.\d+)?", name.release)
    return f"{name.sysname} {release[0] if release else name.release} {name.machine}"


def cpu_model_of(root: str, environ: Mapping[str, str]) -> str | None:
    """The processor's name, or None where the system does not say (most ARM Linux)."""
    if sys.platform == "win32":
        return environ.get("PROCESSOR_IDENTIFIER")
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string")
    try:
        # The first processor is enough: the whole file is slow to make on a large machine.
        with open(f"{root.rstrip('/')}/proc/cpuinfo", "rb", buffering=0) as stream:
            text = stream.read(4096).decode("utf-8", "replace")
    except OSError:
        return None
    match = re.search(r"^(?:model name|Model|cpu model|cpu)[ \t]*:[ \t]*(\S.*)$", text, re.MULTILINE)
    return " ".join(match[1].split()) if match else None


def _sysctl(name: str) -> str | None:
    """A text that macOS' kernel knows by name, read through the C library: no process, about 3 ms."""
    import ctypes

    try:
        read = ctypes.CDLL(None).sysctlbyname
        size = ctypes.c_size_t(256)
        buffer = ctypes.create_string_buffer(size.value)
        if read(name.encode(), buffer, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
            return None
    except (OSError, AttributeError):
        return None
    return buffer.value.decode("utf-8", "replace") or None
