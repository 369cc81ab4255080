"""The parts of programs/engines, with fakes: values as text, results by key, who puts out again what was lost."""

from __future__ import annotations

import importlib
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ENGINES = Path(__file__).resolve().parent.parent / "programs" / "engines"


@pytest.fixture(scope="module")
def parts() -> Iterator[Any]:
    """Its modules by name, forgotten afterwards."""
    names = ("plan", "work", "keeping", "desk", "given", "results", "crew", "command")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ENGINES))
        yield SimpleNamespace(**{name: importlib.import_module(f"engine_jobs.{name}") for name in names})
    for name in [name for name in sys.modules if name.startswith("engine_jobs")]:
        del sys.modules[name]


@pytest.fixture
def kept(parts: Any, tmp_path: Path) -> Iterator[Any]:
    store = parts.keeping.FileKeeping(str(tmp_path / "kept.db"))
    yield store
    store.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.db"]


class Sender:
    """A broker in which tasks wait until the test takes them out."""

    errors = (ConnectionError,)

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.waits, self.away = 0, 0

    def submit(self, tasks: list[Any]) -> None:
        if self.away:
            self.away -= 1
            raise ConnectionError("gone")
        self.sent += [task.key for task in tasks]
        self.waits += len(tasks)

    def waiting(self) -> int:
        return self.waits

    def arrived(self) -> list[Any]:
        return []


class Case:
    """A desk with a clock of its own, and processes that are gone when the test says so."""

    def __init__(self, parts: Any, kept: Any, **plan: Any) -> None:
        self.parts, self.kept, self.sender = parts, kept, Sender()
        self.time, self.gone = 1_000_000.0, set[str]()
        self.desk = parts.desk.Desk(
            parts.plan.Plan("huey", **plan), kept, self.sender, now=lambda: self.time, pause=self.passes,
            gone=self.gone.__contains__,
        )  # fmt: skip

    def submit(self, *keys: str) -> None:
        self.desk.submit([self.parts.plan.Task(key, "j1") for key in keys])

    def taken(self, key: str, by: str) -> None:
        self.sender.waits -= 1
        self.kept.begin(key, by, once=True, most=3, taken=nobody)
        self.kept._base.execute("UPDATE begun SET at = ?", (self.time,))

    def passes(self, seconds: float) -> list[str]:
        """What is put out again meanwhile."""
        before, until = len(self.sender.sent), self.time + seconds
        while self.time < until:
            self.time += 0.3
            self.desk.look_after()
        return self.sender.sent[before:]

    def result(self, key: str, *, ok: bool = True) -> None:
        self.kept.put(self.parts.plan.Record(key, ok, "j1", self.time))


def nobody(_: str, __: float) -> bool:
    """No other process is at a task."""
    return False


