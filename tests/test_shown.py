"""What a script shows: events for every reader of JSON, a table for every terminal, and what if it cannot be written."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from template_modules import template_module


@pytest.fixture(scope="module")
def shown() -> Iterator[ModuleType]:
    with template_module("shown") as module:
        yield module


TEXTS = st.text(alphabet=st.characters(codec=None), max_size=20)  # with halves of characters


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
        lambda x: st.lists(x) | st.dictionaries(TEXTS, x),
    )
)
def test_whatever_is_said_is_json_for_every_reader(shown: ModuleType, value: object) -> None:  # fmt: skip
    json.dumps(shown._plain({"a": value}["a"]), allow_nan=False).encode().decode("utf-8").encode()


def test_half_characters_are_told_as_escapes(shown: ModuleType) -> None:
    assert shown._plain({"a": ["\udc80", math.inf, -math.inf, math.nan, 1.5, 7, True, None]}) == {
        "a": ["\\udc80", None, None, None, 1.5, 7, True, None]
    }


def test_the_table_escapes_what_a_terminal_might_obey(shown: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    table = shown._Table("\x1b[2Jevil\u202e")
    cell = {
        "event": "cell",
        "arm": 0,
        "approach": "threads",
        "interpreter": "3.14",
        "workers": 2,
        "processes": 1,
        "variant": "",
    }
    table.event(**cell, role="candidate", status="error", reason="\x1b]0;title\x07", seconds=None)
    table.event(event="interpreter", status="error", reason="\x1b[31m", path="/\x9b", gil_enabled=None, version=None)
    table.event(event="end", reason="failed", detail="\x1b[5m", seconds=1.0)
    shown = "".join(capsys.readouterr())
    assert "\\x1b[2Jevil\\u202e" in shown
    assert "failed: \\x1b[5m" in shown
    assert all(c.isprintable() or c == "\n" for c in shown)


def test_the_table_counts_calls_that_raised(shown: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    table = shown._Table("mine")
    cell = {
        "event": "cell", "approach": "single_threaded", "interpreter": "3.14", "workers": 1, "processes": 1, "variant": "", "status": "ok",
        "seconds": 1.0, "cpu_percent": 100.0, "peak_memory_mb": 9.0, "task_latency_ms": {"p95": 1.0}, "batch": 40,
    }  # fmt: skip
    table.event(**cell, arm=0, role="baseline", raised=10, raised_first="KeyError: \x1b0")
    table.event(**cell, arm=1, role="control", raised=0, raised_first="")
    table.event(event="end", reason="done", detail="", seconds=1.0)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines if line.startswith("single_threaded")] == ["25", "0"]
    assert any(line.startswith("single_threaded, again ") for line in lines)
    assert "raised %: of its calls, such as KeyError: \\x1b0" in lines


needs_a_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")


@needs_a_full_device
@pytest.mark.parametrize("results", [True, False], ids=["results", "progress"])
def test_what_cannot_be_written_ends_the_run_only_if_it_is_a_result(
    shown: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], results: bool
) -> None:
    monkeypatch.setattr(shown, "_told", told := [])
    monkeypatch.setattr(shown, "_unsaid", unsaid := [])
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        if results:
            monkeypatch.setattr(sys, "stdout", full)
        shown._say("a line", full)
        shown._say("another", full)  # goes nowhere, and is no second reason
    sentence = "error: the results cannot be written to standard output: No space left on device"
    assert (told, unsaid) == (([0], [sentence]) if results else ([], []))
    assert capsys.readouterr().err == f"{sentence}\n" * results


def test_where_nobody_reads_any_more_it_stops_and_where_there_is_no_stream_it_goes_on(
    shown: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown, "_told", told := [])
    shown._say("a line", None)
    assert told == []
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as stream:
        shown._say("a line", stream)
    assert (told, shown._unsaid) == ([0], [])
