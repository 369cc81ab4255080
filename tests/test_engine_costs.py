"""Engines measured: what runs come to, what is kept of it, and an engine as one more arm of a benchmark."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from command import call
from engine_projects import PYTHON, needs_engine
from events import arm, cell, end, plan, start
from fake_calibrations import CPUS, entry
from strategies import FIXED_HOST

from selector import Selector, SelectorError, WorkloadProfile
from selector.benchmark import engine_arm as arms
from selector.benchmark.engine_arm import EngineArm, engine_arm, with_engine
from selector.benchmark.events import collect, event_line, parse_event
from selector.calibration.engine_run import EngineRun, StandIn, project, run_engine, stand_in_text
from selector.calibration.engines import Runs, costs_from, keep_engine_costs, recovery
from selector.calibration.kept import kept_entries, this_machine
from selector.calibration.models import InterpreterCosts
from selector.recommend.knowledge import load_knowledge
from selector.validation import validate_results

RUN: dict[str, Any] = {
    "engine": "celery", "version": "5.7.0", "tasks": 4, "done": 4, "failed": 0, "lost": 0, "twice": 0, "workers": 2,
    "seconds": 0.1, "submit_seconds": 0.01, "first_result_seconds": 0.05, "worker_start_seconds": 1.2, "worker_mb": 40.0,
    "broker_mb": 8.0, "cpu_seconds": 2.0, "others_cpus": 0.0,
}  # fmt: skip


def ran(**changes: Any) -> EngineRun:
    return EngineRun.model_validate(RUN | changes)


def runs(**changes: Any) -> Runs:
    """400 empty tasks in 1.05 s after the first, of 1.6 s of CPU time beyond the start; 24 large ones in 3 s."""
    many = {"tasks": 400, "done": 400, "seconds": 1.05, "submit_seconds": 0.2, "cpu_seconds": 3.6, **changes}
    large = ran(tasks=24, done=24, seconds=3.05, cpu_seconds=6.8, **changes)
    few = ran(**changes)
    return Runs((few, ran(worker_start_seconds=1.5, **changes)), (ran(**many), ran(**many), ran(**many)), large)


# What runs come to ----------------------------------------------------------------------------------------------------


def test_a_quiet_machine_is_believed_in_every_figure() -> None:
    costs = costs_from("celery", runs(), 2)
    assert costs["celery_submit_ms"].value == pytest.approx(0.5)
    assert costs["celery_task_ms"].value == pytest.approx(1000 * 1.0 * 2 / 400)  # more than its CPU time: it waited
    assert costs["celery_kb_ms"].value == pytest.approx((1000 * 3.0 * 2 / 24 - 5) / 1024)
    assert (costs["celery_start_s"].value, costs["celery_start_s"].high) == (1.2, 1.5)
    assert (costs["celery_worker_mb"].value, costs["celery_broker_mb"].value) == (40, 8)
    assert all(cost.quality == "usable" for cost in costs.values())
    assert set(costs) <= set(load_knowledge().costs.documented)


def test_beside_others_cpu_time_counts_and_times_do_not() -> None:
    costs = costs_from("celery", runs(others_cpus=1.5), 2)
    assert costs["celery_task_ms"].value == pytest.approx(1000 * 1.6 / 400)
    noisy = {name for name, cost in costs.items() if cost.quality == "noisy"}
    assert noisy == {"celery_submit_ms", "celery_start_s", "celery_first_s"}
    assert "1.5 CPUs" in costs["celery_start_s"].note


def test_an_engine_without_a_broker_has_no_cost_of_one() -> None:
    assert "huey_broker_mb" not in costs_from("huey", runs(engine="huey", broker_mb=0.0), 2)


def test_costs_are_kept_beside_those_of_the_python_and_stay_when_it_is_measured_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    known = InterpreterCosts.model_validate_json(json.dumps(entry(Path(sys.executable).resolve())))
    both = keep_engine_costs(costs_from("celery", runs(), 2), known, CPUS)
    assert both.costs["celery_task_ms"].value == pytest.approx(5)
    kept = kept_entries(this_machine(CPUS))[known.path]["costs"]
    assert {"celery_task_ms", *known.costs} <= set(kept)


def test_what_a_killed_worker_costs_is_how_much_longer_it_takes() -> None:
    assert recovery(ran(seconds=1.0), ran(seconds=3.5)).value == pytest.approx(2.5)
    assert recovery(ran(seconds=1.0), ran(seconds=0.9)).value > 0
    assert recovery(ran(others_cpus=2.0), ran(seconds=3.5, others_cpus=2.0)).quality == "noisy"


# A project that runs --------------------------------------------------------------------------------------------------


def test_work_that_stands_in_takes_its_time_and_gives_back_what_came() -> None:
    made: dict[str, Any] = {}
    exec(stand_in_text("huey", StandIn(3, cpu_ms=2, wait_ms=1, payload_kb=2)), made)  # our own text
    (steps, text), *others = made["items"]()
    assert (len(text), others) == (2048, [(steps, text)] * 2)
    assert made["steps_of"](0.0) == 0 < steps
    assert made["took"](steps) > 0.001  # it was made for 2 ms; CPUs have more than one speed
    assert made["function"]((steps, "text")) == "text"
    assert (made["ENGINE"], made["setup"]) == ("huey", None)


def test_the_copied_project_has_our_part_in_it() -> None:
    with project("ENGINE = 'huey'\n") as jobs:
        assert (jobs / "__main__.py").is_file()
        assert (jobs / "engine_jobs" / "yours.py").read_text("utf-8") == "ENGINE = 'huey'\n"
    assert not jobs.exists()


def fake_project(folder: Path, body: str) -> Path:
    (folder / "__main__.py").write_text("import json, sys\n" + textwrap.dedent(body), encoding="utf-8")
    return folder


def said(**changes: Any) -> str:
    fields = {name: value for name, value in (RUN | changes).items() if name not in ("cpu_seconds", "others_cpus")}
    return f"print(json.dumps({fields | {'schema': 1, 'results': 'x'}!r}, indent=2))"


def test_what_a_project_says_is_read(tmp_path: Path) -> None:
    jobs = fake_project(tmp_path, said())
    run = run_engine(sys.executable, "celery", jobs, workers=2, deadline_seconds=20)
    assert (run.tasks, run.whole_seconds) == (4, pytest.approx(1.3))
    assert run.cpu_seconds >= 0 and run.others_cpus >= 0


def test_a_worker_is_killed_once_they_are_ready(tmp_path: Path) -> None:
    body = """
        import subprocess, time
        worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
        print("not JSON", file=sys.stderr)
        print(json.dumps({"event": "ready", "workers": [worker.pid], "broker": None}), file=sys.stderr, flush=True)
        assert worker.wait() == -9
    """
    jobs = fake_project(tmp_path, textwrap.dedent(body) + said())
    assert run_engine(sys.executable, "celery", jobs, workers=2, deadline_seconds=20, lose_worker=True).done == 4


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("sys.stderr.write('error: pip install celery'); sys.exit(2)", "celery is not installed in"),
        ("sys.stderr.write('no luck\\x1b[31m'); sys.exit(1)", "cannot be measured: no luck"),
        ("print('{')", "cannot be measured"),
        (said(done=3, lost=1), "1 of 4 tasks failed"),
        (said(seconds="soon"), "cannot be measured"),
    ],
    ids=["not installed", "fails", "no JSON", "lost", "no number"],
)
def test_a_project_that_fails_says_why(tmp_path: Path, body: str, words: str) -> None:
    with pytest.raises(SelectorError, match=words) as refused:
        run_engine(sys.executable, "celery", fake_project(tmp_path, body), workers=2, deadline_seconds=20)
    assert refused.value.exit_code == 1
    assert refused.value.message.isprintable()


# An arm of a benchmark ------------------------------------------------------------------------------------------------

CPU = WorkloadProfile(
    workload_type="cpu", tasks=400, cpu_ms_per_task=10, cpu_cores=2, interpreters=("3.14",), platform="linux"
)
HUEY = EngineArm("huey", "distributed", sys.executable, "3.14", 2, 10.0, CPU, None, 0.02)


def measured(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> list[Any]:
    """A benchmark of plain code and processes with an engine beside them."""
    found: list[Any] = []

    def fake(*arguments: Any, **_: Any) -> EngineRun:
        found.append(arguments)
        return ran(engine="huey", tasks=200, done=200, seconds=2.0, **changes)

    monkeypatch.setattr(arms, "run_engine", fake)
    one, other = arm(0, "single_threaded", role="baseline"), arm(1, "multiprocessing", workers=2)
    cells = [cell(one, n, s) for n, s in enumerate((4.0, 4.1, 4.0))]
    cells += [cell(other, n, s) for n, s in enumerate((2.1, 2.2, 2.1))]
    return list(with_engine([start(), plan((one, other), tasks=400), *cells, end(9.0)], HUEY))


def test_an_engine_is_one_more_arm_with_a_cell_for_each_run(monkeypatch: pytest.MonkeyPatch) -> None:
    events = measured(monkeypatch)
    session = collect([parse_event(event_line(event)) for event in events])
    assert session.plan is not None
    last = session.plan.arms[-1]
    assert (last.arm, last.approach, last.engine, last.workers) == (2, "distributed", "huey", 2)
    cells = [each for each in session.cells if each.arm == 2]
    assert len(cells) == 3 and {each.status for each in cells} == {"ok"}
    assert cells[0].seconds == pytest.approx(1.2 + 2.0 * 2)  # half of the tasks ran
    assert (cells[0].tasks, cells[0].extrapolated_from) == (400, 200)


def test_it_is_judged_beside_the_others_and_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    selector = Selector(host=FIXED_HOST, tables=load_knowledge())
    recommendation = selector.recommend(CPU, "none")
    assert recommendation.approach == "multiprocessing"
    report = validate_results(recommendation, collect(measured(monkeypatch)), load_knowledge())
    engine = next(m for m in report.measurements if m.engine == "huey")
    assert (engine.approach, engine.speedup) == ("distributed", pytest.approx(4.0 / 5.2, rel=0.05))
    assert engine.predicted_seconds is not None and 2 < engine.predicted_seconds < 4
    assert report.verdict == "confirmed"


def test_an_engine_that_fails_is_a_row_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> EngineRun:
        raise SelectorError("huey cannot be measured: the disk is full")

    monkeypatch.setattr(arms, "run_engine", fails)
    one = arm(0, "single_threaded", role="baseline")
    events = with_engine([start(), plan((one,)), cell(one, 0, 1.0), end(9.0)], HUEY)
    last = collect(events).cells[-1]
    assert (last.status, last.reason) == ("error", "huey cannot be measured: the disk is full")


def test_an_engine_is_asked_for_or_recommended_and_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    selector = Selector(host=FIXED_HOST, tables=load_knowledge())
    situation = selector.situation(CPU)
    recommendation = selector.recommend(situation, "none")
    assert engine_arm(situation, recommendation, None, None, None, 60) is None
    monkeypatch.setattr(arms, "_is_installed", lambda *_: False)
    with pytest.raises(SelectorError, match="rq is not installed in") as refused:
        engine_arm(situation, recommendation, "rq", sys.executable, None, 60)
    assert "pip install 'rq>=3,<4'" in refused.value.hint
    monkeypatch.setattr(arms, "_is_installed", lambda *_: True)
    found = engine_arm(situation, recommendation, "rq", sys.executable, None, 60)
    assert found is not None and (found.engine, found.workers, found.budget_seconds) == ("rq", 2, pytest.approx(18))
    service = selector.recommend(CPU.model_copy(update={"mode": "service", "requests_per_second": 3}), "none")
    with pytest.raises(SelectorError, match="a service is not measured on an engine"):
        engine_arm(situation, service, "rq", sys.executable, None, 60)


# The command line -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--python", "x"], "give --engine"),
        (["--engine", "huey", "--interpreter", "3.14"], "--python instead of --interpreter"),
        (["--engine", "huey", "--from", "x.json"], "--from measures nothing"),
        (["--engine", "hue"], 'did you mean "huey"'),
    ],
)
def test_what_cannot_be_meant_by_an_engine_is_refused(arguments: list[str], words: str) -> None:
    result = call("calibrate", *arguments)
    assert result.code == 2
    assert words in " ".join(result.err.split())


# For real -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_huey_is_measured_beside_what_runs_here(tmp_path: Path) -> None:
    needs_engine("huey")
    fields = ("workload_type=cpu", "tasks=60", "cpu_ms_per_task=5")
    work = [word for field in fields for word in ("--set", field)]
    result = call("validate", *work, "--engine", "huey", "--python", PYTHON, "--budget", "20s", "--json",
                  "--save", str(tmp_path / "run"))  # fmt: skip
    assert result.code == 0, result.err
    found = [m for m in result.json["measurements"] if m["engine"] == "huey"]
    assert len(found) == 1 and found[0]["status"] == "ok" and found[0]["seconds"]["median"] > 0.3
    assert found[0]["predicted_seconds"] > 0.3
    assert '"engine":"huey"' in (tmp_path / "run" / "events.jsonl").read_text("utf-8")
