"""Todos by workers of an engine: the parts with fakes, and (slow) every engine for real."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from engine_projects import PYTHON, environment, in_redis, needs_engine, nothing_is_left, redis_server
from made_crew import Clock, Made
from todo_program import FOLDER, call, count_ended, modules, only_posix

todo = pytest.fixture(scope="module")(modules)
ENGINES = ("celery", "rq", "dask", "dramatiq", "huey")

# The coordinator, where another hands out ------------------------------------------------------------------------------


class Outside(Made):
    """A crew whose batches wait in one place, and are done by whoever takes them, in any order."""

    ahead = 5

    def next_message(self, timeout: float | None) -> Any:  # noqa: ARG002  # as in its base
        self.before()
        waiting = [(processor, place) for processor, given in self.given.items() for place in range(len(given))]
        if not waiting:
            return None
        processor, place = self.chance.choice(waiting)
        batch = self.given[processor][place]
        del self.given[processor][place]
        message = self.todo.crew.Message(processor, None, "its worker ended", place=place, by=0)
        if self.chance.random() < self.mishaps or any(self.trouble.get(t.number) == "kill" for t in batch.tasks):
            return message
        settings = self.todo.tasks.Settings(trouble=self.trouble)
        return message._replace(result=self.todo.tasks.process_batch(settings, batch), reason="")

    def take_back(self) -> list[Any]:
        back = [(processor, batch) for processor, given in self.given.items() for batch in list(given)[1:]]
        for processor, batch in back:
            self.given[processor].remove(batch)
        return back


def run_outside(todo: Any, crew: Any, count: int, stop_after: int | None = None) -> tuple[list[Any], Any]:
    outcomes: list[Any] = []
    chief = todo.coordinator.Coordinator(crew, todo.coordinator.Options(3, attempts=2), outcomes.extend)
    if stop_after is not None:
        crew.before = lambda: len(outcomes) >= stop_after and chief.stop()
    return outcomes, chief.run(todo.tasks.batches(todo.tasks.make_tasks(count), 4))


@pytest.mark.parametrize("seed", range(5))
def test_whoever_does_it_in_whatever_order_each_task_ends_once(todo: Any, seed: int) -> None:
    crew = Outside(todo, Clock(), seed, {5: "kill", 9: "raise!"}, mishaps=0.0)
    outcomes, report = run_outside(todo, crew, 150)
    assert sorted(o.number for o in outcomes) == list(range(150)) and crew.hired == 3
    failed = {o.number: o.error for o in outcomes if o.status == "failed"}
    assert failed == {5: "its worker ended", 9: "Trouble: told to raise"}
    assert report.shares[0].tasks >= 150 and not report.shares[1].tasks, "who did it, not who was given it"


@pytest.mark.parametrize("seed", range(5))
def test_what_nobody_has_begun_is_taken_back_when_it_stops(todo: Any, seed: int) -> None:
    crew = Outside(todo, Clock(), seed, {}, mishaps=0.2)
    outcomes, report = run_outside(todo, crew, 400, stop_after=40)
    done = [o.number for o in outcomes]
    known = done + report.not_processed
    assert report.stopped and len(done) < 80 and sorted(known) == list(range(len(known)))


# The crew of an engine ------------------------------------------------------------------------------------------------


class Kept:
    """Where results are kept, as far as the crew looks there."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.taken: list[Any] = []
        self.put = self.records.append

    def begun(self) -> list[Any]:
        return self.taken


