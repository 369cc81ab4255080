"""The events of a benchmark run: what is accepted, what is refused and with which words, and runs read back from files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from events import ARM, CELL, DROPPED, END, INTERPRETER, MEASURED, PLAN, RUN, RUNNING, START
from hypothesis import given, settings
from hypothesis import strategies as st

from selector import SelectorError, __version__
from selector.benchmark.events import (
    CellEvent,
    EndEvent,
    Event,
    RunningEvent,
    Session,
    UnknownSchemaError,
    collect,
    event_line,
    parse_event,
)
from selector.processes import MAX_LINE_BYTES

NEWER = (
    "stand_in",
    "cpus_taken",
    "left_out",
    "variables",
    "processes",
    "requests_per_second",
    "service",
    "server",
    "figures",
    "batch",
    "no_cpu_percent",
    "quiet_seconds",
    "raised",
    "raised_first",
    "busy",
)  # logs of earlier versions have not got them


def parsed(*lines: dict[str, Any]) -> list[Event]:
    return [parse_event(json.dumps(line)) for line in lines]


def refused(line: str | bytes) -> str:
    with pytest.raises(SelectorError) as caught:
        parse_event(line)
    assert caught.value.exit_code == 1
    assert str(caught.value).isprintable()
    return caught.value.message


# One line -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", RUN, ids=lambda line: line["event"])
def test_an_event_is_written_as_the_contract_has_it(line):
    (event,) = parsed(line)
    assert event.event == line["event"]
    assert event_line(event).endswith(b"}\n")
    assert list(json.loads(event_line(event)).items()) == list(line.items())


def test_bytes_and_text_are_the_same_and_line_ends_do_not_matter():
    assert parse_event(json.dumps(END).encode() + b"\r\n") == parse_event(json.dumps(END)) == parsed(END)[0]


def test_a_whole_number_is_an_amount_too():
    assert parsed({**END, "seconds": 59}) == [EndEvent(reason="budget", detail="", seconds=59.0)]


@pytest.mark.parametrize("line", RUN, ids=lambda line: line["event"])
@pytest.mark.parametrize("how", ["missing", "unknown", "text"])
def test_every_field_is_checked(line, how):
    for field in line:
        changed = dict(line)
        if how == "missing":
            if field in NEWER:
                continue
            del changed[field]
        elif how == "unknown":
            changed[f"{field}_"] = changed[field]
        else:
            changed[field] = {"text": {"for": "a number"}}
        message = refused(json.dumps(changed))
        assert message.startswith("no benchmark event: ")
        if field != "event":
            assert message.startswith(f"no benchmark event: {line['event']}.{field}")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("", "Invalid JSON"),
        ("hello", "Invalid JSON"),
        ("null", "no benchmark event"),
        ("5", "no benchmark event"),
        ("[]", "no benchmark event"),
        ("{}", "event"),
        ('{"event": "login\x1b[31m"}', "Invalid JSON"),
        ('{"event": "login\\u001b[31m"}', "Input tag 'login\\x1b[31m'"),
        ('{"event": ["start"]}', "no benchmark event"),
        (b"\xff\xfe{}", "Invalid JSON"),
        ("\ud800", "Invalid JSON"),
        ("[" * 100_000, "recursion"),
        (json.dumps(START)[:50], "Invalid JSON"),
        (json.dumps(END) * 2, "Invalid JSON: trailing"),
        (json.dumps({**END, "seconds": float("nan")}), "end.seconds: Input should be a finite number"),
        (json.dumps({**END, "seconds": float("inf")}), "end.seconds: Input should be a finite number"),
        (json.dumps(END).replace("59.1", "1e400"), "end.seconds"),
        (json.dumps(END).replace("59.1", "9" * 5000), "out of range"),
        (json.dumps({**END, "seconds": -1}), "end.seconds: Input should be greater than or equal to 0"),
        (json.dumps({**END, "seconds": True}), "end.seconds: Input should be a valid number"),
        (json.dumps({**END, "seconds": "1"}), "end.seconds: Input should be a valid number"),
        (json.dumps({**END, "reason": "bored"}), "end.reason: Input should be 'budget', "),
        (json.dumps({**END, "detail": "x" * 2001}), "end.detail: String should have at most 2000 characters"),
        (json.dumps({**END, "\u202e": 1}), "end.\\u202e: Extra inputs are not permitted"),
        (json.dumps({**CELL, "round": 1.0}), "cell.round: Input should be a valid integer"),
        (json.dumps({**CELL, "approach": "green_threads"}), "cell.approach: Input should be 'single_threaded'"),
        (json.dumps({**CELL, "seconds": None}), "a cell that is ok has its seconds"),
        (json.dumps({**PLAN, "arms": [{**ARM, "arm": -1}]}), "plan.arms.0.arm: Input should be greater"),
        (json.dumps({**START, "schema": True}), "start.schema: Input should be a valid integer"),
        (json.dumps({**START, "schema": "1"}), "start.schema: Input should be a valid integer"),
        (" " * MAX_LINE_BYTES + json.dumps(END), "longer than 1,000,000 bytes"),
    ],
)
def test_what_is_no_event_is_refused_in_one_printable_line(line, part):
    assert part in refused(line)


@settings(max_examples=40)
@given(st.binary() | st.text() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_no_line_breaks_the_parser(line):
    refused(line)


@pytest.mark.parametrize(("schema", "needed"), [(2, "a newer"), (10**30, "a newer"), (0, "an older"), (-1, "an older")])
def test_events_of_another_schema_say_which_version_reads_them(schema, needed):
    with pytest.raises(UnknownSchemaError) as caught:
        parse_event(json.dumps({"event": "start", "schema": schema, "whatever": 1}))
    assert f"schema {schema}: that takes {needed} concurrency-selector than {__version__}" in caught.value.message
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("status", ["timeout", "crash", "out_of_memory", "unpicklable", "not_run"])
def test_a_cell_that_failed_has_a_reason_and_measured_nothing(status):
    (cell,) = parsed({**CELL, **dict.fromkeys(MEASURED), "status": status, "reason": "killed by signal 9"})
    assert isinstance(cell, CellEvent)
    assert cell.seconds is None and cell.task_latency_ms is None and cell.short is None


def test_a_cell_whose_results_differ_keeps_what_was_measured():
    (cell,) = parsed({**CELL, "status": "mismatch", "reason": "another checksum"})
    assert isinstance(cell, CellEvent)
    assert cell.seconds == 0.41


def test_an_interpreter_that_does_not_start_is_known_by_its_path():
    unknown = dict.fromkeys(["interpreter", "version", "free_threaded_build", "gil_enabled"])
    parsed({**INTERPRETER, **unknown, "status": "error", "reason": "exit code 1"})


def test_the_budget_may_be_overdrawn():
    (running,) = parsed({**RUNNING, "seconds_left": -0.3})
    assert isinstance(running, RunningEvent)
    assert running.seconds_left == -0.3


@settings(max_examples=40)
@given(
    seconds=st.floats(0, 1e12), detail=st.text(max_size=2000), reason=st.sampled_from(["budget", "done", "interrupted"])
)
def test_what_is_written_is_read_back_as_one_line(seconds, detail, reason):
    event = EndEvent(reason=reason, detail=detail, seconds=seconds)
    assert event_line(event).count(b"\n") == 1
    assert parse_event(event_line(event)) == event


# A run ----------------------------------------------------------------------------------------------------------------


def test_a_run_sorted_by_kind():
    start, interpreter, plan, _, cell, dropped, end = parsed(*RUN)
    assert collect(parsed(*RUN)) == Session(start, (interpreter,), plan, (cell,), (dropped,), end)  # type: ignore[arg-type]


def test_a_run_that_was_cut_off():
    assert collect(parsed(START)) == Session(parsed(START)[0], (), None, (), (), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "no benchmark events\na run begins with its start event"),
        ([INTERPRETER, START], 'a benchmark event "interpreter" where none belongs\na run begins with one start'),
        ([START, START], 'a benchmark event "start" where none belongs'),
        ([START, END, END], 'a benchmark event "end" where none belongs'),
        ([START, END, START], 'a benchmark event "start" where none belongs'),
        ([START, PLAN, PLAN], 'a benchmark event "plan" where none belongs\na run has one plan'),
        ([START, CELL], 'a benchmark event "cell" where none belongs\narm 0 is in no plan before it'),
        ([START, PLAN, {**DROPPED, "arm": 2}], "arm 2 is in no plan before it"),
    ],
)
def test_events_that_are_not_those_of_one_run(lines, message):
    with pytest.raises(SelectorError) as caught:
        collect(parsed(*lines))
    assert message in str(caught.value) and caught.value.exit_code == 1
