"""Bad input: more than ten thousand spoilt workloads and tables give a polite error or an answer, nothing else.

In process through the functions the command uses, and some through the command. Every spoilt text comes from a seed, so
that a failure can be made again; most of the seeds are for `make test-all`.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from spoilt import RULES, TABLES, WEIRD, outcome, polite, seeds, spoilt
from strategies import FIELDS, FIXED_HOST, random_profile

from selector import Selector
from selector.approaches import load_approaches, load_costs
from selector.decision import DecisionTable, load_table
from selector.decision.proofs.examples import run_examples
from selector.migration.guide import migration_guide
from selector.workload.fields import accepted, field_kind
from selector.workload.reading import decode_json, profile_from_mapping

# Workloads ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def selector() -> Selector:
    return Selector(host=FIXED_HOST)


def answer(selector: Selector, text: bytes) -> str:
    """What `recommend` does with the bytes of a file."""
    return selector.recommend_json(profile_from_mapping(decode_json(text, "work.json"), "work.json"))


PLACE_IN_JSON = re.compile(
    r"not valid JSON at line \d+, column \d+: |not UTF-8 text \(byte \d+\)|nested too deeply|larger than|"
    r"unknown field |the key .* appears twice|a workload is a JSON object, not |"
    rf"\b({'|'.join(FIELDS)}) is "
)


@pytest.mark.parametrize("seed", seeds(0, 10, 2))
def test_spoilt_json_gives_an_answer_or_names_the_place(seed: int, selector: Selector) -> None:
    rng = random.Random(seed)
    refused = 0
    for _ in range(500):
        good = json.dumps(random_profile(rng), indent=rng.choice((None, 2)), ensure_ascii=rng.random() < 0.5).encode()
        text = spoilt(rng, good)
        if error := outcome(lambda text=text: answer(selector, text)):  # type: ignore[misc]
            refused += 1
            assert polite(error), text
            assert error.message.startswith("work.json: "), text
            assert PLACE_IN_JSON.search(error.message), (error.message, text)
            assert error.hint, text
    assert refused > 300  # or the accidents are too mild


@pytest.mark.parametrize("seed", seeds(10, 15, 1))
def test_a_spoilt_value_gives_an_answer_or_names_the_field(seed: int, selector: Selector) -> None:
    rng = random.Random(seed)
    refused = 0
    for _ in range(500):
        field, value = rng.choice(FIELDS), rng.choice(WEIRD)
        data = {**random_profile(rng), field: value}
        text = json.dumps(data).encode()
        if error := outcome(lambda text=text: answer(selector, text)):  # type: ignore[misc]
            refused += 1
            assert polite(error), text
            words = f"{field} is missing" if value is None else f"{field} is "
            assert words in error.message, (error.message, text)
            assert accepted(field) in error.message
    assert refused > 300


@pytest.mark.parametrize("seed", seeds(15, 17, 1))
def test_spoilt_names_of_fields_are_named(seed: int, selector: Selector) -> None:
    rng = random.Random(seed)
    for _ in range(250):
        data = random_profile(rng)
        name = rng.choice(list(data))
        wrong = spoilt(rng, name.encode()).decode("utf-8", "replace")
        data = {(wrong if key == name else key): value for key, value in data.items()}
        text = json.dumps(data).encode()
        error = outcome(lambda text=text: answer(selector, text))  # type: ignore[misc]
        if wrong not in FIELDS:
            assert error is not None and polite(error), text
            assert "unknown field " in error.message


_OF_A_SHARE = {"count": 1, "number": 0.5}


def test_every_field_refuses_every_kind_of_value_but_its_own(selector: Selector) -> None:
    samples = {
        "flag": True,
        "count": 5,
        "number": 5.5,
        "text": "some text",
        "versions": ["3.14"],
        "several": ["threads"],
        "none": {},
    }
    fitting = {"choice": set(), "number": {"number", "count"}}
    for field in FIELDS:
        kind = field_kind(field).kind
        for name, value in {**samples, **(_OF_A_SHARE if field_kind(field).largest == 1 else {})}.items():
            data = {"workload_type": "io", field: value}
            error = outcome(lambda data=data: answer(selector, json.dumps(data).encode()))  # type: ignore[misc]
            assert (error is None) == (name in fitting.get(kind, {kind})), (field, value)


# Tables ---------------------------------------------------------------------------------------------------------------


def decide_with(table: DecisionTable, rng: random.Random) -> None:
    """Its own examples, and a decision on odd inputs: an answer or a polite error."""
    run_examples(table)
    for _ in range(3):
        given = {column.name: rng.choice(WEIRD) for column in table.inputs}
        error = outcome(lambda given=given: table.decide(given, trace=True))  # type: ignore[misc]
        assert error is None or polite(error)


@pytest.mark.parametrize("seed", seeds(20, 28, 1))
def test_a_spoilt_table_is_read_or_refused_with_its_place(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    file = tmp_path / "table.yaml"
    place = re.compile(rf"{re.escape(str(file))}(:\d+:\d+: |: not UTF-8 text \(byte \d+\)|: larger than )")
    refused = 0
    for _ in range(250):
        text = spoilt(rng, rng.choice(list(TABLES.values())))
        file.write_bytes(text)
        tables: list[DecisionTable] = []
        if error := outcome(lambda: tables.append(load_table(file))):  # noqa: B023
            refused += 1
            assert polite(error), text
            assert place.match(error.message), (error.message, text)
        else:
            decide_with(tables[0], rng)
    assert refused > 150


def spoilt_data(rng: random.Random, value: Any) -> Any:
    """YAML data with one of its values replaced by something else, or one of its keys renamed."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.15:
            return {(f"{k}s" if k == key else k): v for k, v in value.items()}
        return {k: (spoilt_data(rng, v) if k == key else v) for k, v in value.items()}
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        return [*value[:place], spoilt_data(rng, value[place]), *value[place + 1 :]]
    return rng.choice([w for w in WEIRD if w != "\ud800"])


