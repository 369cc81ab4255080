"""A whole run without processes: what a script says of answers that are made up."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from template_modules import template_module, workload

from selector.benchmark.events import Session, collect, parse_event

COST = {"wall_seconds": 0.01, "cpu_seconds": 0.01, "startup_seconds": 0.0, "settings": {"steps": 7}, "stand_in": None}
BAD = {"status": "error", "reason": "no"}


@pytest.fixture(scope="module")
def harness() -> Iterator[ModuleType]:
    with template_module("harness") as module:
        yield module


class Launcher:
    """Answers orders by a function of (path, order), and remembers them. A measurement takes its seconds of virtual time."""

    memory_limit_mb = 512.04
    now = 0.0

    def __init__(self, answer: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any], float]] = []

    def begin(self) -> None:
        pass

    def close(self) -> None:
        pass

    def probe(self, path: str, limit_seconds: float) -> dict[str, Any]:
        return self.ask(path, {"kind": "probe"}, limit_seconds)

    def ask(self, path: str, order: dict[str, Any], limit_seconds: float) -> dict[str, Any]:
        self.asked.append((path, order, limit_seconds))
        good = {"status": "ok", "reason": ""}
        if order["kind"] == "probe":
            good |= {"version": "3.14.1", "free_threaded_build": False, "gil_enabled": True}
        elif order["kind"] == "calibrate":
            good |= COST
        else:
            good |= measured(begun=time.perf_counter())
        answer = good | self.answer(path, order)
        self.now += answer.get("seconds", 0.1)
        return answer


def measured(**changes: Any) -> dict[str, Any]:
    return {
        "seconds": 1.0, "startup_seconds": 0.5, "first_result_seconds": 0.6, "steady_seconds": 0.4, "cpu_seconds": 0.5,
        "task_latency_ms": {"p50": 1.0, "p95": 2.0, "p99": 3.0}, "short": False, "workers_seen": 1, "imbalance": 1.0,
        "gil_enabled": True, "checksum": "0a", "state_checksum": "0b", "peak_memory_mb": 9.0,
        "memory_metric": "pss", "cpus_taken": 0.0, **changes,
    }  # fmt: skip


@pytest.fixture
def run(harness: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Session, Launcher]]:
    """`run(answer, *options, **workload)`: the whole command line; what it said, and the launcher."""

    def go(
        answer: Callable[[str, dict[str, Any]], dict[str, Any]], *options: str, **changes: Any
    ) -> tuple[Session, Launcher]:
        launcher = Launcher(answer)
        events: list[dict[str, Any]] = []

        class Events:
            def event(self, **fields: Any) -> None:
                events.append(fields)

        monkeypatch.setattr(harness, "_Events", Events)
        monkeypatch.setattr(harness, "_listen_to_signals", lambda: None)
        rounds, made = sys.modules["rounds"], sys.modules["schedule"]._Schedule
        monkeypatch.setattr(rounds, "_Launcher", lambda *_: launcher)
        monkeypatch.setattr(rounds, "_Schedule", lambda work, seed: made(work, seed, lambda: launcher.now))
        monkeypatch.setattr(sys, "argv", ["bench.py", "--json", "--budget", "60", "--seed", "1", *options])
        changes = {"approaches": ("threads",), **changes}
        code = harness.main(workload(harness.Workload, **changes))
        session = collect([parse_event(json.dumps(event)) for event in events])
        assert session.end is not None
        assert code == {"failed": 1, "interrupted": 130}.get(session.end.reason, 0)
        return session, launcher

    return go


Runs = Callable[..., tuple[Session, Launcher]]


def test_the_reference_is_the_newest_with_a_gil(run: Runs) -> None:
    versions = {"/a": ("3.10.1", False), "/b": ("3.13.2", True), "/c": ("3.14.0", False), "/d": None}

    def answer(path: str, order: dict[str, Any]) -> dict[str, Any]:
        if order["kind"] != "probe":
            return {}
        if (known := versions[path]) is None:
            return {"status": "missing_dependency", "reason": "gone", "version": "3.9.1"}
        return {"version": known[0], "free_threaded_build": known[1], "gil_enabled": not known[1]}

    options = [part for path in versions for part in ("--interpreter", path)]
    session, launcher = run(answer, *options, approaches=("threads", "free_threaded"))
    assert [(one.path, one.reference) for one in session.interpreters] == [
        ("/a", False), ("/b", False), ("/c", True), ("/d", False),
    ]  # fmt: skip
    assert [path for path, order, _ in launcher.asked if order["kind"] == "calibrate"] == ["/c"]
    assert session.plan is not None
    arms = {(arm.approach, arm.interpreter) for arm in session.plan.arms}
    assert arms == {
        ("single_threaded", "3.14"),
        ("threads", "3.14"),
        ("threads", "3.10"),
        ("free_threaded", "3.13t"),
    }


def test_what_ends_a_run_before_it_begins(run: Runs) -> None:
    def failing(kind: str, **answer: str) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
        return lambda path, order: answer if order["kind"] == kind else {}

    for answer, detail in (
        (failing("probe", **BAD), "no interpreter can run this script"),
        (failing("calibrate", **BAD), "the work could not be tried out: error: no"),
        (
            failing("calibrate", status="timeout", reason="stopped after 5.0 s"),
            "the work could not be tried out: timeout: stopped after 5.0 s; give it more time by --budget",
        ),
    ):
        session, _ = run(answer)
        assert session.plan is None
        assert session.end is not None and (session.end.reason, session.end.detail) == ("failed", detail)


def test_a_fault_of_ours_or_of_the_machine_ends_it_with_a_reason(run: Runs) -> None:
    def full(path: str, order: dict[str, Any]) -> dict[str, Any]:
        raise OSError(28, "No space left on device")

    session, _ = run(full)
    assert session.end is not None
    assert (session.end.reason, session.end.detail) == ("failed", "OSError: [Errno 28] No space left on device")


def test_being_told_to_stop_is_an_end_like_others(run: Runs) -> None:
    def told(path: str, order: dict[str, Any]) -> dict[str, Any]:
        if order["kind"] == "measure":
            raise KeyboardInterrupt
        return {}

    session, _ = run(told)
    assert session.plan is not None
    assert session.end is not None and session.end.reason == "interrupted"


def test_results_that_differ_from_the_baseline_are_a_mismatch(run: Runs) -> None:
    def answer(path: str, order: dict[str, Any]) -> dict[str, Any]:
        return {"state_checksum": "0c"} if order.get("approach") == "threads" else {}

    session, _ = run(answer)
    first = {cell.approach: cell for cell in reversed(session.cells)}
    assert (first["single_threaded"].status, first["threads"].status) == ("ok", "mismatch")
    assert first["threads"].reason == "its results differ from those of single-threaded code"
    assert first["single_threaded"].checksum == "0a0b"
    assert first["single_threaded"].cpu_percent == 50


def test_waiting_is_reckoned_for_all_tasks_from_a_measurement_of_fewer(run: Runs) -> None:
    def answer(path: str, order: dict[str, Any]) -> dict[str, Any]:
        if order["kind"] == "calibrate":
            return {"wall_seconds": 0.5, "cpu_seconds": 0.0}
        alone = order.get("approach") == "single_threaded"
        return {"seconds": 3.0, "state_checksum": "part"} if alone else {"checksum": "0a"}

    session, launcher = run(answer, "--tasks", "40", workers={"threads": 50})
    orders = {order["approach"]: order for _, order, _ in launcher.asked if order["kind"] == "measure"}
    assert (orders["single_threaded"]["tasks"], orders["threads"]["tasks"]) == (5, 40)  # 3 s, and a twentieth is 2.99
    assert orders["threads"]["checked"] == 5
    first = {cell.approach: cell for cell in reversed(session.cells)}
    assert {cell.status for cell in first.values()} == {"ok"}  # compared are those tasks that both did
    assert (first["single_threaded"].seconds, first["single_threaded"].extrapolated_from) == (0.5 + 2.5 * 8, 5)
    assert (first["threads"].seconds, first["threads"].extrapolated_from) == (3.0 - 2.0, None)


def test_an_extrapolated_time_leaves_the_start_out(harness: ModuleType) -> None:
    for_tasks = sys.modules["rounds"]._for_tasks
    answer = {"status": "ok", **measured()}
    more = for_tasks(answer, 5, 50)
    assert (more["seconds"], more["steady_seconds"], more["cpu_seconds"]) == (0.5 + 0.5 * 10, 0.4 * 10, 5.0)
    assert (more["took_seconds"], more["extrapolated_from"]) == (1.0, 5)
    assert for_tasks({**answer, "cpu_seconds": None}, 5, 50)["cpu_seconds"] is None
    assert for_tasks(BAD, 5, 50) == BAD


def test_options_are_said_over_the_workload(run: Runs) -> None:
    session, _ = run(lambda path, order: {}, "--approach", "asyncio", "--tasks", "3", variants={"a": 9, "b": None})
    assert session.plan is not None and session.plan.tasks_asked == 3
    assert {arm.approach for arm in session.plan.arms} == {"single_threaded", "asyncio"}
    assert {arm.variant for arm in session.plan.arms} == {"a", "b"}
    assert session.start.budget_seconds == 60


def test_sizes_and_settings_are_said_to_every_process(run: Runs) -> None:
    words = ("--scaling", "1,3", "--rounds", "2", "--settings", '{"kind": "report"}')
    session, launcher = run(lambda *_: {}, *words, recommended="threads", settings={"kind": "x", "more": 1})
    orders = [order for _, order, _ in launcher.asked if order["kind"] == "calibrate"]
    assert orders[0]["settings"]["kind"] == "report" and orders[0]["settings"]["more"] == 1
    assert session.start is not None and session.start.recommended is None
    assert {cell.workers for cell in session.cells if cell.approach == "threads"} == {1, 3}


def test_bad_usage(harness: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["--budget", "0"], ["--budget", "inf"], ["--budget", "nan"], ["--tasks", "0"], ["--approach", "magic"], ["more"],
        ["--scaling", "1,0"], ["--rounds", "0"], ["--settings", "[]"], ["--settings", "{"],
    ):  # fmt: skip
        monkeypatch.setattr(sys, "argv", ["bench.py", *arguments])
        with pytest.raises(SystemExit) as ended:
            harness.main(workload(harness.Workload, name="100% of %(prog)s"))
        said = capsys.readouterr()
        assert (ended.value.code, said.out) == (2, ""), arguments
        assert "usage: bench.py" in said.err, arguments


def test_every_template_says_its_workload(harness: ModuleType) -> None:
    for name, more in (
        ("compare_approaches", {"tasks": 8}),
        ("agents", {"tasks": None}),
        ("web_scraper", {"tasks": None}),
    ):
        with template_module(name) as script:
            found = script.workload_of(vars(script), **more)
            assert (found.name, found.cpus, found.budget_seconds) == (script.NAME, 2, 60.0)
            assert found.work is script.work and found.start is script.start and found.tasks == more["tasks"]
