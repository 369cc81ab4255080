"""Costs measured on the host in the place of documented ones, and the command that measures them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import selector.cost.calibrate
import selector.pipeline
from selector import Selector, WorkloadProfile
from selector.cli import main
from selector.cost.calibrate import Calibration, Cost, InterpreterCosts
from selector.cost.calibrated import with_calibration
from selector.recommend.knowledge import load_knowledge
from selector.report.calibration_documents import calibration_document
from selector.report.markdown import render_markdown

DOCUMENTED = load_knowledge().costs
GIL = {
    "python_loop_ns": 30.0, "thread_start_ms": 0.2, "thread_dispatch_ms": 0.005, "loop_handover_ms": 0.02,
    "chunked_dispatch_ms": 0.0002, "process_copy_mb_per_s": 800.0, "subinterpreter_dispatch_ms": 0.05,
    "process_pool_forkserver_ms": 150.0, "process_start_forkserver_ms": 6.0, "process_extra_forkserver_ms": 8.0,
    "subinterpreter_start_ms": 100.0, "subinterpreter_more_ms": 10.0, "asyncio_sleep_task_ms": 0.006,
    "loop_process_ms": 0.12, "efficiency_processes": 0.95, "base_memory_mb": 20.0,
}  # fmt: skip
FREE = {"python_loop_ns": 33.0, "efficiency_threads_python": 0.85, "base_memory_mb": 22.0}


def test_measured_costs_take_the_place_of_documented_ones() -> None:
    costs = with_calibration(DOCUMENTED, 2, GIL, FREE)
    assert set(costs) == set(DOCUMENTED)
    assert costs["thread_start_ms"] == 0.2
    assert costs["process_pool_forkserver_ms"] == 156.0  # the model's is of a pool of two
    assert costs["process_start_forkserver_ms"] == 8.0
    assert costs["process_pool_spawn_ms"] == DOCUMENTED["process_pool_spawn_ms"]  # not measured here
    assert costs["subinterpreter_start_ms"] == 110.0
    assert costs["asyncio_task_ms"] == 0.006
    assert costs["process_dispatch_ms"] == 0.12
    assert costs["free_threaded_slowdown"] == costs["free_threaded_slowdown_313"] == pytest.approx(1.1)
    assert costs["free_threaded_memory_factor"] == pytest.approx(1.1)
    assert costs["parallel_efficiency"] == pytest.approx(0.9)  # two workers do 1.9 times as much as one


def test_nothing_measured_changes_nothing() -> None:
    assert with_calibration(DOCUMENTED, 2, {}, {}) == DOCUMENTED


@given(
    st.dictionaries(st.sampled_from(sorted(GIL)), st.floats(0, 1e6)),
    st.dictionaries(st.sampled_from(sorted(FREE)), st.floats(0, 1e6)),
    st.integers(1, 128),
)
def test_whatever_was_measured_costs_stay_over_zero(gil: dict[str, float], free: dict[str, float], cpus: int) -> None:
    gil = {key: value for key, value in gil.items() if key != "python_loop_ns" or value > 0}
    gil = {key: value for key, value in gil.items() if key != "base_memory_mb" or value > 0}
    costs = with_calibration(DOCUMENTED, cpus, gil, free)
    assert set(costs) == set(DOCUMENTED)
    assert all(value > 0 for value in costs.values())
    assert costs["parallel_efficiency"] <= 1


def test_a_recommendation_says_that_its_costs_were_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = WorkloadProfile(workload_type="cpu", tasks=100, cpu_ms_per_task=20)
    before = Selector().recommend(profile)
    assert before.expected.source == "documented"
    tags = dict(Selector().here.interpreters)
    gil = max((t for t in tags if not t.endswith("t")), key=lambda t: int(t.split(".")[1]))
    monkeypatch.setattr(selector.pipeline, "load_calibration", lambda cpus, paths: {gil: GIL})
    selected = Selector()
    assert selected.recommend(profile).expected.source == "calibrated"
    assert selected.recommend(profile) == Selector().recommend(profile)


def test_costs_of_the_users_own_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ours = load_knowledge().folders[-1] / "costs.yaml"
    (tmp_path / "costs.yaml").write_text(ours.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(selector.pipeline, "load_calibration", lambda cpus, paths: pytest.fail("not asked for"))
    assert Selector(tmp_path).recommend(WorkloadProfile(workload_type="cpu")).expected.source == "given"


def calibration() -> Calibration:
    costs = {name: Cost(value=value, low=value / 2, high=value * 2, samples=3) for name, value in GIL.items()}
    python = InterpreterCosts(
        tag="3.14", version="3.14.1", path="/opt/python3.14", stamp=(1, 2), free_threaded=False, gil_enabled=True,
        start_method="forkserver", costs=costs, noise=0.4, rounds=2, seconds=8.5, warnings=("no PSS here",),
        measured_at=datetime(2026, 11, 21, tzinfo=UTC),
    )  # fmt: skip
    free = python.model_copy(
        update={"tag": "3.14t", "version": "3.14.1", "costs": dict(list(costs.items())[:3]), "noise": 0.0}
    )
    return Calibration(cpu_model="A CPU", cpus=2, system="Linux", memory_mb=1000, interpreters=(python, free))


def test_the_document_has_every_cost_and_warns_of_noise() -> None:
    text = render_markdown(calibration_document(calibration()))
    assert all(name.replace("_", "\\_") in text for name in GIL)
    assert "40% of the time was lost to other programs" in text
    assert "no PSS here" in text


def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = []

    def fake(interpreters, *, force, on_progress):
        asked.append(([i.tag for i in interpreters], force))
        on_progress(selector.cost.calibrate.Progress(interpreters[0], "threads", 0.5))
        on_progress(selector.cost.calibrate.Progress(interpreters[0], "threads", 0.6))
        return replace_problems(calibration())

    def replace_problems(found: Calibration) -> Calibration:
        return found.model_copy(update={"problems": ("Python 3.13t could not be measured: it is gone",)})

    monkeypatch.setattr(selector.cost.calibrate, "calibrate", fake)
    with pytest.raises(SystemExit) as ended:
        main(["calibrate", "--json", "--force"])
    out, err = capsys.readouterr()
    assert ended.value.code == 0
    assert json.loads(out)["cpus"] == 2
    assert asked[0][1] is True
    assert len(asked[0][0]) in (1, 2)
    assert err.count("50 %") == 1
    assert "could not be measured" in err
    with pytest.raises(SystemExit):
        main(["calibrate"])
    assert "thread_start_ms" in capsys.readouterr().out


def test_an_interpreter_that_is_not_here_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["calibrate", "--interpreter", "3.99"])
    assert ended.value.code == 2
    assert "3.99" in capsys.readouterr().err
