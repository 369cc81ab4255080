"""What this machine has: affinity, memory, platform, as fake machines and odd ones say it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kernel_trees import GB, MEMINFO, V2, machine, write

import selector
from selector.errors import SelectorError
from selector.host import (
    Host,
    default_start_method,
    memory,
    platform_id,
    probe,
    probe_host,
    start_methods,
    usable_cpus,
)
from selector.host.checks import warnings_before
from selector.host.state import host_state
from selector.report.host import host_document
from selector.report.markdown import render_markdown


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake machines have 8 logical CPUs, all of them allowed."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 8, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


def test_no_cgroup_at_all_leaves_the_affinity(tmp_path: Path) -> None:
    cpus = usable_cpus(tmp_path)
    assert (cpus.count, cpus.quota, cpus.quota_from, cpus.limited_by) == (8, None, None, "logical CPUs")


def test_affinity_limits_when_there_is_no_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 3, raising=False)
    cpus = usable_cpus(tmp_path)
    assert (cpus.count, cpus.logical, cpus.affinity, cpus.limited_by) == (3, 8, 3, "affinity")


def test_pythons_own_count_comes_first_then_the_affinity_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 5, raising=False)
    assert usable_cpus(tmp_path).affinity == 5
    monkeypatch.setattr(os, "process_cpu_count", lambda: None, raising=False)
    assert usable_cpus(tmp_path).affinity == 8
    monkeypatch.delattr(os, "process_cpu_count")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3}, raising=False)
    assert usable_cpus(tmp_path).affinity == 2

    def refuse(pid: int) -> set[int]:
        raise PermissionError

    monkeypatch.setattr(os, "sched_getaffinity", refuse, raising=False)
    assert usable_cpus(tmp_path).affinity == 8
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cpus(tmp_path).affinity == 8


# Memory ---------------------------------------------------------------------------------------------------------------


def test_memory_without_a_limit(tmp_path: Path) -> None:
    write(tmp_path, "/proc/meminfo", MEMINFO)
    found = memory(tmp_path)
    assert (found.total_mb, found.available_mb, found.limit_mb, found.usable_mb) == (16384, 8192, None, 8192)
    assert found.limited_by == "available memory"


def test_available_memory_of_an_old_kernel(tmp_path: Path) -> None:
    write(tmp_path, "/proc/meminfo", "MemTotal: 4096 kB\nMemFree: 1024 kB\nBuffers: 512 kB\nCached: 512 kB\n")
    assert memory(tmp_path).available_mb == 2


def _no_psutil() -> Any:
    def virtual_memory() -> Any:
        raise FileNotFoundError(2, "No such file or directory", "/proc/meminfo")

    return SimpleNamespace(virtual_memory=virtual_memory)


def test_without_proc_the_c_library_says_how_much_memory_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psutil", _no_psutil())
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1024 * 256, "SC_AVPHYS_PAGES": 512 * 256}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    found = memory(tmp_path)
    assert (found.total_mb, found.available_mb, found.usable_mb) == (1024, 512, 512)


@pytest.mark.parametrize("psutil", [None, _no_psutil(), SimpleNamespace()], ids=["not there", "no /proc", "odd"])
@pytest.mark.parametrize("answer", [-1, 0, OSError("not here"), ValueError("unrecognized configuration name")])
def test_what_no_one_says_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, psutil: Any, answer: Any) -> None:
    def sysconf(_: str) -> int:
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    monkeypatch.setitem(sys.modules, "psutil", psutil)
    monkeypatch.setattr(os, "sysconf", sysconf)
    found = memory(tmp_path)
    assert (found.total_mb, found.available_mb, found.usable_mb, found.limit_mb) == (None, None, None, None)
    host = probe_host(tmp_path, {"CONCURRENCY_SELECTOR_CACHE_DIR": str(tmp_path)}, tmp_path)
    assert host.memory == found
    assert Host.model_validate_json(host.model_dump_json()) == host
    assert "unknown usable (total unknown, no limit)" in render_markdown(host_document(host))
    warnings_before(host_state(tmp_path)._replace(memory=found))
    write(tmp_path, "/sys/fs/cgroup/memory.max", str(2 * GB))  # a group may say it all the same
    limited = memory(tmp_path)
    assert (limited.usable_mb, limited.limited_by, limited.total_mb) == (2048, "cgroup limit", None)


@pytest.mark.parametrize("text", ["", "MemTotal: x kB\n", "MemTotal:\nMemAvailable: 5 kB", "MemTotal: 8192 kB\n"])
def test_psutil_where_meminfo_does_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    fake = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(total=4 * GB, available=3 * GB))
    monkeypatch.setitem(sys.modules, "psutil", fake)
    write(tmp_path, "/proc/meminfo", text)
    assert (memory(tmp_path).total_mb, memory(tmp_path).available_mb) == (4096, 3072)


# Platform and host ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [("linux", "linux"), ("darwin", "macos"), ("win32", "windows"), ("freebsd14", "linux"), ("cygwin", "linux")],
)
def test_platform_id(name: str, expected: str) -> None:
    assert platform_id(name) == expected


@pytest.mark.parametrize(
    ("platform", "version", "expected"),
    [
        ("linux", (3, 8), "fork"),
        ("linux", (3, 13), "fork"),
        ("linux", (3, 14), "forkserver"),
        ("linux", (3, 15), "forkserver"),
        ("macos", (3, 7), "fork"),
        ("macos", (3, 8), "spawn"),
        ("macos", (3, 14), "spawn"),
        ("windows", (3, 8), "spawn"),
        ("windows", (3, 14), "spawn"),
    ],
)
def test_default_start_method(platform: str, version: tuple[int, int], expected: str) -> None:
    assert default_start_method(platform, version) == expected
    assert expected in start_methods(platform)


@pytest.mark.parametrize("call", [lambda: default_start_method("beos", (3, 14)), lambda: start_methods("Linux")])
def test_an_unknown_platform_is_refused(call: object) -> None:
    with pytest.raises(SelectorError, match="unknown platform"):
        call()  # type: ignore[operator]


def test_start_methods_are_those_of_the_running_python() -> None:
    code = "import multiprocessing as m; print(m.get_start_method(), *sorted(m.get_all_start_methods()))"
    default, *methods = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    platform = platform_id()
    assert default_start_method(platform, sys.version_info[:2]) == default
    assert list(start_methods(platform)) == methods


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_host_of_a_fake_root(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/\n", V2)
    write(root, "/proc/meminfo", MEMINFO)
    write(root, "/proc/cpuinfo", "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 1\nmodel name\t: Some  CPU @ 3GHz\n" * 90)
    write(root, "/sys/fs/cgroup/cpu.max", "250000 100000")
    environ = {"PATH": "", "CONCURRENCY_SELECTOR_CACHE_DIR": str(tmp_path / "cache")}
    host = probe_host(root, environ, tmp_path / "home")
    assert (host.cpus.count, host.memory.usable_mb, host.cpu_model) == (3, 8192, "Some CPU @ 3GHz")
    assert (host.platform, host.system.split()[0]) == ("linux", "Linux")
    assert host.python == sys.version.split()[0]
    assert [i.found_in for i in host.interpreters] == ["running"]
    assert Host.model_validate_json(host.model_dump_json()) == host


def test_cpu_model_is_unknown_where_nothing_says_it(tmp_path: Path) -> None:
    if sys.platform == "linux":
        assert probe.cpu_model_of(str(tmp_path), {}) is None
        write(tmp_path, "/proc/cpuinfo", "processor : 0\nBogoMIPS : 108.00\n")
        assert probe.cpu_model_of(str(tmp_path), {}) is None


def test_import_stays_light() -> None:
    heavy = ["subprocess", "psutil", "platformdirs", "multiprocessing", "concurrent.futures", "asyncio"]
    code = (
        "import sys, pydantic\nclass A(pydantic.BaseModel): x: int\nbefore = set(sys.modules)\n"
        f"import selector.host\nprint(*(set({heavy!r}) & (set(sys.modules) - before)))"
    )
    checkout = Path(selector.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