@pytest.fixture
def crew(todo: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of two processors, with a session that keeps what it is given."""
    module = SimpleNamespace(BROKER="redis", sender=SimpleNamespace(errors=(ZeroDivisionError,)))
    monkeypatch.setattr(todo.crew_engines, "check_engine", lambda _: module)
    crew = todo.crew_engines.Engine(todo.tasks.Settings(), "celery", "redis://here", 1.0)
    kept, coming = Kept(), random.Random(1)
    desk = SimpleNamespace(out={}, submitted=[], coming=[])
    desk.submit = lambda tasks: desk.submitted.extend(tasks) or desk.out.update((t.key, t) for t in tasks)

    def news() -> list[Any]:
        found, desk.coming = [*desk.coming, *kept.records], []
        kept.records.clear()
        return [record for record in found if desk.out.pop(record.key, None)]

    desk.news = news
    crew._session = SimpleNamespace(
        desk=desk, kept=kept, tend=lambda: None, plan=SimpleNamespace(workers=2), coming=coming
    )
    for processor in range(2):
        crew.hire(processor)
    return crew


def answered(todo: Any, crew: Any, key: str, process: int) -> Any:
    """What a worker says of a batch that was submitted."""
    payload = next(task.payload for task in crew._session.desk.submitted if task.key == key)
    settings, batch = todo.crew_engines.decoded(payload)
    result = todo.tasks.process_batch(settings, batch)
    return todo.crew_engines.Record(key, True, todo.crew_engines.encoded((process, result)), 0.0)


def test_batches_go_out_by_their_priority_and_come_back_by_who_did_them(todo: Any, crew: Any) -> None:
    make = todo.tasks.Task
    given = [todo.tasks.Batch(n, [make(n, "a", priority=p)]) for n, p in enumerate((1, 10, 5, 77))]
    for place, batch in enumerate(given):
        crew.give(place % 2, batch)
    assert crew.next_message(0.0) is None
    desk = crew._session.desk
    assert [(task.key, task.priority) for task in desk.submitted] == [("0-0", 9), ("1-1", 0), ("2-2", 5), ("3-3", 0)]
    desk.coming = [answered(todo, crew, *it) for it in (("2-2", 700), ("3-3", 800), ("0-0", 900), ("1-1", 800))]
    messages = [crew.next_message(0.0) for _ in range(4)]
    assert [(m.processor, m.place, m.by) for m in messages] == [(0, 1, 0), (1, 1, 1), (0, 0, 0), (1, 0, 1)]
    assert [m.result.outcomes[0].number for m in messages] == [2, 3, 0, 1]


def test_what_takes_too_long_is_ended_and_comes_back_as_lost(todo: Any, crew: Any, monkeypatch: Any) -> None:
    killed: list[Any] = []
    monkeypatch.setattr(todo.crew_engines.os, "kill", lambda *what: killed.append(what))
    monkeypatch.setattr(todo.crew_engines, "is_gone", lambda owner: owner.startswith("here/34/"))
    crew.give(0, todo.tasks.Batch(0, [todo.tasks.Task(0, "a")]))
    crew.give(0, todo.tasks.Batch(1, [todo.tasks.Task(1, "b")]))
    old, new = time.time() - 2, time.time()
    begun = lambda key, owner, at: SimpleNamespace(key=key, owner=owner, at=at)  # noqa: E731
    crew._session.kept.taken = [
        begun("0-0", "here/34/5", new),
        begun("1-1", "here/33/5", old),
        begun("x", "here/35/5", old),
    ]
    message = crew.next_message(0.0)
    assert (message.processor, message.place, message.reason) == (0, 1, "no answer within 1 s")
    assert killed == [(33, signal.SIGKILL)]


def test_what_is_taken_back_is_not_done_and_what_was_begun_is_waited_for(todo: Any, crew: Any) -> None:
    batches = [todo.tasks.Batch(n, [todo.tasks.Task(n, "a")]) for n in range(4)]
    for batch in batches[:3]:
        crew.give(1, batch)
    crew.next_message(0.0)
    crew.give(1, batches[3])
    desk = crew._session.desk
    crew._session.kept.taken = [SimpleNamespace(key="1-1")]
    desk.coming = [answered(todo, crew, "2-2", 7)]
    assert crew.take_back() == [(1, batches[0]), (1, batches[3])]
    assert [record.key for record in crew._session.kept.records] == ["0-0", "3-3"], "no worker does them now"
    assert crew.take_back() == []
    first = crew.next_message(0.0)
    assert (first.place, first.result.batch) == (1, 2)
    desk.coming = [answered(todo, crew, "1-1", 7)]
    assert crew.next_message(0.0).place == 0 and crew.next_message(0.0) is None


def test_an_engine_that_cannot_go_on_ends_the_run_in_words(todo: Any, crew: Any) -> None:
    def away() -> None:
        raise ZeroDivisionError("it is\naway")

    crew._session.tend = away
    with pytest.raises(todo.tasks.CannotGoOn, match=r"^celery: ZeroDivisionError: it is\\naway$"):
        crew.next_message(0.0)


# The command line -----------------------------------------------------------------------------------------------------


@only_posix
def test_an_engine_that_is_not_installed_says_what_to_install(
    todo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("celery", "engine_jobs.on_celery"):
        monkeypatch.setitem(sys.modules, name, None)
    done = call(todo, tmp_path, "--execution", "celery", "--tasks", "3")
    assert done.code == 2 and "pip install 'celery[redis]'" in done.err and len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--execution", "rq", "--schedule", "stealing"], "--execution rq: its broker hands out"),
        (["--execution", "rq", "--crew", "validate=1,report=1"], "--execution rq: its broker hands out"),
        (["--execution", "threads", "--broker", "redis://x"], "--broker is for celery, rq, dask, dramatiq, huey"),
    ],
)
def test_what_does_not_go_together_is_refused(todo: Any, tmp_path: Path, words: list[str], said: str) -> None:
    done = call(todo, tmp_path, *words)
    assert done.code == 2 and said in done.err


@only_posix
def test_a_broker_of_another_kind_is_refused(todo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(BROKER="redis")
    monkeypatch.setattr(todo.crew_engines, "check_engine", lambda _: module)
    with pytest.raises(ValueError, match=r"--broker amqp://\\x1b: give one of redis://, rediss://, unix://"):
        todo.executions.crew_for("celery", todo.tasks.Settings(), broker="amqp://\x1b")
    module.BROKER = "file"
    with pytest.raises(ValueError, match="huey has one of its own here"):
        todo.executions.crew_for("huey", todo.tasks.Settings(), broker="redis://x")


# For real -------------------------------------------------------------------------------------------------------------


def real(test: Any) -> Any:
    """It takes its time, and needs an engine."""
    return pytest.mark.slow(pytest.mark.timeout(300)(test))


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """A folder for files of a run, beside one for temporary files."""
    (tmp_path / "jobs").mkdir()
    return tmp_path / "jobs"


@pytest.fixture(params=ENGINES)
def engine(request: Any) -> str:
    needs_engine(request.param)
    return request.param


def started(jobs: Path, execution: str, *words: str) -> subprocess.Popen[str]:
    """A run by the Python that has the engines."""
    return program(jobs, "run", "--execution", execution, *words)


def program(jobs: Path, what: str, *words: str) -> subprocess.Popen[str]:
    """A command of the program, in JSON."""
    command = [PYTHON, "-W", "ignore", str(FOLDER), what, "--json", "--processors", "2", "--batch-size", "10", *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(jobs), cwd=jobs.parent
    )


def ended(jobs: Path, execution: str, *words: str) -> tuple[dict[str, Any], str]:
    """What a run printed, and what it said on the side."""
    with started(jobs, execution, *words) as child:
        try:
            out, errors = child.communicate(timeout=200)
        finally:
            child.kill()  # or leaving `with` would wait for it
    assert out, errors
    return json.loads(out), errors


@real
def test_outcomes_are_those_of_sequential_code(jobs: Path, engine: str) -> None:
    trouble = ["--trouble", '{"7": "raise!", "150": "raise"}']
    for execution in ("sequential", engine):
        files = ["--journal", f"{execution}.db", "--out", f"{execution}.jsonl"]
        said, errors = ended(jobs, execution, "--tasks", "300", "--effort", "2", *files, *trouble)
        assert said["job"]["done"] == 299 and said["errors"] == ["task 7: Trouble: told to raise"], errors
        assert said["twice"] == 0 and sum(share["tasks"] for share in said["report"]["shares"].values()) >= 300
    assert (jobs.parent / f"{engine}.jsonl").read_bytes() == (jobs.parent / "sequential.jsonl").read_bytes()
    nothing_is_left(jobs)


@real
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_or_killed_it_leaves_nothing_and_goes_on_elsewhere(
    jobs: Path, engine: str, how: signal.Signals
) -> None:
    work = ["--tasks", "300", "--task-ms", "10", "--journal", "run.db"]
    with started(jobs, engine, *work) as child:
        until = time.monotonic() + 100
        while count_ended(jobs.parent / "run.db") < 10 and time.monotonic() < until:
            time.sleep(0.02)
        child.send_signal(how)
        out, errors = child.communicate(timeout=100)
    assert child.returncode == (130 if how == signal.SIGINT else -how), errors
    nothing_is_left(jobs)
    before = count_ended(jobs.parent / "run.db")
    if out:
        said = json.loads(out)["job"]
        assert said["done"] == before < 300 and said["not_processed"] == 300 - before
    rest, errors = ended(jobs, "threads", *work)
    assert rest["job"]["done"] == 300 and rest["before"]["done"] == before and rest["twice"] == 0, errors


@real
def test_who_kills_or_hangs_fails_alone(jobs: Path, engine: str) -> None:
    trouble = ["--trouble", '{"3": "kill", "14": "hang!"}', "--timeout", "3", "--attempts", "2"]
    said, errors = ended(jobs, engine, "--tasks", "40", "--effort", "2", *trouble)
    assert (said["job"]["done"], said["errors"]) == (39, ["task 14: no answer within 3 s"]), errors
    nothing_is_left(jobs)


@real
def test_workers_of_an_engine_are_compared_with_the_rest(jobs: Path) -> None:
    needs_engine("huey")
    words = ["--tasks", "60", "--effort", "1", "--vary", "execution", "--scaling", "1,2", "--budget", "40"]
    with program(jobs, "compare", *words, "--engine", "huey") as child:
        out, errors = child.communicate()
    found = json.loads(out)
    assert found["same_results"], errors
    rows = [row for row in found["measured"] if row["execution"] == "huey"]
    assert {(row["processors"], row["schedule"]) for row in rows} >= {(2, "queue")} and rows[0]["samples"]
    nothing_is_left(jobs)


def test_an_engine_that_is_not_there_is_not_compared(jobs: Path) -> None:
    (jobs.parent / "celery.py").write_text("raise ImportError('not there')\n", "utf-8")
    command = [sys.executable, str(FOLDER), "compare", "--engine", "celery", "--effort", "1"]
    with_ours = environment(jobs, PYTHONPATH=str(jobs.parent))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=with_ours)
    assert done.returncode == 2 and "pip install 'celery[redis]'" in done.stderr, done.stderr


PRIORITIES = """
import sys
from crew import Message
from executions import crew_for
from tasks import Batch, Settings, Task
crew = crew_for(sys.argv[1], Settings("process", 2, heavy=1, weight=100000))
crew.hire(0)
heard = []
urgent = [5, 10, 7, 4, 1, 8, 2]  # the first one is heavy: all others wait for it
for number, priority in enumerate(urgent):
    crew.give(0, Batch(number, [Task(number, "a", priority)]))
    heard.append(crew.next_message(0.0))  # each goes out by itself: what is first is for the broker to say
    while not number and not crew._session.kept.begun():  # the heavy one is being done
        heard.append(crew.next_message(0.01))
done = []
while len(done) < len(urgent):
    message = heard.pop() if heard else crew.next_message(1.0)
    if message:
        done.append((message.result.began, urgent[message.result.batch]))
crew.close()
print(*[priority for _, priority in sorted(done)])
"""


@real
@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "dramatiq"], indirect=True)
def test_the_most_urgent_of_those_that_wait_is_done_first(jobs: Path, engine: str) -> None:
    more = environment(jobs, PYTHONPATH=str(FOLDER))
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-c", PRIORITIES, engine],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env=more,
    )
    assert done.returncode == 0, done.stderr
    order = [int(word) for word in done.stdout.split()]
    assert sorted(order) == [1, 2, 4, 5, 7, 8, 10]
    step = {"celery": lambda p: (p - 1) // 3}.get(engine, lambda p: p)  # it has four steps
    waited = [step(priority) for priority in order[2:]]  # a worker may have taken two before the others were there
    assert waited == sorted(waited), order


@real
@pytest.mark.parametrize("engine", [name for name in ENGINES if name not in ("dask", "huey")], indirect=True)
@pytest.mark.parametrize("killed", [False, True])
def test_with_a_broker_of_others_no_key_is_left(jobs: Path, engine: str, killed: bool) -> None:
    with redis_server(jobs.parent / "redis.sock") as url:
        in_redis(url, "SET", "theirs", "1")
        words = ["--task-ms", "10", "--tasks", "200", "--journal", "run.db", "--broker", url]
        with started(jobs, engine, *words) as child:
            while killed and count_ended(jobs.parent / "run.db") < 10 and child.poll() is None:
                time.sleep(0.02)
            if killed:
                child.kill()
            out, errors = child.communicate(timeout=100)
        assert killed or json.loads(out)["job"]["done"] == 200, errors
        nothing_is_left(jobs)
        assert set(in_redis(url, "KEYS", "*").split()) - {"rq:clean_groups"} == {"theirs"}  # RQ's own, for a minute
        os.unlink(jobs.parent / "redis.sock")


@real
def test_a_broker_that_is_not_there_is_said(jobs: Path) -> None:
    needs_engine("rq")
    said, errors = ended(jobs, "rq", "--tasks", "10", "--effort", "1", "--broker", f"unix://{jobs}/none.sock")
    assert "rq: ConnectionError: Error 2 connecting to " in said["error"] and "Traceback" not in errors
    nothing_is_left(jobs)
