"""What a benchmark teaches the calibration: which cost is held responsible, by how much, and that it is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from events import measured, report
from hypothesis import given
from hypothesis import strategies as st

import selector.proof
from selector import WorkloadProfile
from selector.calibration.kept import this_machine
from selector.cli import main
from selector.cost.batch import batch_seconds
from selector.errors import SelectorError
from selector.proof import learn_from
from selector.recommend.chain import Situation
from selector.recommend.facts import HostFacts
from selector.recommend.knowledge import load_knowledge
from selector.validation import ValidationReport
from selector.validation.learning import folds, refusal

pytestmark = pytest.mark.one_python

KNOWLEDGE = load_knowledge()
HOST = HostFacts("linux", 2, (("3.14", "/usr/bin/python3.14"), ("3.14t", "/usr/bin/python3.14t")))
COSTS = {
    "3.14": {"process_pool_forkserver_ms": 85.0, "loop_process_ms": 0.1, "efficiency_processes": 0.926,
             "process_copy_mb_per_s": 300.0, "thread_start_ms": 0.1, "process_dispatch_ms": 0.085},
    "3.14t": {"python_arithmetic_ns": 40.0, "efficiency_threads_python": 0.926, "thread_dispatch_ms": 0.01},
}  # fmt: skip
SMALL = WorkloadProfile(workload_type="cpu", tasks=40, cpu_ms_per_task=1, io_wait_ms_per_task=0, platform="linux")


def predicted(profile: WorkloadProfile, approach: str, tag: str, workers: int) -> float:
    here = profile.model_copy(update={"interpreters": (tag,)})
    work = Situation(here, HOST, KNOWLEDGE).work
    seconds = batch_seconds(KNOWLEDGE.approaches[approach].traits, workers, work)  # type: ignore[index]
    assert seconds is not None
    return seconds


def arm(profile: WorkloadProfile, approach: str, tag: str, workers: int, times: float) -> Any:
    """An arm that took so many times as long as predicted."""
    seconds = predicted(profile, approach, tag, workers)
    return measured(approach, tag, workers, seconds * times, predicted_seconds=seconds)


def learned(profile: WorkloadProfile, *arms: Any) -> dict[str, float]:
    """By which factor each cost is changed."""
    told = report(measurements=arms, profile=profile.model_dump(), tasks=profile.tasks)
    return {fold.cost: fold.after / fold.before for fold in folds(told, KNOWLEDGE, HOST, COSTS)}


def test_a_prediction_that_was_right_changes_nothing() -> None:
    assert learned(SMALL, arm(SMALL, "multiprocessing", "3.14", 2, 1.03)) == {}


def test_what_may_be_noise_changes_nothing() -> None:
    slow = arm(SMALL, "multiprocessing", "3.14", 2, 1.1)
    told = report(measurements=(slow,), profile=SMALL.model_dump(), tasks=40, noise_floor=0.17)
    assert folds(told, KNOWLEDGE, HOST, COSTS) == ()
    assert len(folds(told.model_copy(update={"noise_floor": 0.02}), KNOWLEDGE, HOST, COSTS)) == 1


def test_the_cost_that_most_of_the_time_goes_into_is_changed_half_of_the_way() -> None:
    seconds = predicted(SMALL, "multiprocessing", "3.14", 2) * 1000  # 90 ms of it are the start of the pool
    found = learned(SMALL, arm(SMALL, "multiprocessing", "3.14", 2, 1.5))
    assert found == {"process_pool_forkserver_ms": pytest.approx(((90 + seconds / 2) / 90) ** 0.5, rel=1e-3)}


def test_what_copies_faster_than_predicted_gets_a_higher_rate() -> None:
    heavy = SMALL.model_copy(update={"payload_kb_per_task": 5000.0})
    found = learned(heavy, arm(heavy, "multiprocessing", "3.14", 2, 0.6))
    assert list(found) == ["process_copy_mb_per_s"]
    assert found["process_copy_mb_per_s"] > 1.2


def test_workers_that_hold_each_other_up_lower_the_efficiency() -> None:
    large = SMALL.model_copy(update={"tasks": 1000, "cpu_ms_per_task": 20.0})
    found = learned(large, arm(large, "free_threaded", "3.14t", 2, 1.4))
    assert found == {"efficiency_threads_python": pytest.approx(1.4**-0.5, rel=0.01)}
    assert learned(large, arm(large, "free_threaded", "3.14t", 2, 0.5)) == {
        "efficiency_threads_python": pytest.approx(1.08, rel=0.01)  # 1 is perfect
    }


def test_the_users_own_code_tells_how_slow_the_build_is() -> None:
    large = SMALL.model_copy(update={"tasks": 1000, "cpu_ms_per_task": 20.0})
    found = learned(large, arm(large, "single_threaded", "3.14t", 1, 1.44))
    assert found == {"python_arithmetic_ns": pytest.approx(1.2)}


def test_tasks_that_take_longer_than_the_profile_says_are_no_fault_of_the_costs() -> None:
    large = SMALL.model_copy(update={"tasks": 1000, "cpu_ms_per_task": 20.0})
    alone = arm(large, "single_threaded", "3.14", 1, 1.5)
    assert learned(large, alone, arm(large, "multiprocessing", "3.14", 2, 1.49)) == {}


def test_no_cost_is_blamed_where_none_makes_up_enough_and_one_that_is_not_known_is_left_out() -> None:
    waits = WorkloadProfile(workload_type="io", tasks=1000, cpu_ms_per_task=0, io_wait_ms_per_task=100, concurrency=10)
    assert learned(waits, arm(waits, "asyncio", "3.14", 1, 1.5)) == {}
    assert learned(SMALL, arm(SMALL, "subinterpreters", "3.14", 2, 1.5)) == {}


@given(st.floats(0.01, 100), st.sampled_from(["multiprocessing", "asyncio_processes", "free_threaded", "threads"]))
def test_one_run_changes_a_cost_by_a_factor_of_two_at_most(times: float, approach: str) -> None:
    tag = "3.14t" if approach == "free_threaded" else "3.14"
    for factor in learned(SMALL, arm(SMALL, approach, tag, 2, times)).values():
        assert 0.49 <= factor <= 2.01


# The command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A calibration of the newest Python here, and what is kept of it afterwards."""
    here = selector.proof.Selector().here
    tag, path = max(((t, p) for t, p in here.interpreters if not t.endswith("t")), key=lambda i: int(i[0][2:]))
    cost = {"low": 80.0, "value": 85.0, "high": 90.0, "samples": 3, "quality": "usable", "note": ""}
    names = [f"process_pool_{method}_ms" for method in ("fork", "forkserver", "spawn")]
    resolved = str(Path(path).resolve())
    entry = {"tag": tag, "path": resolved, "costs": dict.fromkeys(names, cost)}
    saved: dict[str, Any] = {"tag": tag}
    monkeypatch.setattr(selector.proof, "kept_entries", lambda _: {resolved: entry})
    monkeypatch.setattr(selector.proof, "keep_entry", lambda _, entry: saved.update(entry))
    return saved


