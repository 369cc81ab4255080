"""The schema of a workload accepts what the reader accepts."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schemas import SCHEMAS, complaints, is_profile, words_of
from strategies import FIELDS, random_profile, workloads

from selector.pipeline import example_files, example_profiles
from selector.workload.fields import field_kind
from selector.workload.profile import WorkloadProfile

# Profiles -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", dict(example_profiles()))
def test_our_examples_are_accepted(name: str) -> None:
    assert complaints("profile", json.loads(example_files()[name].read_bytes())) == []


@given(workloads())
def test_every_profile_is_accepted(data: dict[str, Any]) -> None:
    assert complaints("profile", data) == []


@given(workloads(), st.sampled_from(FIELDS[1:]))
def test_every_field_but_the_first_may_be_null(data: dict[str, Any], field: str) -> None:
    assert complaints("profile", {**data, field: None}) == []


def test_it_has_every_field_with_what_the_model_says_of_it() -> None:
    properties = SCHEMAS["profile"]["properties"]
    assert list(properties) == list(WorkloadProfile.model_fields)
    for name, field in WorkloadProfile.model_fields.items():
        assert properties[name]["description"] == field.description
        assert properties[name].get("default") == (None if field.is_required() else field.default), name
        if field_kind(name).kind == "choice":
            assert tuple(words_of(properties[name])) == field_kind(name).choices


def test_the_reader_takes_other_spellings_and_an_editor_offers_one() -> None:
    for field, word, other in (
        ("workload_type", "io", "I/O bound"),
        ("shared_state", "hot_writes", " Hot-Writes"),
        ("current_approach", "distributed", "di\ufb06ributed"),
    ):
        good, odd = ({"workload_type": "io", field: spelling} for spelling in (word, other))
        assert is_profile(good) and is_profile(odd), word
        assert complaints("profile", good) == [], word
        assert complaints("profile", odd), other


BAD_PROFILES: dict[str, Any] = {
    "a list": [],
    "no type": {"tasks": 5},
    "a type that is null": {"workload_type": None},
    "another type": {"workload_type": "gpu"},
    "a type among letters": {"workload_type": "xcpu"},
    "a type with a letter between": {"workload_type": "cpu-ebound"},
    "unknown field": {"workload_type": "io", "taks": 1},
    "a null for an unknown field": {"workload_type": "io", "taks": None},
    "the key of a schema": {"workload_type": "io", "$schema": "workload.schema.json"},
}
BAD_VALUES: dict[str, tuple[Any, ...]] = {
    "count": (0, -1, 1.5, "5", True, 10**12 + 1, [], {}),
    "number": (-1, "5", True, 10**13, [], {}),
    "choice": ("", "nonsense", 1, True, ["cpu"], {}, "cpu io hybrid", "none none"),
    "flag": (0, 1, "true", "yes", [], {}),
    "text": (1, True, [], {}, "x" * 4001),
    "several": ("nonsense", "asyncio", [], ["asynci"], [1], [None], {}, ["threads"] * 11, 5),
    "versions": ("3.14", [], [3.14], ["3"], ["3.14", "2.7"], ["3.14t "], ["3.141"], [None], {}, ["3.14"] * 51, 5),
}


@pytest.mark.parametrize("data", BAD_PROFILES.values(), ids=BAD_PROFILES)
def test_what_is_no_workload_is_refused_by_both(data: object) -> None:
    assert not is_profile(data)
    assert complaints("profile", data)


@pytest.mark.parametrize("field", FIELDS)
def test_a_wrong_value_of_a_field_is_refused_by_both(field: str) -> None:
    kind = field_kind(field)
    for value in (*BAD_VALUES[kind.kind], *((0, -0.0) if kind.above_zero else ())):
        data = {"workload_type": "io", field: value}
        assert not is_profile(data), value
        assert complaints("profile", data), value


def test_what_the_reader_accepts_is_accepted_and_all_it_refuses_is_refused() -> None:
    rng = random.Random(8)
    read = 0
    values = [value for some in BAD_VALUES.values() for value in some] + [None, 5, 2.5, "cpu", "3.14", ["3.14t"]]
    for _ in range(700):
        data = random_profile(rng)
        for _ in range(rng.randint(0, 2)):
            data[rng.choice(FIELDS)] = rng.choice(values)
        accepted = is_profile(data)
        read += accepted
        assert accepted == (not complaints("profile", data)), data
    assert 140 < read < 650
