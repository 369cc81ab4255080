"""Measuring under each Python: a script is run, told how far it is, kept, and ended whatever happens.

Most Pythons here are shell scripts that say what the script would; what the script itself does is in test_calibration_probe.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from calibration_probe import CALIBRATION, altered
from fake_calibrations import COST, CPUS, VALUES, FakePythons, done, loaded
from shared import is_gone, wait_until

from selector import SelectorError
from selector.calibration import measure
from selector.calibration.kept import load_calibration, stamp_of
from selector.calibration.measure import CalibrationStep, calibrate
from selector.calibration.models import Calibration
from selector.host import Interpreter

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals, sessions and shell scripts")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for each test."""
    monkeypatch.setenv("CONCURRENCY_SELECTOR_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def python(folder: Path) -> FakePythons:
    return FakePythons(folder)


def step(part: str = "threads", done: float = 0.25) -> dict[str, object]:
    return {"part": part, "round": 1, "done": done}


def test_each_python_is_measured_and_kept(python, folder):
    said = step(), {"cost": "thread_start_ms", "value": 1}, done()
    pythons = [python("3.14", *said), python("3.13t", *said)]
    told: list[CalibrationStep] = []
    found = calibrate(pythons, on_step=told.append)
    assert [costs.tag for costs in found.interpreters] == ["3.14", "3.13t"]
    assert told == [CalibrationStep(each, "threads", 0.25) for each in pythons]
    assert found.problems == ()
    first = found.interpreters[0]
    assert (first.version, first.path, first.noisy) == ("3.14.1", pythons[0].path, ())
    assert found.kept == ()
    assert first.stamp == stamp_of(first.path)
    assert first.measured_at.tzinfo is not None
    assert loaded() == {each.path: VALUES for each in pythons}


def test_it_is_measured_once_or_by_force(python, folder):
    one = python("3.14", done(), end=f"printf x >> '{folder}/runs'")
    first = calibrate([one, one])
    assert len(first.interpreters) == 1
    again = calibrate([one])
    assert (again.interpreters, again.kept) == (first.interpreters, ("3.14",))
    assert (folder / "runs").read_text() == "x"
    calibrate([one], force=True)
    assert (folder / "runs").read_text() == "xx"


def test_what_was_measured_well_is_not_replaced_by_what_is_noisy(python, folder):
    cost = {**COST, "note": ""}
    both = {"thread_start_ms": cost, "asyncio_task_ms": cost}
    first = calibrate([python("3.14", done(costs=both))])
    noisy = both | {"asyncio_task_ms": cost | {"value": 9.0, "quality": "noisy", "note": "0 of 3 undisturbed"}}
    instead = "too noisy to be used (what was measured under another Python, or is documented, counts instead): asyncio_task_ms"
    assert calibrate([python("3.13", done(costs=noisy))]).interpreters[0].warnings == (instead,)
    one = python("3.14", done(costs=noisy))
    noisy["thread_start_ms"] = cost | {"value": 0.5}
    one = python("3.14", done(costs=noisy))
    again = calibrate([one], force=True)
    assert (again.kept, again.problems) == ((), ())
    assert again.interpreters[0].costs["asyncio_task_ms"] == first.interpreters[0].costs["asyncio_task_ms"]
    stays = "too noisy now, so that what was measured before stays: asyncio_task_ms"
    assert again.interpreters[0].warnings == (stays,)
    assert loaded()[one.path] == {"thread_start_ms": 0.5, "asyncio_task_ms": 0.25}


def test_what_fails_now_leaves_what_was_known(python, folder):
    first = calibrate([python("3.14", done())])
    again = calibrate([python("3.14", end="exit 1")], force=True)
    assert (again.interpreters, len(again.problems)) == (first.interpreters, 1)


def test_a_calibration_can_be_saved_and_read_back(python):
    found = calibrate([python("3.14", done(warnings=["processes: \x1b[31mno"], noise=0.2))])
    text = found.model_dump_json()
    assert json.loads(text)["schema"] == 2
    assert Calibration.model_validate_json(text) == found
    assert found.interpreters[0].warnings == ("processes: \\x1b[31mno",)


def test_the_script_is_told_what_to_do_and_nothing_that_is_meant_for_another_python(python, folder, monkeypatch):
    for name in ("PYTHONHOME", "PYTHONPATH", "PYTHON_GIL", "PYTHONDEVMODE", "PYTHONDONTWRITEBYTECODE", "PYTHIA"):
        monkeypatch.setenv(name, "1")
    calibrate(
        [
            python(
                "3.14",
                done(),
                end=f"printf '%s\\n' \"$@\" > '{folder}/told'; env > '{folder}/env'; pwd > '{folder}/pwd'",
            )
        ],
        budget_seconds=2.5,
    )
    told = (folder / "told").read_text().splitlines()
    assert told == ["-B", str(CALIBRATION), "-", "--while-open", "--budget", "2.5", "--cpus", str(CPUS)]
    names = {line.partition("=")[0] for line in (folder / "env").read_text().splitlines()}
    assert {name for name in names if name.startswith("PYTH")} == {"PYTHIA", "PYTHONDONTWRITEBYTECODE"}


def test_lines_that_say_nothing_are_passed_over(python):
    odd = ("hello", "{", "[]", "7", {"part": "x"}, {"part": "x", "done": "y"}, {"part": 3, "done": 7})
    told: list[CalibrationStep] = []
    calibrate([python("3.14", *odd, done())], on_step=told.append)
    assert [(each.part, each.done) for each in told] == [("3", 1.0)]


def test_one_that_fails_does_not_keep_the_other(python):
    bad, good = python("3.13", end="echo no way >&2; exit 1"), python("3.14", done())
    found = calibrate([bad, good])
    assert [costs.tag for costs in found.interpreters] == ["3.14"]
    assert found.problems == (f"Python 3.13 ({bad.path}) could not be measured: it ended with exit code 1: no way",)
    assert "problems" in json.loads(found.model_dump_json())
    assert calibrate([good]).problems == ()


UNREADABLE = "it left no figures that can be read"
FAILING: list[tuple[object, str, str]] = [
    ("", "printf 'first\\nlast\\033[2J' >&2; exit 1", "it ended with exit code 1: last\\x1b[2J"),
    ("", "kill -9 $$", "it was ended by signal 9"),
    ("", "", UNREADABLE),
    *(
        (said, "", UNREADABLE)
        for said in (
            {"result": []}, {"result": 7}, json.dumps(done())[:-9], done(schema=1), done(costs={}),
            done(costs={"x": 1}), done(costs={"x": {"value": -1, "low": 0, "high": 0, "samples": 1}}),
            done(noise=None), done(noise=float("nan")), done(python=None), done(rounds="3"),
        )
    ),
]  # fmt: skip


def test_a_script_that_fails_is_named_with_its_last_words(python, folder):
    pythons = [python(f"3.{10 + place}", said, end=end) for place, (said, end, _) in enumerate(FAILING)]
    old, nowhere = python("3.9"), python("3.99").model_copy(update={"path": str(folder / "nowhere")})
    with pytest.raises(SelectorError) as caught:
        calibrate([*pythons, old, nowhere])
    assert caught.value.exit_code == 1
    reasons = [line.partition("could not be measured: ")[2] for line in caught.value.message.splitlines()]
    assert reasons[: len(FAILING)] == [reason for _, _, reason in FAILING]
    assert reasons[-2:] == ["that takes Python 3.10 or later", "it cannot be run: No such file or directory"]
    assert load_calibration() == ()


def test_nothing_to_measure_is_an_error():
    with pytest.raises(SelectorError, match="no Python to measure"):
        calibrate([])


def test_a_cache_that_cannot_be_written_is_a_problem_but_no_failure(python, folder):
    (folder / "cache").write_text("a file where the folder should be")
    found = calibrate([python("3.14", done())])
    assert len(found.interpreters) == 1
    assert found.problems[0].startswith("what was measured cannot be kept: ")


def test_a_script_that_hangs_is_ended_with_all_it_started(python, monkeypatch, folder):
    monkeypatch.setattr(measure, "SLOWEST_SECONDS", 0.5)
    hanging = python("3.14", end=f"sleep 600 & echo $! > '{folder}/pid'; wait")
    with pytest.raises(SelectorError, match="it did not end within"):
        calibrate([hanging], budget_seconds=0.1)
    wait_until(lambda: is_gone(int((folder / "pid").read_text())))


@pytest.mark.parametrize("obeys", [True, False])
def test_no_process_is_left_after_an_interrupt(python, monkeypatch, obeys):
    monkeypatch.setattr(measure, "GRACE_SECONDS", 10.0 if obeys else 0.2)
    trap = "trap 'kill $!; exit 130' TERM" if obeys else "trap '' TERM"
    say = 'echo \'{"part": "\'$$ $!\'", "done": 0.5}\''
    pids: list[int] = []

    def interrupt(told: CalibrationStep) -> None:
        pids.extend(map(int, told.part.split()))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate([python("3.14", end=f"{trap}; sleep 600 & {say}; wait; sleep 600")], on_step=interrupt)
    wait_until(lambda: all(map(is_gone, pids)))
    assert len(pids) == 2
    assert load_calibration() == ()


def test_what_was_measured_before_an_interrupt_is_kept(python):
    said = step(done=0.5), done()
    first, second = python("3.14", *said), python("3.13t", *said)

    def interrupt(told: CalibrationStep) -> None:
        if told.interpreter == second:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate([first, second], on_step=interrupt)
    assert loaded() == {first.path: VALUES}


# The script itself ----------------------------------------------------------------------------------------------------

#: A program that calibrates by the script in a folder, argv[1].
CALIBRATING = """
import sys
from pathlib import Path
from selector.calibration import measure
from selector.host import Interpreter

measure.resource_dir = lambda kind: Path(sys.argv[1])
python = Interpreter(path=sys.executable, version="3.14.0", tag="3.14", implementation="CPython", free_threaded=False,
                     gil_enabled=True, bits=64, found_in="PATH")
measure.calibrate([python])
"""
slow = pytest.mark.slow


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGTERM, marks=slow), pytest.param(signal.SIGHUP, marks=slow),
               pytest.param(signal.SIGINT, marks=slow), signal.SIGKILL],
)  # fmt: skip
def test_however_it_is_ended_no_process_and_no_file_of_it_is_left(folder, number):
    pids, temporary = folder / "pids", folder / "tmp"
    temporary.mkdir()
    start = "import subprocess; child = subprocess.Popen(['sleep', '60'])"
    note = f"open({str(pids)!r}, 'w').write(f'{{os.getppid()}} {{os.getpid()}} {{child.pid}} '); time.sleep(600)"
    probes = altered(folder, f"{start}; {note}").parent
    environ = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": str(CALIBRATION.parent.parent)}
    command = [sys.executable, "-c", CALIBRATING, str(probes)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environ) as process:
        wait_until(lambda: pids.exists() and pids.read_text().endswith(" "))
        process.send_signal(number)
        assert process.wait(20) != 0
    wait_until(lambda: all(map(is_gone, map(int, pids.read_text().split()))))
    wait_until(lambda: not list(temporary.iterdir()))


def test_the_tool_reads_what_the_script_writes(folder, monkeypatch):
    probes = altered(folder, "raise OSError('no')").parent
    monkeypatch.setattr(measure, "resource_dir", lambda kind: probes)
    own = Interpreter(
        path=os.path.realpath(sys.executable), version="3.14.0", tag="3.14", implementation="CPython",
        free_threaded=False, gil_enabled=True, bits=64, found_in="PATH",
    )  # fmt: skip
    told: list[CalibrationStep] = []
    found = calibrate([own], budget_seconds=0.5, on_step=told.append)
    costs = found.interpreters[0]
    assert (found.problems, costs.warnings[0]) == ((), "bad: OSError: no")
    assert costs.version == sys.version.split()[0]
    assert set(costs.costs) == {"python_arithmetic_ns", "python_objects_ns", "thread_start_ms", "thread_dispatch_ms"}
    assert costs.costs["thread_start_ms"].quality == "noisy"  # it came once
    assert told[0][1:] == ("good", 0.0)
    assert loaded() == {own.path: {k: cost.value for k, cost in costs.costs.items() if cost.quality == "usable"}}
    assert not list(probes.glob("**/__pycache__"))
