"""Fake trees of /proc and /sys with control groups in them."""

from __future__ import annotations

from pathlib import Path

GB = 1024**3
V2 = "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate"
V1_CPU = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct"
V1_MEMORY = "33 31 0:30 / /sys/fs/cgroup/memory rw shared:11 - cgroup cgroup rw,memory"
MEMINFO = "MemTotal:       16777216 kB\nMemFree:  1048576 kB\nMemAvailable:    8388608 kB\nHugePages_Total:  0\n"


def machine(root: Path, cgroup: str = "", mounts: str = "") -> Path:
    """A fake root with the two /proc files that say which group this is and where it is mounted."""
    write(root, "/proc/self/cgroup", cgroup)
    write(root, "/proc/self/mountinfo", mounts)
    return root


def write(root: Path, path: str, text: str) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode("utf-8", "surrogateescape"))


def v1_quota(root: Path, directory: str, quota: int, period: int = 100_000) -> None:
    write(root, f"{directory}/cpu.cfs_quota_us", f"{quota}\n")
    write(root, f"{directory}/cpu.cfs_period_us", f"{period}\n")