@pytest.mark.parametrize("seed", seeds(30, 33, 1))
def test_a_table_with_a_wrong_value_is_read_or_refused_with_its_place(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    file = tmp_path / "table.yaml"
    for _ in range(100):
        data = spoilt_data(rng, yaml.load(rng.choice(list(TABLES.values())), yaml.CSafeLoader))
        file.write_text(yaml.dump(data, Dumper=yaml.CSafeDumper, allow_unicode=True), "utf-8")
        tables: list[DecisionTable] = []
        if error := outcome(lambda: tables.append(load_table(file))):  # noqa: B023
            assert polite(error), data
            assert re.match(rf"{re.escape(str(file))}:\d+:\d+: ", error.message), error.message
        else:
            decide_with(tables[0], rng)


@pytest.mark.parametrize("name", ["approaches", "costs"])
def test_a_spoilt_catalogue_is_read_or_refused_with_its_file(name: str, tmp_path: Path) -> None:
    rng = random.Random(name)
    load: Callable[[Path], object] = {"approaches": load_approaches, "costs": load_costs}[name]
    file = tmp_path / f"{name}.yaml"
    good = (RULES / file.name).read_bytes()
    data = yaml.safe_load(good)
    for number in range(60):
        if number % 2:
            file.write_bytes(spoilt(rng, good))
        else:
            file.write_text(yaml.safe_dump(spoilt_data(rng, data), allow_unicode=True), "utf-8")
        if error := outcome(lambda: load(file)):
            assert polite(error), file.read_bytes()
            assert error.message.startswith(str(file))


def test_a_spoilt_migration_text_is_read_or_refused_with_its_file(tmp_path: Path) -> None:
    rng = random.Random(40)
    files = ("threads.yaml", "asyncio.yaml", "pairs.yaml")
    for number in range(30):
        name = rng.choice(files)
        folder = tmp_path / str(number)  # what is read is remembered by its path
        (folder / "migration").mkdir(parents=True)
        file = folder / "migration" / name
        good = (RULES / "migration" / name).read_bytes()
        if number % 2:
            file.write_bytes(spoilt(rng, good))
        else:
            file.write_text(yaml.safe_dump(spoilt_data(rng, yaml.safe_load(good)), allow_unicode=True), "utf-8")
        error = outcome(lambda folder=folder: migration_guide("threads", "asyncio", (folder, RULES)))  # type: ignore[misc]
        assert error is None or (polite(error) and error.message.startswith(str(file)))


@pytest.mark.parametrize("name", ["engine", *(pytest.param(n, marks=pytest.mark.slow) for n in ("sizing", "advice"))])
def test_a_spoilt_table_in_the_chain_gives_answers_or_a_polite_error(name: str, tmp_path: Path) -> None:
    rng = random.Random(name)
    good = (RULES / f"{name}.yaml").read_bytes()
    for _ in range(8):
        (tmp_path / f"{name}.yaml").write_bytes(spoilt(rng, good))
        broken = Selector(tmp_path, FIXED_HOST)
        for _ in range(3):
            profile = profile_from_mapping(random_profile(rng))
            error = outcome(lambda profile=profile, broken=broken: broken.recommend(profile, changes="none"))  # type: ignore[misc]
            assert error is None or polite(error)