VALUES = [
    1, -0.5, "a\n\u2028\ud800", True, None, [1, [2.5]], {"a": {"b": []}}, (1, 2), {1: 2}, b"x", {3}, 10**5000,
    math.inf, os.stat_result(range(10)),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_as_it_was(parts: Any, value: Any) -> None:
    text = parts.work.encoded(value)
    assert text.isascii() and "\n" not in text
    back = parts.work.decoded(text)
    assert back == value and type(back) is type(value)


def test_the_first_result_counts(parts: Any, kept: Any) -> None:
    record = parts.plan.Record
    begin = parts.keeping.Begin
    assert kept.begin("a", "one", once=True, most=3, taken=nobody) is begin.RUN
    assert [(b.key, b.times, b.owner) for b in kept.begun()] == [("a", 1, "one")]
    kept.put(record("a", True, "j1", 5.0))
    assert kept.begun() == [] and kept.twice() == 0
    assert kept.begin("a", "two", once=True, most=3, taken=nobody) is begin.DONE
    assert kept.begin("a", "two", once=False, most=3, taken=nobody) is begin.RUN
    kept.put(record("a", False, "again", 6.0))
    assert kept.news() == [record("a", True, "j1", 5.0)] and kept.news() == []
    assert kept.twice() == 1 and kept.record("b") is None
    assert [kept.begin("b", "x", once=True, most=1, taken=nobody) for _ in range(2)] == [begin.RUN, begin.GIVEN_UP]
    kept.drop("b", "x")
    assert kept.begun() == []
    kept.begin("b", "y", once=True, most=1, taken=nobody)
    kept.nobody_works()
    assert kept.begun() == []
    kept.forget(["a"])
    assert kept.record("a") is None


def test_what_one_is_at_another_leaves_while_that_one_lives(parts: Any, kept: Any) -> None:
    begin, there = parts.keeping.Begin, {"one"}

    def begun_by(owner: str, *, once: bool = True) -> Any:
        return kept.begin("a", owner, once=once, most=3, taken=lambda other, _: other in there)

    assert begun_by("one") is begin.RUN and begun_by("one") is begin.RUN
    assert begun_by("two") is begin.DONE  # an engine gave it twice: if it hangs, it takes one worker
    assert [(b.owner, b.times) for b in kept.begun()] == [("one", 2)]
    assert begun_by("two", once=False) is begin.RUN  # without safe settings all is left to the engine
    there.clear()
    assert begun_by("one") is begin.GIVEN_UP


def test_who_is_at_a_task_is_a_process_that_lives_and_has_time(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, asked = parts.plan.Plan("huey"), []
    with subprocess.Popen(["sleep", "30"]) as other:
        owner = parts.work.owner_name(other.pid)

        class Kept:
            def begin(self, *_: Any, taken: Any, **__: Any) -> Any:
                now = time.time()
                asked.append([taken(owner, now), taken(owner, now - plan.visibility_seconds - 1)])
                return parts.keeping.Begin.DONE

        here = SimpleNamespace(plan=plan, kept=Kept(), owner=parts.work.owner_name(os.getpid()))
        monkeypatch.setattr(parts.work, "_here", lambda: here)
        assert parts.work.do("a", "j1") is None
        other.kill()
    assert parts.work.do("a", "j1") is None
    assert asked == [[True, False], [False, False]]


def test_what_a_dead_worker_had_is_put_out_again_after_the_engines_turn(parts: Any, kept: Any) -> None:
    case = Case(parts, kept)
    case.submit("a", "b")
    case.taken("a", by="one")
    case.taken("b", by="two")
    assert case.passes(30) == []
    case.gone.add("one")
    assert case.passes(0.9) == []
    assert case.passes(1.2) == ["a"]
    case.taken("a", by="three")
    case.result("a")
    case.result("b")
    assert sorted(record.key for record in case.desk.news()) == ["a", "b"]
    assert case.desk.out == {} and case.desk.submitted_again == 1 and case.passes(30) == []


def test_what_the_engine_gives_to_another_is_left_to_it(parts: Any, kept: Any) -> None:
    case = Case(parts, kept)
    case.submit("a")
    case.taken("a", by="one")
    case.gone.add("one")
    case.passes(0.5)
    case.sender.waits += 1
    case.taken("a", by="two")
    assert case.passes(20) == []


def test_a_task_whose_workers_die_is_given_up(parts: Any, kept: Any) -> None:
    case = Case(parts, kept)
    case.submit("a")
    for worker in "123":
        case.taken("a", by=worker)
        case.gone.add(worker)
        case.passes(3)
    (record,) = case.desk.news()
    assert not record.ok and "its worker ended while it ran it, 3 times" in record.text


def test_what_a_broker_took_with_it_is_put_out_again_three_times(parts: Any, kept: Any) -> None:
    case = Case(parts, kept)
    case.submit("a", "b")
    assert case.passes(20) == []  # they wait
    case.sender.waits = 0
    assert case.passes(2.5) == ["a", "b"]
    case.result("b")
    case.desk.news()
    for _ in range(2):
        case.sender.waits = 0
        assert case.passes(3) == ["a"]
    case.sender.waits = 0
    case.passes(3)
    (record,) = case.desk.news()
    assert (record.key, record.ok) == ("a", False) and "no worker began it" in record.text


def test_default_settings_put_nothing_out_again(parts: Any, kept: Any) -> None:
    case = Case(parts, kept, safe=False)
    case.submit("a")
    case.taken("a", by="one")
    assert not case.desk.nothing_more_comes(0)
    case.gone.add("one")
    assert case.passes(50) == []
    assert case.desk.nothing_more_comes(10)


def test_a_broker_that_is_away_is_waited_for(parts: Any, kept: Any) -> None:
    case = Case(parts, kept)
    case.sender.away = 5
    case.submit("a")
    assert case.sender.sent == ["a"]
    case.sender.away = 1000
    with pytest.raises(parts.crew.CannotGoOnError, match="cannot be reached: gone"):
        case.submit("b")


def test_a_broker_that_is_away_is_started_again_before_all_is_submitted(parts: Any, kept: Any) -> None:
    case = Case(parts, kept)
    case.sender.away = 1000
    case.desk._revive = lambda: setattr(case.sender, "away", 0)
    case.submit("a")
    assert case.sender.sent == ["a"]


def test_what_is_started_again_leaves_no_session_behind(parts: Any, tmp_path: Path) -> None:
    said: list[str] = []
    command = ["sh", "-c", f"sleep 30 & echo $! >> {tmp_path}/child"]
    plan = parts.plan.Plan("huey", folder=str(tmp_path))
    main = parts.crew.Main("worker 0", command, plan, SimpleNamespace(tell=said.append))
    main.start()
    first = main.process.pid
    main.process.wait()
    main.start_again()
    second = main.process.pid
    assert (main.sessions, said) == ({second}, [f"+{first}", f"-{first}", f"+{second}"])
    child = (tmp_path / "child").read_text().split()[0]
    assert parts.work._started(int(child)) == "0"
    main.end()


def test_who_is_gone(parts: Any) -> None:
    here = parts.work.owner_name(os.getpid())
    assert not parts.work.is_gone(here)
    assert parts.work.is_gone(f"{here}0")  # another start
    assert not parts.work.is_gone(f"elsewhere/{here}")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return [1, {'a': (2,)}]", []),
        ("print('noise'); yield 1; raise OSError('the disk\\nis gone')", "OSError: the disk.*is gone .yours.py:5, in items"),
        ("import os; os._exit(3)", "ended with exit code 3"),
        ("import time; time.sleep(60)", "nothing came for 1 s"),
        ("yield lambda: 1", "PicklingError|AttributeError|pickle"),
    ],
)  # fmt: skip
def test_items_are_read_in_a_process_of_their_own(parts: Any, tmp_path: Path, body: str, said: Any) -> None:
    package = tmp_path / "engine_jobs"
    package.mkdir()
    for name in ("__init__", "plan", "work", "keeping", "given"):
        (package / f"{name}.py").write_bytes((ENGINES / "engine_jobs" / f"{name}.py").read_bytes())
    (package / "yours.py").write_text(f"ENGINE = 'huey'\nsetup = None\n\ndef items():\n    {body}\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    if isinstance(said, list):
        tasks = list(parts.given.tasks(environment))
        assert tasks[0].payload == "j1" and tasks[1].payload[0] == "p"
        assert [task.key.partition("-")[0] for task in tasks] == ["0", "1"]
        assert tasks == list(parts.given.tasks(environment))
    else:
        with pytest.raises(parts.given.NotGivenError, match=said):
            list(parts.given.tasks(environment, longest_seconds=1))


def test_a_line_of_results_is_json_whatever_the_value(parts: Any) -> None:
    record = parts.plan.Record

    def line(value: Any) -> Any:
        return json.loads(parts.results.line_of(record("0-a", True, parts.work.encoded(value), 0.0)))["value"]

    assert line((1, {2})) == [1, "{2}"]
    assert line({(1, 2): 3}) == "{(1, 2): 3}"
    failed = json.loads(parts.results.line_of(record("1-b", False, "ValueError: no", 0.0)))
    assert failed == {"key": "1-b", "ok": False, "error": "ValueError: no"}


def test_temporary_folders_leave_room_for_sockets(parts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    guard = importlib.import_module("engine_jobs.guard")
    monkeypatch.setattr(guard.tempfile, "tempdir", str(tmp_path))
    with guard.Guard(parts.plan.Plan("ray")) as guarded:
        below = "/ray/session_2026-11-29_18-41-15_660885_2917400/sockets/plasma_store"  # of Ray 2.60
        assert len(guarded.plan.folder + below) <= 103  # of macOS; Linux has 107


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="names of processes are read on Linux")
@pytest.mark.parametrize(
    ("name", "runs_tasks"), [("ray::IDLE", True), ("ray::DashboardAgent", False), ("sleep", False)]
)
def test_an_agent_of_ray_runs_no_tasks(
    parts: Any, monkeypatch: pytest.MonkeyPatch, name: str, runs_tasks: bool
) -> None:
    fake_ray(monkeypatch)
    with subprocess.Popen([name, "30"], executable=shutil.which("sleep")) as process:
        try:
            called = Path(f"/proc/{process.pid}/cmdline")
            while not called.read_bytes():  # Linux lets the parent go on before it has written the child's words
                time.sleep(0.001)
            assert importlib.import_module("engine_jobs.on_ray").is_worker(process.pid) is runs_tasks
        finally:
            process.kill()


def fake_ray(monkeypatch: pytest.MonkeyPatch, **more: Any) -> type[Exception]:
    """A module in the place of Ray, of which no interpreter needs the wheel; what it raises where its node has fallen."""
    fallen = type("LocalRayletDiedError", (RuntimeError,), {})
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(**more))
    errors = SimpleNamespace(RayError=RuntimeError, LocalRayletDiedError=fallen)
    monkeypatch.setitem(sys.modules, "ray.exceptions", errors)
    monkeypatch.delitem(sys.modules, "engine_jobs.on_ray", raising=False)
    return fallen


