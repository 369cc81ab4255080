"""The limits of control groups: fake trees of both versions, of every kind, and odd files."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_trees import GB, MEMINFO, V1_CPU, V1_MEMORY, V2, machine, v1_quota, write

from selector.host import cgroups, memory, probe, usable_cpus


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake machines have 8 logical CPUs, all of them allowed."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 8, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("text", "quota", "count"),
    [
        ("150000 100000", 1.5, 2),
        ("200000 100000", 2.0, 2),
        ("200001 100000", 2.00001, 3),
        ("50000 100000", 0.5, 1),
        ("1000 100000", 0.01, 1),
        ("25000 10000", 2.5, 3),
        ("300000", 3.0, 3),
        ("1600000 100000", 16.0, 8),
    ],
)
def test_v2_quota_is_rounded_up(tmp_path: Path, text: str, quota: float, count: int) -> None:
    root = machine(tmp_path, "0::/job\n", V2)
    write(root, "/sys/fs/cgroup/job/cpu.max", text + "\n")
    cpus = usable_cpus(root)
    assert cpus.quota == pytest.approx(quota)
    assert cpus.count == count
    assert cpus.quota_from == "/sys/fs/cgroup/job/cpu.max"
    assert cpus.limited_by == ("cgroup quota" if quota < 8 else "logical CPUs")


def test_a_quota_that_rounds_up_to_the_affinity_still_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 2, raising=False)
    root = machine(tmp_path, "0::/", V2)
    write(root, "/sys/fs/cgroup/cpu.max", "150000 100000")
    cpus = usable_cpus(root)
    assert (cpus.count, cpus.limited_by) == (2, "cgroup quota")


@pytest.mark.parametrize(
    "text",
    ["max 100000", "max", "", "\n", "garbage", "-1 100000", "0 100000", "100000 0", "100000 -5", "1e5 100000",
     "nan nan", "inf 1", "९०००० 100000", "9" * 400 + " 100000", "\x00", "100000 max"],
)  # fmt: skip
def test_v2_file_that_sets_no_limit(tmp_path: Path, text: str) -> None:
    root = machine(tmp_path, "0::/job\n", V2)
    write(root, "/sys/fs/cgroup/job/cpu.max", text)
    assert usable_cpus(root).quota is None


@pytest.mark.parametrize("tight", ["", "/pod", "/pod/container", "/pod/container/job"])
def test_v2_smallest_quota_of_all_levels_wins(tmp_path: Path, tight: str) -> None:
    root = machine(tmp_path, "0::/pod/container/job\n", V2)
    for level in ("", "/pod", "/pod/container", "/pod/container/job"):
        write(root, f"/sys/fs/cgroup{level}/cpu.max", "200000 100000" if level == tight else "500000 100000")
    write(root, "/sys/fs/cgroup/pod/neighbour/cpu.max", "100000 100000")
    cpus = usable_cpus(root)
    assert (cpus.count, cpus.quota_from) == (2, f"/sys/fs/cgroup{tight}/cpu.max")


def test_v2_container_with_a_cgroup_namespace(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/\n", V2)
    write(root, "/sys/fs/cgroup/cpu.max", "250000 100000\n")
    assert usable_cpus(root).count == 3


@pytest.mark.parametrize(
    ("group", "top", "expected"),
    [
        ("/docker/abc", "/docker/abc", "/sys/fs/cgroup/cpu.max"),  # the mount shows the container's own group
        ("/docker/abc/job", "/docker/abc", "/sys/fs/cgroup/job/cpu.max"),
        ("/", "/docker/abc", "/sys/fs/cgroup/cpu.max"),  # namespaced in one file and not in the other
        ("/", "/..", "/sys/fs/cgroup/cpu.max"),  # mounted from outside the namespace
        ("/../other", "/", "/sys/fs/cgroup/cpu.max"),  # moved out of its namespace: only the top can be seen
        ("/../job", "/..", "/sys/fs/cgroup/job/cpu.max"),
        ("/docker/abcdef", "/docker/abc", "/sys/fs/cgroup/cpu.max"),  # a name that only starts alike
    ],
)
def test_group_and_mount_root_are_matched(tmp_path: Path, group: str, top: str, expected: str) -> None:
    mount = f"31 23 0:28 {top} /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
    root = machine(tmp_path, f"0::{group}\n", mount)
    write(root, expected, "200000 100000")
    assert usable_cpus(root).quota_from == expected


def test_a_mount_of_another_group_is_ignored(tmp_path: Path) -> None:
    other = "40 23 0:28 /other /run/other rw - cgroup2 cgroup2 rw"
    root = machine(tmp_path, "0::/job\n", f"{V2}\n{other}\n")
    write(root, "/run/other/cpu.max", "100000 100000")
    write(root, "/sys/fs/cgroup/job/cpu.max", "400000 100000")
    assert usable_cpus(root).count == 4


def test_the_later_of_two_mounts_on_one_point_counts(tmp_path: Path) -> None:
    hidden = "30 23 0:28 /hidden /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
    root = machine(tmp_path, "0::/job\n", f"{hidden}\n{V2}\n")
    write(root, "/sys/fs/cgroup/job/cpu.max", "400000 100000")
    assert usable_cpus(root).count == 4


def test_mount_point_is_read_from_mountinfo_and_unescaped(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/job\n", r"31 23 0:28 / /mnt/my\040groups rw - cgroup2 none rw")
    write(root, "/mnt/my groups/job/cpu.max", "200000 100000")
    write(root, "/sys/fs/cgroup/job/cpu.max", "100000 100000")
    assert usable_cpus(root).quota_from == "/mnt/my groups/job/cpu.max"


@pytest.mark.parametrize("point", ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"])
def test_usual_places_without_mountinfo(tmp_path: Path, point: str) -> None:
    v1_quota(tmp_path, point, 300_000)
    assert usable_cpus(tmp_path).count == 3
    write(tmp_path, "/sys/fs/cgroup/cpu.max", "200000 100000")
    assert usable_cpus(tmp_path).count == 2


def test_v1_with_joined_controllers(tmp_path: Path) -> None:
    root = machine(tmp_path, "5:memory:/other\n4:cpu,cpuacct:/job\n1:name=systemd:/job\n", V1_CPU)
    v1_quota(root, "/sys/fs/cgroup/cpu,cpuacct/job", 150_000)
    cpus = usable_cpus(root)
    assert (cpus.count, cpus.quota) == (2, 1.5)
    assert cpus.quota_from == "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us"


def test_v1_nested(tmp_path: Path) -> None:
    root = machine(tmp_path, "4:cpu,cpuacct:/kubepods/pod/container\n", V1_CPU)
    v1_quota(root, "/sys/fs/cgroup/cpu,cpuacct", -1)
    v1_quota(root, "/sys/fs/cgroup/cpu,cpuacct/kubepods", 600_000)
    v1_quota(root, "/sys/fs/cgroup/cpu,cpuacct/kubepods/pod", 50_000, 25_000)
    v1_quota(root, "/sys/fs/cgroup/cpu,cpuacct/kubepods/pod/container", -1)
    cpus = usable_cpus(root)
    assert (cpus.count, cpus.quota_from) == (2, "/sys/fs/cgroup/cpu,cpuacct/kubepods/pod/cpu.cfs_quota_us")


def test_v1_docker_without_a_cgroup_namespace(tmp_path: Path) -> None:
    mount = V1_CPU.replace(" / ", " /docker/abc ")
    root = machine(tmp_path, "4:cpu,cpuacct:/docker/abc\n", mount)
    v1_quota(root, "/sys/fs/cgroup/cpu,cpuacct", 200_000)
    assert usable_cpus(root).count == 2


@pytest.mark.parametrize(("quota", "period"), [("-1", "100000"), ("100000", "0"), ("x", "100000"), ("100000", "")])
def test_v1_without_a_limit(tmp_path: Path, quota: str, period: str) -> None:
    root = machine(tmp_path, "4:cpu,cpuacct:/\n", V1_CPU)
    write(root, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", quota)
    write(root, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", period)
    assert usable_cpus(root).quota is None


def test_hybrid_takes_the_smaller_of_both_versions(tmp_path: Path) -> None:
    unified = V2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
    root = machine(tmp_path, "4:cpu,cpuacct:/old\n0::/new\n", f"{unified}\n{V1_CPU}\n{V1_MEMORY}\n")
    v1_quota(root, "/sys/fs/cgroup/cpu,cpuacct/old", 300_000)
    assert usable_cpus(root).count == 3  # version 2 has no cpu controller here, as in systemd's hybrid mode
    write(root, "/sys/fs/cgroup/unified/new/cpu.max", "200000 100000")
    assert usable_cpus(root).count == 2


def test_directories_in_place_of_files_set_no_limit(tmp_path: Path) -> None:
    for path in ("proc/self/cgroup", "proc/self/mountinfo", "proc/meminfo", "sys/fs/cgroup/cpu.max"):
        (tmp_path / path).mkdir(parents=True)
    assert usable_cpus(tmp_path).count == 8


def test_a_group_name_that_is_not_text_can_be_saved(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/caf\udce9\n", V2)
    write(root, "/sys/fs/cgroup/cpu.max", "200000 100000")
    try:
        write(root, "/sys/fs/cgroup/caf\udce9/cpu.max", "100000 100000")
    except OSError:
        pytest.skip("this file system stores UTF-8 names only")
    cpus = usable_cpus(root)
    assert cpus.count == 1
    assert cpus.model_validate_json(cpus.model_dump_json()) == cpus


def test_memory_limit_v2_nested(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/pod/job\n", V2)
    write(root, "/proc/meminfo", MEMINFO)
    write(root, "/sys/fs/cgroup/pod/memory.max", f"{2 * GB}\n")
    write(root, "/sys/fs/cgroup/pod/job/memory.max", "max\n")
    write(root, "/sys/fs/cgroup/pod/job/memory.high", "1000\n")
    found = memory(root)
    assert (found.limit_mb, found.usable_mb, found.limited_by) == (2048, 2048, "cgroup limit")


@pytest.mark.parametrize(("text", "limit_mb"), [("9223372036854771712", None), ("536870912", 512), ("-1", None)])
def test_memory_limit_v1(tmp_path: Path, text: str, limit_mb: int | None) -> None:
    root = machine(tmp_path, "8:memory:/docker/abc\n", V1_MEMORY.replace(" / ", " /docker/abc "))
    write(root, "/proc/meminfo", MEMINFO)
    write(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", text)
    assert memory(root).limit_mb == limit_mb


def test_a_limit_above_what_is_available_does_not_limit(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/\n", V2)
    write(root, "/proc/meminfo", MEMINFO)
    write(root, "/sys/fs/cgroup/memory.max", str(12 * GB))
    found = memory(root)
    assert (found.limit_mb, found.usable_mb, found.limited_by) == (12288, 8192, "available memory")


# Whatever the files hold ----------------------------------------------------------------------------------------------

_number = st.integers(-2, 10**7).map(str) | st.sampled_from(["max", "", "x", "1.5", "9" * 5000])
_quota_text = st.builds(lambda a, b: f"{a} {b}", _number, _number) | st.text(max_size=20)
_name = st.text(st.characters(exclude_characters="/\x00\n", exclude_categories=["Cs"]), min_size=1, max_size=6)
_group = st.lists(_name | st.just(".."), max_size=4).map(lambda names: "/" + "/".join(names))
_settings = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40
)


class _FakeFiles:
    """Files by path, for `system_text`: quicker than a directory a try, and it can hold any name."""

    def __init__(self, cgroup: str, mounts: str, other: str) -> None:
        self.cgroup, self.mounts, self.other = cgroup, mounts, other

    def __call__(self, file: str, _: Path) -> str:
        if file.endswith("/proc/self/cgroup"):
            return self.cgroup
        return self.mounts if file.endswith("/proc/self/mountinfo") else self.other


@_settings
@given(affinity=st.integers(1, 256), quota=_quota_text, group=_group, top=_group, version_1=st.booleans())
def test_count_is_between_one_and_the_affinity(
    monkeypatch: pytest.MonkeyPatch, affinity: int, quota: str, group: str, top: str, version_1: bool
) -> None:
    cgroup = f"3:cpu:{group}\n" if version_1 else f"0::{group}\n"
    kind = "cgroup cgroup rw,cpu" if version_1 else "cgroup2 cgroup2 rw"
    files = _FakeFiles(cgroup, f"1 2 0:3 {top} /cg rw - {kind}\n", quota)
    monkeypatch.setattr(cgroups, "system_text", files)
    monkeypatch.setattr(os, "process_cpu_count", lambda: affinity, raising=False)
    cpus = usable_cpus(Path("/fake"))
    assert 1 <= cpus.count <= affinity
    if cpus.quota is not None:
        assert cpus.quota > 0
        assert cpus.count == max(1, math.ceil(min(affinity, cpus.quota)))


@_settings
@given(cgroup=st.text(), mounts=st.text(), other=st.text())
def test_garbage_everywhere_never_raises(monkeypatch: pytest.MonkeyPatch, cgroup: str, mounts: str, other: str) -> None:
    monkeypatch.setattr(cgroups, "system_text", _FakeFiles(cgroup, mounts, other))
    monkeypatch.setattr(probe, "system_text", lambda path, root: other)
    assert usable_cpus(Path("/fake")).count >= 1
    assert (memory(Path("/fake")).usable_mb or 0) >= 0


@_settings
@given(fields=st.lists(_name | _group | st.sampled_from(["-", "cgroup2", "cgroup", "rw,cpu", r"\040"]), max_size=12))
def test_odd_mount_lines_never_raise(monkeypatch: pytest.MonkeyPatch, fields: list[str]) -> None:
    monkeypatch.setattr(cgroups, "system_text", _FakeFiles("0::/a/b\n3:cpu:/c\n", " ".join(fields), "100000 100000"))
    assert usable_cpus(Path("/fake")).count in (1, 8)


@given(limits=st.lists(st.integers(1, 10**7), min_size=1, max_size=6))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_nested_minimum(tmp_path_factory: pytest.TempPathFactory, limits: list[int]) -> None:
    levels = ["", *(f"{'/g' * depth}" for depth in range(1, len(limits)))]
    root = machine(tmp_path_factory.mktemp("nested"), f"0::{levels[-1] or '/'}\n", V2)
    for level, limit in zip(levels, limits, strict=True):
        write(root, f"/sys/fs/cgroup{level}/cpu.max", f"{limit} 100000")
    assert usable_cpus(root).quota == min(limits) / 100_000
