"""What processes take: read from a /proc that tests write, and once from the real one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from template_modules import template_module

STAT = """cpu  999 0 999 999 0 0 0 0 0 0
cpu0 {0} 10 20 1000 5 1 2 {1} 0 0
cpu1 100 10 20 1000 5 1 2 0 0 0
cpu10 7 7 7 7 7 7 7 7 7 7
"""


@pytest.fixture(scope="module")
def meter() -> Iterator[ModuleType]:
    with template_module("meter") as module:
        yield module


def fake_proc(monkeypatch: pytest.MonkeyPatch, meter: ModuleType, files: dict[str, str]) -> None:
    monkeypatch.setattr(meter, "read_proc", lambda path: files.get(path, ""))
    monkeypatch.setattr(meter.os, "listdir", lambda path: ["1"] if any(f.startswith(path) for f in files) else [])
    monkeypatch.setattr(meter.os.path, "exists", lambda path: path in files)


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_the_cpus_that_others_took_are_what_is_neither_ours_nor_measured(
    meter: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick = os.sysconf("SC_CLK_TCK")
    clock = iter([10.0, 20.0])
    monkeypatch.setattr(meter.os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(meter.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(meter.time, "process_time", lambda: 0.0)
    files = {"/proc/stat": STAT.format(0, 0), "/proc/7/stat": f"7 (a) b) S {'0 ' * 10}0 0 0 0"}
    fake_proc(monkeypatch, meter, files)
    before = meter._look_at_cpus(7)
    files["/proc/stat"], files["/proc/7/stat"] = STAT.format(15 * tick, tick), f"7 (a) b) S {'0 ' * 10}{tick} 0 0 0"
    after = meter._look_at_cpus(7)
    monkeypatch.undo()
    assert before is not None and after is not None
    assert (before.cpus, after.used - before.used, after.ours - before.ours) == (2, pytest.approx(16), 1)
    assert meter._cpus_taken(before, after, 5.0, 2) == pytest.approx(1.0)  # 16 s, of them 1 s ours and 5 s measured
    assert meter._cpus_taken(before, after, 5.0, 1) == 0.0  # on the CPU that is not planned for
    assert meter._cpus_taken(before, after, 99.0, 2) == 0.0
    for one, other in ((None, after), (before, None), (after, before), (before, after._replace(cpus=3))):
        assert meter._cpus_taken(one, other, 1.0, 2) is None


@pytest.mark.parametrize("stat", ["", "cpu0 1 2 3\n", "intr 1 2 3\n"])
def test_a_system_that_does_not_say_what_its_cpus_do_is_no_failure(
    meter: ModuleType, monkeypatch: pytest.MonkeyPatch, stat: str
) -> None:
    fake_proc(monkeypatch, meter, {"/proc/stat": stat})
    assert meter._look_at_cpus(7) is None


def test_a_tree_of_processes(meter: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    children = {10: "11 12 ", 11: "13 ", 12: "", 13: ""}
    with monkeypatch.context() as patch:
        fake_proc(patch, meter, {f"/proc/{pid}/task/1/children": text for pid, text in children.items()})
        assert sorted(meter.process_tree(10)) == [10, 11, 12, 13]
        assert sorted(meter.process_tree(10, without={11})) == [10, 12]
        assert meter.process_tree(99) == [99]


def test_the_meter_keeps_the_peak_of_the_proportional_size(meter: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/proc/10/smaps_rollup": "Rss: 900 kB\nPss:    2048 kB\nPss_Anon: 9 kB\n",
        "/proc/10/statm": "99 500 1 1 0 1 0",
    }
    with monkeypatch.context() as patch:
        fake_proc(patch, meter, files)
        meter = meter.MemoryMeter(10)
        assert (meter.metric, meter.sample(0.0)) == ("pss", 2.0)
        files["/proc/10/smaps_rollup"] = "Pss: 4096 kB\n"
        assert meter.sample(0.01) == 2.0  # no more pages than before, and looked at just now
        files["/proc/10/statm"] = "99 900 1 1 0 1 0"
        assert meter.sample(0.02) == 4.0
        files["/proc/10/smaps_rollup"] = ""  # it has ended
        assert meter.sample(1.0) == 4.0


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_this_process_is_in_its_tree_and_has_memory(meter: ModuleType) -> None:
    assert os.getpid() in meter.process_tree(os.getppid())
    assert meter.pss_mb(os.getpid()) > 1
    assert meter.MemoryMeter(os.getpid()).sample(0.0) > 1
    assert (meter.pss_mb(10**9), meter.read_proc("/proc/none")) == (0.0, "")