@pytest.mark.parametrize("safe", [True, False])
def test_a_node_of_ray_that_has_fallen_is_started_again(
    parts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, safe: bool
) -> None:
    calls: list[str] = []

    def get(_: Any) -> None:
        raise fallen("it died")

    fallen = fake_ray(
        monkeypatch, get=get, init=lambda **_: calls.append("init"), shutdown=lambda: calls.append("shutdown"),
        remote=lambda **_: lambda _: SimpleNamespace(remote=lambda key, _: key), wait=lambda out, **_: (out, []),
    )  # fmt: skip
    for name in (parts.plan.VARIABLE, parts.plan.MARK, "PYTHONPATH"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # what it sets is set back
    sender = importlib.import_module("engine_jobs.on_ray").sender(
        parts.plan.Plan("ray", safe=safe, folder=str(tmp_path))
    )
    sender.submit([parts.plan.Task("a", "j1")])
    assert [record.key for record in sender.arrived()] == ([] if safe else ["a"])
    assert (sender.waiting(), calls) == (0, ["init"])
    sender.submit([parts.plan.Task("a", "j1")])
    assert (sender.waiting(), calls) == (1, ["init", "shutdown", "init"])


# The command line -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "command"), [([], "run"), (["--workers", "3"], "run"), (["run"], "run"), (["status"], "status")]
)
def test_without_a_command_it_runs(parts: Any, monkeypatch: pytest.MonkeyPatch, words: list[str], command: str) -> None:
    monkeypatch.setattr(sys, "argv", ["jobs", *words])
    options = parts.command._arguments()
    assert options.command == command
    assert options.workers == (3 if "3" in words else options.workers)


@pytest.mark.parametrize(("words", "code"), [(["--help"], 0), (["walk"], 2), (["--workers", "0"], 2)])
def test_help_is_of_all_commands_and_a_wrong_one_is_refused(
    parts: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    monkeypatch.setattr(sys, "argv", ["jobs", *words])
    with pytest.raises(SystemExit) as ended:
        parts.command._arguments()
    assert ended.value.code == code
    said = capsys.readouterr()
    assert "collect" in said.out if not code else said.err.startswith("error: ")
