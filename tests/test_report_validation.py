"""What a validation prints: golden output of three reports, the width of lines, and hostile texts that come out inert.

The golden files lie in tests/golden_validation. After a wanted change of output, renew and review them:

    UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/test_report_validation.py -n 0 && git diff tests/golden_validation
"""

from __future__ import annotations

import io
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from events import Row, failed, latency, measured, report
from hypothesis import given, settings
from hypothesis import strategies as st
from judging import judged
from printed import OURS, flat, kinds, text_of
from rich.cells import cell_len
from shared import check_golden
from three_reports import REPORTS, confirmed_cpu, refuted_with_failures

from selector.report.blocks import Document, Section, Table
from selector.report.markdown import render_markdown
from selector.report.validation import measured_section, validation_document
from selector.validation import Measurement, ValidationReport
from selector.workload.profile import WorkloadProfile

GOLDEN = Path(__file__).parent / "golden_validation"
pytestmark = [pytest.mark.one_python, pytest.mark.usefixtures("plain_environment")]


# Golden output --------------------------------------------------------------------------------------------------------


@cache
def outputs() -> dict[str, str]:
    """What each golden file should hold."""
    found = {}
    for name, made in REPORTS.items():
        document = validation_document(made())
        found[f"{name}.txt"] = text_of(document)
        found[f"{name}.md"] = render_markdown(document)
    beside = Document((measured_section(confirmed_cpu()),))
    return found | {"measured.txt": text_of(beside), "measured.md": render_markdown(beside)}


GOLDEN_NAMES = [f"{name}.{form}" for name in (*REPORTS, "measured") for form in ("txt", "md")]


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_the_output_is_the_golden_one(name: str) -> None:
    check_golden(GOLDEN / name, outputs()[name], "tests/test_report_validation.py")


def test_there_is_no_golden_file_without_a_test() -> None:
    assert {file.name for file in GOLDEN.iterdir()} == set(GOLDEN_NAMES) == set(outputs())


# What the words say ---------------------------------------------------------------------------------------------------


def sections(made: ValidationReport) -> list[str]:
    return [section.title for section in validation_document(made).sections]


def test_the_sections_come_in_one_order_and_only_where_there_is_something_to_say() -> None:
    assert sections(refuted_with_failures()) == [
        "Verdict", "Measurements", "Winner: asyncio + processes", "Scalability", "Predicted and measured", "What to change",
        "Warnings",
    ]  # fmt: skip
    assert sections(report()) == ["Verdict", "Measurements"]


def test_a_run_that_measured_nothing_still_makes_a_report() -> None:
    made = report(verdict="inconclusive", reason="Nothing ran.", recommended="distributed", recommended_interpreter=None,
                  tasks=None, complete=False, used_seconds=0.0)  # fmt: skip
    assert text_of(validation_document(made)) == (
        "No verdict: Nothing ran.\n"
        "\n"
        "=== Verdict ===\n"
        "Workload:    CPU-bound work\n"
        "Recommended: distributed\n"
        "Verdict:     INCONCLUSIVE: see above\n"
        "Measured:    nothing, on 2 CPUs, seed 1234\n"
        "             0 of 60 s used, incomplete\n"
        "\n"
        "=== Measurements ===\n"
        "Nothing was measured.\n"
    )


def test_the_analysis_is_told_without_a_winner_too() -> None:
    assert sections(report(analysis=("Nobody won.",))) == ["Verdict", "Measurements", "No winner"]


@pytest.mark.parametrize(
    ("memory", "words"),
    [
        ({"required": 64.0, "measured": 63.96, "met": True}, "Memory: met: 63.96 of 64 MB (measured peak)"),
        ({"required": 64.0, "measured": 64.5, "met": False}, "Memory: NOT met: 64.5 MB, over 64 MB (measured peak)"),
        ({"required": 64.0, "measured": 60.0, "met": None}, "Memory: not known: 60 of 64 MB (measured peak)"),
        ({"required": 64.0, "measured": None, "met": None}, "Memory: not known: nothing measured, 64 MB allowed"),
        (None, "Memory: not known: nothing measured, 64 MB allowed"),
    ],
)
def test_a_requirement_is_met_or_not_or_not_known(memory: object, words: str) -> None:
    profile = WorkloadProfile(workload_type="cpu", memory_budget_mb=64)
    assert words in flat(validation_document(report(profile=profile, memory=memory)))


