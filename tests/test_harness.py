"""Whole runs of scripts whose work, interpreters or surroundings fail, as users start them.

A run is stopped (as by Ctrl-C) as soon as it has said what the test wants to know, so nothing here depends on how fast the
machine is. After each run there must be no process and no file left of it.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benchmark_scripts import Script, a_cell, every_arm, running, scripts, text_of
from template_modules import HERE, POOLS

from selector.benchmark.events import CellEvent, collect

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are those of POSIX")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Script]]:
    with scripts(tmp_path) as begin:
        yield begin


@pytest.mark.parametrize(
    "approaches",
    [("single_threaded", "asyncio", "threads", "multiprocessing"), pytest.param(HERE, marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def test_every_approach_does_the_same_work(start: Callable[..., Script], approaches: tuple[str, ...]) -> None:
    script = start(
        text_of(APPROACHES=approaches, IO_WAIT_MS_PER_TASK=1.0, SHARED_STATE="hot_writes", PAYLOAD_KB_PER_TASK=3.0),
        "--budget",
        "60",
    )
    script.until(every_arm)
    assert script.finish() == 130
    session = collect(script.events)
    assert session.end is not None and session.end.reason == "interrupted"
    first = {cell.arm: cell for cell in reversed(session.cells)}
    assert {cell.status for cell in first.values()} == {"ok"}, script.statuses()
    assert len({cell.checksum for cell in first.values()}) == 1
    assert {cell.approach for cell in first.values()} == set(approaches)
    assert session.start.seed == 1
    for cell in first.values():
        assert cell.seconds and cell.launch_seconds and cell.cpu_seconds is not None and cell.peak_memory_mb
        assert cell.memory_metric == "pss" or sys.platform != "linux"
        assert cell.workers_seen and cell.workers_seen <= cell.workers


EVERYTHING = """
    how = {
        "native_parallel": "mismatch", "asyncio": "exit", "threads": "raise", "asyncio_threads": "import",
        "multiprocessing": "lambda", "asyncio_processes": "kill",
    }.get(cell())
    if how == "mismatch":
        return 7, b"", {}
    if how == "exit":
        os._exit(3)
    if how == "raise":
        raise SystemExit("wrong \\udc80")
    if how == "import":
        import nothing_of_that_name
    if how == "lambda":
        return 7, lambda: 0, {}
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_failures_are_results_and_do_not_end_the_others(start: Callable[..., Script]) -> None:
    script = start(text_of(EVERYTHING), "--budget", "60")
    script.until(lambda events: events[-1].event == "cell" and events[-1].round == 2)
    assert script.finish() == 130
    assert script.statuses() == {
        "single_threaded": "ok",
        "native_parallel": "mismatch",
        "asyncio": "crash",
        "threads": "error",
        "asyncio_threads": "missing_dependency",
        "multiprocessing": "unpicklable",
        "asyncio_processes": "crash",
    }
    cells = [event for event in script.events if isinstance(event, CellEvent) and event.status != "ok"]
    reasons = {cell.approach: cell.reason for cell in cells}
    assert reasons["asyncio"] == "ended with code 3 and no result"
    assert reasons["threads"] == "SystemExit: wrong \\udc80"
    assert reasons["asyncio_threads"] == "ModuleNotFoundError: No module named 'nothing_of_that_name'"
    assert all(cell.seconds is None for cell in cells if cell.status != "mismatch")
    assert {cell.approach for cell in cells if cell.round} == {"asyncio", "asyncio_processes"}  # a crash is tried again


@pytest.mark.slow
def test_what_hangs_is_stopped_within_the_budget(start: Callable[..., Script]) -> None:
    script = start(text_of("if IN_CELL: time.sleep(1000)"), "--budget", "2.5", "--approach", "multiprocessing")
    assert script.finish(None) == 0
    session = collect(script.events)
    assert session.end is not None and session.end.reason == "budget"
    assert {cell.status for cell in session.cells} <= {"timeout", "not_run"}
    assert session.cells[0].status == "timeout"
    assert every_arm(script.events)
    assert session.end.seconds < 10


EATER = """
    if IN_CELL:
        eaten = [touched_memory(50) for _ in range(40) if time.sleep(0.02) is None]
"""


