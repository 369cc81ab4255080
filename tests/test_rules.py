"""The shipped tables and catalogues: they load, their own examples pass, and every row says why it is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from selector.approaches import Traits
from selector.decision import DecisionTable, load_table
from selector.decision.proofs.examples import run_examples
from selector.decision.table import Example
from selector.files import resource_dir
from selector.migration.parts import EFFORTS
from selector.recommend.facts import FACTS
from selector.recommend.knowledge import CHAIN, all_tables, load_knowledge
from selector.recommend.witnesses import verify_chain
from selector.workload.profile import WorkloadProfile

pytestmark = pytest.mark.one_python

RULES = resource_dir("rules")
CATALOGUES = ("approaches", "async_clients", "blocking_calls", "costs", "servers")
TABLES = sorted(file for file in RULES.glob("*.yaml") if file.stem not in CATALOGUES)
SENTENCE_END = re.compile(r"[.!?]\)?$")


def test_our_tables_are_proven_to_have_no_gap_no_contradiction_and_no_row_in_vain() -> None:
    """Overlaps are those that `first` settles by the order of the rows, one note a table; lists may be empty."""
    proofs = verify_chain(all_tables(), load_knowledge())
    assert {proof.table for proof in proofs} == {file.stem for file in TABLES}
    assert all(proof.proven for proof in proofs)
    found = {(f.table, f.severity, f.message) for proof in proofs for f in proof.findings if f.severity != "note"}
    assert not found
    assert {f.kind for proof in proofs for f in proof.findings} <= {"overlap", "gap", "catch_all"}
    gaps = {f.table: f.message for proof in proofs for f in proof.findings if f.kind == "gap"}
    lists = {"eligibility", "advice", "wrong_turns"}  # nothing speaks against it, nothing to advise, nothing goes wrong
    assert set(gaps) == {*lists, "migration_effort"}
    assert "these never hold together" in gaps["migration_effort"]


each_table = pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)


def test_every_table_of_the_chain_is_there_and_every_other_file_is_known() -> None:
    assert {file.stem for file in TABLES} == {*CHAIN, "migration_effort", "joints"}
    assert {table.name for table in all_tables()} == {file.stem for file in TABLES}


@each_table
def test_it_loads_under_the_name_of_its_file_with_a_title(file: Path) -> None:
    table = load_table(file)
    assert table.name == file.stem
    assert len(table.title.split()) >= 3
    assert not table.title.endswith(".")


@each_table
def test_its_own_examples_pass_and_reach_every_row(file: Path) -> None:
    result = run_examples(load_table(file))
    assert result.failures == ()
    assert result.passed >= 1
    assert result.unreached == ()


@each_table
def test_every_row_has_an_id_of_its_own_and_a_reason_in_a_sentence(file: Path) -> None:
    rules = load_table(file).rules
    assert len({rule.id for rule in rules}) == len(rules)
    for rule in rules:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.id), rule.id
        assert len(rule.because.split()) >= 3, rule.id
        assert rule.because[0].isupper() or rule.because[0].isdigit() or rule.because.startswith("asyncio"), rule.id
        assert SENTENCE_END.search(rule.because), rule.because


@each_table
def test_its_text_can_be_shown_on_any_terminal(file: Path) -> None:
    text = file.read_text("utf-8")
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert not re.search(r"[ \t]$", text, re.MULTILINE)


@pytest.mark.parametrize("name", CHAIN)
def test_it_asks_only_about_facts(name: str) -> None:
    assert {column.name for column in load_knowledge().tables[name].inputs} <= set(FACTS)


def test_no_trait_of_an_approach_hides_what_the_user_said_of_the_workload() -> None:
    traits = set(Traits.__annotations__)
    assert traits.isdisjoint(WorkloadProfile.model_fields)
    assert traits <= set(FACTS)


def test_the_classes_of_classify_are_those_that_strategy_knows() -> None:
    tables = load_knowledge().tables
    given = {rule.outputs["workload_class"] for rule in tables["classify"].rules}
    known = next(column.values for column in tables["strategy"].inputs if column.name == "workload_class")
    assert isinstance(known, tuple)
    assert given == set(known)


def test_no_row_of_classify_strategy_or_effort_repeats_the_tests_of_another() -> None:
    for name in ("classify", "migration_effort", "engine", "joints"):
        rules = load_table(RULES / f"{name}.yaml").rules
        assert len({rule.cells for rule in rules}) == len(rules), name


def test_moving_costs_something_from_none_to_high() -> None:
    table = load_table(RULES / "migration_effort.yaml")
    assert {rule.outputs["effort"] for rule in table.rules} == set(EFFORTS)


def sentences(value: object) -> Iterator[str]:
    """Every text in YAML data that reads like a sentence."""
    match value:
        case dict():
            for item in value.values():
                yield from sentences(item)
        case list():
            for item in value:
                yield from sentences(item)
        case str() if len(value.split()) > 6:
            yield value


@pytest.mark.parametrize("file", sorted(RULES.rglob("*.yaml")), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_sentence_is_whole_and_printable(file: Path) -> None:
    for sentence in sentences(yaml.safe_load(file.read_text("utf-8"))):
        assert sentence.replace("\n", "").isprintable(), sentence
        assert sentence == sentence.strip()
        assert sentence[0] not in ",;.)", sentence
        assert "  " not in sentence.replace("\n", " "), sentence


def test_every_cost_names_its_source() -> None:
    entries = yaml.safe_load((RULES / "costs.yaml").read_text("utf-8"))
    assert set(entries) == set(load_knowledge().costs.documented)
    for name, entry in entries.items():
        assert len(entry["source"].split()) >= 3, name


def test_every_approach_has_a_title_a_gain_and_a_cost() -> None:
    for approach in load_knowledge().approaches.values():
        assert approach.title
        for sentence in (approach.gain, approach.cost):
            assert len(sentence.split()) >= 4 and sentence.endswith("."), sentence


# The runner of examples itself ----------------------------------------------------------------------------------------


@pytest.fixture
def bands() -> DecisionTable:
    return load_table(RULES / "speedup_bands.yaml")


def test_an_example_that_is_not_true_is_reported_with_its_line(bands: DecisionTable) -> None:
    wrong = Example({"speedup": 3}, {"verdict": "avoid"}, 12)
    result = run_examples(replace(bands, examples=(wrong,), source="bands.yaml"))
    assert result.failures == ('bands.yaml:12: expected {"verdict": "avoid"}, got {"verdict": "use"}',)
    assert result.passed == 0
    assert len(result.unreached) == len(bands.rules) - 1


def test_an_example_that_the_table_refuses_is_reported_too(bands: DecisionTable) -> None:
    refused = Example({"speedup": -1}, {"verdict": "avoid"}, 12)
    (failure,) = run_examples(replace(bands, examples=(refused,), source="bands.yaml")).failures
    assert failure.startswith("bands.yaml:12: ") and "speedup is -1" in failure


def test_a_table_without_examples_has_no_rows_to_complain_about(bands: DecisionTable) -> None:
    result = run_examples(replace(bands, examples=()))
    assert (result.passed, result.failures, result.unreached) == (0, (), ())
