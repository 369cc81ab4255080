"""The report of a measurement and the command, with children that are fakes; and some that really run and fail at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from command import COMMAND, call, measured, posix_only, refused
from measured import COMPUTES, FakeLaboratory, python, request, said, saying

from selector import Selector, measure
from selector.errors import SelectorError
from selector.measure import measure_function
from selector.measure import report as reporting
from selector.measure.children import Said
from selector.measure.models import MeasureReport
from selector.measure.session import measure_in_children
from selector.measure.target import Target
from selector.recommend.facts import HostFacts
from selector.report.markdown import render_markdown
from selector.report.measure import measure_document

SELECTOR = Selector(host=HostFacts("linux", 2, (("3.14", "/elsewhere/python3.14"), ("3.15", "/x/python3.15")), "3.15"))
Answers = dict[str, Said]
HERE = sys.executable


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], FakeLaboratory]:
    """Let measuring run no children."""

    def use(answers: Answers) -> FakeLaboratory:
        laboratory = FakeLaboratory(answers)
        monkeypatch.setattr(reporting, "Laboratory", lambda *_: laboratory)
        return laboratory

    return use


def report(fakes: Any, answers: Answers, **changes: Any) -> MeasureReport:
    fakes(answers)
    return measure_function(request(**changes), SELECTOR)


def test_a_report_has_the_profile_its_evidence_and_the_answer_for_the_python_it_was_measured_in(fakes: Any) -> None:
    found = report(fakes, {})
    assert found.complete
    assert found.profile is not None
    assert found.recommendation is not None
    assert found.profile.given() | {"interpreters": ["3.13t", "3.14"]} == found.profile.given()
    assert found.recommendation.interpreter == "3.13t" if "free" in found.recommendation.approach else "3.14"
    assert {name for name, each in found.evidence.items() if each.value != getattr(found.profile, name)} == set()
    assert found.profile.free_threading_ready is True
    assert found.profile.subinterpreter_ready is True
    assert found.unknown == ("latency_requirement_ms", "memory_budget_mb")
    assert found.calls == 70  # of seven children
    again = json.loads(found.model_dump_json())
    assert set(again) >= {
        "schema",
        "target",
        "profile",
        "evidence",
        "unknown",
        "problems",
        "calls",
        "seconds",
        "recommendation",
    }
    assert MeasureReport.model_validate_json(found.model_dump_json()) == found


def test_what_the_user_sets_stands_over_what_was_found(fakes: Any) -> None:
    found = report(fakes, {}, settings=("latency_requirement_ms=50", "tasks=1000", "gil_share=null"))
    assert found.profile is not None
    assert (found.profile.latency_requirement_ms, found.profile.tasks, found.profile.gil_share) == (50, 1000, None)
    assert found.evidence["tasks"].basis == "given"
    assert "gil_share" not in found.evidence
    assert found.unknown == ("memory_budget_mb", "gil_share")


def test_one_thread_of_the_library_is_the_first_advice_where_it_is_faster(fakes: Any) -> None:
    many = saying(solo={"cpu_ms": 100.0, "helper_ms": 90.0, "wall_ms": 110.0})
    one = saying(solo={"cpu_ms": 43.0, "helper_ms": 0.0, "wall_ms": 44.0, "cpu_p10_ms": 42.0, "cpu_p90_ms": 44.0})
    found = report(fakes, {"main": said("main", many), "main pinned": said("main", one)})
    assert found.notes[0].startswith("First of all, keep the library to one thread, OMP_NUM_THREADS=1")
    assert found.profile is not None
    assert (found.profile.cpu_ms_per_task, found.profile.native_parallel, found.profile.library_threads) == (
        43.0,
        False,
        1,
    )
    slower = report(fakes, {"main": said("main", many), "main pinned": said("main", saying(solo={"wall_ms": 170.0}))})
    assert slower.profile is not None
    assert (slower.profile.library_threads, slower.profile.native_parallel) == (None, True)


def test_results_that_depend_on_the_order_are_tried_a_third_time(fakes: Any) -> None:
    forward, reverse = (said("worker", {**COMPUTES, "digests": digests}) for digests in (["a", "b"], ["a", "c"]))
    found = report(fakes, {"worker forward": forward, "worker reverse": reverse})
    assert found.profile is not None
    assert found.profile.parallelizable is False
    assert any("depend on the order" in note for note in found.notes)


def test_a_python_that_lacks_a_library_counts_for_nothing(fakes: Any) -> None:
    facts = {"phase": "import", "problem": {"kind": "cannot_import", "text": "it needs numpy, which is not installed"}}
    found = report(fakes, {f"{mode} 3.13t": said(mode, facts, "3.13t", code=1) for mode in ("again", "worker")})
    assert found.profile is not None
    assert (found.profile.interpreters, found.profile.free_threading_ready) == (("3.14",), None)
    assert found.tried[0].why == "it needs numpy, which is not installed"
    assert "3.13t (it needs numpy" in render_markdown(measure_document(found, "validate"))


def test_why_subinterpreters_were_not_tried_is_said(fakes: Any) -> None:
    old = report(fakes, {}, python=python("3.11"))
    assert any("need Python 3.14 or later, and this is 3.11. --python names one" in note for note in old.notes)
    newer = report(fakes, {}, python=python("3.11"), interpreters=(python("3.14"),))
    assert any(f"--python {python('3.14').path}, where it runs, tries them" in note for note in newer.notes)
    awaits = report(fakes, {"main": said("main", saying(coroutine=True))})
    assert any("this is a coroutine" in note for note in awaits.notes)
    killed = report(fakes, {"subinterpreter": said("subinterpreter", {"phase": "solo"}, code=-11, fault="killed")})
    assert any(
        "Whether it works in a subinterpreter is not known" in note and "SIGSEGV" in note for note in killed.notes
    )
    for known in (report(fakes, {}), report(fakes, {}, python=python("3.11"), settings=("subinterpreter_ready=true",))):
        assert not any("ubinterpreter" in note for note in known.notes)


def test_what_cannot_be_measured_has_a_problem_and_no_profile(fakes: Any) -> None:
    facts = {
        "phase": "solo",
        "problem": {"kind": "raises_always", "text": "it raises ValueError for every item", "item": 0},
    }
    found = report(fakes, {"main": said("main", facts, code=1)})
    assert (found.complete, found.profile, found.recommendation, found.evidence) == (False, None, None, {})
    assert [problem.kind for problem in found.problems] == ["raises_always"]
    assert json.loads(found.model_dump_json())["profile"] == {}


def test_a_child_that_dies_late_leaves_what_it_said(fakes: Any) -> None:
    found = report(fakes, {"main": said("main", {**COMPUTES, "phase": "two threads"}, code=-11, fault="killed")})
    assert not found.complete
    assert found.profile is not None
    assert "while two threads called it" in found.problems[0].text


def test_items_that_raise_are_problems_of_a_function_that_was_measured(fakes: Any) -> None:
    errors = {"ValueError": {"count": 3, "message": "bad \x1b]0;x\x07", "item": 7}}
    found = report(fakes, {"main": said("main", saying(errors=errors))})
    assert found.complete
    assert (found.problems[0].kind, found.problems[0].item) == ("raises", 7)
    assert found.problems[0].text.startswith("3 of 320 calls raised ValueError: bad \\x1b")


def test_where_time_is_over_the_rest_is_left_out_and_named() -> None:
    now = iter(range(0, 1000, 15))
    record = measure_in_children(request(), FakeLaboratory({}), lambda _: None, 0.0, lambda: float(next(now)))
    assert record.forward is None
    assert {"memory", "a subinterpreter", "Python 3.13t"} <= set(record.left_out)


def test_no_child_has_more_time_than_the_budget() -> None:
    now, laboratory = iter(range(1000)), FakeLaboratory({})
    measure_in_children(request(), laboratory, lambda _: None, 0.0, lambda: float(next(now)))
    first, *others = laboratory.jobs
    assert first.most_seconds is not None
    assert (first.mode, first.seconds <= 12, 17 < first.most_seconds < 19) == ("main", True, True)
    assert all(job.limit_seconds < 19 and job.seconds < 19 for job in others)


@pytest.mark.parametrize(("changes", "most"), [({}, 3), ({"setup": Target("resize.py", "load")}, 1)])
def test_children_run_at_once_unless_they_are_large_or_have_a_set_up(changes: dict[str, Any], most: int) -> None:
    together: list[int] = []

    class Counting(FakeLaboratory):
        def run_together(self, jobs: list[Any]) -> list[Said]:
            together.append(len(jobs))
            return super().run_together(jobs)

    measure_in_children(request(**changes), Counting({}), lambda _: None, time.monotonic())
    assert max(together) == most
    together.clear()
    large = {"main": said("main", saying(rss_items_mb=5000.0))}
    measure_in_children(request(), Counting(large), lambda _: None, time.monotonic())
    assert max(together) == 1


def test_what_had_no_fair_time_to_start_is_left_out_and_no_problem(fakes: Any) -> None:
    slow = saying(first_ms=7000.0)
    late = said("memory", {"phase": "memory"}, code=1, fault="exit", errors="Timeout (0:00:07)!\n")
    found = report(fakes, {"main": said("main", slow), "memory": late})
    assert found.problems == ()
    assert any("no time for" in note and "memory" in note for note in found.notes)
    quick = report(fakes, {"memory": late})
    assert [problem.kind for problem in quick.problems] == ["hangs"]


def test_the_gil_is_looked_at_in_another_python_where_its_own_cannot_be(fakes: Any) -> None:
    facts = {**COMPUTES, "calls": 10, "sampler": {"held": 0.0, "samples": 900, "on_cpu": {"held": 0.0, "looks": 800}}}
    plain = said(
        "main", saying(sampler={"held": None, "samples": 0}, probe={"late_share": 0.0}, two={"own": {}}), "3.11"
    )
    further = (python("3.13t"), python("3.15"), python("3.14"))
    found = report(fakes, {"main": plain, "look": said("look", facts)}, python=python("3.11"), interpreters=further)
    assert found.profile is not None
    assert (found.profile.gil_share, found.profile.releases_gil) == (0.0, True)
    assert "seen in Python 3.14" in found.evidence["gil_share"].how
    lacks = said("look", {"phase": "import", "problem": {"kind": "cannot_import", "text": "it needs numpy"}}, code=1)
    without = report(fakes, {"main": plain, "look": lacks}, python=python("3.11"), interpreters=further)
    assert {"gil_share", "releases_gil"} <= set(without.unknown)


def test_a_twin_that_is_no_coroutine_is_a_problem(fakes: Any) -> None:
    found = report(fakes, {}, async_function=Target("resize.py", "fetch"))
    assert "not_async" in [problem.kind for problem in found.problems]


# The command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own.py").write_text(
        "import os, time\ndef good(n): return n\ndef two(a, b): return a\ndef leaves(n): raise SystemExit(3)\n"
        "def hangs(n):\n    print('out', flush=True)\n    open('pid', 'w').write(str(os.getpid()))\n    time.sleep(60)\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_that_proves_it_names_the_profile_and_the_pythons_that_were_named(fakes: Any, folder: Path) -> None:
    fakes({})
    named = ["measure", "own.py:good", "--items", "4", "--python", HERE]
    own = call(*named, "--interpreter", HERE, "-o", "x.json").out
    assert f"validate x.json --function own.py:good --items 4 --python {HERE} --interpreter {HERE}\n" in own
    assert f"validate --function own.py:good --items 4 --python {HERE}\n" in call(*named).out


def test_the_command_says_what_it_runs_and_writes_the_profile(fakes: Any, folder: Path) -> None:
    fakes({})
    done = call("measure", "own.py:good", "--items", "40", "--python", HERE, "-o", "w.json")
    assert done.code == 0
    assert "measuring own.py:good with the numbers below 40: it is really called" in done.err
    for words in (
        "What was found",
        "cpu_ms_per_task",
        "=== Summary ===",
        "--set memory_budget_mb",
        "validate w.json --function own.py:good",
    ):
        assert words in done.out
    assert max(map(len, done.out.splitlines()[:40])) <= 80
    assert "=== Recommendation ===" not in done.out
    assert call("recommend", "w.json", "--json").json["profile"]["cpu_ms_per_task"] == 1.0
    before = (folder / "w.json").read_bytes()
    refused(
        call("measure", "own.py:good", "--items", "40", "--python", HERE, "-o", "w.json"), "there is a file already"
    )
    assert (folder / "w.json").read_bytes() == before
    assert call("measure", "own.py:good", "--items", "40", "--python", HERE, "-o", "w.json", "--force").code == 0
    assert "=== Recommendation ===" in call("measure", "own.py:good", "--items", "40", "--python", HERE, "--full").out


def test_json_is_one_object_and_help_says_that_the_function_is_called(fakes: Any, folder: Path) -> None:
    fakes({})
    done = call("measure", "own.py:good", "--items", "40", "--python", HERE, "--json")
    assert (done.code, done.json["schema"], done.json["target"]) == (0, 1, "own.py:good")
    assert "THE FUNCTION IS REALLY CALLED" in call("measure", "--help").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "missing argument 'TARGET'"),
        (["own.py"], "own.py:good"),
        (["nowhere.py:f"], "there is no such file"),
        (["own.py:good", "--items", "a.png", "b.png"], "put a pattern into quotes"),
        (["own.py:good", "more"], "one word too many"),
        (["own.py:good", "--items", "3", "--set", "taks=1"], 'did you mean "tasks"?'),
        (["own.py:good", "--budget", "1s"], "too short"),
        (["own.py:good", "--budget", "soon"], "no length of time"),
        (["own.py:good", "--python", "/nowhere/python"], "/nowhere/python"),
        (["own.py:good", "--setup", "own.py:"], "--setup"),
        (["own.py:nowhere"], 'TARGET "own.py:nowhere": own.py has no "nowhere"'),
        (["own.py:goood"], 'did you mean "good"?'),
        (["own.py:good", "--items", "own.py:gud"], '--items "own.py:gud": own.py has no "gud"'),
        (["own.py:good", "--python", HERE, "-o", "nowhere/w.json"], "there is no folder nowhere"),
        (["own.py:good", "--python", HERE, "-o", "."], "this is a folder"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_runs(folder: Path, arguments: list[str], words: str) -> None:
    refused(call("measure", *arguments), words)


@pytest.mark.parametrize(
    ("arguments", "kind", "code"),
    [
        (["own.py:good.nowhere", "--items", "3"], "no_such_name", 2),
        pytest.param(["nomodule:f"], "no_such_module", 2, marks=pytest.mark.slow),
        pytest.param(["own.py:two", "--items", "3"], "arguments", 2, marks=pytest.mark.slow),
        (["own.py:leaves", "--items", "3"], "exits", 1),
        pytest.param(["own.py:good", "--items", "bad.json"], "bad_items", 2, marks=pytest.mark.slow),
        pytest.param(["own.py:good", "--items", "own.py:leaves"], "items_fail", 1, marks=pytest.mark.slow),
    ],
)
def test_what_really_cannot_be_measured_ends_in_a_problem(
    folder: Path, arguments: list[str], kind: str, code: int
) -> None:
    (folder / "bad.json").write_text("5")
    done = call("measure", *arguments, "--python", HERE, "--json")
    assert (done.code, [problem["kind"] for problem in done.json["problems"]]) == (code, [kind])
    assert done.json["problems"][0]["text"] in done.err
    assert ("error: --items: " in done.err) == (len(arguments) > 2 and arguments[2] != "3")
    assert done.json["recommendation"] is None


def test_from_python_with_the_same_options(folder: Path) -> None:
    found = measure("own.py:two", items="3", python=HERE)
    assert found.problems[0].kind == "arguments"


def test_a_fault_of_the_probe_shows_its_traceback_where_it_is_asked_for(fakes: Any, folder: Path) -> None:
    stack = 'Traceback (most recent call last):\n  File "solo.py", line 5, in visit\nZeroDivisionError: by zero\n'
    facts = {"phase": "solo", "problem": {"kind": "probe_fails", "text": "the probe failed: ZeroDivisionError"}}
    fakes({"main": said("main", facts, code=2, fault="exit", errors=stack)})
    arguments = ("measure", "own.py:good", "--items", "40", "--python", HERE)
    done = call(*arguments)
    assert (done.code, done.err.count("the probe failed"), "line 5" in done.err) == (1, 1, False)
    assert "run it again with --debug" in done.err
    with pytest.raises(SelectorError) as raised:
        call("--debug", *arguments)
    assert 'File "solo.py", line 5, in visit' in str(raised.value.__cause__)


@posix_only
def test_ctrl_c_leaves_nothing_running(folder: Path) -> None:
    command = [*COMMAND, "measure", "own.py:hangs", "--items", "3", "--python", HERE]
    environ = {**measured(), "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ) as running:
        pid = folder / "pid"
        end = time.monotonic() + 30
        while not (pid.exists() and pid.read_text()) and time.monotonic() < end:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (130, b"")
    assert b"interrupted" in err
    assert not psutil.pid_exists(int(pid.read_text())) or psutil.Process(int(pid.read_text())).status() == "zombie"


@pytest.mark.slow
def test_a_function_that_computes_really_measured(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text("def spin(n):\n    return sum(i * i for i in range(20000 + n))\n")
    found = measure("work.py:spin", items="40", python=HERE, folder=tmp_path)
    assert found.complete
    assert found.profile is not None
    assert found.profile.workload_type == "cpu"
    assert found.profile.releases_gil in (False, None)
    assert found.profile.shared_state == "none"
    assert python().tag == "3.14"
