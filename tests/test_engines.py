"""Every engine for real: results as plain code has them, and nothing lost or left whatever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from engine_projects import (
    PYTHON,
    apart,
    dask_scheduler,
    environment,
    event,
    in_redis,
    needs_engine,
    nothing_is_left,
    project,
    redis_server,
    results,
    run,
    running,
    say,
)

from selector.benchmark.engine_project import ENGINES

#: Somebody who measures an engine, as `calibrate --engine` and `validate --engine` do.
MEASURING = """
import sys
from selector.calibration.engine_run import StandIn, project, run_engine, stand_in_text
with project(stand_in_text("huey", StandIn(1000, wait_ms=100))) as jobs:
    run_engine(sys.argv[1], "huey", jobs, workers=2, deadline_seconds=100)
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(params=list(ENGINES))
def engine(request: Any) -> str:
    needs_engine(request.param)
    return request.param


def expected(tasks: int) -> list[Any]:
    return [None if item == 3 else 12 / (item - 3) for item in range(tasks)]


def values(jobs: Path) -> list[Any]:
    return [line.get("value") for line in results(jobs)]


def test_results_are_those_of_plain_code_in_order(tmp_path: Path, engine: str) -> None:
    jobs = project(tmp_path, engine)
    code, said, errors = run(jobs)
    assert (code, said["tasks"], said["done"], said["failed"], said["lost"]) == (1, 200, 199, 1, 0), errors
    assert values(jobs) == expected(200)
    failed = results(jobs)[3]
    assert failed["error"] == "ZeroDivisionError: division by zero (work.py:12, in divide)"
    assert said["twice"] == said["submitted_again"] == 0
    nothing_is_left(jobs)
    code, said, errors = run(jobs)
    assert (said["before"], said["done"], said["seconds"]) == (200, 199, None), errors


def test_default_settings_do_the_same_work(tmp_path: Path, engine: str) -> None:
    jobs = project(tmp_path, engine)
    code, said, errors = run(jobs, "--settings", "default", TASKS="20")
    assert (code, said["done"], said["failed"], said["lost"], said["settings"]) == (1, 19, 1, 0, "default"), errors


@pytest.mark.parametrize("whom", ["process", "workers", "broker"])
def test_what_is_killed_loses_nothing(tmp_path: Path, engine: str, whom: str) -> None:
    jobs, ledger = project(tmp_path, engine), tmp_path / "ledger"
    with running(jobs, TASKS="60", TASK_SECONDS="0.05", LEDGER=str(ledger)) as child:
        ready = event(child, "ready")
        while not ledger.exists() or len(ledger.read_text().split()) < 10:
            assert child.poll() is None
            time.sleep(0.01)
        all_of_them = {"process": ready["processes"][:1], "workers": ready["workers"], "broker": [ready["broker"]]}
        for pid in all_of_them[whom]:
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        event(child, "end")
        child.wait(60)
    assert values(jobs) == expected(60)
    nothing_is_left(jobs)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_whoever_ends_it_leaves_nothing_and_it_goes_on(tmp_path: Path, engine: str, how: signal.Signals) -> None:
    jobs, ledger = project(tmp_path, engine), tmp_path / "ledger"
    with running(jobs, TASKS="60", TASK_SECONDS="0.05", LEDGER=str(ledger)) as child:
        event(child, "submitted")
        while not ledger.exists() or len(ledger.read_text().split()) < 10:
            time.sleep(0.01)
        child.send_signal(how)
        assert child.wait(60) == (130 if how == signal.SIGINT else -how)
    nothing_is_left(jobs)
    code, said, errors = run(jobs, TASKS="60")
    assert code == 1 and said["before"] >= 8 and said["done"] == 59, errors
    assert values(jobs) == expected(60)


@pytest.mark.parametrize("seconds", [0.1, 0.4, 1.0, 2.0])
def test_a_run_that_is_killed_as_it_starts_leaves_nothing(tmp_path: Path, seconds: float) -> None:
    needs_engine("huey")
    jobs = project(tmp_path, "huey")
    with running(jobs) as child:
        time.sleep(seconds)
        child.kill()
    nothing_is_left(jobs)


