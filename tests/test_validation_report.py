"""What a validation prints: golden output of three reports, the width of lines, and hostile texts that come out inert.

The golden files lie in tests/golden_validation. After a wanted change of output, renew and review them:

    UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/test_validation_report.py -n 0 && git diff tests/golden_validation
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len
from shared import check_golden
from strategies import FIXED_HOST

from selector import Selector
from selector.approaches import load_approaches
from selector.benchmark.events import Arm, CellEvent, EndEvent, PlanEvent, Session, StartEvent
from selector.files import resource_dir
from selector.recommend.expected import Expected
from selector.report.blocks import Document, Section, Table
from selector.report.markdown import render_markdown
from selector.report.terminal import console_for, print_document
from selector.report.validation import measured_section, validation_document
from selector.validation import Measurement, ValidationReport, validate_results
from selector.workload.profile import WorkloadProfile

GOLDEN = Path(__file__).parent / "golden_validation"
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TITLES = {key: approach.title for key, approach in load_approaches(resource_dir("rules") / "approaches.yaml").items()}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's terminal settings reaches these tests."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def text_of(document: Document, columns: int = 80) -> str:
    """What goes into a pipe, or to a terminal of that width."""
    stream = io.StringIO()
    console = console_for(stream)
    console.width = columns
    print_document(document, console)
    return stream.getvalue()


# Reports --------------------------------------------------------------------------------------------------------------


def measured(approach: str, interpreter: str, workers: int, seconds: float | None, **changes: Any) -> Measurement:
    """An arm that was measured; `spread` is how far its range goes either way."""
    spread = changes.pop("spread", 0.02)
    times = None
    if seconds is not None:
        times = {"median": seconds, "low": seconds * (1 - spread), "high": seconds * (1 + spread)}
    data = {
        "approach": approach, "title": TITLES[approach], "interpreter": interpreter, "workers": workers,
        "role": "candidate", "status": "ok", "reason": "",
        "seconds": times,
        "speedup": None, "speedup_range": None, "band": None, "cpu_percent": 99.6, "cpu_seconds": seconds,
        "peak_memory_mb": 14.23, "memory_metric": "pss", "task_latency_ms": {"p50": 6.2, "p95": 6.61, "p99": 7.0},
        "launch_seconds": 0.05, "startup_seconds": 0.004, "first_result_seconds": 0.01, "steady_seconds": seconds,
        "samples": 9, "failures": 0, "gil_enabled": not interpreter.endswith("t"), "workers_seen": workers,
        "imbalance": 1.0, "oversubscribed": False, "short": False, "predicted_seconds": None,
    }  # fmt: skip
    return Measurement.model_validate(data | changes)


def failed(approach: str, interpreter: str, workers: int, status: str, reason: str) -> Measurement:
    """An arm without a result."""
    unknown = dict.fromkeys(
        ("cpu_percent", "cpu_seconds", "peak_memory_mb", "memory_metric", "task_latency_ms", "launch_seconds",
         "startup_seconds", "first_result_seconds", "steady_seconds", "gil_enabled", "workers_seen", "imbalance")
    )  # fmt: skip
    found = {"samples": 0, "failures": int(status != "not_run"), "status": status, "reason": reason}
    return measured(approach, interpreter, workers, None, **unknown | found)


def latency(p95: float) -> dict[str, float]:
    return {"p50": p95 * 0.9, "p95": p95, "p99": p95 * 1.2}


def report(**changes: Any) -> ValidationReport:
    """A report on which nothing much is known, with changes."""
    data = {
        "verdict": "confirmed", "reason": "It is as it is.", "recommended": "threads", "recommended_interpreter": "3.14",
        "winner": None, "winner_interpreter": None, "measurements": (), "latency": None, "memory": None,
        "noise_floor": None, "analysis": (), "advice": (), "scalability": None, "warnings": (), "tasks": 64,
        "tasks_asked": None, "task_wall_ms": None, "task_cpu_ms": None, "budget_seconds": 60.0, "used_seconds": 41.2,
        "complete": True, "io": "socket", "seed": 1234, "assumed": (), "cpus": 2,
        "profile": WorkloadProfile(workload_type="cpu"), "expected": Expected(), "workload_class": "cpu_parallel",
    }  # fmt: skip
    return ValidationReport.model_validate(data | changes)


def confirmed_cpu() -> ValidationReport:
    """Free-threaded Python wins, as recommended, and all is well."""
    return report(
        recommended="free_threaded", recommended_interpreter="3.14t", winner="free_threaded", winner_interpreter="3.14t",
        reason="Free-threaded Python took 214 ms and was the fastest. Subinterpreters, the next, took 283 ms, 1.32x"
        " (1.27x to 1.36x) as long.",
        profile=WorkloadProfile(
            workload_type="cpu", name="Image batch", latency_requirement_ms=25, memory_budget_mb=64, tasks=1000
        ),
        measurements=(
            measured("single_threaded", "3.14", 1, 0.4123, role="baseline", speedup=1.0, band="stay_simple",
                     predicted_seconds=0.41),
            measured("free_threaded", "3.14t", 2, 0.2139, spread=0.031, speedup=1.9275, band="consider", cpu_percent=197.2,
                     peak_memory_mb=16.04, predicted_seconds=0.22, task_latency_ms=latency(6.7)),
            measured("subinterpreters", "3.14", 2, 0.2827, speedup=1.4584, band="consider", cpu_percent=191, predicted_seconds=0.25,
                     peak_memory_mb=27.9),
            measured("multiprocessing", "3.14", 2, 0.3012, spread=0.052, speedup=1.3689, band="consider", cpu_percent=188.2,
                     peak_memory_mb=34.53, predicted_seconds=0.26),
            measured("threads", "3.14", 2, 0.4301, spread=0.004, speedup=0.9586, band="avoid", cpu_percent=101.4,
                     task_latency_ms=latency(13.2), predicted_seconds=0.42),
            measured("free_threaded", "3.14t", 4, 0.2201, role="scaling", oversubscribed=True),
        ),
        latency={"required": 25.0, "measured": 8.04, "met": True},
        memory={"required": 64.0, "measured": 16.04, "met": True},
        noise_floor=0.021, tasks_asked=1000, task_wall_ms=6.44, task_cpu_ms=6.43, used_seconds=58.4,
        analysis=(
            "Free-threaded Python kept 2 of 2 CPUs busy (197 %): its threads run Python code at the same time.",
            "Threads took 2.0x as long: with the GIL their Python code takes turns (101 % CPU).",
            "Multiprocessing took 1.41x as long: 62 ms to start its workers, and every payload is copied both ways.",
        ),
        scalability={
            "approach": "free_threaded", "interpreter": "3.14t",
            "points": tuple(
                {"workers": w, "seconds": s, "speedup": 0.4188 / s, "oversubscribed": w > 2}
                for w, s in ((1, 0.4188), (2, 0.2139), (4, 0.2201), (8, 0.2312))
            ),
            "contention": 0.0213, "coherence": 0.0008, "best_workers": 35.0, "stops_paying_at": 4,
            "text": "2 workers: 1.9x; 4 and 8 workers add nothing (2 usable CPUs: more than 2 oversubscribe).",
        },
        expected=Expected.model_validate(
            {"speedup": {"low": 1.7, "mid": 1.88, "high": 1.98}, "seconds": 3.4, "memory_mb": 17.1, "memory_overhead_mb": 1.1,
             "source": "documented"}
        ),
    )  # fmt: skip


def tied_io() -> ValidationReport:
    """asyncio and threads take the same time; the profile says little."""
    return report(
        verdict="tie", recommended="asyncio", recommended_interpreter="3.14", winner="asyncio", winner_interpreter="3.14",
        reason="asyncio took 1.31 s, 1.01x (0.97x to 1.05x) as long as threads (1.30 s): no difference to rely on; a"
        " difference under 4.4 % is noise here. The recommended one is the simpler of the two.",
        profile=WorkloadProfile(workload_type="io", tasks=100),
        measurements=(
            measured("single_threaded", "3.14", 1, 12.61, role="baseline", speedup=1.0, cpu_percent=3.1, samples=1, spread=0),
            measured("asyncio", "3.14", 1, 1.312, spread=0.035, speedup=9.611, band="use", cpu_percent=12.4,
                     peak_memory_mb=19.8, task_latency_ms=latency(128.3)),
            measured("threads", "3.14", 16, 1.299, spread=0.12, speedup=9.707, band="use", cpu_percent=14.9,
                     peak_memory_mb=17.6, task_latency_ms=latency(131.0)),
            measured("asyncio_threads", "3.14", 16, 1.371, spread=0.04, speedup=9.197, band="use", cpu_percent=18.2,
                     peak_memory_mb=21.2, task_latency_ms=latency(139.9)),
        ),
        noise_floor=0.044, tasks=100, tasks_asked=100, task_wall_ms=125.7, task_cpu_ms=0.3, cpus=1,
        assumed=("IO_WAIT_MS_PER_TASK", "PAYLOAD_KB_PER_TASK"),
        analysis=("asyncio and threads wait for everything in flight at once; the CPUs are idle (12 %).",),
        warnings=("Nothing pins the clock of this machine: the governor is powersave. Set it to performance and measure again.",),
    )  # fmt: skip


def refuted_with_failures() -> ValidationReport:
    """The recommended approach loses, others break, and the run was cut off."""
    return report(
        verdict="refuted", recommended="asyncio_free_threaded", recommended_interpreter="3.13t",
        winner="asyncio_processes", winner_interpreter="3.14",
        reason="Asyncio + free-threaded Python took 4.92 s, 1.58x (1.49x to 1.66x) as long as asyncio + processes (3.11 s).",
        profile=WorkloadProfile(
            workload_type="hybrid", name="Scraper | *parse* <b>all</b> of `it`", latency_requirement_ms=300,
            memory_budget_mb=64,
        ),
        measurements=(
            measured("single_threaded", "3.14", 1, 61.3, role="baseline", speedup=1.0, spread=0.004, cpu_percent=31.0),
            measured("asyncio_free_threaded", "3.13t", 2, 4.921, spread=0.11, speedup=12.46, band="use", cpu_percent=141.7,
                     peak_memory_mb=118.4, task_latency_ms=latency(412.0), predicted_seconds=3.4),
            measured("asyncio_processes", "3.14", 2, 3.111, speedup=19.7, band="use", cpu_percent=183.3, memory_metric="rss",
                     peak_memory_mb=1212.4, task_latency_ms=latency(201.1), predicted_seconds=3.6),
            measured("asyncio_threads", "3.14", 32, 6.02, spread=0.3, speedup=10.18, band="use", cpu_percent=96.0,
                     predicted_seconds=7.6),
            failed("multiprocessing", "3.14", 2, "crash", "a worker was killed by signal 9"),
            failed("subinterpreters", "3.14", 2, "unpicklable", "cannot pickle 'module' object"),
            failed("free_threaded", "3.13t", 2, "gil_enabled", "the module _speedups turned the GIL back on"),
            failed("threads", "3.14", 32, "not_run", "the budget of 60 s ended before"),
            measured("asyncio_free_threaded", "3.13t", 1, 5.02, role="scaling"),
            measured("asyncio_free_threaded", "3.13t", 4, 5.61, role="scaling"),
        ),
        latency={"required": 300.0, "measured": 412.0, "met": False}, memory={"required": 64.0, "measured": 118.4, "met": False},
        noise_floor=0.031, tasks=120, tasks_asked=1200, task_wall_ms=510.8, task_cpu_ms=160.0, used_seconds=33.0,
        complete=False,
        analysis=(
            "asyncio + processes kept both CPUs busy (183 %), asyncio + free-threaded Python only 142 %.",
            "It pays with memory: 1212 MB instead of 118 MB.",
        ),
        advice=(
            "Set shared_state to hot_writes if the workers write to one dictionary: asyncio_processes is recommended then.",
            "Or take asyncio + processes: concurrency-selector migrate asyncio_free_threaded asyncio_processes",
        ),
        scalability={
            "approach": "asyncio_free_threaded", "interpreter": "3.13t",
            "points": (
                {"workers": 1, "seconds": 5.02, "speedup": 1.0, "oversubscribed": False},
                {"workers": 2, "seconds": 4.921, "speedup": 1.02, "oversubscribed": False},
                {"workers": 4, "seconds": 5.61, "speedup": 0.895, "oversubscribed": True},
            ),
            "contention": 0.963, "coherence": 0.0, "best_workers": None, "stops_paying_at": 2,
            "text": "2 workers add nothing; 4 workers are slower (0.90x) (2 usable CPUs: more than 2 oversubscribe).",
        },
        warnings=(
            "The run was interrupted: only what was measured until then is judged.",
            "Other processes kept 0.7 CPUs busy when the run began: close them and measure again.",
        ),
        expected=Expected.model_validate(
            {"speedup": {"low": 17.0, "mid": 18.2, "high": 19.9}, "seconds": 34.0, "memory_mb": None,
             "memory_overhead_mb": 2.5, "source": "documented"}
        ),
    )  # fmt: skip


REPORTS = {"confirmed-cpu": confirmed_cpu, "tie-io": tied_io, "refuted-failures": refuted_with_failures}


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
    check_golden(GOLDEN / name, outputs()[name], "tests/test_validation_report.py")


def test_there_is_no_golden_file_without_a_test() -> None:
    assert {file.name for file in GOLDEN.iterdir()} == set(GOLDEN_NAMES) == set(outputs())


# What the words say ---------------------------------------------------------------------------------------------------


def flat(document: Document, columns: int = 80) -> str:
    """The text with every run of blanks as one."""
    return " ".join(text_of(document, columns).split())


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


@pytest.mark.parametrize("columns", range(40, 121))
@pytest.mark.parametrize("name", REPORTS)
def test_a_report_fits_any_terminal_without_a_broken_number(name: str, columns: int) -> None:
    document = validation_document(REPORTS[name]())
    output = text_of(document, columns)
    assert all(cell_len(line) <= columns for line in output.splitlines())
    for block in (block for section in document.sections for block in section.blocks):
        if isinstance(block, Table):
            numbers = {cell for row in block.rows for cell, side in zip(row, block.align, strict=True) if side == "r"}
            assert all(number in output or number in " ".join(output.split()) for number in numbers)


def test_where_there_is_room_nothing_is_broken() -> None:
    wide = text_of(validation_document(refuted_with_failures()), 120)
    assert "Approach                 Python  Workers  Time (s)  Speedup  CPU %  Memory (MB)  p95 (ms)  Decision" in wide
    assert "asyncio + free-threaded   3.13t" in wide


def test_where_there_is_no_room_a_table_becomes_a_list() -> None:
    output = flat(validation_document(confirmed_cpu()), 50)
    assert "- >* Free-threaded - Python 3.14t, Workers 2, Time (ms) 214 ±3%, Speedup 1.93x, CPU % 197" in output


def test_a_table_keeps_its_columns_where_the_output_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selector.report.terminal._utf8", lambda: False)
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

OURS = {
    "heading", "paragraph", "bullet_list", "list_item", "inline", "text", "strong", "softbreak", "table", "thead", "tbody",
    "tr", "th", "td", "code_inline",
}  # fmt: skip


def kinds(markdown: str) -> set[str]:
    """The kinds of elements in a Markdown text."""
    tokens = [t for token in MARKDOWN.parse(markdown) for t in (token, *(token.children or ()))]
    return {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}


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


@settings(max_examples=60)
@given(st.text(max_size=60))
def test_any_text_is_inert(text: str) -> None:
    assert_inert(hostile(text))


# The real thing -------------------------------------------------------------------------------------------------------


def test_a_run_that_was_judged_can_be_printed() -> None:
    result = Selector(host=FIXED_HOST).recommend(WorkloadProfile(workload_type="io", tasks=100, io_wait_ms_per_task=20))
    arms = tuple(
        Arm.model_validate({"arm": n, "approach": a, "interpreter": "3.14", "workers": w, "role": r, "variant": ""})
        for n, (a, w, r) in enumerate(
            (("single_threaded", 1, "baseline"), ("single_threaded", 1, "control"), ("asyncio", 1, "candidate"), ("threads", 32, "candidate"))
        )
    )  # fmt: skip
    unknown = dict.fromkeys(set(CellEvent.model_fields) - {"event"})
    cells = [
        CellEvent.model_validate({**unknown, **arm.model_dump(), "round": n, "status": "ok", "reason": "", "seconds": seconds + n / 1000})
        for arm, seconds in zip(arms, (2.1, 2.11, 0.05, 0.09), strict=True)
        for n in range(5)
    ]  # fmt: skip
    start = StartEvent.model_validate(
        {"schema": 1, "name": "", "seed": 1, "budget_seconds": 60.0, "io": "socket", "cpus": 2, "recommended": "asyncio",
         "assumed": (), "memory_limit_mb": None, "python": "3.14.0"}
    )  # fmt: skip
    plan = PlanEvent(tasks=100, tasks_asked=100, task_wall_ms=20.1, task_cpu_ms=0.1, arms=arms)
    session = Session(start, (), plan, tuple(cells), (), EndEvent(reason="done", detail="", seconds=31.0))
    made = validate_results(result, session, Selector(host=FIXED_HOST).knowledge)
    output = text_of(validation_document(made))
    assert "Verdict:     CONFIRMED: asyncio took" in output
    assert "\n>* asyncio" in output
    assert "=== Winner: asyncio ===" in output
    assert_inert(made)
    assert ValidationReport.model_validate_json(made.model_dump_json()) == made


def test_a_notebook_shows_a_report_as_markdown() -> None:
    report = confirmed_cpu()
    assert report._repr_markdown_() == render_markdown(validation_document(report))
