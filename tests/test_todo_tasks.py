"""The tasks of the todo batch program, and what is done with them: plain data that depends on the task alone."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from todo_program import ANYTHING, KINDS, modules

todo = pytest.fixture(scope="module")(modules)


def test_made_tasks_are_always_the_same_and_few_have_something_wrong(todo: Any) -> None:
    made = list(todo.tasks.make_tasks(2000))
    assert made[:700] == list(todo.tasks.make_tasks(700))
    assert [task.number for task in made] == list(range(2000))
    result = todo.tasks.process_batch(todo.tasks.Settings(), todo.tasks.Batch(0, made))
    assert 20 <= sum(bool(outcome.value[0]) for outcome in result.outcomes) <= 100


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_an_outcome_for_every_task_that_depends_on_the_task_alone(todo: Any, kind: str) -> None:
    made = list(todo.tasks.make_tasks(60))
    settings = todo.tasks.Settings(kind, 2)
    whole = todo.tasks.process_batch(settings, todo.tasks.Batch(4, made, 3))
    assert (whole.batch, whole.attempt) == (4, 3)
    assert whole.began <= whole.ended
    assert [outcome.number for outcome in whole.outcomes] == list(range(60))
    single = [todo.tasks.process_batch(settings, todo.tasks.Batch(0, [task])).outcomes[0] for task in reversed(made)]
    assert single[::-1] == whole.outcomes
    assert pickle.loads(pickle.dumps(whole)) == whole
    assert json.loads(json.dumps(whole.outcomes[0].value)) is not None
    values = [outcome.value for outcome in whole.outcomes]
    assert todo.tasks.summary(kind, values) == todo.tasks.summary(kind, values[::-1])


def test_the_validator_says_what_is_wrong_and_what_a_title_is_like(todo: Any) -> None:
    task, validator = todo.tasks.Task, todo.tasks.TaskValidator(1)
    known = next(made.title for made in todo.tasks.make_tasks(99) if made.number == 7 * 4 + 3)
    assert validator.process(task(0, known)) == ((), 4, 100)
    wrong = task(0, " ", priority=11, due=5, created=6, estimate=0, tags=("two words",))
    assert validator.process(wrong)[0] == ("title", "priority", "due", "estimate", "tags")
    assert validator.process(task(0, "Pay\x1b[2J"))[0] == ("title",)


def test_the_processor_moves_a_task_on_until_it_is_done(todo: Any) -> None:
    process = todo.tasks.TaskProcessor(20).process
    assert process(todo.tasks.Task(0, "a", done=True)) == ("done", 10, 0)
    state, priority, changes = process(todo.tasks.Task(0, "a", due=todo.tasks.TODAY + 3))
    assert (state, priority) == ("done", 10)
    assert changes >= 2


def test_the_reporter_puts_a_task_in_its_group(todo: Any) -> None:
    report, task, today = todo.tasks.TaskReporter(1).process, todo.tasks.Task, todo.tasks.TODAY
    groups = [report(task(0, "abc", done=done, due=due))[0] for done, due in [(True, 5), (False, 5), (False, today)]]
    assert groups == ["done", "late", "open"]
    assert sum(report(task(0, "abc", tags=("x",)))[3]) == len("abc x")


@given(
    fields=st.fixed_dictionaries(
        {"title": ANYTHING},
        optional=dict.fromkeys(("priority", "done", "due", "created", "estimate", "tags"), ANYTHING),
    ),
    kind=st.sampled_from(KINDS),
)
def test_a_malformed_task_is_its_own_failure_and_nobody_elses(todo: Any, fields: dict[str, Any], kind: str) -> None:
    batch = todo.tasks.Batch(0, [todo.tasks.Task(0, "one"), todo.tasks.Task(1, **fields), todo.tasks.Task(2, "two")])
    assert isinstance(batch.priority, int)
    outcomes = todo.tasks.process_batch(todo.tasks.Settings(kind), batch).outcomes
    assert [outcome.number for outcome in outcomes] == [0, 1, 2]
    assert outcomes[0].status == outcomes[2].status == "done"
    if outcomes[1].status == "failed":
        assert outcomes[1].error and outcomes[1].error.isprintable() and len(outcomes[1].error) <= 300
        assert outcomes[1].value is None


def test_an_error_is_one_printable_line_whatever_it_is(todo: Any) -> None:
    class Silent(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise ValueError("no text")

    described = todo.tasks.described
    assert described(Silent()) == "Silent: (it has no text)"
    assert described(ValueError("two\nlines \x1b[31m \udc80")) == "ValueError: two lines ?[31m ?"
    assert len(described(ValueError("x" * 9999))) == 300


def test_troubles_befall_a_task_once_or_always(todo: Any) -> None:
    settings = todo.tasks.Settings(trouble={0: "raise", 1: "raise!"})
    made = list(todo.tasks.make_tasks(3))

    def statuses(attempt: int) -> list[str]:
        result = todo.tasks.process_batch(settings, todo.tasks.Batch(0, made, attempt))
        return [outcome.status for outcome in result.outcomes]

    assert statuses(1) == ["failed", "failed", "done"]
    assert statuses(2) == ["done", "failed", "done"]


def test_a_batch_that_is_told_to_stop_leaves_out_the_rest(todo: Any) -> None:
    answers = iter([False, False, True])
    batch = todo.tasks.Batch(0, list(todo.tasks.make_tasks(9)))
    result = todo.tasks.process_batch(todo.tasks.Settings(), batch, lambda: next(answers))
    assert [outcome.number for outcome in result.outcomes] == [0, 1]


@given(count=st.integers(0, 60), size=st.integers(1, 20))
def test_batches_have_all_tasks_in_order(todo: Any, count: int, size: int) -> None:
    found = list(todo.tasks.batches(todo.tasks.make_tasks(count), size))
    assert [task.number for batch in found for task in batch.tasks] == list(range(count))
    assert [batch.number for batch in found] == list(range(len(found)))
    assert all(len(batch.tasks) == size for batch in found[:-1])