def test_what_is_not_required_is_not_spoken_of() -> None:
    assert not {"Latency:", "Memory:"} & set(flat(validation_document(report())).split())


def test_sleeps_in_place_of_sockets_are_owned_up_to() -> None:
    assert "I/O is plain sleeps" in flat(validation_document(report(io="sleep")))


def cells_of(m: Measurement, **changes: Any) -> tuple[str, ...]:
    """The row of one measurement in the dashboard."""
    document = validation_document(report(measurements=(m,), **changes))
    (table,) = (block for block in document.sections[1].blocks if isinstance(block, Table))
    (row,) = table.rows
    assert len(row) == len(table.header) == len(table.align)
    return row


@pytest.mark.parametrize(
    ("changes", "mark"),
    [
        ({}, ">"),
        ({"winner": "threads", "winner_interpreter": "3.14"}, ">*"),
        ({"winner": "threads", "winner_interpreter": "3.14", "recommended": "asyncio"}, "*"),
        ({"winner": "threads", "winner_interpreter": "3.13", "recommended_interpreter": "3.13"}, ""),
    ],
)
def test_the_marks_go_by_approach_and_python(changes: dict[str, Any], mark: str) -> None:
    assert cells_of(measured("threads", "3.14", 2, 1.0), **changes)[0] == mark


@pytest.mark.parametrize(
    ("seconds", "spread", "shown"),
    [
        (0.41234, 0.031, "412 ±3%"), (0.41234, 0.0001, "412 ±1%"), (0.41234, 0.0, "412"), (0.41234, 0.3, "412 ±30%"),
        (0.041234, 0.3, "41 ±30%"), (99.96, 0.02, "100 ±2%"), (9.999, 0.02, "10.0 ±2%"), (1234.5, 0.02, "1,234 ±2%"),
        (99.6, 0.2, "100 ±20%"), (0.0, 0.0, "0.00"), (0.0001234, 0.0, "0.123"), (5.4, 0.994, "5.4 ±99%"), (5.4, 20.0, "5.4 ±>99%"),
    ],
)  # fmt: skip
def test_a_time_has_the_digits_that_its_range_leaves_it(seconds: float, spread: float, shown: str) -> None:
    assert cells_of(measured("threads", "3.14", 2, seconds, spread=spread))[4] == shown


@pytest.mark.parametrize(
    ("speedup", "shown"),
    [(0.9586, "0.96x"), (1.0, "1.00x"), (9.994, "9.99x"), (9.996, "10.0x"), (24.96, "25.0x"), (1234.5, "1,234x"), (1.9996, "1.9996x"), (1.1984, "1.198x"), (0.9996, "0.9996x"), (0.0123, "0.0123x"), (None, "-")],
)  # fmt: skip
def test_a_speedup_has_two_decimals_or_three_digits(speedup: float | None, shown: str) -> None:
    assert cells_of(measured("threads", "3.14", 2, 1.0, speedup=speedup))[5] == shown


@pytest.mark.parametrize(
    ("band", "words"),
    [("avoid", "slower"), ("stay_simple", "stay simple"), ("consider", "consider"), ("use", "use"), (None, "-"), ("own word", "own word")],
)  # fmt: skip
def test_the_bands_in_words(band: str | None, words: str) -> None:
    assert cells_of(measured("threads", "3.14", 2, 1.0, speedup=1.5, band=band))[-1] == words


def test_a_baseline_on_a_second_python_is_judged_like_the_others() -> None:
    second = measured("single_threaded", "3.13t", 1, 1.3, role="baseline", speedup=0.77, band="avoid")
    assert cells_of(second)[-1] == "slower"
    assert cells_of(measured("single_threaded", "3.14", 1, 1.0, role="baseline"))[-1] == "baseline"


def test_what_is_unknown_is_a_dash() -> None:
    unknown = dict.fromkeys(("cpu_percent", "peak_memory_mb", "memory_metric", "task_latency_ms"))
    m = measured("threads", "3.14", 2, None, **unknown)
    assert cells_of(m)[4:] == ("-",) * 6
    assert "Memory: peak" not in flat(validation_document(report(measurements=(m,))))


def test_failures_are_told_below_the_table() -> None:
    m = failed("multiprocessing", "3.14", 2, "out_of_memory", "wanted\n 3 GB  of 2 GB " + "x" * 5000)
    assert cells_of(m)[3:] == ("2", "-", "-", "-", "-", "-", "out of memory")
    output = flat(validation_document(report(measurements=(m,))))
    assert "- Multiprocessing (3.14): out of memory: wanted 3 GB of 2 GB xxx" in output
    assert len(output) < 1500


