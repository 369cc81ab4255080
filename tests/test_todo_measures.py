"""What a run of the todo batch program took: time, CPU, memory; and the workload that it was."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from todo_program import FOLDER, make_run, modules

from selector.workload.profile import WorkloadProfile

todo = pytest.fixture(scope="module")(modules)


def do_batches(todo: Any, execution: str = "threads", count: int = 400, **how: Any) -> Any:
    settings = todo.tasks.Settings("validate", 20)
    coordinator = todo.coordinator.Coordinator(
        todo.executions.crew_for(execution, settings), todo.coordinator.Options(), lambda outcomes: None
    )
    batches = list(todo.tasks.batches(todo.tasks.make_tasks(count), 20))
    return todo.measures.measure(
        lambda: coordinator.run(batches, len(batches)), execution=execution, processors=2, **how
    )


def test_a_run_in_threads_is_measured(todo: Any) -> None:
    begun, cpu = time.perf_counter(), time.process_time()
    run = do_batches(todo, baseline_seconds=1.0)
    passed, used = time.perf_counter() - begun, time.process_time() - cpu
    assert run.tasks == run.report.done == 400
    assert 0 < run.report.seconds <= run.seconds <= passed
    assert 0 < run.cpu_percent * run.seconds / 100 <= used + 0.02
    assert run.memory_metric in ("pss", "rss") and 5 < run.peak_memory_mb < 2000
    assert run.speedup == pytest.approx(1 / run.seconds) and run.efficiency == pytest.approx(run.speedup / 2)
    busy = {number: share.busy_seconds for number, share in run.report.shares.items()}
    assert set(busy) == {0, 1} and run.critical_seconds == max(busy.values()) < run.seconds
    for number, seconds in busy.items():
        assert run.idle_seconds[number] + seconds == pytest.approx(run.seconds)
    assert run.overhead == pytest.approx(1 - sum(busy.values()) / (2 * run.seconds))
    assert run.title == todo.measures.title_of("threads") and (run.schedule, run.collect) == ("queue", "queue")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the tree is known from /proc")
@pytest.mark.parametrize(
    "method", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("fork", "forkserver")), "spawn"]
)
def test_the_cpu_time_and_memory_of_processes_count_however_they_were_started(tmp_path: Path, method: str) -> None:
    program = """
        import json, multiprocessing, os, sys, time

        def work(_):
            held = b"x" * 40_000_000
            until = time.process_time() + 0.15
            while time.process_time() < until:
                pass
            return len(held)

        if __name__ == "__main__":
            sys.path.insert(0, sys.argv[2])
            from coordinator import Report
            from measures import measure

            def run():
                with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                    assert sum(pool.map(work, [1, 2], chunksize=1)) == 80_000_000
                    pool.close()
                    pool.join()
                return Report()

            found = measure(run, execution="processes", processors=2)
            print(json.dumps([found.seconds, found.cpu_percent, found.peak_memory_mb]))
    """
    file = tmp_path / "program.py"  # what is spawned has to import it
    file.write_text(textwrap.dedent(program), "utf-8")
    command = [sys.executable, str(file), method, str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    seconds, percent, peak = json.loads(done.stdout)
    assert 0.3 <= percent * seconds / 100 < 5
    assert peak > 38  # one of them, at least


def test_a_peak_between_the_ends_is_seen(todo: Any) -> None:
    def run() -> Any:
        held = b"x" * 100_000_000
        time.sleep(0.2)
        del held
        return todo.coordinator.Report()

    before = do_nothing(todo).peak_memory_mb
    assert todo.measures.measure(run, execution="threads", processors=1).peak_memory_mb > before + 80


def do_nothing(todo: Any) -> Any:
    return todo.measures.measure(todo.coordinator.Report, execution="sequential", processors=1)


def test_a_run_that_does_nothing_has_figures(todo: Any) -> None:
    run = do_nothing(todo)
    assert (run.tasks, run.critical_seconds, run.overhead, run.idle_seconds) == (0, 0.0, 1.0, {})
    assert run.speedup is None and run.efficiency is None and math.isfinite(run.cpu_percent)
    assert "tasks" not in todo.measures.profile_of(run, 0, 2)


def test_an_exception_goes_on_and_leaves_no_thread(todo: Any) -> None:
    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError):
        todo.measures.measure(lambda: 1 // 0, execution="threads", processors=1)
    assert set(threading.enumerate()) <= before


def test_memory_that_cannot_be_read_is_unknown(todo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(todo.measures, "_pss_mb", lambda pid: 0.0)
    monkeypatch.setitem(sys.modules, "psutil", None)
    run = do_nothing(todo)
    assert (run.peak_memory_mb, run.memory_metric) == (None, None)


def test_without_proc_psutil_knows_the_memory(todo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(todo.measures, "_pss_mb", lambda pid: 0.0)
    run = do_nothing(todo)
    assert run.memory_metric == "rss" and run.peak_memory_mb > 5


@pytest.mark.parametrize(("gil", "title"), [(True, "Threads (GIL)"), (False, "Free threads")])
def test_threads_are_called_what_they_are(todo: Any, monkeypatch: pytest.MonkeyPatch, gil: bool, title: str) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: gil, raising=False)
    assert todo.measures.title_of("threads") == title
    assert {todo.measures.title_of(name) for name in (*todo.executions.EXECUTIONS, *todo.executions.AWAITING)} == {
        "Sequential", title, "Processes", "Subinterpreters", "asyncio", "Agents (asyncio)"
    }  # fmt: skip


def test_the_profile_is_one_that_recommend_takes(todo: Any) -> None:
    found = todo.measures.profile_of(make_run(todo), 1.2345, 2)
    profile = WorkloadProfile.model_validate(json.loads(json.dumps(found)))
    assert profile.cpu_ms_per_task == 100  # 2 s of CPU time for 20 tasks
    assert (profile.tasks, profile.cpu_cores, profile.name) == (20, 2, "Todo batch: validate")
    assert profile.payload_kb_per_task == 1.23 and profile.io_wait_ms_per_task == 0
    assert todo.measures.profile_of(make_run(todo), 1, 2, "report")["name"] == "Todo batch: report"
