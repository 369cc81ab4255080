"""The fields of a workload: what each takes, typed and in JSON."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import problem, refusal
from strategies import FIELDS, LARGEST, values_of

from selector.workload.fields import FieldKind, accepted, field_kind, value_from_text
from selector.workload.profile import APPROACHES, WorkloadProfile
from selector.workload.reading import profile_from_mapping
from selector.workload.units import unit_of

COUNTS = ("cpu_cores", "tasks", "concurrency", "machines", "library_threads")
POSITIVE = (
    "latency_requirement_ms",
    "memory_budget_mb",
    "free_threaded_ratio",
    "requests_per_second",
    "throughput_requirement_per_s",
    "finish_within_s",
)
SHARES = ("gil_share",)
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
    if f not in (*COUNTS, *POSITIVE, *AMOUNTS, *SHARES, *CHOICES, *TEXTS, "interpreters", "team_knows")
)
DEFAULTS = {"has_expensive_startup": False, "mode": "batch", "parallelizable": True, "machines": 1, "durable": False}


# What each field takes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_has_its_kind(field: str) -> None:
    kind = field_kind(field)
    if field == "team_knows":
        assert kind == FieldKind("several", ("asyncio", "threads", "processes", "queues"))
    elif field in CHOICES:
        assert kind.kind == "choice" and len(kind.choices) > 1
    else:
        kinds = {COUNTS: "count", POSITIVE: "number", AMOUNTS: "number", SHARES: "number", TEXTS: "text", FLAGS: "flag"}
        expected = next((name for fields, name in kinds.items() if field in fields), "versions")
        largest = 1.0 if field in SHARES else LARGEST
        assert kind == FieldKind(expected, (), field in POSITIVE, largest)  # type: ignore[arg-type]


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_says_what_it_accepts_and_what_it_is(field: str) -> None:
    words = {
        "choice": f"one of {', '.join(field_kind(field).choices)}", "flag": "true or false", "versions": "a list of versions",
        "several": "a list of any of asyncio, threads",
        "count": "a whole number from 1", "number": "a number", "text": "text of at most",
    }  # fmt: skip
    assert accepted(field).startswith(words[field_kind(field).kind])
    assert len(WorkloadProfile.model_fields[field].description or "") > 5


def test_what_is_accepted_of_no_field_is_said_too() -> None:
    assert accepted("nonsense") == "a field of the profile"
    assert accepted("gil_share") == "a number from 0 to 1"
    assert accepted("free_threaded_ratio") == "a number over 0 to 10^12"
    assert field_kind("current_approach").choices == APPROACHES


@pytest.mark.parametrize(
    ("field", "typed", "value"),
    [
        *[("tasks", typed, number) for typed, number in (("5", 5), (" 5 ", 5), ("+5", 5), ("1e3", 1000), ("5.0", 5))],
        *[("tasks", typed, number) for typed, number in (("5.5", 5.5), ("-1", -1), ("1e400", math.inf), ("0", 0))],
        *[("cpu_ms_per_task", typed, number) for typed, number in (("5", 5.0), (".5", 0.5), ("1e-3", 0.001))],
        *[("gpu", typed, True) for typed in ("y", "Yes", "TRUE", " true ")],
        *[("gpu", typed, False) for typed in ("n", "No", "FALSE")],
        *[("gpu", typed, typed) for typed in ("maybe", "1", "on")],
        *[(field, typed, None) for field in ("gpu", "tasks", "name", "nonsense") for typed in ("", "  ", "null")],
        ("interpreters", "3.13,3.14t", ["3.13", "3.14t"]),
        ("interpreters", '["3.13", "3.14t"]', ["3.13", "3.14t"]),
        ("interpreters", "3.14", ["3.14"]),
        ("tasks", "many", "many"),
        ("cpu_ms_per_task", "-Inf", -math.inf),
        ("tasks", "-+inf", "-+inf"),
        ("tasks", "²", "²"),
        ("tasks", "--5", "--5"),
        ("workload_type", "I/O bound", "I/O bound"),
        ("name", "  my work ", "my work"),
        ("nonsense", "5", "5"),
    ],
)
def test_text_typed_for_a_field_becomes_what_json_would_have(field: str, typed: str, value: object) -> None:
    found = value_from_text(field, typed)
    assert found == value and type(found) is type(value)


def test_a_number_of_many_thousand_digits_is_refused_and_does_not_fail() -> None:
    for field in (*COUNTS, *AMOUNTS):
        assert f"{field} is " in problem({"workload_type": "io", field: value_from_text(field, "9" * 100_000)}).message


@pytest.mark.parametrize(
    ("field", "typed", "value"),
    [
        *[
            ("latency_requirement_ms", typed, 20.0)
            for typed in ("20ms", "20 MS", " 20 milliseconds ", "0.02s", "20e3 us")
        ],
        *[("latency_requirement_ms", typed, value) for typed, value in (("0.5s", 500.0), ("2 min", 120_000.0))],
        *[("startup_ms", typed, value) for typed, value in (("1.1 s", 1100.0), ("1h", 3.6e6), ("1 day", 8.64e7))],
        *[
            ("io_wait_ms_per_task", typed, value)
            for typed, value in (("250us", 0.25), ("1\u00b5s", 0.001), (".5 s", 500.0))
        ],
        *[
            ("memory_budget_mb", typed, 1024.0)
            for typed in ("1GB", "1 gb", "1GiB", "1g", "1,024", "1 024MB", "1048576 KB")
        ],
        *[("payload_kb_per_task", typed, value) for typed, value in (("1 MB", 1024.0), ("512 B", 0.5), ("64k", 64.0))],
        *[("cpu_ms_per_task", typed, 1000.0) for typed in ("1,000", "1_000", "1 000", "1,000ms", "1,000.0")],
        *[
            ("tasks", typed, 10_000)
            for typed in ("10k", "10 K", "10,000", "10_000", "10 000 tasks", "0.01M", "10 thousand")
        ],
        *[("cpu_cores", typed, 4) for typed in ("4 cores", "4 CPUs", "4core")],
        ("machines", "1 machine", 1),
    ],
)
def test_units_and_thousands_are_understood(field: str, typed: str, value: float) -> None:
    found = value_from_text(field, typed)
    assert found == value and type(found) is type(value)
    assert getattr(profile_from_mapping({"workload_type": "io", field: found}), field) == value


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("latency_requirement_ms", "20kg", "units: ns us ms s min h d"),
        ("latency_requirement_ms", "1GB", "units: ns us ms s"),
        ("latency_requirement_ms", "2m", "units: ns us ms s min"),  # minutes, or ms cut short
        ("memory_budget_mb", "20ms", "units: B KB MB GB TB"),
        ("memory_budget_mb", "8 Gbit", "units: B KB MB GB TB"),
        ("cpu_cores", "500m", "units: k for thousand, M for million"),
        ("tasks", "10 cores", "units: k for thousand"),
        ("tasks", "5s", "units: k for thousand"),
        *[
            ("cpu_ms_per_task", typed, f"(write {point})")
            for typed, point in (("12,5", "12.5"), ("0,125 s", "0.125 s"))
        ],
        ("cpu_ms_per_task", "fast", "such as 20ms, 0.5s, 2min"),
        ("memory_budget_mb", "much", "such as 512MB, 1.5GB"),
        ("payload_kb_per_task", "1..5", "such as 64KB, 1MB"),
        ("tasks", "1,00,000", "such as 500, 1,000, 10k"),
    ],
)
def test_an_amount_that_is_not_understood_is_refused_with_what_is(field: str, typed: str, said: str) -> None:
    assert value_from_text(field, typed) == typed
    error = problem({"workload_type": "io", field: typed})
    assert error.message.startswith(f'work.json: {field} is "{typed}": expected {accepted(field)} (')
    assert said in error.message


def test_json_has_numbers_and_a_text_that_is_one_is_shown_as_a_number() -> None:
    assert problem({"workload_type": "io", "latency_requirement_ms": "0.5s"}).message.endswith(
        " (write 500, without quotes)"
    )


@pytest.mark.parametrize(
    ("field", "unit"),
    [
        ("latency_requirement_ms", "ms"), ("payload_kb_per_task", "kb"), ("startup_memory_mb", "mb"), ("tasks", None),
        ("finish_within_s", "s"), ("requests_per_s", None), ("gil_share", None),
    ],
)  # fmt: skip
def test_the_unit_of_a_field_stands_in_its_name(field: str, unit: str | None) -> None:
    assert unit_of(field) == unit


@given(st.sampled_from(FIELDS), st.text(max_size=40))
def test_any_text_typed_for_any_field_is_a_value_or_a_polite_error(field: str, typed: str) -> None:
    if error := refusal(lambda: profile_from_mapping({"workload_type": "io", field: value_from_text(field, typed)})):
        assert field in error.message


@given(st.data(), st.sampled_from([f for f in FIELDS if f not in TEXTS]))
def test_the_text_of_a_value_gives_the_value_back(data: st.DataObject, field: str) -> None:
    value = data.draw(values_of(field))
    text = ",".join(value) if isinstance(value, list) else json.dumps(value).strip('"')
    typed = profile_from_mapping({"workload_type": "io", field: value_from_text(field, text)})
    assert typed == profile_from_mapping({"workload_type": "io", field: value})
