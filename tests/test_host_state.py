"""One look at a machine: fake ones, of files and of what psutil says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import selector
from selector.host import cgroups, probe, state
from selector.host.cgroups import Throttling
from selector.host.checks import warnings_after, warnings_before
from selector.host.state import Frequency, HostState, host_state

CPU = "/sys/devices/system/cpu"
SUPPLY = "/sys/class/power_supply"
V2 = "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct"


def refuse(*_: object, **__: object) -> Any:
    raise OSError("not here")


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake machines run Linux on two CPUs, and say nothing else of themselves."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 2, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    monkeypatch.setattr(os, "getloadavg", refuse, raising=False)
    monkeypatch.setattr(os, "sysconf", refuse, raising=False)
    monkeypatch.setattr(state, "platform_id", lambda: "linux")
    for name in ("cpu_times", "swap_memory", "virtual_memory"):
        monkeypatch.setattr(psutil, name, refuse)


def write(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return root


def ticks(*numbers: float) -> SimpleNamespace:
    """The seconds of one CPU, as psutil has them."""
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")
    return SimpleNamespace(**dict(zip(names, numbers, strict=True)))


CPUS = [ticks(1, 0.1, 0.5, 8, 0.2, 0.01, 0.02, 0.3, 0.05, 0), ticks(2, 0, 0.4, 7, 0, 0, 0, 0.6, 0, 0)]
OTHER = ticks(9, 9, 9, 9, 9, 9, 9, 9, 9, 9)


def test_an_empty_machine_says_nothing(tmp_path: Path) -> None:
    found = host_state(tmp_path)
    assert found._replace(own_cpu_seconds=0.0) == HostState(found.cpus, 0.0, memory=found.memory)
    assert (found.cpus.count, found.memory and found.memory.usable_mb) == (2, None)
    assert found.own_cpu_seconds > 0
    assert warnings_before(found) == warnings_after(found, found, 1.0) == ()


def test_a_whole_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(
        tmp_path,
        {
            "/proc/pressure/cpu": "some avg10=12.50 avg60=0.58 avg300=0.37 total=13\nfull avg10=99.00 avg60=0.00\n",
            "/proc/meminfo": "MemTotal: 4096000 kB\nMemAvailable: 2048000 kB\n",
            "/proc/self/cgroup": "0::/job\n",
            "/proc/self/mountinfo": V2,
            "/sys/fs/cgroup/job/cpu.max": "150000 100000",
            "/sys/fs/cgroup/job/cpu.stat": "usage_usec 5\nnr_periods 9\nnr_throttled 7\nthrottled_usec 2500000\n",
            f"{CPU}/cpu0/cpufreq/scaling_governor": "powersave\n",
            f"{CPU}/cpu0/cpufreq/scaling_driver": "intel_pstate\n",
            f"{CPU}/cpu1/cpufreq/scaling_governor": "performance\n",
            f"{CPU}/cpu2/cpufreq/scaling_governor": "ondemand\n",
            f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "3\n",
            f"{CPU}/cpu1/thermal_throttle/package_throttle_count": "4\n",
            f"{CPU}/cpu2/thermal_throttle/core_throttle_count": "100\n",
            f"{SUPPLY}/BAT0/type": "Battery\n",
            f"{SUPPLY}/BAT0/status": "Discharging\n",
        },
    )
    monkeypatch.setattr(os, "getloadavg", lambda: (3.14, 2.0, 1.0), raising=False)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [*CPUS, OTHER])
    mb = 1024 * 1024
    monkeypatch.setattr(psutil, "swap_memory", lambda: SimpleNamespace(used=20 * mb, sin=1 * mb, sout=2 * mb))
    found = host_state(root)
    assert (found.cpus.count, found.cpus.quota) == (2, 1.5)
    assert (found.load, found.waited_percent, found.discharging) == (3.14, 12.5, True)
    assert found.throttling == Throttling(7, 2.5)
    assert found.frequencies == (Frequency("performance", "", ""), Frequency("powersave", "intel_pstate", ""))
    assert found.overheated == 7
    assert found.cpu_time is not None
    assert found.cpu_time._asdict() == pytest.approx({"cpus": 2, "total": 20.13, "used": 4.0, "stolen": 0.9})
    assert found.memory is not None
    assert (found.memory.usable_mb, found.swap_used_mb, found.swapped_mb) == (2000, 20, 3.0)


@pytest.mark.parametrize(
    ("allowed", "rows", "cpus"),
    [({0, 1}, CPUS, 2), ({1}, CPUS, 1), ({4, 6}, CPUS, 2), ({7}, CPUS, None), ({0}, [], None)],
)  # of CPUs 4 and 6 that alone are on, psutil has two rows
def test_the_cpus_that_we_may_use_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: set[int], rows: list[Any], cpus: int | None
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: allowed, raising=False)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: rows)
    found = host_state(tmp_path).cpu_time
    assert (found and found.cpus) == cpus
    assert found is None or found.used == pytest.approx(4.0 if cpus == 2 else 2.4)


def test_where_the_affinity_is_not_told_all_cpus_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", refuse, raising=False)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: CPUS)
    write(tmp_path, {f"{CPU}/cpu1/cpufreq/scaling_governor": "performance\n"})
    found = host_state(tmp_path)
    assert found.cpu_time is not None
    assert (found.cpu_time.cpus, len(found.frequencies)) == (2, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads a fake /proc")
@pytest.mark.parametrize("vmstat", [None, "", "pswpin 5\n"])
def test_a_kernel_that_does_not_count_what_it_swaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vmstat: str | None
) -> None:
    """psutil warns of it, which is no concern of a user."""
    monkeypatch.undo()
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "proc"))
    write(tmp_path, {"/proc/meminfo": "SwapTotal: 20480 kB\nSwapFree: 0 kB\n"})
    if vmstat is not None:
        write(tmp_path, {"/proc/vmstat": vmstat})
    found = host_state(tmp_path)
    assert (found.swap_used_mb, found.swapped_mb, found.cpu_time) == (20, 0.0, None)


def test_directories_in_place_of_files_say_nothing(tmp_path: Path) -> None:
    for path in ("proc/pressure/cpu", "proc/meminfo", "sys/class/power_supply/BAT0/type"):
        (tmp_path / path).mkdir(parents=True)
    found = host_state(tmp_path)
    assert found._replace(own_cpu_seconds=0.0) == HostState(found.cpus, 0.0, memory=found.memory)


def test_an_odd_pressure_says_nothing(tmp_path: Path) -> None:
    for text in ("", "x 1 2", "nan", "inf", "-1.0", "1e3 0", "1.2.3", "٣.0 1", "9" * 400, "1,5 2"):
        write(tmp_path, {"/proc/pressure/cpu": f"some avg10={text}"})
        assert host_state(tmp_path).waited_percent is None, text


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


class TestOtherPlatforms:
    """macOS and Windows: what psutil and the os module say at little cost."""

    @pytest.fixture(autouse=True)
    def elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(state, "platform_id", lambda: "macos")

    def test_load_battery_and_memory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        gigabytes = SimpleNamespace(total=4 * 1024**3, available=3 * 1024**3)
        monkeypatch.setattr(os, "getloadavg", lambda: (1.5, 0.0, 0.0), raising=False)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: gigabytes)
        monkeypatch.setattr(psutil, "cpu_times", lambda percpu: CPUS)
        monkeypatch.setattr(psutil, "sensors_battery", lambda: SimpleNamespace(power_plugged=False), raising=False)
        found = host_state(tmp_path)
        assert (found.load, found.discharging, found.cpu_time) == (1.5, True, None)
        assert found.memory is not None
        assert found.memory.usable_mb == 3072
        assert len(warnings_before(found)) == 2
        assert warnings_after(found, found, 1.0) == ()

    def test_without_a_load_average(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert host_state(tmp_path).load is None
        monkeypatch.delattr(os, "getloadavg")
        assert host_state(tmp_path).load is None

    def test_other_batteries(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def failing(error: type[Exception]) -> Callable[[], Any]:
            def fail() -> Any:
                raise error

            return fail

        def says(plugged: bool | None) -> Callable[[], Any]:
            return lambda: SimpleNamespace(power_plugged=plugged)

        unknown = [lambda: None, says(None), *map(failing, (OSError, NotImplementedError, RuntimeError))]
        for sensors, expected in [*((each, None) for each in unknown), (says(True), False), (says(False), True)]:
            monkeypatch.setattr(psutil, "sensors_battery", sensors, raising=False)
            assert host_state(tmp_path).discharging is expected
        monkeypatch.delattr(psutil, "sensors_battery")
        assert host_state(tmp_path).discharging is None


# Whatever the files hold ----------------------------------------------------------------------------------------------

_word = st.integers(-1, 10**20).map(str) | st.floats().map(str) | st.text(max_size=6)
_name = st.sampled_from(
    ["cpu0", "cpu1", "some avg10=", "nr_throttled", "throttled_usec", "MemTotal:", "MemAvailable:",
     "powersave", "power", "Battery", "Discharging", "0::/", "4:cpu:/a"]
)  # fmt: skip
_line = st.lists(_name | _word, max_size=10).map(" ".join) | st.builds(
    lambda cpu, numbers: " ".join([cpu, *map(str, numbers)]), _name, st.lists(st.integers(0, 10**6), max_size=10)
)
_text = st.lists(_line, max_size=6).map("\n".join) | st.text()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(texts=st.lists(_text, min_size=1, max_size=8), own=st.none() | st.floats(0, 1e6))
def test_garbage_everywhere_never_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: list[str], own: float | None
) -> None:
    (tmp_path / SUPPLY.lstrip("/") / "BAT0").mkdir(parents=True, exist_ok=True)
    looks = []
    for shift in range(2):

        def said(path: str, root: Path = Path("/"), shift: int = shift) -> str:
            return texts[(len(path) + shift) % len(texts)]

        for module in (cgroups, probe, state):
            monkeypatch.setattr(module, "system_text", said)
        looks.append(host_state(tmp_path))
    for text in (*warnings_before(looks[0]), *warnings_after(looks[0], looks[1], own)):
        assert text.isprintable()
        assert "nan" not in text and "None" not in text


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_this_machine_without_processes() -> None:
    code = (
        "import sys\nstarted = []\n"
        "sys.addaudithook(lambda name, _: started.append(name) if name.startswith(('subprocess', 'os.fork', 'os.posix_sp"
        "awn', 'os.system', 'os.exec')) else None)\n"
        "from selector.host.checks import warnings_after, warnings_before\n"
        "from selector.host.others import process_times\n"
        "from selector.host.state import host_state\n"
        "state = host_state()\nwarnings_before(state), warnings_after(state, host_state(), 0.0)\n"
        "assert state.memory is not None and state.cpu_time is not None and state.load is not None, state\n"
        "assert process_times().seconds\n"
        "print(*started)"
    )
    checkout = Path(selector.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
