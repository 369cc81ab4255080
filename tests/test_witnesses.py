"""Workloads for what is found out about tables: facts that can hold together, and a profile that has them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from selector.decision.proofs.examine import prove
from selector.decision.proofs.limits import Steps
from selector.recommend.chain import Situation
from selector.recommend.facts import FACTS
from selector.recommend.knowledge import CHAIN, load_knowledge
from selector.recommend.witnesses import PLAIN_HOST, WHOLE, is_possible, profile_with
from selector.workload.profile import WorkloadProfile

pytestmark = pytest.mark.one_python


def test_counts_are_the_counts_of_a_profile_and_what_is_counted() -> None:
    assert {
        "cpu_cores",
        "tasks",
        "concurrency",
        "machines",
        "in_flight",
        "workers",
        "process_workers_that_fit",
    } == WHOLE
    assert set(FACTS) >= WHOLE


def rows() -> Iterator[Any]:
    """Every row of the chain that asks for facts of a workload alone, with a region in which it fires."""
    for name in ("classify", "engine", "strategy"):
        proof = prove(load_knowledge().tables[name], whole=WHOLE, steps=Steps(1_000_000))
        for rule, fate in zip(proof.space.table.rules, proof.fates, strict=True):
            assert fate.fires is not None
            yield name, rule.id, proof.space.region(fate.fires), proof.space.witness(fate.fires)


@pytest.mark.slow
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"])
def test_for_nearly_every_row_there_is_a_workload_for_which_it_fires(step: int) -> None:
    knowledge, missing, count = load_knowledge(), [], 0
    for name, rule, region, witness in islice(rows(), 0, None, step):
        count += 1
        profile = profile_with(name, region, witness, knowledge)
        if profile is None:
            missing.append(f"{name}/{rule}")
            continue
        facts = Situation(profile, PLAIN_HOST, knowledge).facts
        assert knowledge.tables[name].decide_among(facts).matched.count(rule) == 1
    assert len(missing) <= count // 20, missing


def test_facts_that_cannot_hold_together_have_no_workload() -> None:
    knowledge = load_knowledge()
    assert not is_possible("sizing", {"runs_in": '"workers"', "runs_loop": "true", "pool": '"none"'}, knowledge)
    assert is_possible("sizing", {"runs_in": '"workers"', "workload_type": '"io"'}, knowledge)
    assert not is_possible("migration_effort", {"from": '"threads"', "to": '"threads"', "same": "false"}, knowledge)
    assert is_possible("migration_effort", {"from": '"threads"', "same": "false"}, knowledge)
    assert is_possible("my_table", {"same": "false"}, knowledge)
    region = {"durable": "true", "in_flight": "> 10", "tasks": "2"}
    witness: dict[str, Any] = {"durable": True, "in_flight": 11, "tasks": 2}
    assert profile_with("classify", region, witness, knowledge) is None
    assert profile_with("my_table", {}, {}, knowledge) is None


def test_a_workload_says_no_more_than_is_needed() -> None:
    found = profile_with("classify", {"gpu": "true"}, {"gpu": True, "mode": "service"}, load_knowledge())
    assert found is not None
    assert found.given() == {"workload_type": found.workload_type, "gpu": True}
    assert isinstance(found, WorkloadProfile)
    assert PLAIN_HOST.usable_cpus == 4 and set(CHAIN) >= {"classify"}
