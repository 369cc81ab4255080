"""What is known of the GIL: by looks from outside, by a thread beside it, by what two threads gain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from measured import COMPUTES, said, saying
from measured_fields import CLIENTS, fields, values

from selector.measure.children import Said
from selector.measure.evidence import Beside, fields_of
from selector.measure.findings import findings_from
from selector.measure.gil import with_look
from selector.measure.models import Evidence

APART = {"own": {"cpu_ratio": 1.05, "speedup": 1.9}}  # two threads add up


@pytest.mark.parametrize(
    ("held", "share", "releases"), [(0.01, 0.0, True), (0.34, 0.34, True), (0.77, 0.77, False), (0.98, 1.0, False)]
)
def test_the_share_of_the_gil_is_that_of_the_looks(held: float, share: float, releases: bool) -> None:
    found = values(saying(sampler={"held": held}, two=APART))
    assert (found["gil_share"], found["releases_gil"]) == (share, releases)


@pytest.mark.parametrize(("speedup", "share"), [(0.9, 1.0), (0.0, 0.34), (1.11, 0.9), (1.25, 0.34)])
def test_what_two_threads_gain_counts_where_the_looks_promise_more(speedup: float, share: float) -> None:
    """Found with lxml and regex: the GIL is held for a third of the time, but taken at every match, and threads gain nothing."""
    two = {"own": {"cpu_ratio": 1.7, "speedup": speedup}}
    found = fields(saying(sampler={"held": 0.34}, two=two))["gil_share"]
    assert found.value == pytest.approx(share, abs=0.01)
    assert ("two threads did" in found.how) == (share != 0.34)
    waits = saying(
        sampler={"held": 0.34},
        two=two,
        solo={"wall_ms": 20.0, "wait_ms": 15.0, "wait_p10_ms": 14.0, "wait_p90_ms": 16.0},
    )
    assert fields(waits)["gil_share"].value == 0.34  # they gain by waiting, too


def test_the_share_is_of_the_computing_and_not_of_the_waiting() -> None:
    seen = {"held": 0.06, "on_cpu": {"held": 0.5, "looks": 900}}
    found = fields(saying(sampler=seen, held_run={"wait_share": 0.9}, two=APART))["gil_share"]
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.35, 0.65))
    assert "at its computing" in found.how
    found = fields(saying(sampler={"held": 0.06, "on_cpu": {"held": 1.0, "looks": 40}}))["gil_share"]
    assert (found.value, found.high) == (1.0, 1.0)


@pytest.mark.parametrize("seen", [{"held": None, "looks": 0}, {"held": 0.5, "looks": 90}, {"held": 1.0, "looks": 5}])
def test_a_share_that_few_looks_met_is_unknown(seen: dict[str, Any]) -> None:
    assert not {"gil_share", "releases_gil"} & set(values(saying(sampler={"held": 0.06, "on_cpu": seen})))


def test_without_the_clock_of_the_process_waiting_is_taken_off() -> None:
    found = fields(saying(sampler={"held": 0.3}, held_run={"wait_share": 0.4}, two=APART))["gil_share"]
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.45, 0.55))
    found = fields(saying(sampler={"held": 0.095}, held_run={"wait_share": 0.9}))["gil_share"]
    assert (found.value, found.low, found.high) == pytest.approx((0.95, 0.75, 1.0))
    assert "gil_share" not in values(saying(sampler={"held": 0.06}, held_run={"wait_share": 0.9}))


def test_looks_at_a_function_that_hardly_computes_say_nothing_and_no_hint_stands_in() -> None:
    found = values(saying(sampler={"held": 0.01}, held_run={"wait_share": 0.985}))
    assert not {"gil_share", "releases_gil"} & set(found)


def test_without_a_look_from_outside_a_low_hint_is_unknown_and_a_high_one_says_that_it_holds() -> None:
    held = values(saying(sampler={"held": None, "samples": 0}))
    assert ("gil_share" in held, held["releases_gil"]) == (False, False)
    low = values(saying(sampler={"samples": 3}, probe={"late_share": 0.02}, two={"own": {"blocked_share": 0.01}}))
    assert not {"gil_share", "releases_gil"} & set(low)


def test_a_python_that_cannot_be_looked_at_has_the_look_of_another() -> None:
    on_cpu = {"held": 0.0, "looks": 900}
    plain = saying(
        sampler={"held": None, "samples": 0}, two={"own": {"blocked_share": 0.1}}, probe={"late_share": 0.02}
    )
    there = said("look", saying(sampler={"held": 0.0, "samples": 1200, "on_cpu": on_cpu}), "3.14")

    def seen(facts: dict[str, Any], looked: Said | None) -> dict[str, Evidence]:
        return fields_of(with_look(findings_from(facts), looked), Beside(), CLIENTS)

    found = seen(plain, there)
    assert (found["gil_share"].value, found["releases_gil"].value) == (0.0, True)
    assert "seen in Python 3.14" in found["gil_share"].how
    assert not {"gil_share", "releases_gil"} & set(seen(plain, None))
    assert not {"gil_share", "releases_gil"} & set(seen(plain, replace(there, phase="held")))  # it did not end well
    blocks = {**plain, "two": {"own": {"blocked_share": 0.9}}}
    contradicted = seen(blocks, there)  # released there, and held here
    assert (contradicted["releases_gil"].value, "gil_share" in contradicted) == (False, False)


def test_native_code_that_holds_the_gil_is_told_from_python_code() -> None:
    holds = fields(saying(probe={"holds_ms": [40.0, 30.5, 30.0, 29.0, 29.0]}))["gil_hold_ms"]
    assert (holds.value, holds.basis, holds.high) == (30.0, "measured", 40.0)
    late = saying(probe={"holds_ms": [45.0, 41.0, 40.0, 39.0, 38.0]}, solo={"cpu_ms": 30.0, "cpu_p90_ms": 33.0})
    assert values(late)["gil_hold_ms"] == 33.0  # no call holds it longer than it computes
    assert fields(COMPUTES)["gil_hold_ms"].basis == "inferred"
    free = values(saying(sampler={"held": 0.0}, probe={"late_share": 0.0, "holds_ms": [0.3, 0.2, 0.1, 0.1, 0.1]}))
    assert free["gil_hold_ms"] == 0.1


def test_without_a_gil_nothing_is_said_of_it() -> None:
    assert not {"gil_share", "gil_hold_ms", "releases_gil"} & set(values(saying(gil=False, free_threaded=True)))
