"""What disturbs a benchmark: fake machines in, sentences out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import selector
from selector.host import checks, probe
from selector.host.checks import CpuTime, Frequency, HostState, host_state, warnings_after, warnings_before
from selector.host.probe import Memory, Throttling, UsableCpus

CPU = "/sys/devices/system/cpu"
SUPPLY = "/sys/class/power_supply"
V2 = "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct"


@pytest.fixture(autouse=True)
def two_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake machines run Linux on two CPUs, with clock ticks of 10 ms and pages of 4 KB."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(probe, "_affinity", lambda logical: 2)
    monkeypatch.setattr(checks, "_allowed_cpus", lambda logical: [0, 1])
    monkeypatch.setattr(checks, "platform_id", lambda: "linux")
    monkeypatch.setattr(os, "sysconf", {"SC_CLK_TCK": 100, "SC_PAGE_SIZE": 4096}.__getitem__)


def write(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return root


def usable(count: int = 2, logical: int = 2, quota: float | None = None) -> UsableCpus:
    return UsableCpus(
        count=count,
        logical=logical,
        affinity=logical,
        quota=quota,
        limited_by="logical CPUs" if quota is None else "cgroup quota",
        quota_from=None if quota is None else "/sys/fs/cgroup/job/cpu.max",
    )


def state(cpus: UsableCpus | None = None, own_cpu_seconds: float = 0.0, **known: Any) -> HostState:
    return HostState(cpus or usable(), own_cpu_seconds, **known)


def spent(used: float = 0.0, stolen: float = 0.0, cpus: int = 2, seconds: float = 10.0) -> CpuTime:
    return CpuTime(cpus, cpus * seconds, used, stolen)


START = spent(seconds=0.0)


# Looking --------------------------------------------------------------------------------------------------------------


def test_an_empty_machine_says_nothing(tmp_path: Path) -> None:
    found = host_state(tmp_path)
    assert found == HostState(usable(), found.own_cpu_seconds)
    assert found.own_cpu_seconds > 0
    assert warnings_before(found) == warnings_after(found, found, 1.0) == ()


def test_a_whole_machine(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "/proc/loadavg": "3.14 2.00 1.00 2/89 6303\n",
            "/proc/pressure/cpu": "some avg10=12.50 avg60=0.58 avg300=0.37 total=13\nfull avg10=99.00 avg60=0.00\n",
            "/proc/stat": "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 100 10 50 800 20 1 2 30 5 0\ncpu1 200 0 40 700 0 0 0 60 0 0\n"
            "cpu10 9 9 9 9 9 9 9 9 9 9\nintr 5 0 0\n",
            "/proc/meminfo": "MemTotal: 4096000 kB\nMemAvailable: 2048000 kB\nSwapTotal: 20480 kB\nSwapFree: 0 kB\n",
            "/proc/vmstat": "pswpin 256\npswpout 512\noom_kill 0\n",
            "/proc/self/cgroup": "0::/job\n",
            "/proc/self/mountinfo": V2,
            "/sys/fs/cgroup/job/cpu.max": "150000 100000",
            "/sys/fs/cgroup/job/cpu.stat": "usage_usec 5\nnr_periods 9\nnr_throttled 7\nthrottled_usec 2500000\n",
            f"{CPU}/cpu0/cpufreq/scaling_governor": "powersave\n",
            f"{CPU}/cpu0/cpufreq/scaling_driver": "intel_pstate\n",
            f"{CPU}/cpu1/cpufreq/scaling_governor": "performance\n",
            f"{CPU}/cpu2/cpufreq/scaling_governor": "ondemand\n",
            f"{CPU}/intel_pstate/no_turbo": "0\n",
            f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "3\n",
            f"{CPU}/cpu1/thermal_throttle/package_throttle_count": "4\n",
            f"{CPU}/cpu2/thermal_throttle/core_throttle_count": "100\n",
            f"{SUPPLY}/BAT0/type": "Battery\n",
            f"{SUPPLY}/BAT0/status": "Discharging\n",
        },
    )
    found = host_state(root)
    assert (found.cpus.count, found.cpus.quota) == (2, 1.5)
    assert (found.load, found.waited_percent, found.turbo, found.discharging) == (3.14, 12.5, True, True)
    assert found.throttling == Throttling(7, 2.5)
    assert found.frequencies == (Frequency("performance", "", ""), Frequency("powersave", "intel_pstate", ""))
    assert found.overheated == 7
    assert found.cpu_time is not None
    assert found.cpu_time._asdict() == pytest.approx({"cpus": 2, "total": 20.13, "used": 4.0, "stolen": 0.9})
    assert found.memory is not None
    assert (found.memory.usable_mb, found.swap_used_mb, found.swapped_mb) == (2000, 20, 3.0)


def test_directories_in_place_of_files_say_nothing(tmp_path: Path) -> None:
    for path in ("proc/loadavg", "proc/stat", "proc/vmstat", "proc/meminfo", "sys/class/power_supply/BAT0/type"):
        (tmp_path / path).mkdir(parents=True)
    found = host_state(tmp_path)
    assert found == HostState(usable(), found.own_cpu_seconds)


@pytest.mark.parametrize(
    "text", ["", "\n", "x 1 2", "nan", "inf", "-1.0", "1e3 0", "1.2.3", "٣.0 1", "9" * 400, "1,5 2"]
)
def test_an_odd_load_says_nothing(tmp_path: Path, text: str) -> None:
    assert host_state(write(tmp_path, {"/proc/loadavg": text})).load is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cpu0",
        "cpu0 1 2 3 4 5 6 7",
        "cpu0 1 2 3 x 5 6 7 8",
        "cpu0 1 2 3 -4 5 6 7 8",
        "cpu 1 2 3 4 5 6 7 8",
        "cpu01 1",
    ],
)
def test_an_odd_stat_says_nothing(tmp_path: Path, text: str) -> None:
    assert host_state(write(tmp_path, {"/proc/stat": text})).cpu_time is None


@pytest.mark.parametrize("text", ["", "pswpin 5", "pswpout 5", "pswpin x\npswpout 5", "pswpin\npswpout\n"])
def test_an_odd_vmstat_says_nothing(tmp_path: Path, text: str) -> None:
    assert host_state(write(tmp_path, {"/proc/vmstat": text})).swapped_mb is None


@pytest.mark.parametrize(
    ("no_turbo", "boost", "expected"),
    [("0", "", True), ("1", "1", False), ("", "1", True), ("", "0", False), ("x", "y", None), ("", "", None)],
)
def test_turbo(tmp_path: Path, no_turbo: str, boost: str, expected: bool | None) -> None:
    root = write(tmp_path, {f"{CPU}/intel_pstate/no_turbo": no_turbo, f"{CPU}/cpufreq/boost": boost})
    assert host_state(root).turbo is expected


@pytest.mark.parametrize(
    ("supplies", "expected"),
    [
        ({}, None),
        ({"BAT0": {"type": "Battery", "status": "Discharging"}}, True),
        ({"BAT0": {"type": "Battery", "status": "Charging"}}, False),
        ({"BAT0": {"type": "Battery", "status": "Full"}, "BAT1": {"type": "Battery", "status": "Discharging"}}, True),
        ({"AC": {"type": "Mains", "online": "0"}, "BAT0": {"type": "Battery", "status": "Discharging"}}, True),
        ({"AC": {"type": "Mains", "online": "1"}, "BAT0": {"type": "Battery", "status": "Discharging"}}, False),
        ({"usb": {"type": "USB", "online": "1"}, "BAT0": {"type": "Battery", "status": "Discharging"}}, False),
        ({"AC": {"type": "Mains", "online": "1"}}, False),
        ({"mouse": {"type": "Battery", "status": "Discharging", "scope": "Device"}}, None),
        ({"BAT0": {"type": "Battery", "status": "Discharging", "scope": "System", "online": "1"}}, True),
        ({"BAT0": {"status": "Discharging"}}, None),
    ],
)
def test_battery(tmp_path: Path, supplies: dict[str, dict[str, str]], expected: bool | None) -> None:
    (tmp_path / SUPPLY.lstrip("/")).mkdir(parents=True)
    for name, files in supplies.items():
        write(tmp_path, {f"{SUPPLY}/{name}/{file}": f"{text}\n" for file, text in files.items()})
    assert host_state(tmp_path).discharging is expected


class TestThrottling:
    """The counters of a CPU quota, in groups of either version."""

    def test_every_level_counts(self, tmp_path: Path) -> None:
        root = write(tmp_path, {"/proc/self/cgroup": "0::/pod/job\n", "/proc/self/mountinfo": V2})
        write(root, {"/sys/fs/cgroup/cpu.stat": "usage_usec 9\nuser_usec 4\n"})  # the top has no quota
        write(root, {"/sys/fs/cgroup/pod/cpu.stat": "nr_throttled 2\nthrottled_usec 500000\n"})
        write(root, {"/sys/fs/cgroup/pod/job/cpu.stat": "nr_throttled 1\nthrottled_usec 250000\n"})
        write(root, {"/sys/fs/cgroup/pod/neighbour/cpu.stat": "nr_throttled 50\nthrottled_usec 1\n"})
        assert host_state(root).throttling == Throttling(3, 0.75)

    def test_version_1_counts_nanoseconds(self, tmp_path: Path) -> None:
        root = write(tmp_path, {"/proc/self/cgroup": "4:cpu,cpuacct:/job\n", "/proc/self/mountinfo": V1})
        write(root, {"/sys/fs/cgroup/cpu,cpuacct/job/cpu.stat": "nr_throttled 4\nthrottled_time 1500000000\n"})
        assert host_state(root).throttling == Throttling(4, 1.5)

    def test_one_group_under_two_names_counts_once(self, tmp_path: Path) -> None:
        write(tmp_path, {"/sys/fs/cgroup/cpu,cpuacct/cpu.stat": "nr_throttled 4\nthrottled_time 1500000000\n"})
        (tmp_path / "sys/fs/cgroup/cpu").symlink_to("cpu,cpuacct")
        assert host_state(tmp_path).throttling == Throttling(4, 1.5)

    @pytest.mark.parametrize("text", ["", "nr_throttled", "nr_throttled -1", "throttled_usec 5", "nr_throttled max"])
    def test_odd_counters(self, tmp_path: Path, text: str) -> None:
        root = write(tmp_path, {"/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": V2})
        assert host_state(write(root, {"/sys/fs/cgroup/cpu.stat": text})).throttling is None


class TestAllowedCpus:
    """The real `_allowed_cpus`, which the fixture replaces everywhere else."""

    @pytest.fixture(autouse=True)
    def real(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()

    def test_the_affinity_mask_or_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 0}, raising=False)
        assert checks._allowed_cpus(8) == [0, 3]

        def refuse(pid: int) -> set[int]:
            raise PermissionError

        monkeypatch.setattr(os, "sched_getaffinity", refuse, raising=False)
        assert checks._allowed_cpus(3) == [0, 1, 2]
        monkeypatch.delattr(os, "sched_getaffinity")
        assert checks._allowed_cpus(3) == [0, 1, 2]


class TestOtherPlatforms:
    """macOS and Windows: what psutil and the os module say at little cost."""

    @pytest.fixture(autouse=True)
    def elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checks, "platform_id", lambda: "macos")
        monkeypatch.setattr(os, "getloadavg", lambda: (1.5, 0.0, 0.0), raising=False)
        self.install(monkeypatch, lambda: SimpleNamespace(power_plugged=False))

    @staticmethod
    def install(monkeypatch: pytest.MonkeyPatch, sensors_battery: Any = None) -> None:
        gigabytes = SimpleNamespace(total=4 * 1024**3, available=3 * 1024**3)
        fake = SimpleNamespace(virtual_memory=lambda: gigabytes)
        if sensors_battery is not None:
            fake.sensors_battery = sensors_battery
        monkeypatch.setitem(sys.modules, "psutil", fake)

    def test_load_battery_and_memory(self, tmp_path: Path) -> None:
        found = host_state(write(tmp_path, {"/proc/stat": "cpu0 1 2 3 4 5 6 7 8"}))
        assert (found.load, found.discharging, found.cpu_time) == (1.5, True, None)
        assert found.memory is not None
        assert found.memory.usable_mb == 3072
        assert len(warnings_before(found)) == 2
        assert warnings_after(found, found, 1.0) == ()

    def test_without_a_load_average(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse() -> tuple[float, float, float]:
            raise OSError

        monkeypatch.setattr(os, "getloadavg", refuse, raising=False)
        assert host_state(tmp_path).load is None
        monkeypatch.delattr(os, "getloadavg")
        assert host_state(tmp_path).load is None

    @pytest.mark.parametrize(
        ("battery", "expected"),
        [(None, None), (SimpleNamespace(power_plugged=None), None), (SimpleNamespace(power_plugged=True), False)],
    )
    def test_other_batteries(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, battery: object, expected: bool | None
    ) -> None:
        self.install(monkeypatch, lambda: battery)
        assert host_state(tmp_path).discharging is expected

    @pytest.mark.parametrize("error", [OSError, NotImplementedError, RuntimeError])
    def test_a_battery_that_cannot_be_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ) -> None:
        def refuse() -> None:
            raise error

        self.install(monkeypatch, refuse)
        assert host_state(tmp_path).discharging is None

    def test_a_psutil_without_batteries(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.install(monkeypatch)
        assert host_state(tmp_path).discharging is None


# Before ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cpus", "load", "warns"),
    [
        (usable(), 3.1, True),
        (usable(), 1.01, True),
        (usable(), 1.0, False),
        (usable(), None, False),
        (usable(2, 64, 2.0), 20.0, False),  # a container on a large machine: 62 CPUs are out of its reach
        (usable(2, 64, 2.0), 63.5, True),
        (usable(1, 1), 0.6, True),
        (usable(8, 2), 2.0, False),  # PYTHON_CPU_COUNT says more than there are
    ],
)
def test_load_before(cpus: UsableCpus, load: float | None, warns: bool) -> None:
    found = warnings_before(state(cpus, load=load))
    assert bool(found) is warns
    assert all(f"load average {load:.1f} on {cpus.logical} CPU" in text for text in found)


def test_the_sentence_about_load() -> None:
    sentence = "load average 3.1 on 2 CPUs before the run: other programs are busy; close them or expect wide intervals"
    assert warnings_before(state(load=3.12)) == (sentence,)


def test_pressure_speaks_where_the_load_does_not() -> None:
    (found,) = warnings_before(state(load=0.1, waited_percent=23.4))
    assert found.startswith(
        "programs waited for a CPU in 23 % of the 10 seconds before the run: other programs are busy"
    )
    assert warnings_before(state(waited_percent=23.4)) == (found,)
    assert len(warnings_before(state(load=3.0, waited_percent=23.4))) == 1
    assert warnings_before(state(waited_percent=10.0)) == ()
    assert warnings_before(state(usable(2, 8), waited_percent=90.0)) == ()  # others wait, maybe for their own quota


@pytest.mark.parametrize(
    ("quota", "count", "shown"),
    [(1.5, 2, "1.5 CPUs"), (0.5, 1, "0.5 CPUs"), (0.004, 1, "0.004 CPUs"), (12.345, 13, "12.345")],
)
def test_a_quota_with_a_fraction(quota: float, count: int, shown: str) -> None:
    (found,) = warnings_before(state(usable(count, 16, quota)))
    assert shown in found and '"/sys/fs/cgroup/job/cpu.max"' in found
    assert f"--cpus={count}" in found


def test_no_word_about_whole_quotas_and_affinity() -> None:
    assert warnings_before(state(usable(2, 16, 2.0))) == ()
    assert warnings_before(state(usable(3, 16, 2.00001))) == ()
    assert warnings_before(state(usable(2, 16))) == ()
    wide = usable(2, 2, 2.5).model_copy(update={"limited_by": "logical CPUs"})
    assert warnings_before(state(wide)) == ()


def test_a_hostile_group_name_is_escaped() -> None:
    hostile = usable(2, 4, 1.5).model_copy(update={"quota_from": "/sys/\x1b[31m\n\u202e/cpu.max"})
    (found,) = warnings_before(state(hostile))
    assert found.isprintable()


@pytest.mark.parametrize(
    ("frequency", "part"),
    [
        (Frequency("powersave", "acpi-cpufreq", ""), 'governor is "powersave"'),
        (Frequency("powersave", "intel_cpufreq", ""), "cpupower frequency-set -g performance"),
        (Frequency("powersave", "", ""), "lowest frequency"),
        (Frequency("powersave", "intel_pstate", "power"), 'energy preference is "power"'),
        (Frequency("powersave", "amd-pstate-epp", "power"), "powerprofilesctl set performance"),
        (Frequency("powersave", "intel_pstate", "balance_performance"), None),
        (Frequency("powersave", "intel_pstate", ""), None),
        (Frequency("performance", "intel_pstate", "performance"), None),
        (Frequency("schedutil", "acpi-cpufreq", ""), None),
    ],
)
def test_frequency_scaling(frequency: Frequency, part: str | None) -> None:
    found = warnings_before(state(frequencies=(frequency,)))
    assert len(found) == (part is not None)
    assert all(str(part) in text for text in found)


def test_two_kinds_of_cpu_with_one_fault_are_one_sentence() -> None:
    slow = (Frequency("powersave", "a", ""), Frequency("powersave", "b", ""))
    assert len(warnings_before(state(frequencies=slow))) == 1


def test_battery_before() -> None:
    (found,) = warnings_before(state(discharging=True))
    assert "runs on its battery" in found and "plug it in" in found
    assert warnings_before(state(discharging=False)) == warnings_before(state()) == ()


def test_little_memory() -> None:
    def free(usable_mb: int, limit_mb: int | None = None) -> Memory:
        limited_by = "available memory" if limit_mb is None else "cgroup limit"
        return Memory.model_validate(
            {
                "total_mb": 8000,
                "available_mb": 4000,
                "limit_mb": limit_mb,
                "usable_mb": usable_mb,
                "limited_by": limited_by,
            }
        )

    assert warnings_before(state(memory=free(500))) == ()
    advice = "before the run: close programs or ask for fewer tasks"
    assert warnings_before(state(memory=free(499))) == (f"499 MB of memory are free {advice}",)
    swapped = warnings_before(state(memory=free(499), swap_used_mb=70))
    assert swapped == (f"499 MB of memory are free and 70 MB are swapped out {advice}",)
    (limited,) = warnings_before(state(memory=free(256, 256)))
    assert limited.startswith("the memory limit is 256 MB: raise it")


def test_sentences_come_in_one_order() -> None:
    found = warnings_before(
        state(usable(2, 2, 1.5), load=9.0, frequencies=(Frequency("powersave", "", ""),), discharging=True)
    )
    assert [text.split(" ")[1] for text in found] == ["average", "CPU", "CPU", "computer"]


# After ----------------------------------------------------------------------------------------------------------------


def test_throttled_during_the_run() -> None:
    before = state(throttling=Throttling(10, 1.0))
    (found,) = warnings_after(before, state(throttling=Throttling(47, 2.25)), None)
    assert found.startswith("the CPU quota stopped the run 37 times, for 1.25 s summed over its CPUs: grant")
    (once,) = warnings_after(before, state(throttling=Throttling(11, 0.5)), None)
    assert "1 time, for 0.00 s" in once
    assert warnings_after(before, before, None) == ()
    assert warnings_after(before, state(), None) == warnings_after(state(), before, None) == ()


def test_too_hot_during_the_run() -> None:
    (found,) = warnings_after(state(overheated=5), state(overheated=17), None)
    assert "slowed down for heat during the run (12 reports): let the machine cool down" in found
    for pair in [(5, 5), (5, 4), (None, 5), (5, None)]:
        assert warnings_after(state(overheated=pair[0]), state(overheated=pair[1]), None) == ()


def test_steal_during_the_run() -> None:
    before = state(cpu_time=START)
    (found,) = warnings_after(before, state(cpu_time=spent(stolen=1.0)), None)
    assert found.startswith("the hypervisor took 5.0 % of the CPU time during the run (steal)")
    assert warnings_after(before, state(cpu_time=spent(stolen=0.4)), None) == ()
    assert warnings_after(state(cpu_time=START._replace(stolen=5.0)), state(cpu_time=spent(stolen=1.0)), None) == ()


@pytest.mark.parametrize(
    ("used", "own", "percent"),
    [
        (14.0, 10.0, "20 %"),
        (12.0, 10.0, None),
        (12.1, 10.0, "10 %"),
        (14.0, None, None),
        (5.0, 10.0, None),  # what was counted as own is more than what the machine saw
        (20.0, 0.0, "100 %"),
    ],
)
def test_other_processes(used: float, own: float | None, percent: str | None) -> None:
    found = warnings_after(state(cpu_time=START), state(cpu_time=spent(used)), own)
    assert len(found) == (percent is not None)
    assert all(f"other processes used {percent} of the 2 CPUs during the run" in text for text in found)


def test_own_time_is_the_larger_of_both_counts() -> None:
    before, after = state(own_cpu_seconds=1.0, cpu_time=START), state(own_cpu_seconds=12.0, cpu_time=spent(12.0))
    assert warnings_after(before, after, 4.0) == ()
    assert warnings_after(before, after._replace(own_cpu_seconds=2.0), 11.5) == ()
    assert len(warnings_after(before, after._replace(own_cpu_seconds=2.0), 4.0)) == 1


def test_others_beyond_the_reach_of_a_quota_do_not_count() -> None:
    before = state(usable(2, 64, 2.0), cpu_time=spent(cpus=64, seconds=0.0))
    after = before._replace(cpu_time=spent(used=320.0, cpus=64))
    assert warnings_after(before, after, 20.0) == ()
    (found,) = warnings_after(before, before._replace(cpu_time=spent(used=640.0, cpus=64)), 5.0)
    assert "other processes used 75 % of the 2 CPUs" in found


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, spent(20.0, 5.0)), (START, None), (START, START), (spent(), START), (START, spent(40.0, 9.0, cpus=4))],
)
def test_unknown_cpu_time_says_nothing(before: CpuTime | None, after: CpuTime | None) -> None:
    assert warnings_after(state(cpu_time=before), state(cpu_time=after), 0.0) == ()


def test_swapped_during_the_run() -> None:
    (found,) = warnings_after(state(swapped_mb=5.0), state(swapped_mb=1505.0), None)
    assert found.startswith("1,500 MB were swapped during the run") and "fewer tasks" in found
    for pair in [(5.0, 5.9), (5.0, 4.0), (None, 500.0), (5.0, None)]:
        assert warnings_after(state(swapped_mb=pair[0]), state(swapped_mb=pair[1]), None) == ()


def test_which_warnings_say_that_times_cannot_be_trusted() -> None:
    (load,) = warnings_before(state(load=9.0))
    assert checks.tells_of_others(load, watched=False)
    assert not checks.tells_of_others(load, watched=True)
    busy = warnings_after(
        state(overheated=5, swapped_mb=5.0, cpu_time=START),
        state(overheated=17, swapped_mb=1505.0, cpu_time=spent(20.0, 1.0)), 0.0,
    )  # fmt: skip
    assert len(busy) == 4
    assert all(checks.tells_of_others(text, watched=True) for text in busy)
    for harmless in warnings_before(
        state(usable(2, 2, 1.5), discharging=True)
    ):  # a container is like that all the time
        assert not checks.tells_of_others(harmless, watched=False)


# Whatever the files hold ----------------------------------------------------------------------------------------------

_word = st.integers(-1, 10**20).map(str) | st.floats().map(str) | st.text(max_size=6)
_name = st.sampled_from(
    ["cpu0", "cpu1", "some avg10=", "nr_throttled", "throttled_usec", "pswpin", "pswpout", "MemTotal:", "MemAvailable:",
     "SwapTotal:", "SwapFree:", "powersave", "power", "Battery", "Discharging", "0::/", "4:cpu:/a"]
)  # fmt: skip
_line = st.lists(_name | _word, max_size=10).map(" ".join) | st.builds(
    lambda cpu, numbers: " ".join([cpu, *map(str, numbers)]), _name, st.lists(st.integers(0, 10**6), max_size=10)
)
_text = st.lists(_line, max_size=6).map("\n".join) | st.text()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(texts=st.lists(_text, min_size=1, max_size=8), own=st.none() | st.floats(0, 1e6))
def test_garbage_everywhere_never_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: list[str], own: float | None
) -> None:
    monkeypatch.setattr(probe, "_psutil_memory", lambda: pytest.fail("asked psutil on Linux"))
    (tmp_path / SUPPLY.lstrip("/") / "BAT0").mkdir(parents=True, exist_ok=True)
    looks = []
    for shift in range(2):
        monkeypatch.setattr(probe, "_read", lambda file, shift=shift: texts[(len(file) + shift) % len(texts)])
        looks.append(host_state(tmp_path))
    for text in (*warnings_before(looks[0]), *warnings_after(looks[0], looks[1], own)):
        assert text.isprintable()
        assert "nan" not in text and "None" not in text


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_this_machine_without_psutil_and_processes() -> None:
    code = (
        "import sys\nstarted = []\n"
        "sys.addaudithook(lambda name, _: started.append(name) if name.startswith(('subprocess', 'os.fork', 'os.posix_sp"
        "awn', 'os.system', 'os.exec')) else None)\n"
        "from selector.host.checks import host_state, warnings_after, warnings_before\n"
        "state = host_state()\nwarnings_before(state), warnings_after(state, host_state(), 0.0)\n"
        "assert state.memory is not None and state.cpu_time is not None and state.load is not None, state\n"
        "print(*started, *({'psutil', 'subprocess'} & set(sys.modules)))"
    )
    checkout = Path(selector.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