def test_whoever_measures_an_engine_and_is_killed_leaves_nothing(tmp_path: Path) -> None:
    needs_engine("huey")
    (jobs := tmp_path / "jobs").mkdir()  # of nothing: for the names of the places
    measuring = [sys.executable, "-c", MEASURING, PYTHON]
    clean = environment(jobs, PYTHONPATH=os.pathsep.join(sys.path))
    with subprocess.Popen(measuring, env=clean) as child:
        until = time.monotonic() + 60
        while not list((tmp_path / "tmp").glob("*/jobs/kept.db")):
            assert child.poll() is None and time.monotonic() < until
            time.sleep(0.05)
        child.kill()
    nothing_is_left(jobs)


def test_the_costly_start_is_made_once_in_a_worker(tmp_path: Path, engine: str) -> None:
    jobs, ledger = project(tmp_path, engine, setup="work.py:load"), tmp_path / "ledger"
    code, said, errors = run(jobs, TASKS="20", LEDGER=str(ledger))
    assert (code, said["done"]) == (1, 19), errors
    assert 1 <= ledger.read_text().split().count("loaded") <= 2


def test_an_item_that_kills_its_workers_is_given_up(tmp_path: Path, engine: str) -> None:
    jobs = project(tmp_path, engine, "dies")
    code, said, errors = run(jobs, TASKS="8")
    assert (code, said["done"], said["failed"], said["lost"]) == (1, 7, 1, 0), errors
    nothing_is_left(jobs)


@pytest.mark.parametrize("engine", ["celery", "rq", "dramatiq"])
def test_with_a_broker_of_others_the_parts_work_apart_and_leave_no_key(tmp_path: Path, engine: str) -> None:
    needs_engine(engine)
    jobs = project(tmp_path, engine)
    with redis_server(tmp_path / "redis.sock") as url, apart(jobs, "worker", "--broker", url) as worker:
        in_redis(url, "SET", "theirs", "1")
        assert say(jobs, "submit", "--broker", url)["submitted"] == 200
        event(worker, "ready")
        assert say(jobs, "collect", "--wait", "--broker", url)["done"] == 199
        assert values(jobs) == expected(200)
        assert say(jobs, "submit", "--broker", url)["submitted"] == 0
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
        say(jobs, "stop", "--broker", url)
        assert set(in_redis(url, "KEYS", "*").split()) - {"rq:clean_groups"} == {"theirs"}  # RQ's own, for a minute
    (tmp_path / "redis.sock").unlink(missing_ok=True)
    nothing_is_left(jobs)


def test_the_parts_of_huey_share_a_file(tmp_path: Path) -> None:
    needs_engine("huey")
    jobs = project(tmp_path, "huey")
    assert say(jobs, "submit")["submitted"] == 200
    with apart(jobs, "worker") as worker:
        assert say(jobs, "collect", "--wait")["done"] == 199
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    assert values(jobs) == expected(200)


def test_one_run_at_a_time_and_stop_ends_it(tmp_path: Path) -> None:
    needs_engine("huey")
    jobs = project(tmp_path, "huey")
    with running(jobs, TASKS="60", TASK_SECONDS="0.2") as child:
        event(child, "submitted")
        code, _, errors = run(jobs)
        assert code == 1 and "goes on" in errors
        assert say(jobs, "status")["runs"] == child.pid
        assert say(jobs, "stop")["stopped"] == child.pid
        assert child.wait(10) == 130
    assert say(jobs, "status")["runs"] is None
    nothing_is_left(jobs)


def test_what_failed_is_tried_again_if_asked(tmp_path: Path) -> None:
    needs_engine("huey")
    jobs = project(tmp_path, "huey")
    run(jobs, TASKS="6")
    (tmp_path / "work.py").write_text((tmp_path / "work.py").read_text().replace("item - 3", "item + 1"))
    assert run(jobs, TASKS="6")[1]["failed"] == 1
    code, said, _ = run(jobs, "--failed-again", TASKS="6")
    assert (code, said["before"], said["done"]) == (0, 5, 6)


def test_a_scheduler_of_others_needs_none_of_our_modules(tmp_path: Path) -> None:
    needs_engine("dask")
    jobs = project(tmp_path, "dask")
    with dask_scheduler(tmp_path) as url:
        code, said, errors = run(jobs, "--broker", url, TASKS="20")
    assert (code, said["done"], said["failed"], said["lost"]) == (1, 19, 1, 0), errors
    assert values(jobs) == expected(20)
