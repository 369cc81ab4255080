"""What limits more processors is said from what was measured, and if that does not show it, so it says."""

from __future__ import annotations

from typing import Any

import pytest
from todo_comparison import make_comparison, make_row, scaled_rows
from todo_program import modules

todo = pytest.fixture(scope="module")(modules)


def limit(todo: Any, rows: list[Any], *more: Any, **fields: Any) -> Any:
    return todo.limits.limit_of(rows, make_comparison(todo, [*rows, *more], **fields))


def test_busy_cpus_are_the_cores(todo: Any) -> None:
    found = limit(todo, scaled_rows(todo, "Processes", {1: 1.0, 2: 1.95, 4: 1.96}))
    assert found == ("cores", "the cores: 4 processors kept 1.96 of 2 CPUs busy")
    dear = scaled_rows(todo, "Processes", {1: 1.0, 2: 1.95, 4: 1.96}, work_cpu_seconds=1.5)
    assert "25 % of that with starting, copying and handing out" in limit(todo, dear).text


def test_what_takes_turns_has_the_gil_or_the_loop(todo: Any) -> None:
    rows = scaled_rows(todo, "Threads (GIL)", {1: 1.0, 2: 0.97, 4: 0.96})
    assert limit(todo, rows) == ("gil", "the GIL, which lets one compute at a time: 4 processors used 0.96 of 2 CPUs")
    loop = scaled_rows(todo, "asyncio", {1: 1.0, 2: 1.0}, execution="asyncio")
    assert limit(todo, loop).kind == "event loop"
    one_cpu = make_comparison(todo).machine._replace(cpus=1)
    assert limit(todo, rows, machine=one_cpu).kind == "cores"  # it could as well be that one
    assert limit(todo, scaled_rows(todo, "Free threads", {1: 1.0, 2: 1.9, 4: 1.95})).kind == "cores"


def test_tasks_that_cost_more_beside_each_other_contend_or_wait_for_memory(todo: Any) -> None:
    def grown(name: str, factor: float) -> list[Any]:
        return [
            make_row(
                todo,
                name,
                n,
                2.0,
                cpu_seconds=2.0 * (factor if n > 1 else 1),
                work_cpu_seconds=1.9 * (factor if n > 1 else 1),
            )
            for n in (1, 2)
        ]

    free, slow, well = grown("Free threads", 1.9), grown("Processes", 1.9), grown("Processes", 1.0)
    assert limit(todo, free, *well).kind == "contention" and "wait for objects" in limit(todo, free, *well).text
    assert limit(todo, free, *slow).kind == "memory"
    assert limit(todo, slow).kind == "memory"
    assert "which of them is not clear from this run" in limit(todo, free).text


def test_idle_processors_have_uneven_work_or_a_serial_part(todo: Any) -> None:
    few = {"cpu_seconds": 1.0, "work_cpu_seconds": 0.9}
    serial = [
        make_row(todo, processors=n, seconds=1.0, busy_seconds=1.0, busiest_seconds=1.0 / n, **few) for n in (1, 4)
    ]
    found = limit(todo, serial)
    assert (
        found.kind == "serial"
        and "nothing to do for 75 % of the time" in found.text
        and "100 % is done by one" in found.text
    )
    uneven = [row._replace(busiest_seconds=0.9) for row in serial]
    assert limit(todo, uneven).kind == "uneven" and "3.6 times its share" in limit(todo, uneven).text
    starting = [row._replace(startup_seconds=0.4) for row in serial]
    assert limit(todo, starting).kind == "start" and "40 % of the time" in limit(todo, starting).text


def test_few_batches_and_full_memory_are_told(todo: Any) -> None:
    rows = scaled_rows(todo, "Processes", {1: 1.0, 100: 1.0}, cpu_seconds=1.0)
    assert limit(todo, rows).text.startswith("the batches: there are 40 for 100 processors")
    full = [row._replace(peak_memory_mb=7000.0, processors=min(row.processors, 4)) for row in rows]
    assert limit(todo, full) == ("memory", "memory: 7000 of 8000 MB were taken")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"cpus_taken": 0.7}, "other programs took 0.7 of 2 CPUs"),
        ({"cpu_seconds": None, "busy_seconds": 8.0}, "the CPU time is not known"),
        (
            {"cpu_seconds": 0.9, "work_cpu_seconds": 0.9, "busy_seconds": 8.0},
            "its processors had a batch 100 % of the time",
        ),
    ],
)
def test_what_was_not_seen_is_not_guessed(todo: Any, fields: dict[str, Any], said: str) -> None:
    found = limit(todo, scaled_rows(todo, "Processes", {1: 1.0, 4: 1.0}, **fields))
    assert found.kind == "unclear" and found.text.startswith("not clear from this run: ") and said in found.text


def test_one_number_of_processors_shows_no_limit_and_a_growing_way_has_none(todo: Any) -> None:
    assert limit(todo, scaled_rows(todo, "Processes", {2: 1.9})).kind == "unclear"
    assert limit(todo, scaled_rows(todo, "Processes", {1: 1.0, 2: 1.9})).text.startswith("nothing up to 2 processors")
