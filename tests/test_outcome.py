"""What came of a measurement: failures, times, checksums."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pickle import PicklingError
from types import ModuleType

import pytest
from template_modules import template_module


@pytest.fixture(scope="module")
def outcome() -> Iterator[ModuleType]:
    with template_module("outcome") as module:
        yield module


class TextlessError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


class NotShareableError(Exception):
    pass


class TaskGroupError(Exception):
    """As ExceptionGroup, which Python 3.10 does not have."""

    def __init__(self, *exceptions: BaseException) -> None:
        super().__init__("unhandled errors in a TaskGroup (1 sub-exception)")
        self.exceptions = exceptions


def broken_pool(cause: str) -> BrokenProcessPool:
    error = BrokenProcessPool("A process in the process pool was terminated abruptly")
    error.__cause__ = RuntimeError(f"\n'''\n{cause}'''")
    return error


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ValueError("wrong\nvery"), "error", "ValueError: wrong"),
        (ValueError(), "error", "ValueError"),
        (ValueError("\n"), "error", "ValueError"),
        (SystemExit(3), "error", "SystemExit: 3"),
        (KeyboardInterrupt(), "error", "KeyboardInterrupt"),
        (TextlessError(), "error", "TextlessError"),
        (FileNotFoundError("data.pickle"), "error", "FileNotFoundError: data.pickle"),
        (MemoryError(), "out_of_memory", "MemoryError"),
        (ModuleNotFoundError("No module named 'x'"), "missing_dependency", "ModuleNotFoundError: No module named 'x'"),
        (PicklingError("no"), "unpicklable", "PicklingError: no"),
        (TypeError("cannot pickle 'lock'"), "unpicklable", "TypeError: cannot pickle 'lock'"),
        (AttributeError("Can't pickle local object 'f'"), "unpicklable", "AttributeError: Can't pickle local object 'f'"),
        (NotShareableError("no"), "unpicklable", "NotShareableError: no"),
        (BrokenProcessPool("gone"), "crash", "a worker ended abruptly (BrokenProcessPool: gone)"),
        (broken_pool("in recv\n    _ForkingPickler.loads(b)\nValueError: bad"), "unpicklable", "a result did not unpickle (ValueError: bad)"),
        (TaskGroupError(TaskGroupError(MemoryError("big"))), "out_of_memory", "MemoryError: big"),
        (TaskGroupError(), "error", "TaskGroupError: unhandled errors in a TaskGroup (1 sub-exception)"),
    ],
)  # fmt: skip
def test_an_exception_is_a_status_and_a_line(outcome: ModuleType, error: BaseException, status: str, line: str) -> None:
    assert outcome._failure(error) == (status, line)


def test_times_of_tasks(outcome: ModuleType) -> None:
    done = [(None, 1, 10.5, 10.6), (None, 2, 10.5, 10.8), (None, 1, 10.6, 11.0)]
    times = outcome._times(done, begun=10.0, ended=11.5)
    assert times["short"] is False
    assert {name: pytest.approx(times[name]) for name in times if name.endswith("seconds")} == {
        "seconds": 1.5,
        "startup_seconds": 0.5,
        "first_result_seconds": 0.6,
        "steady_seconds": 0.4,
    }
    assert times["task_latency_ms"] == {"p50": pytest.approx(300), "p95": pytest.approx(390), "p99": pytest.approx(398)}


def test_times_of_a_single_task(outcome: ModuleType) -> None:
    times = outcome._times([(None, 1, 1.0, 1.25)], begun=1.0, ended=2.0)
    assert times["task_latency_ms"] == {"p50": 250, "p95": 250, "p99": 250}
    assert (times["steady_seconds"], times["short"]) == (0, True)


@pytest.mark.parametrize(
    ("workers_of_tasks", "pool", "seen", "imbalance"),
    [([1, 2, 1, 2], 2, 2, 1.0), ([1, 1, 1, 2], 2, 2, 1.5), ([1, 1], 4, 1, 2.0), ([7], 4, 1, 1.0), ([1, 1, 1], 1, 1, 1.0)],
)  # fmt: skip
def test_balance_between_workers(
    outcome: ModuleType, workers_of_tasks: list[int], pool: int, seen: int, imbalance: float
) -> None:
    done = [(None, worker, 0.0, 1.0) for worker in workers_of_tasks]
    assert outcome._balance(done, pool) == {"workers_seen": seen, "imbalance": pytest.approx(imbalance)}


class Plain:
    pass


def test_equal_results_have_equal_checksums(outcome: ModuleType) -> None:
    pairs: list[tuple[object, object]] = [
        ([1, b"ab"], (1, bytearray(b"ab"))),
        ({"a", "b", "c", "d"}, frozenset("dcba")),
        ({"k": {"x", "y"}}, {"k": {"y", "x"}}),
        (Plain(), Plain()),
        (lambda: 0, lambda: 0),
    ]
    for one, other in pairs:
        assert outcome._checksum(one) == outcome._checksum(other)


def test_other_results_have_other_checksums(outcome: ModuleType) -> None:
    values = [
        0,
        1,
        "0",
        b"0",
        [],
        [[]],
        [0],
        [0, 0],
        [[0], 0],
        {},
        {0: 0},
        {0},
        {1},
        None,
        0.0,
        -0.0,
        math.nan,
        "\udc80",
    ]
    assert len({outcome._checksum([value]) for value in values}) == len(values) - 1  # [] and {}
    assert len({outcome._checksum([value]) for value in ([1, 2], [2, 1], {"a": 1, "b": 2}, {"b": 2, "a": 1})}) == 4


def test_a_reason_that_is_cut_says_so(outcome: ModuleType) -> None:
    assert (outcome._cut("a\n b", 3), outcome._cut("abcd", 3)) == ("a b", "abc...")