def results(tag: str, cpus: int) -> Any:
    slow = measured("multiprocessing", tag, 2, 0.4, predicted_seconds=0.2)
    return report(measurements=(slow,), profile=SMALL.model_dump(), tasks=SMALL.tasks, cpus=cpus, noise_floor=0.03)


def test_what_was_learned_is_kept(kept: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cpus = this_machine(selector.proof.Selector().here.usable_cpus).cpus
    file = tmp_path / "results.json"
    file.write_text(results(kept["tag"], cpus).model_dump_json(by_alias=True), "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["calibrate", "--from", str(file), "--json"])
    assert ended.value.code == 0
    said = json.loads(capsys.readouterr().out)
    (changed,) = said["changed"]
    assert said["answers"]["examples"] > 20
    cost = kept["costs"][changed["cost"]]
    assert cost["note"] == f"was 85: {changed['why']}"
    assert (cost["value"], cost["high"]) == (changed["after"], changed["after"])
    assert cost["low"] == 80.0
    with pytest.raises(SystemExit):
        main(["calibrate", "--from", str(file)])
    out = capsys.readouterr().out
    assert changed["cost"] in out
    assert "examples that ship" in out


BUSY = "load average 7.0 on 2 CPUs before the run: other programs are busy; close them or expect wide intervals"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"verdict": "inconclusive", "reason": "Too few runs."}, r"no verdict \(Too few runs\)"),
        ({"warnings": ("On battery.", BUSY)}, r"disturbed \(load average 7.0"),
        ({"noise_floor": 0.36}, r"disturbed \(a difference under 36% may be chance"),
        ({"noise_floor": None}, "could not tell how noisy"),
    ],
)
def test_a_run_that_validate_called_busy_is_refused(kept: dict[str, Any], changes: dict[str, Any], why: str) -> None:
    with pytest.raises(SelectorError, match=why) as refused:
        learn_from(results(kept["tag"], 2).model_copy(update=changes))
    assert refused.value.exit_code == 2
    assert "the calibration is as it was" in refused.value.hint
    assert "costs" not in kept