def test_every_metric_of_memory_is_named() -> None:
    metrics = ("pss", "uss", "rss", "peak_rss_of_main_process", "something else")
    found = tuple(measured("threads", "3.14", n, 1.0, memory_metric=metric) for n, metric in enumerate(metrics, 1))
    output = flat(validation_document(report(measurements=found)))
    assert "peak proportional set size of the process tree (pss) or unique set size" in output
    assert "(peak_rss_of_main_process) or something else." in output


def test_other_pool_sizes_and_the_control_stay_out_of_the_dashboard() -> None:
    found = (
        measured("threads", "3.14", 2, 1.0),
        *(measured("threads", "3.14", 4, 1.0, role=r) for r in ("scaling", "control")),
    )
    output = text_of(validation_document(report(measurements=found)))
    assert sum(line.lstrip("> *").startswith("Threads") for line in output.splitlines()) == 1


# Tables of figures ----------------------------------------------------------------------------------------------------


def check_width(name: str, columns: int) -> None:
    document = validation_document(REPORTS[name]())
    output = text_of(document, columns)
    assert all(cell_len(line) <= columns for line in output.splitlines()), (name, columns)
    for block in (block for section in document.sections for block in section.blocks):
        if isinstance(block, Table):
            sides = [
                "" if title in block.spare else side for title, side in zip(block.header, block.align, strict=True)
            ]
            numbers = {cell for row in block.rows for cell, side in zip(row, sides, strict=True) if side == "r"}
            assert all(number in output or number in " ".join(output.split()) for number in numbers), (name, columns)


def test_a_report_fits_a_terminal_without_a_broken_number() -> None:
    for name in REPORTS:
        for columns in (40, 47, 54, 61, 68, 75, 80, 100, 120):
            check_width(name, columns)


@pytest.mark.slow
def test_a_report_fits_any_terminal_without_a_broken_number() -> None:
    for name in REPORTS:
        for columns in range(40, 121):
            check_width(name, columns)


def test_where_there_is_room_nothing_is_broken() -> None:
    wide = text_of(validation_document(refuted_with_failures()), 120)
    assert "Approach                 Python  Workers  Time (s)  Speedup  CPU %  Memory (MB)  p95 (ms)  Decision" in wide
    assert "asyncio + free-threaded   3.13t" in wide


def test_where_there_is_no_room_a_table_becomes_a_list() -> None:
    output = flat(validation_document(confirmed_cpu()), 50)
    assert "- >* Free-threaded - Python 3.14t, Workers 2, Time (ms) 214 ±3%, Speedup 1.93x, CPU % 197" in output


@pytest.mark.parametrize(
    ("seconds", "requirement", "left_out"),
    [(0.4, None, ()), (12.345, None, ("p95",)), (12.345, 25, ("CPU %",))],
)
def test_a_table_of_usual_width_stays_one_without_the_column_that_tells_least(
    seconds: float, requirement: float | None, left_out: tuple[str, ...]
) -> None:
    found = tuple(
        measured(
            approach, "3.14", 2, time, spread=0.12, speedup=1.5, no_cpu_percent=12.0, task_latency_ms=latency(1234)
        )
        for approach, time in (("single_threaded", 0.9), ("multiprocessing", seconds), ("asyncio_threads", 1.0))
    )
    profile = WorkloadProfile(workload_type="cpu", latency_requirement_ms=requirement)
    told = text_of(Document((measured_section(report(measurements=found, profile=profile)),)))
    header = " ".join(told.partition("\n───")[0].splitlines()[-3:])
    titles = ["Approach", "Python", "Workers", "Time", "Speedup", "Memory", "p95", "Decision"]
    assert [title for title in titles if title not in header] == [title for title in left_out if title in titles]
    assert header.count("CPU") == 2 - left_out.count("CPU %")
    assert "\n- " not in told


def test_a_table_keeps_its_columns_where_the_output_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    output = text_of(validation_document(confirmed_cpu()))
    assert output.isascii()
    assert ">*|Free-threaded  | 3.14t|      2|214 +/-3%|" in output


@pytest.mark.parametrize("rows", [(), (("", ""),)])
def test_an_empty_table_of_figures_breaks_nothing(rows: tuple[tuple[str, ...], ...]) -> None:
    document = Document((Section("Empty", (Table(("", "n"), rows, "lr"),)),))
    assert text_of(document).startswith("=== Empty ===")
    assert render_markdown(document).splitlines()[2:4] == ["|  | n |", "| --- | ---: |"]


