"""The limits of the control groups that this process is in, version 1, 2 or both at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from selector.host.kernel import named_numbers, system_text, whole_number

_NO_LIMIT = 2**60  # cgroup v1 says "unlimited" as 2**63 - 1 rounded down to a page: nobody limits to an exabyte
_DEFAULT_PERIOD_US = 100_000


class Throttling(NamedTuple):
    """What CPU quotas have cost a process's groups since they were made."""

    times: int  # one for each period in which a group was stopped
    seconds: float  # summed over the CPUs, so it may grow faster than the clock


def cpu_throttling(root: Path = Path("/")) -> Throttling | None:
    """How often a CPU quota stopped this process's cgroup or one around it, or None where no file says."""
    return Cgroups(root).throttling()


class _Mount(NamedTuple):
    """One mounted control group hierarchy."""

    point: str
    group: str  # the group that is seen at `point`: "/" is the top, as far as this process can tell
    controllers: frozenset[str]  # of version 1; a version 2 hierarchy has {""}, as /proc/self/cgroup spells it


#: Where the hierarchies usually are, for a sandbox without /proc/self/mountinfo.
_USUAL_MOUNTS = [
    _Mount("/sys/fs/cgroup", "/", frozenset({""})),
    _Mount("/sys/fs/cgroup/unified", "/", frozenset({""})),
    _Mount("/sys/fs/cgroup/cpu", "/", frozenset({"cpu"})),
    _Mount("/sys/fs/cgroup/cpu,cpuacct", "/", frozenset({"cpu"})),
    _Mount("/sys/fs/cgroup/memory", "/", frozenset({"memory"})),
]


class Cgroups:
    """The control groups of this process, version 1, 2 or both at once; cgroups(7) and proc(5) say what the files hold.

    Every group from the process's own up to the mount point is asked, because the kernel enforces them all: a
    container without a limit inside a pod with one is limited. Groups above the mount point cannot be seen.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._groups = _groups(system_text("/proc/self/cgroup", root))
        self._mounts = _mounts(system_text("/proc/self/mountinfo", root)) or _USUAL_MOUNTS

    def cpu_quota(self) -> tuple[float | None, str | None]:
        """The smallest quota in CPUs and the file that sets it; None twice where there is no quota."""
        found = [(quota, f"{d}/cpu.max") for d in self._directories("") if (quota := self._quota_v2(d))]
        older = self._directories("cpu")
        found += [(quota, f"{d}/cpu.cfs_quota_us") for d in older if (quota := self._quota_v1(d))]
        if not found:
            return None, None
        quota, file = min(found, key=lambda pair: pair[0])
        return quota, file.encode(errors="replace").decode()

    def memory_limit(self) -> int | None:
        """The smallest memory limit in bytes. memory.high is left out: it slows a group down, it is no limit."""
        texts = [self._read(d, "memory.max") for d in self._directories("")]
        texts += [self._read(d, "memory.limit_in_bytes") for d in self._directories("memory")]
        return min((n for text in texts if (n := _positive(text)) and n < _NO_LIMIT), default=None)

    def throttling(self) -> Throttling | None:
        """The sum over all groups, each of which counts its own stops.

        A set, because of the usual mounts two may be one: /sys/fs/cgroup/cpu is often a link to cpu,cpuacct.
        """
        directories = [*self._directories(""), *self._directories("cpu")]
        found = {stop for d in directories if (stop := _throttling(self._read(d, "cpu.stat")))}
        return Throttling(sum(s.times for s in found), sum(s.seconds for s in found)) if found else None

    def _quota_v2(self, directory: str) -> float | None:
        """`cpu.max` holds `QUOTA PERIOD` in microseconds, or `max PERIOD`."""
        words = self._read(directory, "cpu.max").split()
        quota = _positive(words[0]) if words else None
        period = _positive(words[1]) if len(words) > 1 else _DEFAULT_PERIOD_US
        return quota / period if quota and period else None

    def _quota_v1(self, directory: str) -> float | None:
        """Two files, in microseconds; a quota of -1 is none."""
        quota = _positive(self._read(directory, "cpu.cfs_quota_us"))
        period = _positive(self._read(directory, "cpu.cfs_period_us")) if quota else None
        return quota / period if quota and period else None

    def _read(self, directory: str, name: str) -> str:
        return system_text(f"{directory}/{name}", self._root)

    def _directories(self, controller: str) -> Iterator[str]:
        """Directories of this process's group and the groups around it, innermost first, without `root`."""
        group = self._groups.get(controller, "/")
        mounts = [m for m in self._mounts if controller in m.controllers]
        inside = [(m.point, path) for m in mounts if (path := _path_below(m.group, group)) is not None]
        # No mount seems to hold our group: in a container /proc may name it differently (by its namespace) than the
        # mount does. Then what is mounted is the best clue.
        for point, path in inside or [(m.point, "") for m in mounts]:
            names = [name for name in path.split("/") if name]
            for depth in range(len(names), -1, -1):
                yield "/".join([point.rstrip("/"), *names[:depth]])


def _throttling(cpu_stat: str) -> Throttling | None:
    """`cpu.stat` counts microseconds in version 2 (throttled_usec), nanoseconds in version 1 (throttled_time)."""
    numbers = named_numbers(cpu_stat)
    if "nr_throttled" not in numbers:
        return None
    seconds = numbers.get("throttled_usec", 0) / 1e6 + numbers.get("throttled_time", 0) / 1e9
    return Throttling(numbers["nr_throttled"], seconds)


def _path_below(top: str, group: str) -> str | None:
    """The path of `group` under `top`, "" for itself; None if it is not under it."""
    if top == "/":
        path = group
    elif group == top or group.startswith(f"{top}/"):
        path = group[len(top) :]
    else:
        return None
    return None if ".." in path.split("/") else path  # "/../x": outside the namespace, and so outside the mount


def _groups(text: str) -> dict[str, str]:
    """/proc/self/cgroup as controller → group; lines are `ID:CONTROLLERS:GROUP`, and `0::GROUP` for version 2."""
    groups: dict[str, str] = {}
    for line in text.split("\n"):
        parts = line.split(":", 2)
        if len(parts) == 3 and parts[2].startswith("/"):
            groups.update(dict.fromkeys(parts[1].split(","), parts[2]))
    return groups


def _mounts(text: str) -> list[_Mount]:
    """The cgroup hierarchies in /proc/self/mountinfo; of two mounts on one point the later hides the earlier.

    A line is `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE SUPER_OPTIONS`.
    """
    mounts: dict[str, _Mount] = {}
    for line in text.split("\n"):
        if " - cgroup" not in line:
            continue
        before, _, after = line.partition(" - ")
        where, what = before.split(" "), after.split(" ")
        if len(where) < 5 or what[0] not in ("cgroup", "cgroup2"):
            continue
        group, point = _unescaped(where[3]), _unescaped(where[4])
        version_1 = what[0] == "cgroup"
        controllers = what[-1].split(",") if version_1 else [""]
        mounts[point] = _Mount(point, group, frozenset(controllers))
    return list(mounts.values())


def _unescaped(text: str) -> str:
    r"""A path of mountinfo, where a space is written `\040`."""
    return re.sub(r"\\([0-3][0-7]{2})", lambda match: chr(int(match[1], 8)), text)


def _positive(text: str) -> int | None:
    """A whole number over 0, or None: `max`, -1, an empty file and garbage set no limit."""
    return whole_number(text) or None
