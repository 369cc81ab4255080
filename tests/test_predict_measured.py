"""What a measured function adds to a prediction: its share of the GIL, pickling, imports, and its time on free threads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from round_costs import PLAIN, SHEET, TRAITS, WAITS, WORK, batch, latency, seconds

from selector.cost.batch import batch_parts
from selector.cost.predict import estimate, spread_of
from selector.cost.shape import shape_of
from selector.cost.terms import Quantities, computing_in_turns, most_gained

SHARES = st.floats(0, 1)
CORES = st.integers(1, 64)

# The share of the GIL -------------------------------------------------------------------------------------------------


def test_all_of_the_time_under_the_gil_is_one_at_a_time_and_none_of_it_is_all_at_once() -> None:
    assert computing_in_turns(1.0, 8) == 1
    assert computing_in_turns(0.3, 10**12) == pytest.approx(1 / 0.3)
    assert computing_in_turns(0.0, 8) == 8
    assert seconds("threads", gil_share=1.0) == pytest.approx((1000 + 4 + 10) / 1000)
    assert seconds("threads", gil_share=0.0) == pytest.approx((1.3 * 250 + 4 + 10) / 1000)


@given(SHARES, SHARES, CORES)
def test_threads_gain_less_the_more_they_hold_the_gil_and_at_most_one_over_the_share(
    one: float, other: float, workers: int
) -> None:
    less, more = sorted((one, other))
    assert computing_in_turns(more, workers) <= computing_in_turns(less, workers) * (1 + 1e-9)
    assert 1 - 1e-9 <= computing_in_turns(more, workers) <= min(workers, 1 / max(more, 1e-9)) * (1 + 1e-9)
    assert computing_in_turns(more, workers) <= computing_in_turns(more, workers + 1) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("share", "measured"), [(0.03, 1.97), (0.09, 1.99), (0.77, 1.25), (0.85, 1.06), (0.97, 0.92), (1.0, 0.98)]
)
def test_two_threads_gain_what_real_functions_gained(share: float, measured: float) -> None:
    # thumbs, sqlquery, frames, sums, logscan, smallnumpy: x of plain code on 2 CPUs, under 3.14
    assert computing_in_turns(share, 2) == pytest.approx(measured, rel=0.13)


@pytest.mark.parametrize("approach", ["threads", "asyncio_threads", "native_parallel"])
@given(share=SHARES, waits=st.booleans())
def test_a_share_lies_between_all_and_nothing(approach: str, share: float, waits: bool) -> None:
    work = WORK._replace(wait_ms=20.0, in_flight=30) if waits else WORK
    native, partly, python = (seconds(approach, 4, work, gil_share=s) for s in (0.0, share, 1.0))
    near = 0.02 if waits else 1e-9  # what meets others between waits loses a little to them, and Python code does not
    assert native * (1 - near) <= partly <= python * (1 + near)


def test_the_rest_of_the_tasks_takes_turns_among_themselves() -> None:
    # five tasks for two threads: two pairs, and one that meets nobody
    together = computing_in_turns(0.5, 2)
    expected = (2 * 2 / together + 1) * 10 * (1 + 0.2 * (2 - 2 / together))
    parts = batch_parts(TRAITS["threads"], 2, WORK._replace(tasks=5, gil_share=0.5))
    assert parts is not None
    assert parts.computing == pytest.approx(expected)


def test_what_has_a_gil_each_does_not_mind_the_share() -> None:
    for approach in ("single_threaded", "asyncio", "multiprocessing", "subinterpreters", "asyncio_processes"):
        assert seconds(approach, gil_share=0.4) == seconds(approach, gil_share=1.0), approach


def test_a_speedup_is_bound_by_the_share() -> None:
    assert most_gained(TRAITS["threads"], 4, WORK._replace(gil_share=0.4)) == pytest.approx(2.5)
    assert most_gained(TRAITS["threads"], 2, WORK._replace(gil_share=0.4)) == 2
    assert most_gained(TRAITS["multiprocessing"], 4, WORK._replace(gil_share=0.4)) == 4


def test_a_thread_that_holds_the_gil_holds_up_those_beside_it_for_as_long_as_it_does() -> None:
    plain = latency("threads", 4, WORK) or 0.0
    assert plain == pytest.approx(10 + 0.1 + 4 * 5)  # each of the four for one switch interval
    assert latency("threads", 4, WORK._replace(gil_hold_ms=8.0)) == pytest.approx(10 + 0.1 + 4 * 8)
    assert latency("threads", 4, WORK._replace(gil_hold_ms=0.5)) == pytest.approx(10 + 0.1 + 4 * 0.5)
    assert latency("threads", 4, WORK._replace(gil_hold_ms=500.0)) == pytest.approx(10 + 0.1 + 4 * 10)  # its own time
    # a tenth of 10 ms, which each other one needs a tenth of the time
    assert latency("threads", 4, WORK._replace(gil_share=0.1)) == pytest.approx(10 + 0.1 + 1 * (1 + 3 * 0.1))
    assert latency("multiprocessing", 4, WORK._replace(gil_hold_ms=500.0)) == latency("multiprocessing", 4, WORK)


@given(SHARES)
def test_a_service_in_threads_serves_between_what_python_and_native_code_let_it(share: float) -> None:
    service = WORK._replace(serves=True, tasks=None, in_flight=40)
    native, partly, python = (
        estimate(TRAITS["threads"], 4, service._replace(gil_share=s)).throughput or 0.0 for s in (0.0, share, 1.0)
    )
    assert python * (1 - 1e-3) <= partly <= native * (1 + 1e-3)


# Free threads ---------------------------------------------------------------------------------------------------------


def test_on_a_free_threaded_build_only_its_python_part_is_slower_and_contends_as_python() -> None:
    by_hand = (0.5 * 1.1 + 0.5) * (0.5 * 1.6 + 0.5 * 1.3) * 250
    assert seconds("free_threaded", gil_share=0.5, shared_state="read_only") == pytest.approx((by_hand + 14) / 1000)


def test_a_measured_ratio_takes_the_place_of_the_slowdown() -> None:
    assert seconds("free_threaded", free_threaded_ratio=1.94) == pytest.approx((1.94 * 1.3 * 250 + 14) / 1000)
    assert seconds("free_threaded", free_threaded_ratio=0.9) == pytest.approx((0.9 * 1.3 * 250 + 14) / 1000)
    assert seconds("free_threaded", free_threaded_ratio=1.5, gil_share=0.0) == pytest.approx(
        (1.5 * 1.3 * 250 + 14) / 1000
    )
    for approach in ("single_threaded", "threads", "multiprocessing"):
        assert seconds(approach, free_threaded_ratio=1.94) == seconds(approach)
    assert seconds("single_threaded", free_threaded_ratio=1.94, gil_build=False) == pytest.approx(1.94)


def test_what_was_measured_of_the_task_leaves_nothing_open_of_the_slowdown() -> None:
    ratio = WORK._replace(free_threaded_ratio=1.1, cores=1)
    told, open_ = batch("free_threaded", ratio), batch("free_threaded", WORK._replace(cores=1))
    spreads = [spread_of(1, b, SHEET, slow=True) / (sum(b.parts(1)) / 1000) for b in (told, open_)]
    assert spreads[0] < spreads[1]


def test_reading_the_same_objects_all_the_time_is_slower_than_one_thread() -> None:
    two = seconds("free_threaded", 2, shared_state="hot_reads")
    assert two == pytest.approx((1.1 * 2.5 * 500 + 2 + 10) / 1000)  # each waits for the other one
    assert two > seconds("single_threaded")
    for approach in ("threads", "multiprocessing", "subinterpreters"):
        assert seconds(approach, shared_state="hot_reads") == seconds(approach), approach
    assert batch("free_threaded", WORK._replace(shared_state="hot_reads")).best_size(4)[0] == 1


# Pickling and imports -------------------------------------------------------------------------------------------------


def test_the_time_of_pickling_takes_the_place_of_what_follows_from_the_size() -> None:
    small = WORK._replace(payload_kb=24.0)
    for approach in ("multiprocessing", "asyncio_processes", "subinterpreters"):
        more = seconds(approach, 4, small, pickle_ms=24.0) - seconds(approach)
        assert more == pytest.approx(2.4), approach  # 100 tasks x 24 ms, both ways together
    for approach in ("single_threaded", "threads", "free_threaded", "asyncio"):
        assert seconds(approach, 4, small, pickle_ms=24.0) == seconds(approach), approach


def test_what_pickles_at_once_still_goes_through_a_pipe() -> None:
    large = WORK._replace(payload_kb=10_240.0)  # 10 MB each way at 100 MB/s: 200 ms
    assert seconds("multiprocessing", 4, large, pickle_ms=2.0) == seconds("multiprocessing", 4, large)


def test_new_processes_and_subinterpreters_import_again_and_nobody_else_does() -> None:
    # of eight workers on four cores four import at a time
    for method in ("spawn", "forkserver"):
        spawned = WORK._replace(start_method=method)
        assert seconds("multiprocessing", 8, spawned, import_ms=500.0) - seconds("multiprocessing", 8, spawned) == (
            pytest.approx(1.0)
        )
    assert seconds("subinterpreters", 4, import_ms=500.0) - seconds("subinterpreters", 4) == pytest.approx(0.5)
    for approach in ("single_threaded", "native_parallel", "asyncio", "threads", "asyncio_threads", "free_threaded"):
        assert seconds(approach, import_ms=500.0) == seconds(approach), approach


def test_a_forked_process_has_what_its_parent_imported() -> None:
    assert WORK.start_method == "fork"
    assert seconds("multiprocessing", import_ms=500.0) == seconds("multiprocessing")


def test_processes_beside_a_loop_that_are_given_nothing_import_nothing() -> None:
    waits = WAITS._replace(start_method="spawn")
    assert seconds("asyncio_processes", 4, waits, import_ms=500.0) == seconds("asyncio_processes", 4, waits)


def test_imports_can_make_workers_slower_than_plain_code() -> None:
    work = WORK._replace(start_method="spawn", tasks=80)
    assert seconds("multiprocessing", 4, work) < seconds("single_threaded", 1, work)
    assert seconds("multiprocessing", 4, work, import_ms=1400.0) > seconds("single_threaded", 1, work)


# One shape for all that differ in amounts only ------------------------------------------------------------------------


def test_amounts_that_were_measured_make_no_shape_of_their_own() -> None:
    def measured(factor: float) -> Quantities:
        return WORK._replace(
            gil_share=0.1 * factor, pickle_ms=factor, import_ms=factor, gil_hold_ms=factor, free_threaded_ratio=factor
        )

    assert shape_of(measured(2.0)) is shape_of(measured(7.0))
    assert shape_of(measured(2.0)) is not shape_of(WORK)
    assert PLAIN["free_threaded_slowdown"] != 1  # else the ratio would not be seen
