"""What changed between two tables: random pairs against brute force, and each kind of change by hand."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
from brute_force import values_of
from random_tables import random_table, random_table_text, wide_table

from selector.decision import DecisionTable, load_table
from selector.decision.cells import matches
from selector.decision.parser import parse_cell
from selector.decision.proofs.diff import TableAnswer, TableChange, answer_of, table_changes
from selector.recommend.knowledge import all_tables

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import mutants

pytestmark = pytest.mark.one_python

FULL_GRID = 4000  # points that are all looked at; of a larger grid as many at random


def answers(changes: tuple[TableChange, ...]) -> list[TableChange]:
    return [change for change in changes if change.kind == "answer"]


def differ(old: DecisionTable, new: DecisionTable, given: dict[str, Any]) -> bool:
    """Whether two tables answer differently; under collect the order of a list means nothing."""
    unordered = "collect" in (old.hit_policy, new.hit_policy)
    texts = []
    for found in (answer_of(old, given), answer_of(new, given)):
        output = found.output
        if isinstance(output, list) and unordered:
            output = sorted(output, key=lambda row: json.dumps(row, sort_keys=True))
        texts.append("refused" if found.error else json.dumps(output, sort_keys=True))
    return texts[0] != texts[1]


def inside(change: TableChange, given: dict[str, Any]) -> bool:
    return all(matches(parse_cell(text), given[name]) for name, text in change.region.items())


def points(old: DecisionTable, new: DecisionTable, whole: frozenset[str], rng: Random) -> Iterator[dict[str, Any]]:
    """The full grid of places that cells of either table mention, or a sample of it."""
    columns = {column.name: column for column in (*old.inputs, *new.inputs)}
    values = []
    for name, column in columns.items():
        cells = [
            rule.cells[table.input_names.index(name)]
            for table in (old, new) if name in table.input_names for rule in table.rules
        ]  # fmt: skip
        both = [c for table in (old, new) for c in table.inputs if c.name == name]
        tried = [v for c in both for v in values_of(c, cells, name in whole)] or values_of(column, cells, name in whole)
        unlike = {(type(v), repr(v)): v for v in tried if all(c.problem(v) is None for c in both)}
        values.append(list(unlike.values()))
    if math.prod(map(len, values)) <= FULL_GRID:
        for point in product(*values):
            yield dict(zip(columns, point, strict=True))
    elif all(values):
        for _ in range(FULL_GRID):
            yield {name: rng.choice(some) for name, some in zip(columns, values, strict=True)}


def disagreements(old: DecisionTable, new: DecisionTable, whole: frozenset[str], rng: Random) -> list[str]:
    """Everything in which the changes and the brute force differ."""
    changes = table_changes(old, new, whole=whole)
    wrong = [change.message for change in changes if change.kind == "not_proven"]
    regions = answers(changes)
    for change in regions:
        given = change.given
        assert given is not None
        if not differ(old, new, given) or not inside(change, given):
            wrong.append(f"no change: {given}")
        if (change.old, change.new) != (answer_of(old, given), answer_of(new, given)):
            wrong.append(f"other answers: {given}")
    for given in points(old, new, whole, rng):
        holding = [change for change in regions if inside(change, given)]
        if bool(holding) != differ(old, new, given):
            wrong.append(f"{given} is in {len(holding)} regions")
        if len(holding) > 1:
            wrong.append(f"{given} is in more than one region")
    return wrong


def mutant(rng: Random, text: str, other: str) -> DecisionTable:
    """A table like another one: rows or a policy of its own, or rows in another order."""
    data, donor = json.loads(text), json.loads(other)
    kinds = rng.sample(["drop", "swap", "change", "output", "policy", "default"], k=rng.choice([1, 1, 2, 3]))
    for kind in kinds:
        row = rng.randrange(len(data["rules"]))
        if kind == "drop" and len(data["rules"]) > 1:
            del data["rules"][row]
        elif kind == "swap":
            data["rules"].insert(0, data["rules"].pop(row))
        elif kind == "change":
            data["rules"][row]["when"] = rng.choice(data["rules"])["when"]
        elif kind == "output":
            data["rules"][row]["then"]["other"] = rng.choice([1, True, "two"])
        elif kind == "policy":
            data["hit_policy"] = donor["hit_policy"]
        elif kind == "default":
            data["default"] = rng.choice([None, data["rules"][0]["then"]])
    return load_table(json.dumps(data))


@pytest.mark.parametrize("seeds", [range(30), pytest.param(range(30, 250), marks=pytest.mark.slow)])
def test_random_pairs_agree_with_brute_force(seeds: range) -> None:
    for seed in seeds:
        rng = Random(seed)
        text = random_table_text(rng, rng.randint(1, 4), rng.randint(1, 9))
        old = load_table(text)
        new = mutant(rng, text, random_table_text(rng, 1, 1))
        whole = frozenset(old.input_names) if seed % 3 == 0 else frozenset[str]()
        assert disagreements(old, new, whole, rng) == [], seed


@pytest.mark.parametrize("seeds", [range(50), pytest.param(range(50, 300), marks=pytest.mark.slow)])
def test_random_tables_that_have_little_in_common(seeds: range) -> None:
    found = 0
    for seed in seeds:
        rng = Random(seed)
        old, new = random_table(rng, 2, rng.randint(1, 6)), random_table(rng, 3, rng.randint(1, 6))
        if not any("changed its type" in change.message for change in table_changes(old, new)):
            assert disagreements(old, new, frozenset(), rng) == [], seed
            found += 1
    assert found >= len(seeds) // 10


def test_a_table_is_no_change_to_itself() -> None:
    for seed in range(20):
        text = random_table_text(Random(seed))
        assert table_changes(load_table(text), load_table(text)) == (), seed


# By hand --------------------------------------------------------------------------------------------------------------


def table(rules: str, inputs: str = "a: {type: number}", policy: str = "first", more: str = "") -> DecisionTable:
    head = f"table: t\nhit_policy: {policy}\ninputs: {{{inputs}}}\noutputs: {{o: {{}}}}\n{more}"
    return load_table(f"{head}rules: [{rules}]\n")


LOW_HIGH = "{id: low, when: {a: '< 5'}, then: {o: 1}}, {id: high, then: {o: 2}}"


def messages(old: DecisionTable, new: DecisionTable) -> list[str]:
    return [change.message for change in table_changes(old, new)]


def test_a_shifted_bound_is_one_region_with_a_witness() -> None:
    change, row = table_changes(table(LOW_HIGH), table(LOW_HIGH.replace("5", "7.5")))
    assert (change.kind, change.region, change.given) == ("answer", {"a": "[5..7.5)"}, {"a": 5})
    assert change.old == TableAnswer({"o": 2}, ("high",)) and change.new == TableAnswer({"o": 1}, ("low",))
    assert change.matters and not row.matters
    assert row.message == "row low is changed"


def test_counts_take_no_fractions() -> None:
    old, new = table(LOW_HIGH), table(LOW_HIGH.replace("< 5", "<= 4"))
    assert answers(table_changes(old, new))[0].region == {"a": "(4..5)"}
    assert answers(table_changes(old, new, whole=frozenset("a"))) == []


def test_neighbouring_regions_are_one_and_the_largest_comes_first() -> None:
    rows = (
        "{id: r, when: {a: '[1..9)', b: true}, then: {o: 1}}, {id: s, when: {a: '> 20'}, then: {o: 2}}, {then: {o: 3}}"
    )
    inputs = "a: {type: number}, b: {type: boolean}"
    new = rows.replace("'[1..9)', b: true", "'[1..3), [3..4], (4..8)', b: true").replace("> 20", "> 30")
    found = answers(table_changes(table(rows, inputs), table(new, inputs)))
    assert [change.region for change in found] == [{"a": "(20..30]"}, {"a": "[8..9)", "b": "true"}]
    assert found[0].size > found[1].size


def test_rows_that_say_the_same_in_another_way_are_no_change_of_answers() -> None:
    split = "{id: one, when: {a: '< 2'}, then: {o: 1}}, {id: two, when: {a: '[2..5)'}, then: {o: 1}}, {id: high, then: {o: 2}}"
    changes = table_changes(table(LOW_HIGH), table(split))
    assert [change.message for change in changes] == ["row low is gone", "row one is new", "row two is new"]
    assert not any(change.matters for change in changes)


def test_rows_are_renamed_and_moved() -> None:
    assert messages(table(LOW_HIGH), table(LOW_HIGH.replace("id: low", "id: small"))) == ["row low is renamed small"]
    apart = "{id: low, when: {a: '< 5'}, then: {o: 1}}, {id: high, when: {a: '>= 5'}, then: {o: 2}}"
    low, _, high = apart.partition(", {id: high")
    (moved,) = messages(table(apart), table(f"{{id: high{high}, {low}"))
    assert moved in ("row low is moved", "row high is moved")


def test_a_list_in_another_order_is_another_answer_except_under_collect() -> None:
    rows = ["{id: x, when: {a: '> 1'}, then: {o: 1}}", "{id: y, when: {a: '< 9'}, then: {o: 2}}"]
    for policy, regions in (("rule_order", [{"a": "(1..9)"}]), ("collect", [])):
        old, new = (table(", ".join(some), policy=policy) for some in (rows, rows[::-1]))
        assert [change.region for change in answers(table_changes(old, new))] == regions


def test_truth_is_not_one() -> None:
    change = answers(table_changes(table("{then: {o: 1}}"), table("{then: {o: true}}")))[0]
    assert change.region == {} and change.message == "any input"


def test_a_hit_policy_that_refuses_is_an_answer_of_its_own() -> None:
    rows = "{id: low, when: {a: '< 5'}, then: {o: 1}}, {id: high, when: {a: '> 3'}, then: {o: 1}}"
    policy, change = table_changes(table(rows, policy="any"), table(rows, policy="unique"))
    assert policy.message == "the hit policy was any and is unique" and not policy.matters
    assert change.region == {"a": "(3..5)"}
    assert change.new is not None and "only one rule may match" in change.new.error


def test_a_default_counts_only_where_no_row_matches() -> None:
    row = "{when: {a: '< 5'}, then: {o: 1}}"
    default, change = table_changes(table(row), table(row, more="default: {o: 1}\n"))
    assert (default.kind, change.region) == ("policy", {"a": ">= 5"})


def test_an_input_of_one_table_is_one_that_the_other_ignores() -> None:
    both = "a: {type: number}, b: {type: boolean, optional: true}"
    rows = "{id: odd, when: {b: true}, then: {o: 3}}, " + LOW_HIGH
    for old, new, word in (
        (table(LOW_HIGH), table(rows, both), "new"), (table(rows, both), table(LOW_HIGH), "gone"),
    ):  # fmt: skip
        column, change, *_ = table_changes(old, new)
        assert (column.message, column.matters) == (f"input b is {word}", True)
        assert change.region == {"b": "true"}
        assert change.given is not None and set(change.given) == {"a", "b"}


@pytest.mark.parametrize(
    ("before", "after", "region"),
    [
        ("{type: number, values: '>= 1'}", "{type: number, values: '< 9'}", "[5..7)"),
        ("{type: number, values: '>= 6'}", "{type: number}", "[6..7)"),
        ("{type: number}", "{type: number, values: [1, 5, 8]}", "5"),
        ("{type: number, values: [6, 1]}", "{type: number, values: '> 2'}", "-"),
        ("{type: number, optional: true}", "{type: number}", "[5..7)"),
    ],
)
def test_compared_is_what_both_tables_accept(before: str, after: str, region: str) -> None:
    rows = "{when: {a: '< 5'}, then: {o: 1}}, {when: {a: '< 7'}, then: {o: 2}}, {then: {o: 3}}"
    new_rows = rows.replace("< 5", "< 7")
    column, change, *_ = table_changes(table(rows, f"a: {before}"), table(new_rows, f"a: {after}"))
    assert column.message == "input a takes other values"
    assert change.region.get("a", "-") == region


def test_inputs_without_a_value_in_common_have_no_answers_to_compare() -> None:
    old, new = (table("{then: {o: 1}}", f"a: {{type: number, values: [{value}]}}") for value in (1, 2))
    assert messages(old, new) == ["input a takes other values"]
    old, new = table(LOW_HIGH), table("{then: {o: 1}}", "a: {type: string}")
    assert "the answers cannot be compared: a changed its type" in messages(old, new)


def test_outputs_are_compared_too() -> None:
    old = load_table(
        "{table: t, hit_policy: first, inputs: {a: {type: number}}, outputs: {o: {}, p: {}},\nrules: [{then: {o: 1, p: 1}}]}"
    )
    assert "output p is gone" in messages(old, table("{then: {o: 1}}"))
    assert len(answers(table_changes(old, table("{then: {o: 1}}")))) == 1


def test_where_the_steps_run_out_it_is_said() -> None:
    rng = Random(5)
    old, new = wide_table(rng, 6, 20, 4), wide_table(rng, 6, 20, 4)
    *_, last = (change for change in table_changes(old, new, limit=2000) if change.kind != "row")
    assert last.kind == "not_proven" and last.matters
    assert last.message.startswith("not compared beyond 2,000 steps, of ")
    for change in answers(table_changes(old, new, limit=2000)):
        assert change.given is not None
        assert differ(old, new, change.given)


def test_names_from_a_table_cannot_reach_the_terminal() -> None:
    new = table(LOW_HIGH.replace("id: low", 'id: "\\e[31mred\\nx"'))
    assert messages(table(LOW_HIGH), new) == ["row low is renamed \\x1b[31mred x"]


# Mutants of our own tables --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "names"),
    [(60, {"engine", "sizing", "speedup_bands"}), pytest.param(200, set(), marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def test_mistakes_in_our_own_tables_are_noticed(count: int, names: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample of `python benchmarks/mutants.py 500`."""
    monkeypatch.setattr(mutants, "all_tables", lambda: [t for t in all_tables() if not names or t.name in names])
    found, survivors = mutants.run(count, seed=7)
    caught, counted = mutants.rate(found)
    assert counted >= count * 0.75
    assert caught / counted >= 0.95, survivors


def test_a_table_written_in_another_way_is_equivalent_and_one_whose_rows_fire_elsewhere_is_not() -> None:
    assert mutants.is_equivalent(table(LOW_HIGH), table(LOW_HIGH.replace("'< 5'", "'< 4, [4..5)'")))
    assert not mutants.is_equivalent(table(LOW_HIGH), table(LOW_HIGH.replace("id: low", "id: small")))
    assert not mutants.is_equivalent(table(LOW_HIGH), table(LOW_HIGH.replace("< 5", "<= 5")))
