"""Tables of a chain against each other: outputs that the table below does not accept, and tables that need themselves."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from brute_force import Brute
from random_tables import random_table
from short_tables import only, table_of

from selector.decision import DecisionTable
from selector.decision.cells import matches
from selector.decision.parser import parse_cell
from selector.decision.proofs.verify import verify_tables
from selector.decision.table import Input

pytestmark = pytest.mark.one_python


def test_an_output_outside_the_domain_of_the_table_below_is_not_accepted() -> None:
    above = table_of(
        "x: {type: number}", "a: x: '< 5' -> kind: small", "b: x: '>= 5' -> kind: large", outputs="kind: {}"
    )
    below = table_of("kind: {type: string, values: [small, big]}", "c: -> o: 1", name="below")
    found = verify_tables([above, below])
    assert [verification.table for verification in found] == ["t", "below"]
    refused = only(found[0], "not_accepted")
    assert (refused.severity, refused.rules, refused.witness) == ("error", ("b",), {"x": 5})
    assert refused.message.startswith('output kind is "large", not one of "small", "big": table below')
    assert above.decide(refused.witness or {}).output == {"kind": "large"}


def test_an_output_that_only_the_catch_all_below_can_take_is_a_warning() -> None:
    above = table_of("x: {type: boolean}", "a: x: true -> kind: p", more="default: {kind: q}\n", outputs="kind: {}")
    below = table_of("kind: {type: string}", "c: kind: p -> o: 1", "rest: -> o: 2", name="below")
    found = verify_tables([above, below])
    refused = only(found[0], "not_accepted")
    assert (refused.severity, refused.rules, refused.witness) == ("warning", (), {"x": False})
    assert verify_tables([above, table_of("kind: {type: string}", "rest: -> o: 2", name="below")])[0].findings == (
        only(found[0], "gap"),
    )


@pytest.mark.parametrize("seeds", [range(40), pytest.param(range(40, 400), marks=pytest.mark.slow)])
def test_what_random_tables_give_each_other_agrees_with_brute_force(seeds: range) -> None:
    seen = set()
    for seed in seeds:
        rng = Random(seed)
        upper, lower = random_table(rng, policy="first"), random_table(rng, inputs=2, rows=rng.randint(1, 4))
        letters = rng.sample("vwxyz", rng.randint(2, 5))
        asked = Input("answer", "string", tuple(letters) if rng.random() < 0.5 else None)
        cells = [parse_cell(rng.choice(["-", *(f'"{letter}"' for letter in letters)])) for _ in lower.rules]
        rules = tuple(replace(rule, cells=(cell, rule.cells[1])) for rule, cell in zip(lower.rules, cells, strict=True))
        lower = replace(lower, inputs=(asked, lower.inputs[1]), rules=rules, name="lower")
        found = [f for f in verify_tables([upper, lower])[0].findings if f.kind == "not_accepted"]
        reported = {(f.severity, upper.decide(f.witness or {}).output["answer"]) for f in found}
        assert len(reported) == len(found) and reported == not_accepted(upper, lower), f"seed {seed}"
        seen |= {severity for severity, _ in reported}
    assert seen == {"error", "warning"}


def not_accepted(upper: DecisionTable, lower: DecisionTable) -> set[tuple[str, Any]]:
    """By brute force: the values of `answer` that the lower table refuses or has no row of its own for."""
    above, below = Brute(upper, frozenset()), Brute(lower, frozenset())
    given = {upper.rules[row].outputs["answer"] for row in above.winners}
    given |= {upper.default["answer"]} if 0 in above.together and isinstance(upper.default, dict) else set()
    asks_all = {row for row in below.rows if all(mask >> row & 1 for column in below.passing for _, mask in column)}
    own = [row for row in below.rows if row not in asks_all and any(rows >> row & 1 for rows in below.together)]
    used = any(not mask >> row & 1 for row in below.rows for _, mask in below.passing[0])
    found: set[tuple[str, Any]] = set()
    for value in given:
        if lower.inputs[0].problem(value):
            found.add(("error", value))
        elif used and not any(matches(lower.rules[row].cells[0], value) for row in own):
            found.add(("warning", value))
    return found


def test_the_witness_of_an_output_avoids_conflicts() -> None:
    above = table_of(
        "x: {type: number}", "a: x: '< 9' -> kind: p", "b: x: '>= 0' -> kind: q", policy="unique", outputs="kind: {}"
    )
    below = table_of("kind: {type: string, values: [p]}", "c: kind: p -> o: 1", name="below")
    refused = only(verify_tables([above, below])[0], "not_accepted")
    assert above.decide(refused.witness or {}).output == {"kind": "q"}


def test_a_sum_is_not_an_output_of_its_rows() -> None:
    above = table_of("x: {type: number}", "a: x: 1 -> n: 5", policy="collect", outputs="n: {}", more="aggregate: sum\n")
    below = table_of("n: {type: number, values: [7]}", "c: n: 7 -> o: 1", name="below")
    assert all(finding.kind != "not_accepted" for finding in verify_tables([above, below])[0].findings)


def test_tables_that_need_each_other_are_a_cycle() -> None:
    def step(name: str, asks: str, gives: str) -> DecisionTable:
        return table_of(f"{asks}: {{type: boolean}}", f"a: -> {gives}: true", outputs=f"{gives}: {{}}", name=name)

    found = verify_tables(
        [step("one", "c", "a"), step("two", "a", "b"), step("three", "b", "c"), step("own", "z", "z")]
    )
    cycles = [finding for verification in found for finding in verification.findings if finding.kind == "cycle"]
    assert {finding.severity for finding in cycles} == {"error"}
    assert len(cycles) == 2
    assert any(all(name in finding.message for name in ("one", "two", "three")) for finding in cycles)
    assert any(finding.message == "tables that need each other: own needs own" for finding in cycles)
    straight = verify_tables([step("one", "x", "a"), step("two", "a", "b")])
    assert all(finding.kind != "cycle" for verification in straight for finding in verification.findings)
