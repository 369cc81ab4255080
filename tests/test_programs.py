"""Programs that ship as a folder: their files, their workload, and `validate`, which proves what is recommended for it."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import call, refused

from selector.benchmark.plan import BenchmarkPlan, PlannedPython
from selector.benchmark.programs import Program, programs
from selector.errors import SelectorError
from selector.workload.profile import WorkloadProfile

ROOT = Path(__file__).resolve().parent.parent
OWN = ("single_threaded", "asyncio", "threads", "free_threaded", "subinterpreters", "multiprocessing")


@pytest.fixture
def todo() -> Program:
    return programs()["todo_batch"]


def plan(*approaches: Any, **parameters: Any) -> BenchmarkPlan:
    return BenchmarkPlan(
        name="x",
        recommended="multiprocessing",
        recommended_tag=None,
        approaches=approaches,
        workers=dict.fromkeys(approaches, 2),
        scaling=(),
        pythons=(PlannedPython(tag="3.14", path="/x", free_threaded=False),),
        budget_seconds=5.0,
        io="socket",
        seed=None,
        parameters={"APPROACHES": approaches, **parameters},
        notes=("before",),
    )


def test_a_user_gets_the_modules_and_a_benchmark_with_the_values_that_it_takes(todo: Program) -> None:
    files = todo.files({"CPUS": 7, "CPU_MS_PER_TASK": 2.5, "IO_WAIT_MS_PER_TASK": 1.0}, "Made here.")
    modules = {file.name for file in todo.folder.glob("*.py")}
    engines = {f"engine_jobs/{file.name}" for file in (todo.folder.parent / "engines" / "engine_jobs").glob("*.py")}
    assert (
        set(files) == {*modules, *engines, "bench.py", "stats.py", "meter.py", "README.md"}
        and {"__main__.py", "tasks.py", "coordinator.py"} <= modules
    )
    script = files["bench.py"].decode()
    assert "\nCPUS = 7\n" in script and "\nCPU_MS_PER_TASK = 2.5 " in script and "# Made here.\n" in script
    assert "IO_WAIT_MS_PER_TASK" not in script
    compile(script, "bench.py", "exec")
    for name, text in files.items():  # also our own statistics: what is copied runs on Python 3.10
        if name.endswith(".py"):
            ast.parse(text, feature_version=(3, 10))
    assert files["stats.py"] == (ROOT / "selector" / "benchmark" / "stats.py").read_bytes()


def test_a_plan_has_every_execution_of_the_program_and_no_other_approach(todo: Program) -> None:
    made = todo.plan(plan("single_threaded", "multiprocessing", "asyncio_processes"))
    assert made.approaches[:2] == ("single_threaded", "multiprocessing") and set(made.approaches) == set(OWN)
    assert made.parameters["APPROACHES"] == made.approaches
    assert made.workers == made.parameters["WORKERS"] == {"single_threaded": 2, "multiprocessing": 2}
    assert made.notes == ("before", "Not measured: asyncio_processes. The program has no such execution.")


@pytest.mark.slow
def test_its_workload_is_measured_and_can_be_set_over(todo: Program) -> None:
    profile = todo.workload(("tasks=123", "name=Mine"))
    assert (profile.workload_type, profile.tasks, profile.name, profile.picklable) == ("cpu", 123, "Mine", True)
    assert profile.cpu_ms_per_task is not None and 0.3 < profile.cpu_ms_per_task < 5


def test_what_a_program_says_of_its_work_can_be_set_over(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(
        "import sys; print({'profile': '{\"workload_type\": \"cpu\"}'}[sys.argv[1]])", "utf-8"
    )
    program = Program("todo", tmp_path, tmp_path / "x.py")
    assert program.workload(("tasks=123", "name=Mine")) == WorkloadProfile(workload_type="cpu", tasks=123, name="Mine")
    with pytest.raises(SelectorError, match="unknown field"):
        program.workload(("taks=1",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; sys.exit('it broke \x1b[31m')", r"did not measure its work: it broke \x1b[31m"),
        ("print('no json')", "todo: not valid JSON"),
        ("print('[1]')", "todo"),
    ],
)
def test_a_program_that_does_not_say_its_work_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "__main__.py").write_text(text, "utf-8")
    with pytest.raises(SelectorError) as raised:
        Program("todo", tmp_path, tmp_path / "x.py").workload(())
    assert said in raised.value.message


@pytest.mark.slow
@pytest.mark.parametrize("tag", ["", "3.14", "3.13t"])
def test_the_benchmark_runs_every_execution_as_it_lies(tag: str, needs: Callable[[str], str]) -> None:
    python = needs(tag) if tag else sys.executable
    command = [
        python,
        str(ROOT / "templates" / "todo_bench.py"),
        "--json",
        "--budget",
        "600",
        "--tasks",
        "100",
        "--seed",
        "1",
    ]
    events: list[Any] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as script:
        assert script.stdout is not None
        for line in script.stdout:  # until everything has run once, however long that takes here
            events.append(json.loads(line))
            if everything_ran(events):
                script.send_signal(signal.SIGINT)
    cells = [event for event in events if event["event"] == "cell"]
    assert [(cell["approach"], cell["reason"]) for cell in cells if cell["status"] != "ok"] == []
    measured = {cell["approach"] for cell in cells}
    lacking = {"3.14": {"free_threaded"}, "3.13t": {"subinterpreters"}}
    if tag:
        assert measured == set(OWN) - lacking[tag]
    assert len({cell["checksum"] for cell in cells}) == 1  # the same results, whoever computed them
    assert {cell["tasks"] for cell in cells} == {100}
    assert any(cell["workers_seen"] == 2 for cell in cells)


def everything_ran(events: list[Any]) -> bool:
    """Whether each arm that competes has been measured."""
    arms = {a["arm"] for e in events if e["event"] == "plan" for a in e["arms"] if a["role"] != "scaling"}
    return bool(arms) and arms <= {e["arm"] for e in events if e["event"] == "cell"}


def events_in(log: Path) -> list[Any]:
    """The events of a run so far."""
    return [json.loads(line) for line in log.read_text("utf-8").split("\n")[:-1]] if log.exists() else []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_validate_measures_the_program_and_judges_the_recommendation_for_it(tmp_path: Path) -> None:
    """Stopped (as by Ctrl-C) as soon as everything has run once, however long that takes here."""
    command = [sys.executable, "-m", "selector", "validate", "--template", "todo-batch", "--budget", "10m", "--json"]
    command += ["--set", "tasks=400", "--save", "proof", "--interpreter", sys.executable]
    root = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path, env=root) as run:
        deadline = time.monotonic() + 300
        while run.poll() is None and not everything_ran(events_in(tmp_path / "proof" / "events.jsonl")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        run.send_signal(signal.SIGINT)
        said, told = run.communicate(timeout=60)
    report = json.loads(said)
    assert report["profile"]["name"] == "Todo batch: validate" and report["tasks_asked"] == 400
    assert report["verdict"] in ("confirmed", "tie", "refuted", "inconclusive")
    measured = {m["approach"]: m["status"] for m in report["measurements"] if m["role"] != "scaling"}
    assert measured["single_threaded"] == measured["multiprocessing"] == measured[report["recommended"]] == "ok"
    assert "kept in proof: todo_batch/, plan.json" in told
    assert {p.name for p in (tmp_path / "proof").iterdir()} == {
        "todo_batch", "plan.json", "events.jsonl", "results.json", "report.md", "report.html",
    }  # fmt: skip
    assert (tmp_path / "proof" / "todo_batch" / "bench.py").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--template", "agents"], "the template agents does not say what its work is"),
        (["--template", "todo-batch", "x.json"], "leave FILE out"),
        (["--template", "todo-bach"], 'no template "todo-bach" (did you mean "todo-batch"?)'),
    ],
)
def test_what_cannot_be_validated_is_refused(words: list[str], said: str) -> None:
    refused(call("validate", *words), said)
