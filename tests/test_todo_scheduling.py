"""Who gets which batch, and how threads hand in what they have: nothing is lost, nothing comes twice."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from todo_program import SCHEDULES, modules

todo = pytest.fixture(scope="module")(modules)


def batch_of(todo: Any, number: int, priority: int = 5, attempt: int = 1) -> Any:
    return todo.tasks.Batch(number, [todo.tasks.Task(number, "a", priority)], attempt)


@given(name=st.sampled_from(SCHEDULES), known=st.booleans(), data=st.data())
def test_a_schedule_gives_back_everything_once(todo: Any, name: str, known: bool, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 20))
    processors = data.draw(st.integers(1, 5))
    schedule = todo.scheduling.SCHEDULES[name](processors, count if known else None)
    added, given_back = 0, Counter[int]()
    for _ in range(data.draw(st.integers(0, 50))):
        step = data.draw(st.sampled_from(("add", "next", "next", "resize", "again")))
        if step == "add" and added < count:
            schedule.add(batch_of(todo, added, data.draw(st.integers(1, 10))))
            added += 1
        elif step == "next" and (batch := schedule.next(data.draw(st.integers(0, processors - 1)))) is not None:
            given_back[batch.number] += 1
        elif step == "again" and given_back:  # it was lost, and comes again
            number = data.draw(st.sampled_from(sorted(given_back)))
            given_back[number] -= 1
            given_back += Counter()
            schedule.add(batch_of(todo, number, attempt=2))
        elif step == "resize":
            processors = data.draw(st.integers(1, 5))
            schedule.resize(processors)
        assert schedule.waiting == added - given_back.total()
    for processor in range(processors):
        while (batch := schedule.next(processor)) is not None:
            given_back[batch.number] += 1
    assert given_back == Counter(range(added))
    assert schedule.waiting == 0


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_most_urgent_comes_first_and_a_malformed_priority_last(todo: Any, name: str) -> None:
    schedule = todo.scheduling.SCHEDULES[name](1, 6)
    for number, priority in enumerate([7, 3, "high", 3, True, 1]):
        schedule.add(batch_of(todo, number, priority))  # type: ignore[arg-type]
    order = [schedule.next(0).number for _ in range(6)]
    assert order == [5, 1, 3, 0, 2, 4]


def test_static_parts_are_blocks_or_dealt_and_nobody_helps(todo: Any) -> None:
    blocks, dealt = todo.scheduling.StaticSplit(2, 5), todo.scheduling.StaticSplit(2)
    assert [blocks.owner(batch_of(todo, number)) for number in range(6)] == [0, 0, 0, 1, 1, 1]
    assert [dealt.owner(batch_of(todo, number)) for number in range(4)] == [0, 1, 0, 1]
    dealt.add(batch_of(todo, 1))
    assert dealt.next(0) is None
    assert dealt.waiting == 1


def test_a_thief_takes_from_the_longest_part_and_is_counted(todo: Any) -> None:
    schedule = todo.scheduling.WorkStealing(3)
    for number in (0, 1, 4, 7):  # 1, 4 and 7 are of processor 1
        schedule.add(batch_of(todo, number))
    assert schedule.next(2).number == 1
    assert schedule.next(0).number == 0
    assert schedule.stolen == 1
    assert [schedule.next(1).number for _ in range(2)] == [4, 7]
    assert schedule.next(1) is None
    assert schedule.stolen == 1


# Collectors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lock", "queue", "merge"])
def test_a_collector_gives_every_message_once_and_those_of_a_processor_in_order(todo: Any, name: str) -> None:
    results = todo.collecting.COLLECTORS[name]()
    assert results.next(0.0) is None
    assert results.next(0.001) is None

    def add(processor: int) -> None:
        for number in range(500):
            results.add(processor, (processor, number))

    threads = [threading.Thread(target=add, args=(processor,)) for processor in range(4)]
    for thread in threads:
        thread.start()
    found = [results.next(30) for _ in range(2000)]
    for thread in threads:
        thread.join()
    assert results.next(0.0) is None
    for processor in range(4):
        assert [number for one, number in found if one == processor] == list(range(500))


@pytest.mark.parametrize("name", ["lock", "queue", "merge"])
def test_a_collector_without_a_timeout_waits_for_the_next_message(todo: Any, name: str) -> None:
    results = todo.collecting.COLLECTORS[name]()
    timer = threading.Timer(0.02, results.add, (1, "late"))
    timer.start()
    assert results.next(None) == "late"
    timer.join()