@pytest.mark.slow
def test_what_eats_memory_is_stopped(start: Callable[..., Script]) -> None:
    script = start(text_of(EATER, MEMORY_BUDGET_MB=10.0), "--approach", "multiprocessing", "--budget", "60")
    script.until(a_cell)
    assert script.finish() == 130
    assert script.statuses() == {"single_threaded": "out_of_memory"}
    assert script.events[0].memory_limit_mb == 512.0  # type: ignore[union-attr]


LEAVERS = """
    import subprocess
    if IN_CELL and item[0] == 0:
        threading.Thread(target=time.sleep, args=(1000,)).start()
        subprocess.Popen(["sleep", "1000"])
        subprocess.Popen(["sleep", "1000"], start_new_session=True)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(1000)
            os._exit(0)
        os.fork()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody knows of processes outside the group")
def test_what_the_work_leaves_behind_goes_with_its_cell(start: Callable[..., Script]) -> None:
    script = start(text_of(LEAVERS), "--approach", "asyncio", "--budget", "60")
    script.until(lambda events: events[-1].event == "cell")
    assert len(script.processes()) < 12
    assert script.finish() == 130
    assert script.statuses()["single_threaded"] == "ok"


HANGING = """
    import subprocess
    if IN_CELL:
        subprocess.Popen(["sleep", "1000"], start_new_session=sys.platform == "linux")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)
