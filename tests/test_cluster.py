"""An engine on machines: the model by hand, the laws it keeps, and what the tables make of several machines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from printed import flat
from round_costs import PLAIN, WORK
from strategies import FIXED_HOST

from selector import Recommendation, Selector
from selector.cost.batch import Parts
from selector.cost.cluster import (
    Cluster,
    EngineCosts,
    capacity_per_s,
    cluster_parts,
    cluster_seconds,
    dispatch_bound_ms,
    engine_costs,
    machines_within,
)
from selector.recommend.chain import Situation
from selector.recommend.knowledge import load_knowledge
from selector.report.recommendation import recommendation_document
from selector.workload.reading import profile_from_mapping

ENGINE = engine_costs(PLAIN, "celery")
assert ENGINE is not None
CPU: dict[str, Any] = {"workload_type": "cpu", "cpu_cores": 4, "platform": "linux", "interpreters": ["3.14"]}


def on(machines: int, workers: int = 4, engine: EngineCosts = ENGINE) -> Cluster:
    return Cluster(engine, machines, workers)


def recommended(**fields: Any) -> Recommendation:
    return Selector(host=FIXED_HOST, tables=load_knowledge()).recommend(profile_from_mapping(CPU | fields))


# By hand --------------------------------------------------------------------------------------------------------------


def test_on_one_machine_all_that_an_engine_does_shares_the_cpus() -> None:
    # 100 tasks of 10 ms on 4 CPUs, which hold each other up: 1.3 times as long; 4 ms more for each; 2.1 s to start
    assert cluster_seconds(on(1), WORK, PLAIN) == pytest.approx(2.1 + 100 * (1.3 * 10 + 4) / 4 / 1000)


def test_on_more_machines_the_submitter_has_its_own() -> None:
    # a worker has 25 tasks on one machine, 13 on two: 1.3 x 10 ms and the 3 ms that are not of the submitter, each
    assert cluster_seconds(on(2), WORK, PLAIN) == pytest.approx(2.1 + 13 * (13 + 3) / 1000)


def test_short_tasks_are_bound_by_who_submits_them() -> None:
    short = WORK._replace(cpu_ms=0.0, tasks=1000)
    assert cluster_seconds(on(50), short, PLAIN) == pytest.approx(2.1 + 1000 * 1 / 1000)
    assert capacity_per_s(on(50), short, PLAIN) == pytest.approx(1000)
    assert dispatch_bound_ms(on(50), short, PLAIN) == pytest.approx(200 * 1 - 3)
    assert dispatch_bound_ms(on(1, 1), short, PLAIN) == 0


def test_waits_take_workers_not_cpus() -> None:
    waits = WORK._replace(cpu_ms=0.0, wait_ms=100.0)
    assert cluster_seconds(on(1, 50), waits, PLAIN) == pytest.approx(2.1 + 2 * (100 + 3) / 1000)


def test_what_crosses_is_paid_for_each_kb() -> None:
    light, heavy = (cluster_seconds(on(1), WORK._replace(payload_kb=kb), PLAIN) or 0 for kb in (0, 100))
    assert heavy - light == pytest.approx(100 * (100 * 0.1) / 4 / 1000)


def test_an_engine_of_which_too_little_is_known_is_not_predicted() -> None:
    assert engine_costs({name: 1.0 for name in PLAIN if name != "rq_task_ms"}, "rq") is None
    assert engine_costs(PLAIN, "nats") is None


@settings(max_examples=60)
@given(
    st.integers(1, 5000), st.floats(0, 500), st.floats(0, 500), st.integers(1, 40), st.integers(1, 16),
    st.floats(0, 2000),
)  # fmt: skip
@example(7, 0.0, 2.0, 1, 4, 5.0)  # by workers on one machine, by turns on two, with the last one's own time
def test_parts_are_no_less_than_nothing_and_more_machines_never_take_longer(
    tasks: int, cpu: float, wait: float, machines: int, workers: int, kb: float
) -> None:
    work = WORK._replace(tasks=tasks, cpu_ms=cpu, wait_ms=wait, payload_kb=kb)
    parts = cluster_parts(on(machines, workers), work, PLAIN)
    assert isinstance(parts, Parts) and min(parts) >= -1e-9
    more = cluster_seconds(on(machines + 1, workers), work, PLAIN) or 0
    assert more <= sum(parts) / 1000 * (1 + 1e-9)
    assert (capacity_per_s(on(machines + 1, workers), work, PLAIN) or 0) >= (
        capacity_per_s(on(machines, workers), work, PLAIN) or 0
    ) * (1 - 1e-9)


@given(st.floats(0.1, 10), st.floats(1, 10_000))
def test_the_fewest_machines_that_are_in_time_are_found(floor: float, work: float) -> None:
    limit = floor + work / 77
    found = machines_within(lambda machines: floor + work / machines, limit)
    assert found in (77, 78)  # of floats
    assert machines_within(lambda _: floor, floor / 2) is None


# What is said ---------------------------------------------------------------------------------------------------------


def test_an_engine_that_is_recommended_is_predicted() -> None:
    found = recommended(tasks=20_000, cpu_ms_per_task=100, durable=True)
    cluster = found.cluster
    assert cluster is not None and (cluster.engine, cluster.machines, cluster.workers) == ("celery", 1, 4)
    assert found.expected.seconds == cluster.seconds == pytest.approx(550, rel=0.15)
    assert found.expected.source == "documented" and found.expected.speedup is not None
    assert cluster.throughput_per_s == pytest.approx(20_000 / 550, rel=0.15)
    text = flat(recommendation_document(found))
    assert "Machines: 1 machine of 4 workers:" in text and "until the workers are ready" in text


def test_a_deadline_tells_how_many_machines_it_takes() -> None:
    found = recommended(tasks=1000, cpu_ms_per_task=100, finish_within_s=10)
    assert found.approach == "distributed" and found.fits.deadline is True
    assert found.cluster is not None and found.cluster.in_time is True
    assert 3 <= found.cluster.machines <= 6
    assert found.capacity is not None and found.capacity.machines == found.cluster.machines


def test_what_no_number_of_machines_does_is_said() -> None:
    found = recommended(tasks=1_000_000, cpu_ms_per_task=1, finish_within_s=20)
    assert found.cluster is not None and found.cluster.in_time is False
    assert any("No number of machines is in time" in text for text in found.cluster.details)
    assert any("too short for" in text for text in found.cluster.details)


# One machine, or several ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "stays"),
    [
        ({"tasks": 1000, "cpu_ms_per_task": 5}, True),  # 1.4 s on one: an engine has not even started
        ({"tasks": 100_000, "cpu_ms_per_task": 100}, False),  # three machines are nearly three times as fast
        ({"tasks": 100_000, "cpu_ms_per_task": 100, "finish_within_s": 3600}, True),  # but one is in time
        ({"tasks": 100_000, "cpu_ms_per_task": 100, "finish_within_s": 1200}, False),
        ({"tasks": 100_000, "cpu_ms_per_task": 100, "finish_within_s": 3600, "durable": True}, False),
        ({}, False),  # nothing is known: they are given to be used
        ({"tasks": 1000, "cpu_ms_per_task": 5, "gpu": True}, False),
    ],
)
def test_three_machines_that_are_given_are_used_where_one_does_not_do(fields: dict[str, Any], stays: bool) -> None:
    found = recommended(**fields, machines=3)
    assert (found.approach == "multiprocessing") == stays
    assert (
        any(reason.rule.startswith(("advice/one-machine", "advice/machines-gain")) for reason in found.reasons) == stays
    )


@pytest.mark.parametrize("fields", [{"finish_within_s": 60}, {"machines": 3}])
def test_from_the_crossing_on_the_answer_is_another_one(fields: dict[str, Any]) -> None:
    fields = {"cpu_ms_per_task": 100, **fields}
    said = recommended(tasks=1000, **fields).outgrown
    assert said is not None and said.input == "tasks" and said.text
    at = int(said.at)
    assert recommended(tasks=round(at * 0.95), **fields).approach == "multiprocessing"
    assert recommended(tasks=round(at * 1.25), **fields).approach == "distributed"


def test_a_rate_is_outgrown_too() -> None:
    said = recommended(tasks=10_000, cpu_ms_per_task=100, throughput_requirement_per_s=20).outgrown
    assert said is not None and (said.by, said.machines) == ("rate", 2)
    assert 25 < said.at < 40
    assert "tasks a second" in said.text


@pytest.mark.parametrize("fields", [{}, {"durable": True, "finish_within_s": 60}, {"mode": "service"}, {"tasks": None}])
def test_where_nothing_can_be_missed_nothing_is_outgrown(fields: dict[str, Any]) -> None:
    given = {"tasks": 1000, "cpu_ms_per_task": 100, **fields}
    assert recommended(**{name: value for name, value in given.items() if value is not None}).outgrown is None


def test_facts_compare_one_machine_with_those_given() -> None:
    def facts(**fields: Any) -> tuple[float | None, float | None]:
        situation = Situation(profile_from_mapping(CPU | fields), FIXED_HOST, load_knowledge())
        return situation.facts["one_machine_use"], situation.facts["machines_gain"]

    work = {"tasks": 100_000, "cpu_ms_per_task": 100}
    assert facts(**work) == (None, None)
    use, gain = facts(**work, machines=3)
    assert use is None and gain == pytest.approx(2.9, rel=0.1)
    use, _ = facts(**work, machines=3, finish_within_s=3600)
    assert use == pytest.approx(0.9, rel=0.2)
    assert facts(**work, machines=3, durable=True) == (None, None)