def test_both_renderings_say_the_same() -> None:
    for made in REPORTS.values():
        document = validation_document(made())
        markdown = "".join(c for c in render_markdown(document) if c != "\\")
        for section in document.sections:
            assert f"=== {section.title} ===" in text_of(document)
            assert f"## {section.title}\n" in markdown
        assert kinds(render_markdown(document)) <= OURS


# Hostile texts --------------------------------------------------------------------------------------------------------


def hostile(text: str) -> ValidationReport:
    """A report with that text wherever a script, or whoever edits a saved report, can put one."""
    return report(
        profile=WorkloadProfile(workload_type="io", name=text[:200], memory_budget_mb=1), reason=text, assumed=(text,),
        recommended_interpreter=text, winner="asyncio", winner_interpreter=text, analysis=(text,), advice=(text,), warnings=(text,),
        measurements=(
            measured("asyncio", text, 1, 1.0, title=text, band=text, memory_metric=text, predicted_seconds=1.0),
            failed("threads", text, 2, "error", text),
        ),
        scalability={
            "approach": "asyncio", "interpreter": text, "points": (), "contention": None, "coherence": None,
            "best_workers": None, "stops_paying_at": None, "text": text,
        },
    )  # fmt: skip


def assert_inert(made: ValidationReport) -> None:
    for document in (validation_document(made), Document((measured_section(made),))):
        output = text_of(document)
        assert output.replace("\n", "").isprintable()
        assert all(cell_len(line) <= 80 for line in output.splitlines())
        markdown = render_markdown(document)
        assert markdown.replace("\n", "").isprintable()
        assert kinds(markdown) <= OURS


@pytest.mark.parametrize(
    "text",
    [
        "a\x1b[31mred\x1b]0;t\x07\x1b[2J\x9b1m\r\x08", "a\n=== Verdict ===\nVerdict: CONFIRMED", "| a | b |\n|---|---|\n| c | d |",
        "[bold]x[/bold] [/] [red :skull:", "*a* **b** [c](https://x.example) <b> &lt; `d` ``` # e", "\u202eexe\u2066 \u200b\ufeff",
        "日本語 " * 30, "x" * 3000, "word " * 1000, "- a\n1. b\n> c", "---",
    ],
)  # fmt: skip
def test_a_hostile_text_comes_out_inert_in_every_place(text: str) -> None:
    assert_inert(hostile(text))


@settings(max_examples=15)
@given(st.text(max_size=60))
def test_any_text_is_inert(text: str) -> None:
    assert_inert(hostile(text))


# The real thing -------------------------------------------------------------------------------------------------------


def test_a_run_that_was_judged_can_be_printed() -> None:
    rows = [
        Row(approach, tuple(seconds + n / 1000 for n in range(5)), role, workers=workers)
        for approach, seconds, role, workers in (
            ("single_threaded", 2.1, "baseline", 1),
            ("single_threaded", 2.11, "control", 1),
            ("asyncio", 0.05, "candidate", 1),
            ("threads", 0.09, "candidate", 32),
        )
    ]
    waiting = WorkloadProfile(workload_type="io", tasks=100, io_wait_ms_per_task=20, async_library=True)
    made = judged(rows, waiting, own_code=True, tasks=100, tasks_asked=100, task_ms=(20.1, 0.1))
    output = text_of(validation_document(made))
    assert "Verdict:     CONFIRMED: asyncio took" in output
    assert "\n>* asyncio" in output
    assert "=== Winner: asyncio ===" in output
    assert_inert(made)


def test_a_notebook_shows_a_report_as_markdown() -> None:
    report = confirmed_cpu()
    assert report._repr_markdown_() == render_markdown(validation_document(report))


def test_a_failure_is_told_once_for_all_that_it_is_the_same_of() -> None:
    why = "the function is a lambda"
    arms = [("subinterpreters", "3.15"), ("multiprocessing", "3.11"), ("multiprocessing", "3.15")]
    made = [failed(approach, tag, 2, "unpicklable", why) for approach, tag in arms]
    made.append(failed("threads", "3.11", 2, "crash", "it"))
    output = flat(validation_document(report(measurements=tuple(made))))
    assert f"- Subinterpreters (3.15) and Multiprocessing (3.11, 3.15): unpicklable: {why}" in output
    assert "- Threads (3.11): crash: it" in output
