"""Costs measured on the host in the place of documented ones, and the command that measures them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import GIL, measured_here

import selector.calibration.measure
import selector.pipeline
from selector import Selector, WorkloadProfile
from selector.calibration.models import Calibration, Cost, InterpreterCosts, answers_changed
from selector.cli import main
from selector.cost.sheet import HostCosts, MeasuredCosts, Sheet, rest_on
from selector.cost.terms import loss
from selector.recommend.knowledge import load_knowledge
from selector.report.calibration import calibration_document
from selector.report.markdown import render_markdown

pytestmark = pytest.mark.one_python

DOCUMENTED = load_knowledge().costs.documented
FREE = {
    "python_arithmetic_ns": 91.0, "python_objects_ns": 280.0, "efficiency_threads_python": 0.8, "base_memory_mb": 22.0,
    "thread_start_ms": 0.3,
}  # fmt: skip


DAY = "2026-11-28"


def measured(tag: str, costs: dict[str, float], cpus: int = 2) -> MeasuredCosts:
    return MeasuredCosts(tag, f"{tag.rstrip('t')}.0", f"/x/{tag}", tag.endswith("t"), "fork", cpus, DAY, costs)


def known(*found: MeasuredCosts) -> HostCosts:
    return HostCosts(DOCUMENTED, measured=found, platform="linux")


def sheet(tag: str, *found: MeasuredCosts, platform: str = "linux", gil: str = "3.14") -> Sheet:
    return known(*found).sheet(tag, gil, platform)


def test_measured_costs_take_the_place_of_documented_ones() -> None:
    gil, free = (sheet(tag, measured("3.14", GIL), measured("3.14t", FREE)).middle for tag in ("3.14", "3.14t"))
    assert set(DOCUMENTED) < set(gil) == set(free)
    assert (gil["thread_start_ms"], free["thread_start_ms"]) == (0.2, 0.3)
    assert gil["process_pool_forkserver_ms"] == 150.0
    assert gil["process_pool_spawn_ms"] == DOCUMENTED["process_pool_spawn_ms"]  # not measured here
    assert free["loop_handover_ms"] == DOCUMENTED["loop_handover_ms"]
    assert 0 < gil["subinterpreter_more_ms"] < 1e-3
    assert (gil["base_memory_mb"], free["base_memory_mb"]) == (20.0, 22.0)


def test_two_workers_that_do_nine_tenths_of_twice_as_much_contend_by_a_ninth() -> None:
    gil, free = (sheet(tag, measured("3.14", GIL), measured("3.14t", FREE)).middle for tag in ("3.14", "3.14t"))
    assert gil["contention_processes"] == pytest.approx(1 / 0.95 - 1)
    assert free["contention_threads_python"] == pytest.approx(0.25)
    four = sheet(
        "3.14t", measured("3.14t", FREE, cpus=4)
    ).middle  # 4 workers do 3.2 times as much: 1 + c (2 - 2/4) = 1.25
    assert four["contention_threads_python"] == pytest.approx(0.25 / 1.5)
    assert loss("contention_threads_python", 4, four) == pytest.approx(1.25)


def test_arithmetic_tells_how_slow_the_build_is_and_objects_how_much_slower_it_may_be() -> None:
    both = measured("3.14", GIL), measured("3.13t", FREE)
    costs = sheet("3.13t", *both).middle
    assert costs["free_threaded_slowdown"] == pytest.approx(1.3)
    assert costs["free_threaded_spread"] == pytest.approx(1.75 / 1.3)
    assert sheet("3.13t", both[1]).middle["free_threaded_slowdown"] == DOCUMENTED["free_threaded_slowdown_313"]


def test_the_documented_free_threaded_build_takes_more_memory() -> None:
    gil, free = (sheet(tag).middle for tag in ("3.14", "3.14t"))
    assert free["base_memory_mb"] == gil["base_memory_mb"] * gil["free_threaded_memory_factor"]


@given(
    st.dictionaries(st.sampled_from(sorted(GIL)), st.floats(0, 1e6)),
    st.dictionaries(st.sampled_from(sorted(FREE)), st.floats(0, 1e6)),
    st.integers(1, 128),
)
def test_whatever_was_measured_costs_stay_over_zero(gil: dict[str, float], free: dict[str, float], cpus: int) -> None:
    for tag in ("3.14", "3.14t", "3.11"):
        found = sheet(tag, measured("3.14", gil, cpus), measured("3.14t", free, cpus))
        for costs in (found.middle, found.slow, found.fast):
            assert set(DOCUMENTED) < set(costs)
            assert all(0 < costs[name] < float("inf") for name in DOCUMENTED)


# What each figure rests on --------------------------------------------------------------------------------------------

POOL = ("process_pool_forkserver_ms", "contention_processes")


def test_costs_are_measured_only_under_the_interpreter_that_is_meant() -> None:
    own = rest_on(sheet("3.14", measured("3.14", GIL)), POOL, 2)
    assert (own.source, own.text) == ("calibrated", "costs measured here on 2026-11-28 under 3.14")
    newer = rest_on(sheet("3.15", measured("3.14", GIL)), POOL, 2)
    assert (newer.source, newer.kind, newer.text) == ("documented", "taken", "measured under 3.14, taken for 3.15")
    free = rest_on(sheet("3.14t", measured("3.14", GIL)), POOL, 2)
    assert (free.source, free.text) == ("documented", "documented costs of concurrency, not measured")


def test_costs_of_the_nearest_version_are_taken_and_its_own_come_first() -> None:
    own = {"thread_start_ms": 0.7}
    found = sheet("3.15", measured("3.11", {"thread_start_ms": 0.1, "asyncio_task_ms": 0.9}), measured("3.15", own),
                  measured("3.14", {"thread_start_ms": 0.5, "asyncio_wait_ms": 0.5}))  # fmt: skip
    assert [found.middle[n] for n in ("thread_start_ms", "asyncio_wait_ms", "asyncio_task_ms")] == [0.7, 0.5, 0.9]
    assert found.basis["asyncio_wait_ms"].text == "measured under 3.14, taken for 3.15"


def test_one_documented_cost_makes_the_figure_no_calibrated_one_and_is_named() -> None:
    rest = rest_on(sheet("3.14", measured("3.14", GIL)), (*POOL, "process_pool_spawn_ms"), 2)
    assert rest.source == "documented"
    assert rest.text == "costs measured here on 2026-11-28 under 3.14; documented (process_pool_spawn_ms)"


def test_what_another_platform_does_was_not_measured_here() -> None:
    found = sheet("3.14", measured("3.14", GIL), platform="windows")
    assert found.middle["thread_start_ms"] == DOCUMENTED["thread_start_ms"]
    assert rest_on(found, POOL, 2).source == "documented"


def test_more_workers_than_were_measured_are_named_and_widen_the_range() -> None:
    found = sheet("3.14", measured("3.14", GIL))
    rest = rest_on(found, POOL, 16)
    assert rest.source == "documented"
    assert rest.text == "costs measured here on 2026-11-28 under 3.14; 16 CPUs reckoned from 2"
    assert (
        rest_on(sheet("3.14"), POOL, 4).text == "documented costs of concurrency, not measured; 4 CPUs reckoned from 2"
    )
    name = "contention_processes"

    def width(workers: int) -> float:
        return loss(name, workers, found.slow) / loss(name, workers, found.fast)

    assert width(64) > width(16) > width(3) > width(2) > 1


def test_documented_scaling_is_as_the_sources_have_it() -> None:
    """Ten threads do 8.8 to 10 times as much (python/cpython PR 125986); a pool of 16 is not held to half of its cores."""
    costs = sheet("3.14t").middle
    assert 8.6 < 10 / loss("contention_threads_python", 10, costs) < 10
    assert 13 < 16 / loss("contention_processes", 16, costs) < 16


def test_a_recommendation_says_that_its_costs_were_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = dict(Selector().here.interpreters)
    gil = max((t for t in tags if not t.endswith("t")), key=lambda t: int(t.split(".")[1]))
    profile = WorkloadProfile(workload_type="cpu", tasks=100, cpu_ms_per_task=20, interpreters=(gil,), cpu_cores=2)
    before = Selector().recommend(profile)
    assert before.expected.source == "documented"
    costs = {**GIL, "process_pool_fork_ms": 8.0, "process_start_fork_ms": 3.0, "process_dispatch_ms": 0.1}
    monkeypatch.setattr(selector.pipeline, "load_calibration", lambda: measured_here(gil, costs))
    selected = Selector()
    assert selected.recommend(profile).expected.source == "calibrated"
    assert selected.recommend(profile) == Selector().recommend(profile)


def test_costs_made_of_others_begin_without_their_sheets() -> None:
    documented = HostCosts(DOCUMENTED)
    before = documented.sheet("3.14", "3.14", "linux").middle["thread_start_ms"]
    now = replace(documented, measured=(measured("3.14", {"thread_start_ms": before * 3}),), platform="linux")
    assert now.sheet("3.14", "3.14", "linux").middle["thread_start_ms"] == pytest.approx(before * 3)
    assert documented.sheet("3.14", "3.14", "linux").middle["thread_start_ms"] == before


def test_costs_of_the_users_own_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ours = load_knowledge().folders[-1] / "costs.yaml"
    (tmp_path / "costs.yaml").write_text(ours.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(selector.pipeline, "load_calibration", lambda: pytest.fail("not asked for"))
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
    assert "all 16 costs were measured well" in text
    assert "no PSS here" in text
    assert "measured on 2026-11-21" in text


def test_the_document_says_how_sure_the_figures_are() -> None:
    found = calibration()
    python = found.interpreters[0]
    noisy = Cost(value=0.5, low=0.1, high=0.9, samples=1, quality="noisy", note="1 of 9 undisturbed")
    mended = python.costs["thread_dispatch_ms"].model_copy(
        update={"note": "was 0.004: threads took 2 s, predicted 1 s"}
    )
    costs = python.costs | {"efficiency_processes": noisy, "thread_dispatch_ms": mended}
    text = render_markdown(calibration_document(found.model_copy(
        update={"interpreters": (python.model_copy(update={"costs": costs}),), "kept": ("3.14",)}
    ))).replace("\\", "")  # fmt: skip
    assert "15 of 16 costs were measured well" in text
    assert "noisy: not used" in text
    assert "other programs disturbed 40% of the measurements" in text
    assert "kept since 2026-11-21: nothing was measured now, --force measures again" in text
    assert "thread_dispatch_ms was corrected (was 0.004: threads took 2 s, predicted 1 s)" in text


def test_the_document_says_what_changes() -> None:
    answers = answers_changed({"a": "threads", "b": "asyncio"}, {"a": "asyncio", "b": "asyncio"})
    text = render_markdown(calibration_document(calibration().model_copy(update={"answers": answers})))
    assert "1 of the 2 examples that ship gets another answer:" in text
    assert "a: threads -> asyncio" in text.replace("\\", "").replace("&gt;", ">")
    none = answers_changed({"a": "threads"}, {"a": "threads"})
    text = render_markdown(calibration_document(calibration().model_copy(update={"answers": none})))
    assert "None of the 1 examples that ship gets another answer." in text


def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = []

    def fake(interpreters, *, force, on_step):
        asked.append(([i.tag for i in interpreters], force))
        on_step(selector.calibration.measure.CalibrationStep(interpreters[0], "threads", 0.5))
        on_step(selector.calibration.measure.CalibrationStep(interpreters[0], "threads", 0.6))
        return replace_problems(calibration())

    def replace_problems(found: Calibration) -> Calibration:
        return found.model_copy(update={"problems": ("Python 3.13t could not be measured: it is gone",)})

    monkeypatch.setattr(selector.calibration.measure, "calibrate", fake)
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
