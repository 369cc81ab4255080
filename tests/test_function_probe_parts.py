"""The pure parts of the probe that measures a function: plans, summaries, comparisons, what values are."""

from __future__ import annotations

import collections
import functools
import io
import itertools
import os
import threading
import time
import types
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from function_probe import modules


@pytest.fixture(scope="module")
def probe() -> Iterator[SimpleNamespace]:
    with modules() as found:
        yield found


# Calls alone ----------------------------------------------------------------------------------------------------------


def test_short_calls_go_in_batches_and_long_ones_alone(probe):
    plan = probe.solo.plan
    assert [unit.calls for unit in plan(range(10), 0.01, 1.0, 1e-6)] == [1] * 10
    assert [unit.calls for unit in plan(range(1000), 1e-5, 10.0, 1e-6)] == [200] * 5
    (unit,) = plan(range(3, 20), 1e-6, 1.0, 1e-6)
    assert sorted(unit.numbers) == list(range(3, 20)) and unit.calls >= 2000
    assert len(plan(range(400), 0.02, 1.0, 1e-6)) == 16  # three passes fit; in steps of two
    assert len(plan(range(400), 3.0, 1.0, 1e-6)) == 4
    assert plan(range(400), 0.02, 1.0, 1e-6) == plan(range(400), 0.018, 1.0, 1e-6)


def test_a_coarse_clock_makes_batches_of_many_ticks(probe):
    (unit,) = probe.solo.plan(range(8), 0.01, 1.0, 0.0156)
    assert unit.calls * 0.01 >= 20 * 0.0156


def samples(probe, *rows: tuple[float, float, float, float]) -> list:
    """Samples of (wall, cpu, process, delay)."""
    return [probe.solo.Sample(wall, cpu, process, 0.0, delay) for wall, cpu, process, delay in rows]


def test_waiting_is_neither_computing_nor_lack_of_a_cpu(probe):
    solo = probe.solo
    units = [solo.Unit((0,)), solo.Unit((1,))]
    quiet, busy = (0.030, 0.010, 0.010, 0.0), (0.080, 0.010, 0.010, 0.050)
    found = solo.summary(
        units, [samples(probe, quiet, quiet, busy), samples(probe, quiet, busy, busy)], delay_known=True
    )
    assert found["cpu_ms"] == pytest.approx(10)
    assert found["wait_ms"] == pytest.approx(20)
    assert found["items"] == 2 and not found["cached"]


def test_helpers_are_not_waiting(probe):
    solo = probe.solo
    row = (0.030, 0.010, 0.030, 0.0)
    found = solo.summary([solo.Unit((0,))], [samples(probe, row, row, row)], delay_known=True)
    assert found["helper_ms"] == pytest.approx(20)
    assert found["wait_ms"] == pytest.approx(0, abs=1e-6)


def test_what_is_kept_for_each_item_is_seen_and_the_first_calls_count(probe):
    solo = probe.solo
    first, later = (0.010, 0.010, 0.010, 0.0), (0.0001, 0.0001, 0.0001, 0.0)
    found = solo.summary(
        [solo.Unit((0,)), solo.Unit((1,))], [samples(probe, first, later, later)] * 2, delay_known=True
    )
    assert found["cached"] and found["cpu_ms"] == pytest.approx(10)


def test_every_item_counts_as_it_is_and_a_neighbour_on_the_core_does_not(probe):
    solo = probe.solo
    small, large, disturbed = (0.001, 0.001, 0.001, 0.0), (0.009, 0.009, 0.009, 0.0), (0.013, 0.013, 0.013, 0.0)
    rows = [samples(probe, *[small] * 9), samples(probe, *[large] * 5, *[disturbed] * 4)]
    found = solo.summary([solo.Unit((0,)), solo.Unit((1,))], rows, delay_known=True)
    assert found["cpu_ms"] == pytest.approx(5)
    assert solo.summary([solo.Unit((0,))], [[]], delay_known=True) == {}


# The GIL --------------------------------------------------------------------------------------------------------------


def test_the_longest_hold_is_no_accident(probe):
    late = [(0.0, 0.0)] * 90 + [(0.040, 0.040), (0.035, 0.035), (0.030, 0.002)] + [(0.0, 0.0)] * 7
    found = probe.gil.lateness(late, [(0.0, 0.0)], calls=50)
    assert found["hold_ms"] == 35 and found["late_share"] == 0.03
    assert probe.gil.lateness(late, [], calls=2)["hold_ms"] == 40
    assert probe.gil.lateness([], [], calls=2)["hold_ms"] is None


