"""The executions of the todo batch system for real, in interpreters of their own: the same results, and nothing left."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest
from shared import is_gone, wait_until
from todo_program import KINDS, SCHEDULES, modules, only_posix
from todo_scripts import Script, started

THIS, OTHERS = "", ("3.14", "3.13t")
todo = pytest.fixture(scope="module")(modules)
start = pytest.fixture(started)


@pytest.fixture(
    params=[THIS, *(pytest.param(tag, marks=pytest.mark.slow) for tag in OTHERS)], ids=lambda tag: tag or "this Python"
)
def python(request: pytest.FixtureRequest, needs: Callable[[str], str]) -> str:
    return needs(request.param) if request.param else sys.executable


@pytest.fixture(params=[THIS, *OTHERS], ids=lambda tag: tag or "this Python")
def each_python(request: pytest.FixtureRequest, needs: Callable[[str], str]) -> str:
    return needs(request.param) if request.param else sys.executable


def executions(python: str, *names: str) -> list[str]:
    newer = sys.version_info >= (3, 14) if python == sys.executable else "3.14" in python
    return [name for name in names if name != "subinterpreters" or newer]


# Results --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [150, pytest.param(1000, marks=pytest.mark.slow)])
def test_all_executions_and_schedules_have_the_same_outcomes(
    each_python: str, count: int, start: Callable[..., Script]
) -> None:
    whole = count == 1000
    schedules = SCHEDULES if whole or each_python == sys.executable else ("stealing",)
    script = start(each_python, """
        count, kinds, schedules = int(sys.argv[1]), sys.argv[2].split(), sys.argv[3].split()
        for kind in kinds:
            expected = None
            for execution in HERE:
                for schedule in schedules:
                    trouble = {3: "raise!", count // 2: "raise", count - 1: "raise!"}
                    run = Run(execution, Settings(kind, 1, trouble), schedule=schedule, processors=3)(count, count // 25)
                    expected = expected or run.outcomes
                    assert run.outcomes == expected, (kind, execution, schedule)
                    always = dict.fromkeys([3, count - 1], "Trouble: told to raise")
                    assert run.failed == always, run.failed
                    assert run.report.retried == 3 and run.lost == 0
        print(len(expected), *HERE)
    """, str(count), " ".join(KINDS if whole else KINDS[-1:]), " ".join(schedules))  # fmt: skip
    names = executions(each_python, "sequential", "threads", "processes", "subinterpreters", "asyncio", "agents")
    assert script.ended().split() == [str(count), *names]


def test_all_collectors_with_batches_of_one_task(python: str, start: Callable[..., Script]) -> None:
    script = start(python, """
        for execution in {"threads", "subinterpreters"} & set(HERE):
            for collect in ("lock", "queue", "merge"):
                run = Run(execution, collect=collect, processors=4)(400, 1, known=False)
                assert run.report.done == 400
        print("well")
    """)  # fmt: skip
    assert script.ended() == "well\n"


def test_batches_larger_than_a_pipe_do_not_wait_for_each_other(python: str, start: Callable[..., Script]) -> None:
    script = start(python, "print(Run('processes', processors=1)(6000, 2000).report.done)")
    assert script.ended() == "6000\n"


@only_posix
def test_other_ways_to_start_a_process(start: Callable[..., Script]) -> None:
    script = start(sys.executable, """
        from crew_processes import Processes
        for method in ("fork", "spawn"):
            run = Run("processes", processors=2, crew=Processes(Settings(trouble={7: "kill"}), method))
            print(method, run(100, 5).report.done, run.lost)
    """)  # fmt: skip
    assert script.ended() == "fork 100 1\nspawn 100 1\n"


# What goes wrong ------------------------------------------------------------------------------------------------------


@only_posix
def test_a_task_that_kills_its_process_fails_alone(python: str, start: Callable[..., Script]) -> None:
    script = start(python, """
        for schedule in ("static", "queue", "stealing"):
            trouble = {3: "kill!", 4: "kill", 5: "raise!", 60: "kill!", 199: "kill"}
            run = Run("processes", Settings(trouble=trouble), schedule=schedule, processors=3)(200, 10)
            assert run.failed == {
                3: "the process ended (signal 9)", 5: "Trouble: told to raise", 60: "the process ended (signal 9)"
            }, run.failed
            assert run.lost == 5, run.lost  # 3 and 4 are in one batch
        print("well")
    """)  # fmt: skip
    assert script.ended() == "well\n"


def test_a_task_that_hangs_fails_alone_when_its_time_is_over(python: str, start: Callable[..., Script]) -> None:
    limits = {"threads": "0.6", "processes": "1.1", "asyncio": "0.6", "agents": "0.8"}
    text = """
        settings = Settings(trouble={3: "hang!", 150: "hang"})
        run = Run(sys.argv[1], settings, processors=3, timeout_seconds=float(sys.argv[2]))(200, 10)
        assert run.lost >= 3
        print(json.dumps(run.failed))
    """
    for script, limit in [(start(python, text, *it), it[1]) for it in limits.items()]:  # at the same time: they wait
        assert json.loads(script.ended()) == {"3": f"no answer within {limit} s"}


def test_who_waits_for_a_loop_that_hangs_has_its_own_time(start: Callable[..., Script]) -> None:
    script = start(sys.executable, """
        trouble = {number: "hang!" for number in (0, 10)}
        run = Run("asyncio", Settings(trouble=trouble), processors=8, timeout_seconds=0.5, attempts=1)(40, 1)
        print(sorted(run.failed), run.lost)
    """)  # fmt: skip
    assert script.ended() == "[0, 10] 2\n"


def test_an_answer_that_comes_too_late_is_not_taken_for_another(start: Callable[..., Script]) -> None:
    script = start(sys.executable, """
        import tasks
        def befall(trouble, attempt):  # hangs for a while only
            if trouble and attempt == 1:
                time.sleep(0.3)
        tasks._befall = befall
        for execution in ("threads", "asyncio"):
            settings = Settings(trouble={number: "slow" for number in range(0, 60, 15)})
            run = Run(execution, settings, processors=2, timeout_seconds=0.15, attempts=3)
            run(60, 3)
            assert run.report.done == 60 and run.lost, (execution, run.failed)
            threads = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
            for thread in threads:
                thread.join()
        print("well")
    """)  # fmt: skip
    assert script.ended() == "well\n"


@only_posix
def test_a_process_killed_from_outside_is_replaced(python: str, start: Callable[..., Script]) -> None:
    script = start(python, """
        run = Run("processes", Settings("process", 40), processors=2, attempts=3)
        run.before_recording = lambda: run.outcomes or print("begun", flush=True)
        run(600, 10)
        print(run.report.done, run.lost, flush=True)
    """)  # fmt: skip
    assert script.line() == "begun"
    victims = script.workers()
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    done, lost = script.ended().split()
    assert (done, int(lost) >= 1) == ("600", True)


@pytest.mark.slow
@only_posix
def test_a_stopped_process_is_overdue_and_ended(start: Callable[..., Script]) -> None:
    script = start(sys.executable, """
        run = Run("processes", processors=2, schedule="static", attempts=3, timeout_seconds=1.0)
        def both_there():
            return all(share.batches for share in run.coordinator.report.shares.values())
        def wait_for_the_other():  # for one that still starts more patience is due
            if both_there() and not said:
                said.append(print("both", flush=True))
                sys.stdin.readline()
        said, run.before_recording = [], wait_for_the_other
        run(100, 5)
        print(run.report.done, run.lost, flush=True)
    """)  # fmt: skip
    assert script.line() == "both"
    for pid in script.workers():  # one of them may have done its part
        os.kill(pid, signal.SIGSTOP)
    script.go_on()
    done, lost = script.ended().split()
    assert (done, int(lost) >= 1) == ("100", True)


# Resizing and stopping ------------------------------------------------------------------------------------------------


def test_resizing_while_it_runs(python: str, start: Callable[..., Script]) -> None:
    script = start(python, """
        for execution in HERE:
            for schedule in ("static", "queue", "stealing"):
                run = Run(execution, schedule=schedule, processors=2)
                sizes = iter([4, 1, 3, 3, 2, 5, 1, 4] * 2)
                run.before_recording = lambda: run.coordinator.resize(next(sizes, 2))
                run(200, 2)
                assert run.report.done == 200 and run.lost == 0
                assert len(run.report.shares) == 5, run.report.shares
        print("well")
    """)  # fmt: skip
    assert script.ended() == "well\n"


def test_stop_ends_what_is_being_done_and_says_what_is_left(python: str, start: Callable[..., Script]) -> None:
    script = start(python, """
        for execution in HERE:
            run = Run(execution, processors=2, schedule="stealing")
            run.before_recording = run.coordinator.stop
            report = run(1000, 10).report
            assert report.stopped and report.done == 40 and len(report.not_processed) == 960, report
        print("well")
    """)  # fmt: skip
    assert script.ended() == "well\n"


@only_posix
def test_ctrl_c_reaches_the_coordinator_and_not_its_processes(python: str, start: Callable[..., Script]) -> None:
    script = start(python, """
        run = Run("processes", Settings("process", 40), processors=2)
        signal.signal(signal.SIGINT, lambda *_: run.coordinator.stop())
        run.before_recording = lambda: run.outcomes or print("begun", flush=True)
        run(1_000_000, 10, known=False)  # until it is told to stop
        print(run.report.stopped, run.lost, len(run.failed), flush=True)
    """)  # fmt: skip
    assert script.line() == "begun"
    wait_until(lambda: [os.getpgid(pid) == pid for pid in script.workers()] == [True] * 2)  # they are all there
    os.killpg(script.process.pid, signal.SIGINT)  # as a terminal does
    assert script.ended() == "True 0 0\n"


# Nothing is left ------------------------------------------------------------------------------------------------------


@only_posix
def test_no_process_is_left_after_close_even_of_those_that_hang(python: str, start: Callable[..., Script]) -> None:
    script = start(python, """
        crew = crew_for("processes", Settings(trouble={0: "hang!", 1: "hang!"}))
        for processor in range(4):
            crew.hire(processor)
        for batch in batches(make_tasks(3), 1):  # the fourth has nothing to do
            crew.give(batch.number, batch)
        assert crew.next_message(30).processor == 2
        print("given", flush=True)
        sys.stdin.readline()
        crew.close()
        print("closed", flush=True)
        time.sleep(30)
    """)  # fmt: skip
    assert script.line() == "given"
    pids = script.workers()
    assert len(pids) == 4
    script.go_on()
    assert script.line() == "closed"
    assert all(is_gone(pid) for pid in pids)
    assert not script.workers()
    script.process.kill()


@only_posix
def test_a_service_killed_from_outside_is_started_again(python: str, start: Callable[..., Script]) -> None:
    script = start(python, """
        run = Run("agents", Settings("process", 40), processors=2, attempts=3)
        run.before_recording = lambda: run.outcomes or print("begun", flush=True)
        run(300, 10)
        print(run.report.done, run.lost, flush=True)
    """)  # fmt: skip
    assert script.line() == "begun"
    for pid in script.workers():  # the service
        os.kill(pid, signal.SIGKILL)
    done, lost = script.ended().split()
    assert (done, int(lost) >= 1) == ("300", True)


@only_posix
def test_a_service_whose_end_is_not_seen_yet_is_started_again(start: Callable[..., Script]) -> None:
    script = start(sys.executable, """
        run = Run("agents", Settings("process", 40), processors=2, attempts=3)
        def kill_unseen():
            if not run.outcomes:
                service = run.crew._service._process
                service.poll = lambda: None  # as on a busy machine, for a while
                os.kill(service.pid, signal.SIGKILL)
        run.before_recording = kill_unseen
        run(300, 10)
        print(run.report.done)
    """)  # fmt: skip
    assert script.ended() == "300\n"


@only_posix
@pytest.mark.parametrize("what", ["hangs", pytest.param("computes", marks=pytest.mark.slow)])
def test_no_service_is_left_when_the_coordinator_is_killed(what: str, start: Callable[..., Script]) -> None:
    script = start(
        sys.executable,
        """
        hangs = {0: "hang!"} if sys.argv[1] == "hangs" else {}
        crew = crew_for("agents", Settings("process", 10**9 if sys.argv[1] == "computes" else 1, hangs))
        crew.hire(0)
        crew.give(0, next(batches(make_tasks(2), 2)))
        print("given", flush=True)
        time.sleep(100)
        """,
        what,
    )
    assert script.line() == "given" and len(script.workers()) == 1
    script.process.kill()
    script.process.wait()
    wait_until(lambda: not script.all())


@only_posix
@pytest.mark.parametrize("what", ["hangs", "computes", "waits"])
def test_no_process_is_left_when_the_coordinator_is_killed(
    python: str, what: str, start: Callable[..., Script]
) -> None:
    script = start(
        python,
        """
        hangs = {number: "hang!" for number in range(4)} if sys.argv[1] == "hangs" else {}
        crew = crew_for("processes", Settings("process", 10**9 if sys.argv[1] == "computes" else 1, hangs))
        for processor in range(4):
            crew.hire(processor)
        if sys.argv[1] != "waits":
            for batch in batches(make_tasks(8), 1):
                crew.give(batch.number % 4, batch)
        print("given", flush=True)
        time.sleep(100)
        """,
        what,
    )
    assert script.line() == "given"
    wait_until(lambda: len(script.workers()) == 4)
    script.process.kill()
    script.process.wait()
    wait_until(lambda: not script.all())


@only_posix
def test_a_run_killed_from_outside_leaves_nothing(python: str, start: Callable[..., Script]) -> None:
    script = start(python, """
        run = Run("processes", Settings("process", 100), processors=3)
        run.before_recording = lambda: run.outcomes or print("begun", flush=True)
        run(100_000, 10, known=False)
    """)  # fmt: skip
    assert script.line() == "begun"
    script.process.kill()
    script.process.wait()
    wait_until(lambda: not script.all())


@pytest.mark.parametrize("execution", ["threads", "asyncio", "agents"])
def test_a_program_ends_although_something_hangs(python: str, execution: str, start: Callable[..., Script]) -> None:
    script = start(
        python,
        """
        run = Run(sys.argv[1], Settings(trouble={0: "hang!"}), processors=2, timeout_seconds=0.5, attempts=1)
        print(json.dumps(run(4, 1).failed))
        """,
        execution,
    )
    assert json.loads(script.ended()) == {"0": "no answer within 0.5 s"}


def test_executions_that_are_not_there_are_refused(todo: Any) -> None:
    with pytest.raises(ValueError, match="no execution 'magic': there are sequential, threads"):
        todo.executions.crew_for("magic", todo.tasks.Settings())
    if sys.version_info < (3, 14):
        with pytest.raises(ValueError, match=r"3\.14"):
            todo.executions.crew_for("subinterpreters", todo.tasks.Settings())
