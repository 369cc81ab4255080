"""The calibration probe: its work, its parts and their rounds, the program, and the whole in a short real run."""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from calibration_probe import CALIBRATION, altered, modules
from shared import is_gone, wait_until

from selector.recommend.knowledge import load_knowledge

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals and sessions")
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def probe() -> Iterator[SimpleNamespace]:
    with modules() as found:
        yield found


# Work, parts and rounds -----------------------------------------------------------------------------------------------


def test_the_work_is_work(probe):
    work = probe.work
    assert work.count_up(3, 5, 5000) == (3 + sum(step * step for step in range(5, 5000))) % 251
    assert work.hashes(2) == hashlib.sha256(2 * work.BLOCK).digest()[0]
    assert work.loops(2) == work.count_up(work.count_up(0, 0, work.STEPS), 0, work.STEPS)
    assert work.arithmetic(3) == 5 + 3 * 2_305_843 + 2.5
    assert work.make_rows(3) == 3 * 2 + (0 + 1) + (1 + 1) + (2 + 1)
    assert isinstance(work.read_only(1), int)
    work.hot(1)
    assert sum(work.counts.values()) == work.STEPS // 50


def test_further_workers_are_the_difference_of_pools(probe, monkeypatch):
    took = iter([150.0, 40.0, 70.0])
    monkeypatch.setattr(probe.parts, "pool_ms", lambda make, workers: next(took))
    monkeypatch.setattr(probe.parts.multiprocessing, "get_start_method", lambda: "spawn")
    assert list(probe.parts.process_start(4)) == [("process_pool_spawn_ms", 150.0), ("process_start_spawn_ms", 10.0)]
    took = iter([150.0])
    assert list(probe.parts.process_start(1)) == [("process_pool_spawn_ms", 150.0)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what processes share")
def test_memory_is_that_of_the_whole_tree(probe):
    alone = probe.tree.tree_mb()
    with subprocess.Popen(
        [sys.executable, "-S", "-c", "print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        both = probe.tree.tree_mb()
        child.communicate(b"\n")
    assert 0 < alone < both
    assert probe.tree.memory_mb(2**31 - 1) == {}


def test_where_memory_is_not_known_it_is_left_out(probe, monkeypatch):
    monkeypatch.setattr(probe.parts, "memory_mb", lambda pid: {})
    assert list(probe.parts.memory_costs(2)) == []


def test_what_comes_before_a_failure_is_kept(probe, tmp_path, monkeypatch):
    def broken(width: int) -> Iterator[tuple[str, float]]:
        yield "thread_start_ms", float(width)
        raise PermissionError("no more threads")

    monkeypatch.setattr(probe.parts, "all_parts", lambda: [probe.parts.Part("threads", broken)])
    out = tmp_path / "part.json"
    probe.work.measure_part(str(out), "threads", 40)
    left = json.loads(out.read_text())
    assert left["samples"][-1][:2] == ["thread_start_ms", probe.figures.MOST_WORKERS]
    assert {key for key, *_ in left["samples"][:-1]} == EVERYWHERE
    assert left["problem"] == "PermissionError: no more threads"


@pytest.fixture
def rounds(probe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`rounds(parts, budget, found)`: what `measure_all` comes to, and which parts ran; each takes two seconds."""

    def measure(parts: list[Any], budget: float, found: Callable[[str], tuple[list[Any], str]]) -> Any:
        now = [0.0]
        ran: list[str] = []

        def run_part(script: str, name: str, cpus: int) -> tuple[list[Any], str]:
            ran.append(name)
            now[0] += 2.0
            return found(name)

        monkeypatch.setattr(probe.rounds, "all_parts", lambda: parts)
        monkeypatch.setattr(probe.rounds, "run_part", run_part)
        monkeypatch.setattr(probe.rounds, "time", SimpleNamespace(monotonic=lambda: now[0]))
        return probe.rounds.measure_all(budget, 2, str(tmp_path)), ran

    return measure


def test_rounds_go_on_while_the_budget_lasts(probe, rounds):
    def found(name: str) -> tuple[list[Any], str]:
        return [("thread_start_ms", 1.0, 0.0)], "it broke" if name == "bad" else ""

    part = probe.parts.Part
    parts = [part("bad", None), part("once", None, rounds=1), part("good", None)]
    done, ran = rounds(parts, 10.0, found)
    assert ran == ["bad", "once", "good", "good", "good"]
    assert (done.samples, done.warnings, done.runs) == (
        {"thread_start_ms": [(1.0, 0.0)] * 5},
        ["bad: it broke"],
        [1, 1, 3],
    )
    assert rounds(parts, 0.1, found)[1] == ["bad", "once", "good"]


def test_what_is_noisy_is_measured_again_before_the_rest(probe, rounds):
    def found(name: str) -> tuple[list[Any], str]:
        if name == "noisy":
            return [("thread_start_ms", 1.0, 0.5), ("thread_dispatch_ms", 1.0, 0.0)], ""
        return [("asyncio_start_ms", 1.0, 0.0)], ""

    done, ran = rounds([probe.parts.Part(name, None) for name in ("fine", "noisy", "also fine")], 12.0, found)
    assert ran == ["fine", "noisy", "also fine", "noisy", "fine", "noisy"]
    assert done.warnings == []


def test_a_machine_that_is_far_too_busy_does_not_hold_it_up(probe, rounds):
    parts = [probe.parts.Part(str(number), None) for number in range(13)]
    done, ran = rounds(parts, 8.0, lambda _: ([("asyncio_start_ms", 1.0, 0.0)], ""))
    assert len(ran) == 11  # 20 s and the part that was begun
    assert done.warnings == [f"{number}: not measured, as everything else took so long" for number in (11, 12)]


# As a program ---------------------------------------------------------------------------------------------------------


def run(
    script: Path, *arguments: str, python: str = sys.executable, **options: Any
) -> subprocess.CompletedProcess[str]:
    command = [python, "-B", str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=170, check=False, **options)


BAD = {
    "raise PermissionError('fork is forbidden')": "PermissionError: fork is forbidden",
    "os._exit(3)": "it ended with exit code 3: ",
    "os.abort()": "it ended with exit code -6: ",
    "sys.exit('told nobody')": "it ended with exit code 1: told nobody",
    "time.sleep(600)": "it did not end within 4 s",
}


@pytest.mark.slow
@posix_only
def test_a_part_that_fails_leaves_its_figures_out(tmp_path):
    out = tmp_path / "out.json"
    done = run(altered(tmp_path, *BAD, part_seconds=4.0), str(out), "--budget", "40")
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    names = ["bad", *(f"bad{number}" for number in range(2, len(BAD) + 1))]
    assert result["warnings"] == [f"{name}: {said}" for name, said in zip(names, BAD.values(), strict=True)]
    assert [line.strip() for line in done.stderr.splitlines()] == [line.strip() for line in result["warnings"]]
    assert result["costs"]["thread_start_ms"]["value"] == 1.0
    assert result["costs"]["thread_dispatch_ms"]["samples"] == 1  # of the one that told what went wrong
    lines = list(map(json.loads, done.stdout.splitlines()))
    assert [line["part"] for line in lines if "part" in line] == ["good", *names]
    assert [line["cost"] for line in lines if "cost" in line] == list(result["costs"])


@posix_only
@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=slow), signal.SIGTERM, pytest.param(signal.SIGHUP, marks=slow)]
)
def test_a_signal_ends_it_with_all_its_processes(tmp_path, number):
    out, pids, temporary = tmp_path / "out.json", tmp_path / "pids", tmp_path / "tmp"
    temporary.mkdir()
    start = "import subprocess; child = subprocess.Popen(['sleep', '60'])"
    note = f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} '); time.sleep(600)"
    command = [sys.executable, "-B", str(altered(tmp_path, f"{start}; {note}")), str(out)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"TMPDIR": str(temporary)}) as process:
        wait_until(lambda: pids.exists() and pids.read_text().endswith(" "))
        process.send_signal(number)
        assert process.wait(20) == 130
    wait_until(lambda: all(map(is_gone, map(int, pids.read_text().split()))))
    assert not out.exists()
    assert list(temporary.iterdir()) == []


@posix_only
def test_it_goes_on_when_nobody_listens(tmp_path):
    out = tmp_path / "out.json"
    command = [sys.executable, "-B", str(altered(tmp_path, "return")), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert json.loads(out.read_text())["rounds"] == 1


def test_bad_usage_is_told_at_once(probe, tmp_path, monkeypatch, capsys):
    main = runpy.run_path(str(CALIBRATION / "__main__.py"), run_name="not main")["main"]
    monkeypatch.chdir(tmp_path)
    for arguments in (
        [],
        ["."],
        ["no/such/folder/x"],
        ["x", "--budget", "0"],
        ["x", "--budget", "nan"],
        ["x", "--cpus", "0"],
    ):
        monkeypatch.setattr(sys, "argv", ["calibration", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 2, arguments
        assert "usage" in capsys.readouterr().err, arguments
    assert list(tmp_path.iterdir()) == []


# A short real run -----------------------------------------------------------------------------------------------------

EVERYWHERE = {"python_arithmetic_ns", "python_objects_ns"}  # taken in every process
ALWAYS = EVERYWHERE | {
    "thread_start_ms", "thread_dispatch_ms", "thread_wait_ms", "asyncio_start_ms", "asyncio_task_ms", "asyncio_wait_ms",
    "loop_handover_ms", "loop_process_ms", "process_pool_unused_ms", "process_dispatch_ms", "chunked_dispatch_ms",
    "efficiency_processes", "efficiency_threads_python", "efficiency_threads_native", "sleep_overshoot_ms",
}  # fmt: skip
MEMORY = {f"{kind}_memory_mb" for kind in ("base", "thread", "process_pool", "process")}
COPIES = {"process_copy_mb_per_s", "subinterpreter_copy_mb_per_s"}
SUBINTERPRETERS = {
    *(f"subinterpreter_{name}" for name in ("start_ms", "more_ms", "extra_ms", "dispatch_ms", "memory_mb")),
    "efficiency_subinterpreters",
}
MAY_BE_NOTHING = {"thread_memory_mb", "process_memory_mb", "process_pool_memory_mb", "sleep_overshoot_ms"}


@pytest.mark.slow
@pytest.mark.parametrize("tag", ["", *(pytest.param(tag, marks=slow) for tag in ("3.10", "3.14", "3.15", "3.13t"))])
def test_a_short_run_gives_plausible_figures(needs, tmp_path, tag):
    out = tmp_path / "out.json"
    patient = tmp_path / "calibration"  # on a machine however busy
    shutil.copytree(CALIBRATION, patient)
    rounds = (patient / "rounds.py").read_text("utf-8")
    (patient / "rounds.py").write_text(rounds.replace("ROUND_SECONDS = 20.0", "ROUND_SECONDS = 140.0"), "utf-8")
    done = run(patient, str(out), "--budget", "0.1", "--cpus", "2", python=needs(tag) if tag else sys.executable)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(out.read_text())
    assert result["warnings"] == []
    assert result["cpus"] == 2
    assert result["rounds"] == 1
    assert result["noise"] >= 0
    costs = result["costs"]
    assert set(costs) - COPIES == expected(result)
    for key, cost in costs.items():
        assert 0 <= cost["low"] <= cost["value"] <= cost["high"] < 1e6, key
        assert cost["samples"] >= 1, key
        assert cost["value"] > 0 or key in MAY_BE_NOTHING or differs(key) or cost["quality"] == "noisy", key
        assert not key.startswith("efficiency_") or cost["value"] <= 1
        assert cost["quality"] in ("usable", "noisy"), key
    method = result["start_method"]
    assert costs[f"process_pool_{method}_ms"]["value"] > costs["asyncio_task_ms"]["value"]


def differs(key: str) -> bool:
    """Whether a figure is the difference of two times, which noise can turn into nothing."""
    return key.startswith(("process_start_", "chunked_", "loop_")) or key.endswith(
        ("_more_ms", "_extra_ms", "thread_start_ms")
    )


def expected(result: dict[str, Any]) -> set[str]:
    """The figures that this Python can measure here, beside copying, which is a difference of times."""
    method, python = result["start_method"], result["python"]
    keys = ALWAYS | {f"process_{name}_{method}_ms" for name in ("pool", "start")}
    if sys.platform == "linux":
        keys |= MEMORY
    if tuple(map(int, python["version"].split(".")[:2])) >= (3, 14):
        keys |= SUBINTERPRETERS - (set() if sys.platform == "linux" else {"subinterpreter_memory_mb"})
    if not python["gil_enabled"]:
        keys |= {"efficiency_read_only", "efficiency_hot"}
    return keys


def test_every_figure_is_one_that_the_cost_model_asks_for(probe):
    """What nothing reads is not measured: a cost of costs.yaml, or what a contention or the slowdown is made of."""
    for name in probe.figures.COSTS:
        asked = name.replace("efficiency", "contention")
        assert asked in load_knowledge().costs.documented or name in EVERYWHERE, name