def test_a_waking_under_way_is_waited_for(probe):
    napper = probe.gil._Napper(threading.get_native_id())
    try:
        napper.taken()
        assert napper.next_ones()
    finally:
        napper.stop()


def run(probe, wall: float, cpu: float, delay: float, calls: int):
    return probe.gil.Run(probe.solo.Sample(wall, cpu, cpu, 0.0, delay), calls)


def test_two_threads_under_a_gil_block_each_other_for_as_long_as_they_compute(probe):
    alone = [run(probe, 0.1, 0.1, 0.0, 100)]
    held = probe.gil.compared([(alone, [run(probe, 0.1, 0.05, 0.0, 50)] * 2)])
    assert held["blocked_share"] == 1.0 and held["speedup"] == 1.0 and held["cpu_ratio"] == 1.0
    free = probe.gil.compared([(alone, [run(probe, 0.1, 0.1, 0.0, 100)] * 2)])
    assert free["blocked_share"] == 0.0 and free["speedup"] == 2.0


def test_contention_is_looked_for_where_both_threads_had_a_cpu(probe):
    alone = [run(probe, 0.1, 0.1, 0.0, 100)]
    in_turn = (alone, [run(probe, 0.1, 0.05, 0.05, 50)] * 2)
    at_once = (alone, [run(probe, 0.1, 0.1, 0.0, 40)] * 2)
    found = probe.gil.compared([in_turn, at_once])
    assert found["cpu_ratio"] == 2.5 and found["lack"] == 0


def looks_of(probe, *told):
    """Looks of (seconds, held, seconds computed until then)."""
    return [probe.outside.Look(*each) for each in told]


def test_each_look_stands_for_the_time_around_it(probe):
    def part(*told):
        return probe.outside.held_part(looks_of(probe, *told))

    assert part((0.0, True), (1.0, True), (2.0, True)) == 1
    assert part((0.0, False), (1.0, False), (1.0, True), (5.0, True)) == 0.8  # whoever looked had no CPU meanwhile
    assert part((0.0, True)) is None


