"""HTML pages: they stand alone, every picture is beside its figures, text is harmless, and what is in them reads back."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

import pytest
from example_answers import PROFILES, selector
from hypothesis import given, settings
from hypothesis import strategies as st
from pages_read import Page, check_it_stands_alone, embedded
from three_reports import REPORTS
from tried import BUSY, SYSTEMS, judged, measured, row

from selector import WorkloadProfile
from selector.measure.models import Evidence, MeasureReport, Problem
from selector.report.blocks import (
    Bands,
    Bar,
    Bars,
    Block,
    Bullets,
    Code,
    Curve,
    Document,
    Fields,
    Lane,
    Lanes,
    Paragraph,
    Path,
    Section,
    Table,
)
from selector.report.html import MOST_BYTES, data_of, render_html
from selector.report.pages import measure_page, recommendation_page, validation_page
from selector.report.system_page import system_page, trial_page
from selector.system.answer import recommend_system
from selector.system.verdict import SystemReport, TrialEvent, judge_system
from selector.validation import ValidationReport
from selector.workload.system import SystemProfile, system_from_mapping

pytestmark = [pytest.mark.one_python, pytest.mark.usefixtures("plain_environment")]

HOSTILE = "</script></style>\"'><img src=x onerror=alert(1)>`<svg onload=x>`\u202e\u2066\x00\x1b[31m&lt;b&gt; {{ 7*7 }} {% x %}"


def validated(report: ValidationReport) -> str:
    result = selector().recommend(PROFILES["web-scraper"])
    explanation = selector().explain(result.profile)
    return render_html(validation_page(report, result, explanation), "Proof", report.model_dump_json())


def recommended(profile: WorkloadProfile, *, whole: bool = False) -> str:
    result = selector().recommend(profile)
    page = recommendation_page(result, selector().explain(profile), "concurrency-selector validate x", whole=whole)
    return render_html(page, "Answer", result.model_dump_json())


def of_a_function(profile: WorkloadProfile) -> str:
    report = MeasureReport(
        target="shop.py:price", items="100", python="3.14", profile=profile,
        evidence={"cpu_ms_per_task": Evidence(value=5.0, basis="measured", how="the median of 40 calls", low=4.8, high=5.3)},
        unknown=("memory_budget_mb",), problems=(Problem(kind="raises", text="It raised on item 3."),), notes=("A note.",),
        tried=(), complete=True, calls=42, seconds=8.1, recommendation=selector().recommend(profile),
    )  # fmt: skip
    page = measure_page(report, "concurrency-selector validate x", selector().explain(profile))
    return render_html(page, "Function", report.model_dump_json())


def of_a_system(system: SystemProfile) -> str:
    result = recommend_system(selector(), system)
    return render_html(
        system_page(result, "concurrency-selector validate x", whole=True), "System", result.model_dump_json()
    )


def tried_out(report: SystemReport) -> str:
    return render_html(trial_page(report), "System", report.model_dump_json())


PAGES: dict[str, Callable[[], str]] = {
    **{name: lambda report=report: validated(report()) for name, report in REPORTS.items()},  # type: ignore[misc]
    "recommend": lambda: recommended(PROFILES["web-scraper"]),
    "explain": lambda: recommended(PROFILES["running-sum"], whole=True),
    "measure": lambda: of_a_function(PROFILES["student-code-grader"]),
    "system": lambda: of_a_system(SYSTEMS["api-with-pipeline"]),
    "system-tried": lambda: tried_out(
        judged(*measured(70, "thumbnail", errors=1, last_error="ValueError"), warnings=(BUSY,))
    ),
}


@cache
def page_of(name: str) -> str:
    return PAGES[name]()


@pytest.mark.parametrize("name", [name for name in PAGES if name not in ("explain", "tie-io", "system")])
def test_a_page_stands_alone_with_each_picture_beside_its_figures(name: str) -> None:
    page = check_it_stands_alone(page_of(name))
    assert page.figures and all("svg" in figure for figure in page.figures)
    assert page.headings()[0] != "Answer"  # which stands above all, without a heading


def test_a_page_with_every_row_of_every_table_is_small_enough() -> None:
    page = check_it_stands_alone(page_of("explain"))
    assert "Facts" in page.headings()


def test_the_sections_are_in_the_order_of_questions() -> None:
    assert Page(page_of("confirmed-cpu")).headings() == [
        "Measured against predicted", "Each approach and Python", "Scaling", "Memory", "Latency",
        "Who worked when", "Where the answer would change", "What was found, and how", "How it was decided", "Alternatives", "Wrong turns",
        "The first steps to get there", "How it was measured",
    ]  # fmt: skip


# Who it says won ------------------------------------------------------------------------------------------------------


def answer_in(text: str) -> str:
    return text.partition('class="answer"')[2].partition("</section>")[0]


def test_where_the_recommendation_lost_the_answer_is_the_winner() -> None:
    answer = answer_in(page_of("refuted-failures"))
    assert "asyncio + processes" in answer.partition("How sure")[0]
    assert "not asyncio_free_threaded, which was recommended" in answer
    assert "NOT met" in answer  # a requirement that is missed is no detail
    assert "asyncio + processes kept both CPUs busy" in answer.partition("Why")[2].partition("How sure")[0]


def test_where_both_are_as_fast_the_answer_is_the_simpler_one() -> None:
    tied = REPORTS["tie-io"]().model_copy(update={"winner": "threads", "profile": PROFILES["web-scraper"]})
    answer = answer_in(validated(tied))
    assert "Threads" in answer.partition("Why")[0] and "not asyncio, which was recommended" in answer
    assert "migrate single_threaded threads" in answer.partition("Next")[2]


def test_without_a_verdict_the_answer_is_what_was_recommended_and_says_so() -> None:
    unsure = REPORTS["confirmed-cpu"]().model_copy(update={"verdict": "inconclusive", "reason": "Others computed."})
    answer = answer_in(validated(unsure))
    assert "2 workers (recommended; this run gives no verdict)" in answer and "INCONCLUSIVE: Others computed." in answer
    assert "as fast as plain" not in answer  # what was seen proves nothing then


def test_where_it_won_the_answer_is_itself_and_the_next_step_how_to_get_there() -> None:
    answer = answer_in(page_of("confirmed-cpu"))
    assert "Free-threaded Python" in answer and "CONFIRMED" in answer and "migrate" in answer
    assert "1.93x as fast as plain sequential code" in answer


def test_warnings_stand_before_how_it_was_measured() -> None:
    last = page_of("refuted-failures").rpartition("How it was measured")[2]
    assert last.index("The run was interrupted") < last.index("seed 1234")


def test_a_system_says_what_holds_it_up_and_what_comes_next() -> None:
    def next_of(report: SystemReport) -> str:
        return answer_in(tried_out(report)).partition("Next")[2]

    assert Page(page_of("system-tried")).headings() == [
        "Measured against predicted", "Where the bottleneck is", "How the parts are joined", "The parts", "How it was measured",
    ]  # fmt: skip
    answer = answer_in(page_of("system-tried"))
    assert "api by asyncio" in answer and "INCONCLUSIVE" in answer and "thumbnail; predicted was clean" in answer
    assert "mend it" in next_of(judged(*measured(70, errors=1, last_error="x")))
    assert "your own code into <code>system.py</code>" in next_of(judged(*measured(70)))
    assert "correct what the file says of store" in next_of(judged(*measured(70, "store")))
    assert "more time (--budget)" in next_of(judged(*measured(30), warnings=(BUSY,)))


# What is in it is data ------------------------------------------------------------------------------------------------


def everything(text: str) -> Document:
    """A document with a text in every place where there can be one."""
    pictures: tuple[Block, ...] = (
        Bars(text, text, (Bar(text, 1, text, 0.5, 2, text), Bar("b", 2, text)), (1, text)),
        Curve(text, text, text, ((1, 1, text), (2, 2, "")), ((1, 1), (2, 1.9)), (2, text)),
        Bands(text, 3, ((1, 10, text), (10, 100, "b"))),
        Lanes(
            text, text, 2, (Lane(text, ((0, 1), (1.5, 2)), (text, text)), Lane("b", (), ("", ""))), (text, "b"), "rl"
        ),
    )
    words: tuple[Block, ...] = (
        Paragraph(text), Fields(((text, text),)), Bullets(((text, (text,)),)), Path(((text, text, text),)),
        Table((text, "b"), ((text, text),), "lr"), Code(text),
    )  # fmt: skip
    return Document((Section("Answer", words), Section(text, (*words, *pictures))))


def shape(text: str) -> list[str]:
    page = render_html(everything(text), text, json.dumps({"name": text}))
    check_it_stands_alone(page)
    return [tag for tag, _ in Page(page).elements if tag != "code"]


@given(st.text(max_size=40) | st.sampled_from([HOSTILE, "<" * 30, "]]>--><!--", "`<b>`", "'\"/>"]))
@settings(max_examples=25, deadline=None)
def test_no_text_becomes_markup_anywhere(text: str) -> None:
    assert shape(f"{text}x") == shape("innocent")


@pytest.mark.parametrize("text", [HOSTILE, "x" * 10_000, "<&>" * 3_400, "\u202eabc" * 2_500])
def test_hostile_text_is_harmless_in_every_place(text: str) -> None:
    page = render_html(everything(text), text, json.dumps({"name": text}, ensure_ascii=False))
    check_it_stands_alone(page)
    assert not {"\u202e", "\u2066", "\x00", "\x1b"} & set(page)


@pytest.mark.parametrize("name", [HOSTILE, "n" * 10_000])
def test_a_hostile_workload_has_a_page_as_any_other(name: str) -> None:
    profile = PROFILES["web-scraper"].model_copy(update={"name": name, "description": name})
    text = recommended(profile)
    check_it_stands_alone(text)
    assert embedded(text)["profile"]["name"] == name  # type: ignore[index]


@pytest.mark.parametrize("name", [HOSTILE.replace("\x00", ""), "n" * 10_000])
def test_hostile_parts_are_harmless(name: str) -> None:
    fields = {"workload_type": "cpu", "cpu_ms_per_task": 5.0, "requests_per_second": 9.0}
    parts = [{"name": f"{name[:100]}{n}", **fields, "feeds": feeds} for n, feeds in ((1, [f"{name[:100]}2"]), (2, []))]
    del parts[1]["requests_per_second"]
    system = system_from_mapping({"name": name[:200], "description": name[:500], "parts": parts})
    check_it_stands_alone(of_a_system(system))
    answer = recommend_system(selector(), system)
    rows = tuple(row(part.name, 5.0, 0.9, errors=3, last_error=name) for part in answer.parts)
    events = [TrialEvent(event="together", seconds=5.0, parts=rows)]
    page = tried_out(judge_system(answer, events, "3.14", (name,)))
    check_it_stands_alone(page)
    assert not {"\u202e", "\u2066", "\x1b"} & set(page)


def test_what_a_page_was_made_from_reads_back() -> None:
    for name, made in REPORTS.items():
        assert ValidationReport.model_validate_json(data_of(page_of(name)) or "") == made()


def test_a_page_that_would_be_too_large_is_left_without_its_json() -> None:
    page = render_html(everything("x"), "Large", json.dumps(["y" * MOST_BYTES]))
    assert data_of(page) is None and "too large" in page
    check_it_stands_alone(page)


def test_a_page_without_data_has_none() -> None:
    assert data_of(render_html(everything("x"), "None")) is None
