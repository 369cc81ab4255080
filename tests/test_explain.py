"""Where the answer changes along an input, and the rest of an explanation: the same as asking at every value."""

from __future__ import annotations

import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console
from strategies import FIXED_HOST

from selector import Selector, WorkloadProfile
from selector.recommend.chain import Situation
from selector.recommend.explain import AXES, crossovers
from selector.report.blocks import Bands, Document, Section
from selector.report.markdown import render_markdown
from selector.report.recommendation import recommendation_document
from selector.report.terminal import print_document

pytestmark = pytest.mark.one_python

SELECTOR = Selector(host=FIXED_HOST)
PROFILE = WorkloadProfile(
    workload_type="cpu",
    tasks=200,
    cpu_ms_per_task=5,
    io_wait_ms_per_task=0,
    payload_kb_per_task=10,
    free_threading_ready=False,
)


def test_a_batch_that_computes_has_a_size_from_which_on_workers_pay() -> None:
    found = {c.input: c for c in crossovers(SELECTOR.situation(PROFILE))}
    by_cpu = found["cpu_ms_per_task"]
    assert by_cpu.current == 5
    assert by_cpu.spans[0].approach == "single_threaded"
    assert by_cpu.spans[-1].approach == "multiprocessing"
    assert by_cpu.spans[0].high == by_cpu.spans[1].low


profiles = st.builds(
    WorkloadProfile,
    workload_type=st.sampled_from(["cpu", "io", "hybrid"]),
    tasks=st.integers(1, 2000),
    cpu_ms_per_task=st.floats(0.01, 1000),
    io_wait_ms_per_task=st.floats(0, 300),
    payload_kb_per_task=st.floats(0, 1000),
    releases_gil=st.none() | st.booleans(),
)


@pytest.mark.slow
@settings(max_examples=2, deadline=None)
@given(profiles)
@example(
    WorkloadProfile(
        workload_type="io", tasks=386, cpu_ms_per_task=0.5, io_wait_ms_per_task=194.0, payload_kb_per_task=0.0
    )
)
def test_the_spans_have_no_gaps_and_each_answer_holds_on_both_ends(profile: WorkloadProfile) -> None:
    situation = SELECTOR.situation(profile)
    for crossover in crossovers(situation):
        low, high = AXES[crossover.input]
        assert crossover.spans[0].low == pytest.approx(10.0**low)
        assert crossover.spans[-1].high == pytest.approx(10.0**high)
        for before, after in zip(crossover.spans, crossover.spans[1:], strict=False):
            assert before.high == after.low
            assert (before.approach, before.engine) != (after.approach, after.engine)
        whole = crossover.input == "tasks"
        for point in range(low * 6, high * 6 + 1):  # six values a decade
            value = float(round(10 ** (point / 6))) if whole else 10 ** (point / 6)
            span = next(s for s in reversed(crossover.spans) if s.low <= value * 1.03)
            if span.low * 1.03 < value < span.high / 1.03:
                answer = situation.changed(**{crossover.input: int(value) if whole else value}).answer
                assert answer == (span.approach, span.engine) or is_narrow(situation, crossover.input, value)


def is_narrow(situation: Situation, field: str, value: float) -> bool:
    """Whether the answer at a value is another one 2 % further on, either way: too narrow to be shown."""
    around = {situation.changed(**{field: type(value)(v)}).answer for v in (value / 1.02, value * 1.02)}
    return situation.changed(**{field: value}).answer not in around


def test_the_place_of_a_change_is_exact_for_whole_numbers() -> None:
    situation = SELECTOR.situation(PROFILE)
    by_tasks = next(c for c in crossovers(situation) if c.input == "tasks")
    for span in by_tasks.spans[1:]:
        here, before = (situation.changed(tasks=int(n)).answer[0] for n in (span.low, span.low - 1))
        assert here == span.approach != before


# How it is shown ------------------------------------------------------------------------------------------------------

BANDS = Bands("tasks (now 200)", 200, ((1, 50, "single_threaded"), (50, 4000, "multiprocessing"), (4000, 1e6, "dask")))


def shown(bands: Bands, columns: int = 80) -> list[str]:
    out = io.StringIO()
    print_document(Document((Section("Where", (bands,)),)), Console(file=out, width=columns, highlight=False))
    return out.getvalue().splitlines()


def test_a_chart_has_its_axis_its_letters_and_where_we_are() -> None:
    _, title, ticks, band, here, words = shown(BANDS, 100)
    assert title == "tasks (now 200)"
    assert ticks.split() == ["1", "10", "100", "1000", "10000", "1e5", "1e6"]
    assert set(band.strip()) == {"a", "b", "c"}
    assert band[here.index("^")] == "b"
    assert band.index("b") == pytest.approx(2 + 60 * 1.7 / 6, abs=1)
    assert words.strip() == "a below 50: single_threaded, b 50 to 4,000: multiprocessing, c from 4,000: dask"


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_a_chart_fits_its_terminal(columns: int) -> None:
    assert max(map(len, shown(BANDS, columns))) <= columns


def test_a_chart_of_an_unknown_value_marks_nothing() -> None:
    assert not any("^" in line for line in shown(Bands("tasks", None, BANDS.stretches)))


def test_markdown_has_a_table() -> None:
    text = render_markdown(Document((Section("Where", (BANDS,)),)))
    assert "| 50 to 4,000 | multiprocessing |" in text


def test_an_explanation_has_every_prediction_and_the_charts() -> None:
    explanation = SELECTOR.explain(PROFILE)
    assert [p.approach for p in explanation.predictions] == [
        a for a in SELECTOR.knowledge.approaches if a != "distributed"
    ]
    assert all(p.expected.seconds and p.expected.dominant for p in explanation.predictions)
    document = recommendation_document(SELECTOR.recommend(PROFILE, "none"), explanation)
    titles = [section.title for section in document.sections]
    assert "Predictions" in titles
    assert "Where the answer changes" in titles
