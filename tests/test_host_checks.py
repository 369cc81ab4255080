"""What is said of a machine that disturbs a benchmark: states in, sentences out."""

from __future__ import annotations

from typing import Any

import pytest

from selector.host.cgroups import Throttling
from selector.host.checks import tells_of_others, warnings_after, warnings_before
from selector.host.probe import Memory, UsableCpus
from selector.host.state import CpuTime, Frequency, HostState


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
    ("used", "own", "cpus"),
    [
        (14.0, 10.0, "0.4"),
        (12.0, 10.0, None),
        (12.1, 10.0, "0.2"),
        (14.0, None, None),
        (5.0, 10.0, None),  # what was counted as own is more than what the machine saw
        (20.0, 0.0, "2.0"),
    ],
)
def test_other_processes(used: float, own: float | None, cpus: str | None) -> None:
    found = warnings_after(state(cpu_time=START), state(cpu_time=spent(used)), own)
    assert len(found) == (cpus is not None)
    assert all(f"other programs took {cpus} of 2 CPUs during the run" in text for text in found)


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
    assert "other programs took 1.5 of 2 CPUs" in found


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
    assert tells_of_others(load, watched=False)
    assert not tells_of_others(load, watched=True)
    busy = warnings_after(
        state(overheated=5, swapped_mb=5.0, cpu_time=START),
        state(overheated=17, swapped_mb=1505.0, cpu_time=spent(20.0, 1.0)), 0.0,
    )  # fmt: skip
    assert len(busy) == 4
    assert all(tells_of_others(text, watched=True) for text in busy)
    for harmless in warnings_before(
        state(usable(2, 2, 1.5), discharging=True)
    ):  # a container is like that all the time
        assert not tells_of_others(harmless, watched=False)
