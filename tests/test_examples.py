"""The workloads that ship: each is valid, and the tables give it what an expert judged beforehand (examples_expected.yaml)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from strategies import FIXED_HOST

from selector import Selector
from selector.errors import SelectorError
from selector.files import resource_dir
from selector.pipeline import example_profiles, example_text
from selector.workload.profile import APPROACHES
from selector.workload.reading import profile_from_json

pytestmark = pytest.mark.one_python

EXAMPLES = resource_dir("examples")
ALL = sorted(EXAMPLES.glob("*.json"))
FILES = [file for file in ALL if "parts" not in json.loads(file.read_text("utf-8"))]  # the others: test_system.py
EXPECTED: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "examples_expected.yaml").read_text("utf-8")
)
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


@pytest.fixture(scope="module")
def selector() -> Selector:
    return Selector(host=FIXED_HOST)


@each_file
def test_it_is_a_valid_profile_with_a_name_and_a_description(file: Path) -> None:
    profile = profile_from_json(file.read_bytes(), file.name)
    assert profile.name
    assert profile.description
    assert file.read_text("utf-8").endswith("}\n")


@each_file
def test_it_holds_nothing_that_is_a_default_anyway(file: Path) -> None:
    data = json.loads(file.read_text("utf-8"))
    assert None not in data.values()
    assert profile_from_json(file.read_bytes()).given().keys() <= data.keys()


@each_file
def test_the_tables_give_it_what_the_expert_expects(file: Path, selector: Selector) -> None:
    expected = EXPECTED[file.stem]
    result = selector.recommend(profile_from_json(file.read_bytes()), "none")
    assert result.approach == expected["approach"], expected["why"]


@each_file
def test_what_the_expert_expects_comes_with_a_reason(file: Path) -> None:
    expected = EXPECTED[file.stem]
    assert {"approach", "also", "why"} <= set(expected) <= {"approach", "also", "why", "seed"}
    assert {expected["approach"], *expected["also"]} <= set(APPROACHES)
    assert expected["approach"] not in expected["also"]
    assert len(expected["why"].split()) >= 8 and expected["why"].endswith(".")


def test_every_file_has_its_expectation_and_the_other_way_round() -> None:
    assert {file.stem for file in FILES} == {name for name, entry in EXPECTED.items() if "parts" not in entry}
    assert {file.stem for file in ALL} == set(EXPECTED)


def test_there_are_at_least_22_and_every_approach_is_the_answer_to_one() -> None:
    assert len(FILES) >= 22  # eight AI workloads, ten scenarios and four patterns
    assert {EXPECTED[file.stem]["approach"] for file in FILES} == set(APPROACHES)


def test_the_names_on_the_command_line_are_those_of_the_files() -> None:
    assert [stem for stem, _ in example_profiles()] == [file.stem for file in FILES]
    for file in ALL:
        assert example_text(file.stem) == example_text(file.name) == file.read_text("utf-8")


def test_an_example_that_does_not_exist_gets_a_suggestion() -> None:
    with pytest.raises(SelectorError, match=r'no example "web-scrapper" \(did you mean "web-scraper"\?\)'):
        example_text("web-scrapper")
    with pytest.raises(SelectorError, match="no example"):
        example_text("../examples/web-scraper")
