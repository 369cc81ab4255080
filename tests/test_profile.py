"""The workload profile: spellings, strictness, what the messages say, limits of the JSON, text typed for a field."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from refusals import problem, refusal
from strategies import FIELDS, profiles, workloads

from selector.errors import SelectorError
from selector.workload.fields import accepted
from selector.workload.profile import WorkloadProfile
from selector.workload.reading import MAX_PROFILE_BYTES, decode_json, profile_from_json, profile_from_mapping

COUNTS = ("cpu_cores", "tasks", "concurrency", "machines", "library_threads")
POSITIVE = (
    "latency_requirement_ms",
    "memory_budget_mb",
    "free_threaded_ratio",
    "requests_per_second",
    "throughput_requirement_per_s",
    "finish_within_s",
)
AMOUNTS = (
    "cpu_ms_per_task", "io_wait_ms_per_task", "payload_kb_per_task", "task_memory_mb", "startup_ms", "startup_memory_mb",
    "pickle_ms_per_task", "import_ms", "gil_hold_ms",
)  # fmt: skip
CHOICES = (
    "workload_type",
    "mode",
    "shared_state",
    "isolation",
    "platform",
    "current_approach",
    "io_kind",
    "maintainability",
)
TEXTS = ("name", "description")
FLAGS = tuple(
    f
    for f in FIELDS
    if f not in (*COUNTS, *POSITIVE, *AMOUNTS, *CHOICES, *TEXTS, "interpreters", "team_knows", "gil_share")
)
DEFAULTS = {"has_expensive_startup": False, "mode": "batch", "parallelizable": True, "machines": 1, "durable": False}


# Spellings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spelling", "meant"),
    [
        ("cpu", "cpu"), ("CPU", "cpu"), ("cpu-bound", "cpu"), ("CPU bound", "cpu"), ("cpu_intensive", "cpu"),
        ("compute", "cpu"), (" Computation ", "cpu"),
        ("io", "io"), ("I/O", "io"), ("i/o-bound", "io"), ("I/O Bound", "io"), ("io_heavy", "io"), ("network", "io"),
        ("hybrid", "hybrid"), ("Mixed", "hybrid"), ("both", "hybrid"), ("CPU + I/O", "hybrid"),
        ("io and cpu", "hybrid"), ("CPU-bound and I/O-bound", "hybrid"),
    ],
)  # fmt: skip
def test_the_usual_spellings_of_the_type_of_work_are_understood(spelling: str, meant: str) -> None:
    assert profile_from_mapping({"workload_type": spelling}).workload_type == meant


@pytest.mark.parametrize(
    ("field", "spelling", "meant"),
    [
        ("shared_state", "Hot-Writes", "hot_writes"),
        ("shared_state", " read only ", "read_only"),
        ("shared_state", "hot reads", "hot_reads"),
        ("io_kind", "Subprocess", "subprocess"),
        ("current_approach", "Asyncio Free-Threaded", "asyncio_free_threaded"),
        ("platform", "Linux", "linux"),
        ("mode", "SERVICE", "service"),
        ("isolation", "Crash", "crash"),
    ],
)
def test_ids_may_be_typed_in_upper_case_with_spaces_or_hyphens(field: str, spelling: str, meant: str) -> None:
    assert getattr(profile_from_mapping({"workload_type": "io", field: spelling}), field) == meant


# Strictness -----------------------------------------------------------------------------------------------------------


def test_only_the_type_of_work_is_required_and_the_rest_is_unknown_or_its_default() -> None:
    profile = profile_from_mapping({"workload_type": "io"})
    for field in FIELDS[1:]:
        assert getattr(profile, field) == DEFAULTS.get(field), field
    assert profile.given() == {"workload_type": "io"}


@pytest.mark.parametrize("field", FIELDS[1:])
def test_null_is_the_same_as_leaving_a_field_out(field: str) -> None:
    assert profile_from_mapping({"workload_type": "cpu", field: None}) == WorkloadProfile(workload_type="cpu")


def test_a_field_whose_name_is_half_a_character_is_unknown() -> None:
    assert problem({"workload_type": "io", "a\ud800": 1}).message == 'work.json: unknown field "a\\ud800"'


def test_a_null_does_not_hide_an_unknown_field() -> None:
    assert '"taks" (did you mean "tasks"?)' in problem({"workload_type": "cpu", "taks": None}).message


def test_a_type_of_work_that_is_null_is_missing() -> None:
    misspelt = problem({"workload_typ": "cpu"}).message.splitlines()
    assert (
        misspelt[0] == 'work.json: unknown field "workload_typ" (did you mean "workload_type"?)'
    )  # what is missing after it
    assert "workload_type is missing" in misspelt[1]
    assert problem({"workload_type": None}).message == "work.json: workload_type is missing: one of cpu, io, hybrid"


WRONG = {
    **dict.fromkeys(COUNTS, (0, -1, 1.5, 5.0, "5", True, 10**12 + 1, 10**400, math.inf, math.nan, [], {})),
    **dict.fromkeys(POSITIVE, (0, -1, -0.5, "5", False, 1e13, 10**400, math.inf, math.nan, [], {})),
    **dict.fromkeys(AMOUNTS, (-1, -5e-324, "5", True, 1e13, 10**400, -math.inf, math.nan, [], {})),
    "gil_share": (-0.1, -5e-324, 1.0000001, 2, 77, "0.5", True, 10**400, math.inf, math.nan, [], {}),
    **dict.fromkeys(CHOICES, ("", "nonsense", 1, True, ["cpu"], {}, "linux\x00")),
    **dict.fromkeys(FLAGS, (0, 1, "true", "yes", [], {})),
    "name": (1, True, [], {}, "x" * 201, "\ud800"),
    "description": (1, True, [], {}, "x" * 4001, "\udfff"),
    "team_knows": ("threads", [], ["nonsense"], [1], {}, 5, True, ["threads"] * 11),
    "interpreters": (
        "3.14",
        [],
        [3.14],
        ["3"],
        ["3.14", "2.7"],
        ["3.14t "],
        ["3.14\n"],
        ["3.١٤"],
        ["3.141"],
        [None],
        {},
        ["3.14"] * 51,
        5,
    ),
}


def test_wrong_values_are_listed_for_every_field() -> None:
    assert set(WRONG) == set(FIELDS)


@pytest.mark.parametrize("field", FIELDS)
def test_a_wrong_value_is_refused_by_field_value_and_what_is_accepted(field: str) -> None:
    for value in WRONG[field]:
        error = problem({"workload_type": "io", field: value})
        assert error.message.startswith(f"work.json: {field} is "), value
        assert f": expected {accepted(field)}" in error.message, value
        assert error.message.isprintable(), value


def test_the_value_is_shown_as_json_and_shortened() -> None:
    assert "mode is true: expected" in problem({"workload_type": "io", "mode": True}).message
    assert 'mode is "a\\nb\\u001b": expected' in problem({"workload_type": "io", "mode": "a\nb\x1b"}).message
    assert len(problem({"workload_type": "io", "mode": "x" * 10_000}).message) < 150


@pytest.mark.parametrize(
    ("data", "suggested"),
    [
        ({"workload_type": "hybird"}, "hybrid"),
        ({"workload_type": "io", "shared_state": "read_onli"}, "read_only"),
        ({"workload_type": "io", "current_approach": "multiprocesing"}, "multiprocessing"),
        ({"workload_type": "io", "latency_ms": 5}, "latency_requirement_ms"),
        ({"workload_type": "io", "cpu_core": 5}, "cpu_cores"),
    ],
    ids=["type", "state", "approach", "latency", "cores"],
)
def test_a_near_miss_gets_a_suggestion(data: dict[str, Any], suggested: str) -> None:
    assert f'(did you mean "{suggested}"?)' in problem(data).message


def test_every_wrong_field_is_named_at_once_and_the_hint_says_where_fields_are_listed() -> None:
    error = problem({"tasks": 0, "gpu": "maybe", "colour": "red"})
    named = [line.split(": ", 1)[1].split(" is ")[0] for line in error.message.splitlines()]
    assert set(named) >= {"workload_type", "tasks", "gpu"} and 'unknown field "colour"' in error.message
    assert "recommend --help" in error.hint


def test_a_hundred_wrong_fields_do_not_flood_the_terminal() -> None:
    assert len(problem({f"field {i}": i for i in range(100)}).message.splitlines()) <= 10


@pytest.mark.parametrize(
    ("data", "kind"),
    [([], "a list"), ("io", "text"), (5, "a number"), (1.5, "a number"), (True, "true or false"), (None, "null")],
)
def test_a_workload_must_be_an_object(data: object, kind: str) -> None:
    assert problem(data).message == f"work.json: a workload is a JSON object, not {kind}"


def test_a_key_that_is_no_text_is_refused() -> None:
    assert "expected a field of the profile" in problem({"workload_type": "io", 1: 2}).message


def test_profiles_cannot_be_changed_or_extended() -> None:
    profile = WorkloadProfile(workload_type="io")
    with pytest.raises(ValidationError):
        profile.tasks = 5  # type: ignore[misc]
    with pytest.raises(ValidationError):
        WorkloadProfile(workload_type="io", colour="red")  # type: ignore[call-arg]


# JSON -----------------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(workloads())
def test_any_profile_survives_json(data: dict[str, Any]) -> None:
    profile = profile_from_mapping(data)
    assert profile_from_json(json.dumps(data)) == profile
    assert WorkloadProfile.model_validate_json(profile.model_dump_json()) == profile
    assert profile_from_json(profile.model_dump_json().encode()) == profile


@given(profiles())
def test_what_a_profile_gives_makes_the_same_profile(profile: WorkloadProfile) -> None:
    assert profile_from_mapping(profile.given()) == profile
    assert list(profile.given()) == [f for f in FIELDS if f in profile.given()]


@pytest.mark.parametrize("text", ['{"workload_type": "io"}', b'\xef\xbb\xbf{"workload_type": "io"}',
                                  '\ufeff{"workload_type": "io"}', '\n\t {"workload_type": "i\\/o"} \r\n'],
                         ids=["plain", "bytes with a BOM", "text with a BOM", "blanks around"])  # fmt: skip
def test_json_may_have_a_byte_order_mark_and_blanks(text: str | bytes) -> None:
    assert profile_from_json(text) == WorkloadProfile(workload_type="io")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"", "not valid JSON at line 1, column 1"),
        (b"{", "not valid JSON at line 1, column 2"),
        (b'{"workload_type": "io",}', "not valid JSON at line 1, column"),
        (b'{\n"workload_type": io}', "not valid JSON at line 2, column 18"),
        (b'{"workload_type": "io"} {}', "not valid JSON at line 1, column 25: Extra data"),
        (b"{'workload_type': 'io'}", "not valid JSON at line 1, column 2"),
        (b'{"workload_type": "i\no"}', "not valid JSON at line 1, column 21: Invalid control character"),
        (b'{"tasks": 01}', "not valid JSON at line 1, column 12"),
        (b'{"tasks": 1, "tasks": 2}', 'the key "tasks" appears twice'),
        (b'{"x": {"a\\u001b": 1, "a\\u001b": 1}}', 'the key "a\\u001b" appears twice'),
        ('{"workload_type": "io"}'.encode("utf-16"), "not UTF-8 text (byte 0)"),
        ('{"workload_type": "io"}'.encode("utf-16-le"), "not valid JSON at line 1, column 2"),
        (b'{"name": "\xff"}', "not UTF-8 text (byte 10)"),
        (b"\x00" * 50, "not valid JSON at line 1, column 1"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b" " * (MAX_PROFILE_BYTES + 1), "larger than 1,000,000 bytes"),
        (b'{"workload_type": NaN}', "workload_type is NaN"),
        (b'{"workload_type": "io", "tasks": Infinity}', "tasks is Infinity"),
        (b'{"workload_type": "io", "cpu_ms_per_task": -Infinity}', "cpu_ms_per_task is -Infinity"),
        (b'{"workload_type": "io", "cpu_ms_per_task": 1e999}', "cpu_ms_per_task is Infinity"),
        (b'{"workload_type": "io", "tasks": 1e3}', "tasks is 1000.0"),
        (b'{"workload_type": "io", "tasks": ' + b"9" * 400 + b"}", "tasks is 999"),
        (b'{"workload_type": "io", "tasks": ' + b"9" * 100_000 + b"}", "tasks is 999"),
        (b'{"workload_type": "io", "startup_ms": -' + b"9" * 100_000 + b"}", "startup_ms is -999"),
        (b"NaN", "not a number"),
        (b'{"workload_type": "io", "name": "\\ud800"}', 'name is "\\ud800"'),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else "",
)
def test_json_that_is_no_workload_is_refused_with_the_place_or_the_field(text: bytes, place: str) -> None:
    with pytest.raises(SelectorError) as caught:
        profile_from_json(text, "work.json")
    assert caught.value.message.startswith("work.json: ")
    assert place in caught.value.message
    assert caught.value.hint and caught.value.exit_code == 2
    assert len(caught.value.message) < 250
    assert "sys." not in caught.value.message  # advice for users, not for programmers of Python


def test_a_workload_of_the_largest_size_is_read() -> None:
    text = b'{"workload_type": "io"}'
    assert profile_from_json(text + b" " * (MAX_PROFILE_BYTES - len(text))).workload_type == "io"


@settings(max_examples=50)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: (
    st.lists(inner) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner)), max_leaves=20))  # fmt: skip
def test_any_json_value_is_a_workload_or_a_polite_error(value: object) -> None:
    if error := refusal(lambda: profile_from_json(json.dumps(value))):
        assert error.exit_code == 2
        assert error.message.replace("\n", "").isprintable()


def test_decoding_gives_plain_python_values() -> None:
    assert decode_json('{"a": [1, 2.5, true, null, "x"]}', "x") == {"a": [1, 2.5, True, None, "x"]}