"""


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL], ids=["told", "killed"]
)
def test_nothing_outlives_the_scheduler(start: Callable[..., Script], number: int) -> None:
    script = start(text_of(HANGING), "--approach", "single_threaded", "--budget", "60")
    script.until(running("single_threaded"))
    until = time.monotonic() + 60
    while len(script.processes()) < 4 and time.monotonic() < until:  # with the keeper, the cell, and what that started
        time.sleep(0.02)
    assert len(script.processes()) == 4
    code = script.finish(number)
    if number == signal.SIGKILL:
        assert (code, script.events[-1].event) == (-signal.SIGKILL, "running")
    else:
        session = collect(script.events)
        assert code == 130
        assert session.end is not None and session.end.reason == "interrupted"


def test_it_stops_when_its_parent_is_another(start: Callable[..., Script]) -> None:
    script = start(text_of(), "--parent", "1" if os.getpid() != 1 else "2")
    assert script.finish(None) == 130
    assert [event.event for event in script.events] == ["start", "end"]


def test_it_stops_quietly_when_nobody_reads_any_more(start: Callable[..., Script]) -> None:
    script = start(text_of(), "--budget", "60")
    assert script.process.stdout is not None
    assert script.process.stdout.readline().startswith(b'{"event": "start"')
    script.process.stdout.close()
    assert script.process.wait(60) == 130
    script.reader.join()
    assert script.errors == [b""]
    assert script.left_behind() == ([], [])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
@pytest.mark.parametrize("options", [["--json"], pytest.param([], marks=pytest.mark.slow)], ids=["json", "table"])
def test_results_that_cannot_be_written_end_it_with_one_sentence(tmp_path: Path, options: list[str]) -> None:
    script = tmp_path / "bench.py"
    script.write_text(text_of(), encoding="utf-8")
    command = [sys.executable, str(script), *options, "--budget", "2", "--approach", "single_threaded"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 1
    *progress, last = done.stderr.splitlines()
    assert last == "error: the results cannot be written to standard output: No space left on device"
    assert bool(progress) != bool(options)
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
@pytest.mark.parametrize("how", ["full", "closed"])
def test_progress_that_cannot_be_written_is_no_reason_to_stop(tmp_path: Path, how: str) -> None:
    script = tmp_path / "bench.py"
    script.write_text(text_of(), encoding="utf-8")
    command = [sys.executable, str(script), "--budget", "1", "--approach", "single_threaded"]
    shell = f"exec {shlex.join(command)} {'2> /dev/full' if how == 'full' else '2>&-'}"
    done = subprocess.run(["sh", "-c", shell], stdout=subprocess.PIPE, text=True, timeout=120, check=False)
    assert "Measured for" in done.stdout
    assert "interrupted" not in done.stdout
    assert "Errno" not in done.stdout
    assert "random order" not in done.stdout  # nor does progress get among the results


@pytest.mark.slow
def test_a_keeper_that_was_killed_is_replaced(start: Callable[..., Script]) -> None:
    script = start(text_of(IO_WAIT_MS_PER_TASK=1.0), "--approach", "asyncio", "--budget", "60")
    script.until(a_cell)
    (keeper,) = (process for process in script.processes() if "--keeper" in process.cmdline())
    keeper.kill()
    seen = len(script.events)
    script.until(lambda events: sum(isinstance(event, CellEvent) for event in events[seen:]) == 4)
    (new,) = (process for process in script.processes() if "--keeper" in process.cmdline())
    assert new.pid != keeper.pid
    assert script.finish() == 130
    assert script.errors == [b""]
    assert [event.status for event in script.events[seen:] if isinstance(event, CellEvent)][2] == "ok"


@pytest.mark.slow
def test_work_that_cannot_be_tried_out_ends_the_run(start: Callable[..., Script]) -> None:
    script = start(text_of("raise KeyboardInterrupt"))
    assert script.finish(None) == 1
    session = collect(script.events)
    assert session.plan is None
    assert session.end is not None
    assert (session.end.reason, session.end.detail) == (
        "failed",
        "the work could not be tried out: error: KeyboardInterrupt",
    )


@pytest.mark.slow
def test_work_that_hangs_when_it_is_tried_out_ends_the_run(start: Callable[..., Script]) -> None:
    script = start(text_of("time.sleep(1000)"), "--budget", "1")
    assert script.finish(None) == 1
    session = collect(script.events)
    assert session.end is not None
    assert session.end.detail.startswith("the work could not be tried out: timeout: stopped after ")


@pytest.mark.slow
def test_interpreters_that_are_none_are_told_and_left_out(start: Callable[..., Script], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    (tmp_path / "\udc80").symlink_to("/bin/cat")
    paths = ["/nothing/python", "/", "", "/bin/true", str(tmp_path / "text"), str(tmp_path / "\udc80"), sys.executable]
    arguments = [part for path in paths for part in ("--interpreter", path)]
    script = start(text_of(), *arguments, "--approach", "asyncio", "--budget", "60")
    script.until(a_cell)
    assert script.finish() == 130
    told = collect(script.events).interpreters
    missing, error = ("missing_dependency", True), ("error", True)
    assert [(one.status, one.interpreter is None) for one in told] == [
        missing, missing, missing, error, missing, error, ("ok", False),
    ]  # fmt: skip
    assert told[3].reason == "this does not run the script: ended with code 0 and no result"
    assert told[5].path.endswith("\\udc80")


@pytest.mark.slow
def test_a_script_in_an_odd_place_that_is_removed_while_it_runs(start: Callable[..., Script], tmp_path: Path) -> None:
    folder = tmp_path / "a föl der, 文"
    folder.mkdir()
    (folder / "beside.py").write_text("VALUE = 5\n")
    text = text_of("import beside\nif beside.VALUE != 5: raise ValueError", IO_WAIT_MS_PER_TASK=1.0)
    text = text.replace("import random\n", "import random\nprint('half a line, said by every process: ', end='')\n", 1)
    script = start(text, "--approach", "multiprocessing", "--budget", "60", folder=folder, cwd=Path("/"))
    script.process.stdout.read(len("half a line, said by every process: "))  # type: ignore[union-attr]
    script.until(lambda events: events[-1].event == "running")
    script.path.unlink()
    script.until(every_arm)
    assert script.finish() == 130
    assert set(script.statuses().values()) == {"ok"}


@pytest.mark.slow
def test_two_runs_of_one_script_in_a_folder_that_cannot_be_written(
    start: Callable[..., Script], tmp_path: Path
) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir()
    (folder / "bench.py").write_text(text_of())
    runs = [start("", "--approach", "multiprocessing", "--budget", "60", folder=folder) for _ in range(2)]
    folder.chmod(0o555)
    for script in runs:
        script.until(every_arm)
    assert [script.finish() for script in runs] == [130, 130]
    assert [set(script.statuses().values()) for script in runs] == [{"ok"}, {"ok"}]
    folder.chmod(0o755)


@pytest.mark.slow
def test_more_workers_than_tasks(start: Callable[..., Script]) -> None:
    workers = dict.fromkeys(POOLS, 5)
    script = start(text_of(WORKERS=workers), "--tasks", "1", "--budget", "60")
    script.until(every_arm)
    assert script.finish() == 130
    cells = [event for event in script.events if isinstance(event, CellEvent)]
    assert {(cell.status, cell.tasks, cell.workers_seen, cell.imbalance) for cell in cells} == {("ok", 1, 1, 1.0)}


@pytest.mark.slow
def test_a_budget_that_is_too_small_is_kept_all_the_same(start: Callable[..., Script]) -> None:
    script = start(text_of(TASKS=None, CPU_MS_PER_TASK=50.0), "--budget", "1")
    code = script.finish(None)
    session = collect(script.events)
    assert session.end is not None
    assert (code, session.end.reason) in ((0, "budget"), (0, "done"), (1, "failed"))
    assert session.plan is None or every_arm(script.events)
    assert session.end.seconds < 10


@pytest.mark.slow
def test_the_table_reads_well(start: Callable[..., Script]) -> None:
    script = start(
        text_of(NAME="Würfel 文"), "--approach", "threads", "--budget", "2.5", as_json=False, PYTHONIOENCODING="ascii"
    )
    assert script.process.stdout is not None
    lines = script.process.stdout.read().decode("ascii").splitlines()
    assert script.finish(None) == 0
    assert lines[1] == "W\\xfcrfel \\u6587"
    assert lines[2].split() == ["approach", "Python", "workers", "seconds", "speedup", "CPU", "%", "MB", "p95", "ms"]
    rows = [line.replace(", again", "").split() for line in lines[3:6]]
    assert {row[0] for row in rows} == {"single_threaded", "threads"}
    assert all(len(row) == 8 and row[4].endswith("x") for row in rows if "not_run:" not in row), rows
    assert lines[6] == ""
    assert lines[-1].startswith("Measured for ")
    told = script.errors[0].decode().splitlines()
    assert re.fullmatch("[1-8] tasks in each measurement; .* random order", told[1])  # as the machine has time for
    assert told[2].startswith("  single_threaded on 3.")


@pytest.mark.slow
def test_subinterpreters(start: Callable[..., Script], needs: Callable[[str], str]) -> None:
    arguments = ["--interpreter", needs("3.14"), "--approach", "subinterpreters", "--approach", "multiprocessing"]
    script = start(text_of(SHARED_STATE="hot_writes", IO_WAIT_MS_PER_TASK=1.0), *arguments, "--budget", "60")
    script.until(every_arm)
    assert script.finish() == 130
    assert script.statuses() == dict.fromkeys(("single_threaded", "subinterpreters", "multiprocessing"), "ok")
    assert len({event.checksum for event in script.events if isinstance(event, CellEvent)}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("forced", [False, True], ids=["without the GIL", "with PYTHON_GIL=1"])
def test_free_threading(start: Callable[..., Script], needs: Callable[[str], str], forced: bool) -> None:
    wanted = [part for name in ("free_threaded", "asyncio_free_threaded") for part in ("--approach", name)]
    environment = {"PYTHON_GIL": "1"} if forced else {}
    script = start(
        text_of(SHARED_STATE="hot_writes"), "--interpreter", needs("3.13t"), *wanted, "--budget", "60", **environment
    )
    script.until(every_arm)
    assert script.finish() == 130
    cells = [event for event in script.events if isinstance(event, CellEvent) and event.round == 0]
    status = "gil_enabled" if forced else "ok"
    assert script.statuses() == {"single_threaded": "ok", "free_threaded": status, "asyncio_free_threaded": status}
    assert {cell.gil_enabled for cell in cells if cell.status == "ok"} == {forced}


@pytest.mark.slow
def test_a_free_threaded_build_is_measured_beside_the_reference(
    start: Callable[..., Script], needs: Callable[[str], str]
) -> None:
    pythons = [part for path in (sys.executable, needs("3.13t")) for part in ("--interpreter", path)]
    script = start(text_of(SHARED_STATE="hot_writes"), *pythons, "--approach", "free_threaded", "--budget", "60")
    script.until(lambda events: a_cell(events) and events[-1].approach == "free_threaded")  # type: ignore[union-attr]
    assert script.finish() == 130
    assert script.statuses() == {"single_threaded": "ok", "free_threaded": "ok"}
    gils = {event.approach: event.gil_enabled for event in script.events if isinstance(event, CellEvent)}
    assert gils == {"single_threaded": True, "free_threaded": False}
