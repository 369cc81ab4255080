"""A crew of several kinds: every task gets through all of them once, in a pipeline or side by side, and gives the same."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_crew import Clock, Made
from todo_program import KINDS, SCHEDULES, call_program, make_run, modules
from todo_scripts import Script, started

ARRANGEMENTS = ("pipeline", "side-by-side")
todo = pytest.fixture(scope="module")(modules)
start = pytest.fixture(started)


@pytest.fixture(scope="module")
def clock(todo: Any) -> Iterator[Clock]:
    made = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(todo.coordinator, "time", made)
        yield made


# What is asked for ----------------------------------------------------------------------------------------------------


def test_a_crew_is_said_by_its_kinds(todo: Any) -> None:
    part = todo.mixed.Part
    assert todo.mixed.parts_of("report=2,validate=1:0.5") == (part("report", 2), part("validate", 1, 0.5))
    assert todo.mixed.parts_of(" process=10000 ") == (part("process", 10_000),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' has no kind that there is (validate, process, report): write KIND=N"),
        ("validate=1,cook=2", "'cook=2' has no kind"),
        ("validate", "does not say how many processors: write validate=N, N from 1 to 10,000"),
        ("validate=0", "does not say how many"),
        ("validate=10001", "does not say how many"),
        ("validate=²", "does not say how many"),
        ("validate=1:", "a number of milliseconds above 0, such as :0.5"),
        ("validate=1:nan", "a number of milliseconds above 0"),
        ("report=1,validate=1,report=1", "report is there twice: name a kind once"),
    ],
)
def test_a_crew_that_cannot_be_is_said(todo: Any, tmp_path: Path, text: str, said: str) -> None:
    done = call_program(todo, tmp_path, "run", "--crew", text)
    assert done.code == 2 and said in done.err.splitlines()[-1]


@pytest.mark.parametrize("more", [("--kind", "report"), ("--processors", "2")])
def test_what_a_crew_says_is_not_said_twice(todo: Any, tmp_path: Path, more: tuple[str, str]) -> None:
    done = call_program(todo, tmp_path, "run", "--crew", "report=1", *more)
    assert done.code == 2 and "leave --kind and --processors out" in done.err


# The way through ------------------------------------------------------------------------------------------------------


def expected(todo: Any, count: int, kinds: tuple[str, ...], trouble: dict[int, str]) -> list[Any]:
    """What a plain loop over the kinds gives."""
    found = []
    for task in todo.tasks.make_tasks(count):
        values = tuple(todo.tasks.KINDS[kind](1).process(task) for kind in kinds)
        found.append(todo.tasks.Outcome(task.number, "done", values))
        if trouble.get(task.number, "").endswith("!"):
            error = {"raise!": "Trouble: told to raise", "kill!": "it was killed", "hang!": "no answer within 1 s"}
            found[-1] = todo.tasks.Outcome(task.number, "failed", None, f"{kinds[0]}: {error[trouble[task.number]]}")
    return found


@given(
    count=st.integers(0, 30),
    size=st.integers(1, 8),
    kinds=st.permutations([*KINDS]).flatmap(lambda kinds: st.integers(1, 3).map(lambda n: tuple(kinds[:n]))),
    each=st.lists(st.integers(1, 3), min_size=3, max_size=3),
    arrangement=st.sampled_from(ARRANGEMENTS),
    schedule=st.sampled_from(SCHEDULES),
    known=st.booleans(),
    trouble=st.dictionaries(
        st.integers(0, 29), st.sampled_from(("raise", "raise!", "kill", "kill!", "hang", "hang!")), max_size=5
    ),
    seed=st.integers(0, 1000),
)
def test_every_task_gets_through_all_kinds_once(
    todo: Any, clock: Clock, count: int, size: int, kinds: tuple[str, ...], each: list[int], arrangement: str,
    schedule: str, known: bool, trouble: dict[int, str], seed: int,
) -> None:  # fmt: skip
    crew, outcomes = Made(todo, clock, seed, trouble), []
    parts = tuple(zip(kinds, each, strict=False))
    options = todo.coordinator.Options(sum(n for _, n in parts), schedule, 1.0, 2, kinds=parts, arrangement=arrangement)
    coordinator = todo.coordinator.Coordinator(crew, options, outcomes.extend)
    source = todo.tasks.batches(todo.tasks.make_tasks(count), size)
    report = coordinator.run(source, -(-count // size) if known else None)
    assert sorted(outcomes) == expected(todo, count, kinds, trouble)
    assert report.done + report.failed == count and report.not_processed == []
    assert not coordinator._origins and not any(vars(coordinator._flow).get(name) for name in ("_values", "_found"))
    assert {share.kind for share in report.shares.values()} <= {*kinds}
    waits = todo.waits.waits_of(make_run(todo, report=report, seconds=report.seconds))
    for times in waits.kinds:
        assert times.worked + sum(times.idle.values()) >= times.processors * report.seconds * 0.999


@given(
    count=st.integers(1, 60),
    arrangement=st.sampled_from(ARRANGEMENTS),
    stop_after=st.integers(0, 25),
    seed=st.integers(0, 1000),
)
def test_a_task_that_is_half_way_when_it_is_stopped_is_not_processed(
    todo: Any, clock: Clock, count: int, arrangement: str, stop_after: int, seed: int
) -> None:
    crew, outcomes, steps = Made(todo, clock, seed, {}, mishaps=0.1), [], iter(range(10**6))
    parts = (("validate", 1), ("report", 2))
    options = todo.coordinator.Options(3, "queue", 1.0, 9, kinds=parts, arrangement=arrangement)
    coordinator = todo.coordinator.Coordinator(crew, options, outcomes.extend)
    crew.before = lambda: coordinator.stop() if next(steps) == stop_after else None
    report = coordinator.run(todo.tasks.batches(todo.tasks.make_tasks(count), 4), None)
    ended = [outcome.number for outcome in outcomes]
    assert len({*ended, *report.not_processed}) == len(ended) + len(report.not_processed)
    assert report.stopped or len(ended) == count


def test_what_cannot_be_read_fails_once_and_without_a_kind(todo: Any, clock: Clock) -> None:
    for arrangement in ARRANGEMENTS:
        outcomes: list[Any] = []
        options = todo.coordinator.Options(2, kinds=(("validate", 1), ("report", 1)), arrangement=arrangement)
        coordinator = todo.coordinator.Coordinator(Made(todo, clock, 1, {}), options, outcomes.extend)
        tasks = [todo.tasks.Task(0, "a"), todo.tasks.Malformed(1, "", fault="line 3: no"), todo.tasks.Task(2, "b")]
        report = coordinator.run([todo.tasks.Batch(0, tasks)])
        assert [(o.number, o.status) for o in sorted(outcomes)] == [(0, "done"), (1, "failed"), (2, "done")]
        assert sorted(outcomes)[1].error == "line 3: no" and report.retried == 0


def test_a_crew_of_several_kinds_keeps_its_size(todo: Any, clock: Clock) -> None:
    options = todo.coordinator.Options(2, kinds=(("validate", 1), ("report", 1)))
    coordinator = todo.coordinator.Coordinator(Made(todo, clock, 1, {}), options, list)
    with pytest.raises(ValueError, match="a crew of several kinds has 2 processors, and not 3"):
        coordinator.resize(3)
    with pytest.raises(ValueError, match="and not 3"):
        todo.scheduling.ByKind(todo.scheduling.SharedQueue, options.kinds, None).resize(3)


@pytest.mark.parametrize("tag", ["", *(pytest.param(tag, marks=pytest.mark.slow) for tag in ("3.14", "3.13t"))])
def test_all_executions_give_the_same_for_a_crew(
    tag: str, needs: Callable[[str], str], start: Callable[..., Script]
) -> None:
    script = start(needs(tag) if tag else sys.executable, """
        kinds, expected = (("process", 1), ("validate", 2), ("report", 1)), None
        for execution in HERE:
            for arrangement in ("pipeline", "side-by-side"):
                settings = Settings(trouble={3: "raise!", 70: "raise"}, efforts={"process": 1, "validate": 2, "report": 3})
                run = Run(execution, settings, processors=4, kinds=kinds, arrangement=arrangement)(150, 10)
                expected = expected or run.outcomes
                assert run.outcomes == expected, (execution, arrangement)
                assert run.failed == {3: "process: Trouble: told to raise"}, run.failed
                assert run.report.done == 149
        print("well")
    """)  # fmt: skip
    assert script.ended() == "well\n"