def test_looks_at_what_waits_or_has_no_cpu_do_not_count(probe):
    """20 ms of waiting, 5 of computing with the GIL in the first 3, 50 without a CPU; the clock goes on at ticks."""
    waits = [(n / 1000, False, 0.0, False) for n in range(20)]
    computes = [(0.020 + n / 1000, n < 3, 0.001 * (n // 2 * 2)) for n in range(6)]
    displaced = [(0.026 + n / 1000, True, 0.005) for n in range(50)]
    then = [(0.080, True, 0.0051), (0.081, True, 0.0052)]
    found = probe.outside.on_cpu(looks_of(probe, (-0.001, False, -0.001), *waits, *computes, *displaced, *then))
    assert found["held"] == pytest.approx(0.5, abs=0.15) and 4 <= found["looks"] <= 8
    assert probe.outside.on_cpu(looks_of(probe, *waits))["held"] is None


def test_a_clock_that_goes_on_at_ticks_only_is_enough(probe):
    looks = [(n / 2000, n % 4 == 0, 0.004 * (n // 8)) for n in range(200)]  # a quiet machine
    found = probe.outside.on_cpu(looks_of(probe, *looks))
    assert found["held"] == 0.25 and found["looks"] > 150


def test_all_clocks_are_read_at_one_moment(probe, monkeypatch):
    meter, lacked = probe.clocks.Meter(), iter([1.0, 3.0, 3.0])  # it lost its CPU while they were read
    clock = iter([10.0, 12.0])
    monkeypatch.setattr(meter, "delay", lambda: next(lacked))
    monkeypatch.setattr(probe.clocks, "time", types.SimpleNamespace(perf_counter=lambda: next(clock), thread_time=time.thread_time, process_time=time.process_time))  # fmt: skip
    found = meter()
    assert (found.wall, found.delay) == (12.0, 3.0)
    taken = probe.solo.Sample(wall=0.001, cpu=0.0005, process=0.0005, children=0.0, delay=0.0015).taken
    assert taken == 0.0005  # never less than it computed


def test_the_clock_of_another_process_is_exact(probe):
    clock = probe.clocks.clock_of_process(os.getpid())
    if clock is None:
        pytest.skip("not on Linux")
    before, own = clock(), time.process_time()
    sum(range(300_000))
    assert clock() - before == pytest.approx(time.process_time() - own, abs=0.01)


def test_threads_are_found_in_the_shapes_of_both_releases(probe):
    thread = SimpleNamespace(thread_id=1)
    assert probe.outside.threads_of(thread) == [thread]
    assert probe.outside.threads_of(SimpleNamespace(threads=[])) == []


# Values ---------------------------------------------------------------------------------------------------------------


class Point:
    """An object with a value."""

    def __init__(self, x: float) -> None:
        self.x = x


def test_equal_values_have_equal_digests_in_any_process(probe):
    digest = probe.values.digest
    assert digest([1, 2.0, "a", {"b": None}]) == digest([1, 2.0, "a", {"b": None}])
    assert digest(0.1 + 0.2) == digest(0.3)
    assert digest({"a", "b", "c"}) == digest({"c", "b", "a"})
    assert digest(Point(1.0)) == digest(Point(1.0)) != digest(Point(2.0))
    assert digest((1,)) != digest((2,)) and digest("1") != digest(1) and digest(b"a") != digest("a")
    assert digest(threading.Lock()) == digest(threading.Lock())
    assert digest(collections.Counter("aab")) != digest(collections.Counter("abb"))
    assert digest(list(range(300_000))) == "?"


def test_what_does_not_pickle_is_named_by_its_path(probe):
    pickled = probe.values.pickled
    thing = Point(1.0)
    thing.x = [0, {"lock": threading.Lock()}]
    assert pickled(thing, "item 3").error == "item 3.x[1]['lock']: TypeError: cannot pickle '_thread.lock' object"
    assert "function.args[0]" in pickled(functools.partial(max, lambda: 0), "function").error
    found = pickled({"a": bytearray(100_000)}, "result")
    assert found.error is None and found.kb == pytest.approx(97.7, abs=0.5) and found.dump_ms > 0
    assert found.buffers_kb == 0


def test_items_that_a_call_uses_up_are_known(probe):
    used_up = probe.values.used_up
    assert used_up(io.BytesIO()) == "an open file"
    assert used_up(step for step in ()) == "a generator"
    assert used_up(map(str, ())) == "an iterator (map)"
    assert used_up([1]) == used_up("text") == used_up({}) == ""


# What is written beside the result ------------------------------------------------------------------------------------


def user_module(**values: object) -> types.ModuleType:
    """A module of a user, with a function `f` in it."""
    module = types.ModuleType("users_own")
    module.__file__ = "/home/user/users_own.py"
    exec("def f(x): return x", vars(module))
    vars(module).update(values)
    return module


def test_globals_that_change_are_named(probe, monkeypatch):
    memo = functools.lru_cache(lambda x: x)
    module = user_module(total=0, table={1: 1}, kept=[1], cache=memo, same="x", _private=None)
    monkeypatch.setitem(__import__("sys").modules, "users_own", module)
    state = probe.state.State(module.f)
    before = state.look()
    module.total += 5
    module.table[2] = 2
    module.kept.append(2)
    module._private = [1]
    module.fresh = 1
    memo(3)
    assert probe.state.changed(before, state.look(), state.left_out) == {
        "users_own.total": "value", "users_own.table": ["2"], "users_own.kept": "value", "users_own._private": "value",
        "users_own.fresh": "new", "users_own.cache": "cache",
    }  # fmt: skip


def test_closures_defaults_and_instances_are_looked_at(probe):
    def outer():
        counts = []

        def function(x, seen={}):  # noqa: B006
            counts.append(x)
            seen[x] = x

        return function

    function = outer()
    function.__module__ = "of nobody"  # else every module of the tests is the user's, too, which takes long to look at
    state = probe.state.State(function)
    before = state.look()
    function(5)
    assert probe.state.changed(before, state.look(), state.left_out) == {
        "closure counts": "value",
        "default 1": "value",
    }

    class Holder:
        def __init__(self):
            self.n = 0

        def method(self, x):
            self.n += x

    holder = Holder()
    state = probe.state.State(holder.method)
    before = state.look()
    holder.method(5)
    assert probe.state.changed(before, state.look(), state.left_out) == {"self.n": "value"}


# The subject ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "has_items", "says"),
    [
        (lambda a, b: 0, True, "needs 2 arguments (a, b), and is called with one item"),
        (lambda: 0, True, "takes no argument, but items are given"),
        (lambda a: 0, False, "needs an argument (a): say where its items come from"),
        (lambda a, b: 0, False, "needs 2 arguments (a, b), and is called without one"),
        (lambda *, a=1: 0, True, "takes its arguments by name only"),
    ],
)
def test_arguments_that_do_not_fit_are_told_before_any_call(probe, function, has_items, says):
    with pytest.raises(probe.channel.ProblemError) as caught:
        probe.subject.check_callable(function, "m:f", has_items=has_items)
    assert caught.value.kind == "arguments" and says in caught.value.text


@pytest.mark.parametrize(
    "function", [lambda a: 0, lambda a, b=1: 0, lambda *a: 0, print, functools.partial(max, 1), str]
)
def test_arguments_that_fit_are_let_be(probe, function):
    probe.subject.check_callable(function, "m:f", has_items=True)


def test_an_endless_source_gives_what_is_taken(probe):
    take = probe.subject.take_items
    assert take(itertools.count(), 5, 500, 3) == ([0, 1, 2, 3, 4], "count")
    assert take(iter("ab"), 5, 500, 3) == (["a", "b"], "end")
    assert take(itertools.count(), 5, 500, -1)[1] == "time"
    assert take(iter([bytearray(8_000_000) for _ in range(3)]), 5, -1, 3)[1] == "memory"
    tasks = probe.subject.count_tasks
    assert tasks(itertools.count(), 5, "count", "m:endless") is None
    assert tasks(iter(range(7)), 5, "count", "m:items") == 12
    assert tasks((line for line in "abc"), 5, "count", "lines.txt") == 8


def test_items_that_calls_change_are_fresh_each_time(probe):
    subject = probe.subject.Subject(lambda rows: rows.sort(), [[3, 1], [2, 1]], "m:f", has_items=True)
    subject.keep(range(1))
    subject.attempt(0)
    assert subject.items[0] == [1, 3]
    subject.changes_items(1)
    subject.attempt(1)
    assert subject.fresh(0) == [3, 1] and subject.items[1] == [2, 1]


# What calls wait for --------------------------------------------------------------------------------------------------


def test_events_become_kinds_of_waiting(probe, monkeypatch):
    monkeypatch.setattr("sys.addaudithook", lambda hook: None)
    watch = probe.audit.Watch()
    watch.note("open", ("/data/a.txt", "r", 0))
    watch.note("open", ("/data/b.txt", "w", 0))
    watch.note("open", ("/proc/self/stat", "r", 0))
    watch.note("open", (5, "r", 0))
    watch.note("socket.connect", (None, ("127.0.0.1", 80)))
    watch.note("time.sleep", (1,))
    assert watch.seen == {"open read": 1, "open write": 1, "socket.connect": 1, "time.sleep": 1}
    assert watch.kinds == {"disk", "network", "sleep"} and watch.paths == ["/data/a.txt", "/data/b.txt"]
    assert probe.audit.writes(None, 1) and not probe.audit.writes(None, 0) and probe.audit.writes("a", 0)


def test_places_say_what_is_waited_for(probe):
    place = probe.where.Place
    found = probe.where.shares({place("/lib/socket.py", 7, "readinto"): 90, place("/u/mine.py", 1, "f"): 10})
    assert [each["share"] for each in found] == [0.9, 0.1]
    assert probe.where.kinds(found) == {"network"}


def test_a_frame_between_two_lines_says_no_place(probe):
    def frame(line, file="/u/mine.py"):
        return SimpleNamespace(f_lineno=line, f_code=SimpleNamespace(co_filename=file, co_name="f"))

    assert probe.where.place_of(frame(3)) == ("/u/mine.py", 3, "f")
    assert probe.where.place_of(frame(None)) is None
    assert probe.where.place_of(frame(3, probe.where.__file__)) is None


def test_the_steps_of_coroutines_are_summed_up(probe):
    step, call = probe.awaits.Step, probe.awaits.Call
    calls = [call(0.030, [step(0.025, 0.001, 0.0), step(0.001, 0.001, 0.0)])] * 3
    found = probe.awaits.summary(calls)
    assert found["block_ms"] == 25 and found["block_wait_ms"] == 24 and found["steps"] == 2
    assert found["await_ms"] == pytest.approx(4)


def test_memory_of_later_calls_counts_where_freed_memory_is_given_back(probe):
    assert probe.memory.figures([100.0, 3.0, 5.0], free_threaded=False) == {"first_mb": 100.0, "task_mb": 5.0}
    assert probe.memory.figures([100.0, 3.0], free_threaded=True)["task_mb"] == 100.0
    assert probe.memory.figures([None, None], free_threaded=False)["task_mb"] is None


def test_the_module_that_refuses_a_subinterpreter_is_found_in_the_chain(probe):
    inner = ImportError("module numpy._core._multiarray_umath does not support loading in subinterpreters")
    outer = ImportError("IMPORTANT: read this")
    outer.__cause__ = inner
    assert probe.worker.refused(outer)[0] == "numpy._core._multiarray_umath"
    assert probe.worker.refused(ValueError("other")) == (None, "other")


def test_a_text_that_is_cut_says_so(probe):
    line = probe.channel.first_line
    assert (line("a\nb"), line("x" * 200), line("x" * 201)) == ("a", "x" * 200, "x" * 200 + "...")
