"""The coordinator with a made-up crew and a clock that passes when nobody speaks: every task ends once, as it should."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_crew import Clock, Made, NoRoom
from todo_program import SCHEDULES, modules

todo = pytest.fixture(scope="module")(modules)


class Run:
    """One run of a coordinator, and what it recorded."""

    def __init__(self, todo: Any, crew: Any, **options: Any) -> None:
        self.outcomes: list[Any] = []
        self.crew = crew
        self.coordinator = todo.coordinator.Coordinator(crew, todo.coordinator.Options(**options), self.record)

    def record(self, outcomes: list[Any]) -> None:
        assert outcomes
        self.outcomes += outcomes

    def __call__(self, source: Any, batches: int | None = None) -> Any:
        report = self.coordinator.run(source, batches)
        assert self.crew.closed
        assert report.done == sum(outcome.status == "done" for outcome in self.outcomes)
        assert report.done + report.failed == len(self.outcomes)
        assert len({outcome.number for outcome in self.outcomes} | {*report.not_processed}) == len(self.outcomes) + len(
            report.not_processed
        ), "a task ended twice"
        return report

    @property
    def statuses(self) -> dict[int, str]:
        return {outcome.number: outcome.status for outcome in self.outcomes}


@pytest.fixture(scope="module")
def clock(todo: Any) -> Iterator[Clock]:
    made = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(todo.coordinator, "time", made)
        yield made


def source(todo: Any, count: int, size: int) -> Iterator[Any]:
    return todo.tasks.batches(todo.tasks.make_tasks(count), size)  # type: ignore[no-any-return]


troubles = st.dictionaries(
    st.integers(0, 39), st.sampled_from(("raise", "raise!", "kill", "kill!", "hang", "hang!")), max_size=8
)


@given(
    count=st.integers(0, 40),
    size=st.integers(1, 10),
    processors=st.integers(1, 5),
    schedule=st.sampled_from(SCHEDULES),
    known=st.booleans(),
    attempts=st.integers(1, 3),
    trouble=troubles,
    sizes=st.lists(st.integers(1, 6), max_size=6),
    seed=st.integers(0, 1000),
)
def test_every_task_ends_once_and_as_it_should(
    todo: Any, clock: Clock, count: int, size: int, processors: int, schedule: str, known: bool, attempts: int,
    trouble: dict[int, str], sizes: list[int], seed: int,
) -> None:  # fmt: skip
    crew = Made(todo, clock, seed, trouble)
    run = Run(todo, crew, processors=processors, schedule=schedule, timeout_seconds=1.0, attempts=attempts)
    resizes = iter(sizes)
    crew.before = lambda: run.coordinator.resize(next(resizes, processors))
    report = run(source(todo, count, size), -(-count // size) if known else None)
    assert sorted(run.statuses) == list(range(count))
    assert report.not_processed == []
    assert crew.most <= 2
    for number, status in run.statuses.items():
        befell = trouble.get(number, "")
        if befell.endswith("!"):
            assert status == "failed"
        elif not befell or attempts > 1:
            assert status == "done"
    assert sum(share.tasks for share in report.shares.values()) >= report.done


@given(
    count=st.integers(0, 60),
    schedule=st.sampled_from(SCHEDULES),
    known=st.booleans(),
    trouble=troubles,
    sizes=st.lists(st.integers(1, 6), max_size=30),
    stop_after=st.none() | st.integers(0, 25),
    seed=st.integers(0, 1000),
)
def test_tasks_are_neither_lost_nor_done_twice_whatever_befalls_the_processors(
    todo: Any, clock: Clock, count: int, schedule: str, known: bool, trouble: dict[int, str], sizes: list[int],
    stop_after: int | None, seed: int,
) -> None:  # fmt: skip
    crew = Made(todo, clock, seed, trouble, mishaps=0.2)
    run = Run(todo, crew, processors=3, schedule=schedule, timeout_seconds=1.0)
    steps, resizes = itertools.count(), iter(sizes)

    def before() -> None:
        run.coordinator.resize(next(resizes, 2))
        if next(steps) == stop_after:
            run.coordinator.stop()

    crew.before = before
    report = run(source(todo, count, 4), -(-count // 4) if known else None)
    ended = {*run.statuses, *report.not_processed}
    assert report.stopped or not report.not_processed
    assert ended == set(range(len(ended) if report.stopped else count)), "what was read is the first part"


def test_who_does_it_is_found_and_the_others_are_done(todo: Any, clock: Clock) -> None:
    run = Run(todo, Made(todo, clock, 0, {5: "kill!"}), processors=2)
    report = run(source(todo, 20, 10))
    assert [number for number, status in run.statuses.items() if status == "failed"] == [5]
    assert next(outcome.error for outcome in run.outcomes if outcome.number == 5) == "it was killed"
    assert report.retried == 10
    assert sum(share.lost for share in report.shares.values()) == 2


def test_a_batch_that_hangs_is_overdue_after_its_time_and_says_so(todo: Any, clock: Clock) -> None:
    run = Run(todo, Made(todo, clock, 0, {0: "hang!"}), processors=1, timeout_seconds=2.5, attempts=3)
    began = clock.now
    run(source(todo, 3, 1))
    assert run.statuses == {0: "failed", 1: "done", 2: "done"}
    assert next(outcome.error for outcome in run.outcomes if outcome.number == 0) == "no answer within 2.5 s"
    assert 7.5 <= clock.now - began < 8


def test_who_waits_for_anothers_turn_is_not_overdue(todo: Any, clock: Clock) -> None:
    crew = Made(todo, clock, 0, {0: "hang!"})
    run = Run(todo, crew, processors=4, timeout_seconds=1.0, attempts=1, schedule="static")

    def before() -> None:
        """As on an event loop: while processor 0 has its turn, nobody answers."""
        held = crew.given.get(0)
        crew.hung = set(crew.given) if held and held[0].tasks[0].number == 0 else set()
        crew.turn = (0, turn_since) if crew.hung else None  # type: ignore[assignment]

    turn_since = clock.now
    crew.before = before
    report = run(source(todo, 8, 1))
    assert run.statuses == {number: "done" if number else "failed" for number in range(8)}
    assert [report.shares[processor].lost for processor in range(4)] == [1, 0, 0, 0]


def test_nothing_more_is_given_out_after_stop(todo: Any, clock: Clock) -> None:
    crew = Made(todo, clock, 0, {})
    run = Run(todo, crew, processors=2, schedule="stealing")
    crew.before = run.coordinator.stop
    report = run(source(todo, 40, 2), 20)
    assert report.stopped
    assert len(run.outcomes) == 8  # two batches each were given
    assert report.not_processed == sorted({*range(40)} - {*run.statuses})
    assert report.stolen == 0


def test_what_was_not_read_is_known_to_be_unknown_and_nothing_else_is(todo: Any, clock: Clock) -> None:
    whole = Run(todo, Made(todo, clock, 0, {}))
    assert whole(source(todo, 40, 2)).unread == 0
    crew = Made(todo, clock, 0, {})
    run = Run(todo, crew, processors=2)
    crew.before = run.coordinator.stop
    report = run(source(todo, 400, 2))
    assert report.unread is None and len(run.outcomes) + len(report.not_processed) < 400


def test_who_is_told_to_stop_at_once_gives_up_what_is_being_done(todo: Any, clock: Clock) -> None:
    crew = Made(todo, clock, 0, {0: "hang!"})
    run = Run(todo, crew, processors=1)
    halted: list[bool] = []
    crew.halt = lambda: halted.append(True)  # type: ignore[attr-defined]
    steps = itertools.count()
    crew.before = lambda: run.coordinator.stop(at_once=next(steps) > 2)
    report = run(source(todo, 8, 2), 4)
    assert halted and report.done == 0 and report.not_processed == list(range(8))


def test_a_source_that_has_nothing_yet_is_asked_again(todo: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "sleep", lambda seconds: None, raising=False)
    batches = list(source(todo, 12, 2))
    slow = itertools.chain.from_iterable((None, None, batch) for batch in batches)
    run = Run(todo, Made(todo, clock, 0, {}), processors=2)
    assert run(slow).done == 12


def test_processors_that_cannot_be_started_end_the_run_with_what_to_do(todo: Any, clock: Clock) -> None:
    crew = NoRoom(todo, clock, 0, {})
    crew.allowed = 3
    run = Run(todo, crew, processors=5)
    with pytest.raises(todo.tasks.CannotGoOn, match=r"processor 4 of 5 .*can't start new thread.*--processors"):
        run(source(todo, 4000, 2))
    report = run.coordinator.report
    assert crew.closed and {*run.statuses, *report.not_processed} == set(
        range(len(run.statuses) + len(report.not_processed))
    )


def test_one_that_cannot_be_replaced_is_done_without(todo: Any, clock: Clock) -> None:
    crew = NoRoom(todo, clock, 0, {30: "kill!"})
    crew.allowed = 2
    run = Run(todo, crew, processors=2, attempts=1)
    report = run(source(todo, 40, 1))
    assert sorted(run.statuses) == list(range(40)) and not report.not_processed
    assert [number for number, status in run.statuses.items() if status == "failed"] == [30]


def test_who_ended_before_it_began_did_nothing_to_a_task(todo: Any, clock: Clock) -> None:
    crew = Made(todo, clock, 0, {})
    ends = iter([True, True])
    usual = crew.next_message

    def next_message(timeout: float | None) -> Any:
        if next(ends, False):
            crew.discharge(0)
            return todo.crew.Message(0, None, "no memory", began=False)
        return usual(timeout)

    crew.next_message = next_message  # type: ignore[method-assign]
    run = Run(todo, crew, processors=1, attempts=1)
    report = run(source(todo, 6, 2))
    assert report.done == 6 and report.retried == 0


def test_a_todo_that_could_not_be_read_is_not_tried_again(todo: Any, clock: Clock) -> None:
    bad = todo.tasks.Malformed(1, "", fault="line 2: no")
    run = Run(todo, Made(todo, clock, 0, {}), attempts=3)
    report = run([todo.tasks.Batch(0, [todo.tasks.Task(0, "a"), bad])], 1)
    assert (report.done, report.failed, report.retried) == (1, 1, 0)
    assert run.outcomes[1] == todo.tasks.Outcome(1, "failed", None, "line 2: no")


def test_the_source_is_read_as_it_is_needed(todo: Any, clock: Clock) -> None:
    made, read_ahead = 0, 0

    def counted() -> Iterator[Any]:
        nonlocal made
        for batch in source(todo, 3000, 3):
            made += 1
            yield batch

    crew = Made(todo, clock, 0, {})
    run = Run(todo, crew, processors=4)

    def before() -> None:
        nonlocal read_ahead
        read_ahead = max(read_ahead, made - len(run.outcomes) // 3)

    crew.before = before
    run(counted())
    assert len(run.outcomes) == 3000
    assert read_ahead <= 6 * 4 + 1


def test_who_is_not_wanted_any_more_ends_what_it_has(todo: Any, clock: Clock) -> None:
    crew = Made(todo, clock, 0, {})
    run = Run(todo, crew, processors=4, schedule="static")
    seen: list[int] = []

    def before() -> None:
        seen.append(len(crew.given))
        run.coordinator.resize(1 if len(run.outcomes) < 40 else 3)

    crew.before = before
    run(source(todo, 100, 1), 100)
    assert seen[0] == 4
    assert min(seen) == 1
    assert seen[-1] == 3
    assert crew.hired == 6


def test_a_record_that_fails_ends_the_run_and_its_tasks_did_not_end(todo: Any, clock: Clock) -> None:
    crew = Made(todo, clock, 0, {})
    recorded: list[Any] = []

    def record(outcomes: list[Any]) -> None:
        if len(recorded) >= 5:
            raise OSError("disk full")
        recorded.extend(outcomes)

    coordinator = todo.coordinator.Coordinator(crew, todo.coordinator.Options(), record)
    with pytest.raises(OSError, match="disk full"):
        coordinator.run(source(todo, 10, 1), 10)
    assert crew.closed
    assert coordinator.report.done == 5
    assert sorted({outcome.number for outcome in recorded} | {*coordinator.report.not_processed}) == list(range(10))


def test_a_source_that_fails_ends_the_run(todo: Any, clock: Clock) -> None:
    def failing() -> Iterator[Any]:
        yield from source(todo, 40, 1)
        raise ValueError("line 41")

    crew = Made(todo, clock, 0, {})
    run = Run(todo, crew)
    with pytest.raises(ValueError, match="line 41"):
        run(failing())
    assert crew.closed
    assert sorted({*run.statuses, *run.coordinator.report.not_processed}) == list(range(40))


@pytest.mark.parametrize("processors", [0, -1])
def test_nobody_can_do_nothing(todo: Any, clock: Clock, processors: int) -> None:
    with pytest.raises(ValueError, match="processors cannot do anything"):
        Run(todo, Made(todo, clock, 0, {}), processors=processors)
    run = Run(todo, Made(todo, clock, 0, {}))
    with pytest.raises(ValueError, match="processors cannot do anything"):
        run.coordinator.resize(processors)


def test_the_report_says_who_did_what(todo: Any, clock: Clock) -> None:
    run = Run(todo, Made(todo, clock, 0, {3: "raise"}), processors=2)
    report = run(source(todo, 20, 5), 4)
    assert (report.done, report.failed, report.retried) == (20, 0, 1)
    assert sum(share.batches for share in report.shares.values()) == len(report.spans) == 5
    assert sum(span.tasks for span in report.spans) == sum(share.tasks for share in report.shares.values()) == 21