def test_a_run_beside_which_others_took_cpus_is_refused() -> None:
    class Busy(ValidationReport):
        cpus_taken: float | None = None

    told = Busy.model_validate(results("3.14", 2).model_dump(by_alias=True) | {"cpus_taken": 0.9})
    assert refusal(told).why == "that run was disturbed (other programs took 0.9 of 2 CPUs meanwhile)"  # type: ignore[union-attr]
    assert refusal(told.model_copy(update={"cpus_taken": 0.05})) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"cpu_ms_per_task": 5e-324}, {"cpu_ms_per_task": 1e-310}, {"io_wait_ms_per_task": 1e12}, {"startup_ms": 1e12},
    ],
)  # fmt: skip
def test_figures_that_no_run_can_have_are_refused(kept: dict[str, Any], changes: dict[str, float]) -> None:
    told = results(kept["tag"], 2)
    (name,) = changes
    with pytest.raises(SelectorError, match=f"profile.{name} comes to") as refused:
        learn_from(told.model_copy(update={"profile": told.profile.model_copy(update=changes)}))
    assert "inf" not in refused.value.message
    assert "costs" not in kept


@given(
    seconds=st.floats(0, 1e304), said=st.floats(0, 1e304), cpu=st.floats(0, 1e12), wait=st.floats(0, 1e12),
    approach=st.sampled_from(["single_threaded", "multiprocessing", "asyncio_processes", "free_threaded"]),
)  # fmt: skip
def test_whatever_the_figures_are_a_cost_stays_near(
    seconds: float, said: float, cpu: float, wait: float, approach: str
) -> None:
    tag = "3.14t" if approach == "free_threaded" else "3.14"
    profile = SMALL.model_copy(update={"cpu_ms_per_task": cpu, "io_wait_ms_per_task": wait})
    arms = tuple(
        measured(name, tag, 2, seconds, spread=0, predicted_seconds=said) for name in ("single_threaded", approach)
    )
    told = report(measurements=arms, profile=profile.model_dump(), tasks=40, noise_floor=0.03)
    if refusal(told) is None:
        for fold in folds(told, KNOWLEDGE, HOST, COSTS):
            assert 0.49 <= fold.after / fold.before <= 2.01
            assert "inf" not in fold.why


def test_what_is_off_by_far_has_another_reason() -> None:
    assert learned(SMALL, arm(SMALL, "multiprocessing", "3.14", 2, 30)) == {}


def test_an_approach_that_ran_twice_teaches_nothing() -> None:
    few = arm(SMALL, "multiprocessing", "3.14", 2, 1.5).model_copy(update={"samples": 2})
    assert learned(SMALL, few) == {}


def test_a_cost_that_is_not_used_is_not_corrected(kept: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    entries = selector.proof.kept_entries(None)  # type: ignore[arg-type]
    for entry in entries.values():
        entry["costs"] = {name: {**cost, "quality": "noisy"} for name, cost in entry["costs"].items()}
    monkeypatch.setattr(selector.proof, "kept_entries", lambda _: entries)
    assert learn_from(results(kept["tag"], this_machine(selector.proof.Selector().here.usable_cpus).cpus)) == ()


def test_results_of_other_conditions_are_refused(kept: dict[str, Any]) -> None:
    with pytest.raises(SelectorError, match="with 99 CPUs"):
        learn_from(results(kept["tag"], 99))


def test_there_must_be_a_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selector.proof, "kept_entries", lambda _: {})
    with pytest.raises(SelectorError, match="not calibrated") as refused:
        learn_from(results("3.14", 2))
    assert "concurrency-selector calibrate" in (refused.value.hint or "")


@pytest.mark.parametrize("more", [["--force"], ["--interpreter", "3.14"]])
def test_results_and_measuring_do_not_go_together(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["calibrate", "--from", "results.json", *more])
    assert ended.value.code == 2
    assert "--from measures nothing" in capsys.readouterr().err
