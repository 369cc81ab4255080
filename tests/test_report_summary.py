"""The summary in ten lines, and the answer of the prompts."""

from __future__ import annotations

import re

import pytest
from example_answers import PROFILES, example, expecting, selector, summary_of
from printed import text_of

from selector import WorkloadProfile
from selector.report.recommendation import recommendation_document
from selector.report.summary import brief_document

pytestmark = [pytest.mark.one_python, pytest.mark.usefixtures("plain_environment")]


LABELS = ["Approach:", "Python:", "Expected:", "Fits:", "Effort:", "Instead:", "Next:"]
#: Lines that only some workloads have.
OTHERS = {"Today:", "Enough:", "Not:"}


@pytest.mark.parametrize("name", PROFILES)
def test_a_summary_has_at_most_ten_lines_of_80_columns(name: str) -> None:
    lines = summary_of(example(name), f"concurrency-selector validate examples/{name}.json").splitlines()
    asked = ["Capacity:", "Server:"] if example(name).capacity is not None else []  # where a rate is asked for
    assert len(lines) <= 10 + len(asked[:1])
    assert all(len(line) <= 80 for line in lines)
    labels = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert [label for label in labels if label not in OTHERS] == [*LABELS[:4], *asked, *LABELS[4:]]
    assert not any(line.endswith("...") for line in lines)


def test_a_summary_of_long_words_is_cut_and_never_longer() -> None:
    long = "measured under 3.14, taken for 3.15; " * 10
    result = expecting(example("web-scraper"), basis=long, assumed=(long, long)).model_copy(
        update={"title": "T " * 200}
    )
    lines = summary_of(result, "concurrency-selector validate " + "x" * 300).splitlines()
    assert len(lines) <= 10
    assert lines[-1] == "Next:     the same with validate"  # a command is not broken, nor cut


def test_a_summary_of_the_five_answers_says_all_that_is_missing() -> None:
    five = WorkloadProfile(workload_type="hybrid", latency_requirement_ms=100, memory_budget_mb=256, cpu_cores=4)
    output = summary_of(selector().recommend(five, changes="none"))
    assert "..." not in output and len(output.splitlines()) == 10
    assert "memory 256 MB not known (needs task_memory_mb)" in " ".join(output.split())


def test_a_bound_by_cpus_is_not_said_to_rest_on_costs() -> None:
    bounded = selector().recommend(WorkloadProfile(workload_type="cpu", cpu_cores=4), changes="none")
    output = " ".join(text_of(brief_document(bounded)).split())
    assert re.search(r"Expected speedup: unknown: [^;]*; at most 4x on 4 cores Assumed:", output)


def test_a_summary_without_a_requirement_tells_the_memory_that_is_held_against_none() -> None:
    large = WorkloadProfile(
        workload_type="cpu", tasks=5000, cpu_ms_per_task=50, cpu_cores=64, task_memory_mb=500, interpreters=("3.13",)
    )
    assert "no requirement given; takes 32 GB\n" in summary_of(selector().recommend(large, changes="none"))
    unknown = large.model_copy(update={"task_memory_mb": None})
    assert "beside the tasks' own" in summary_of(selector().recommend(unknown, changes="none"))


def test_a_summary_says_what_its_figures_rest_on_and_what_is_assumed() -> None:
    assumed = "32 operations in flight, as concurrency is not given; plausible 8 to 1,000"
    result = expecting(
        example("web-scraper"), basis="costs measured here on 2026-11-28 under 3.14t", assumed=(assumed,)
    )
    output = " ".join(summary_of(result).split())
    assert "costs measured here on 2026-11-28; assuming 32 operations in flight Fits:" in output
    whole = " ".join(text_of(recommendation_document(result)).split())
    assert "costs measured here on 2026-11-28 under 3.14t Expected time:" in whole
    assert f"Assumed: {assumed} Memory" in whole
    brief = " ".join(text_of(brief_document(result)).split())
    assert "; costs measured here on 2026-11-28 under 3.14t" in brief and f"Assumed: {assumed}" in brief


def test_what_is_unknown_rests_on_nothing_and_a_verdict_on_latency_on_what_its_figure_does() -> None:
    profile = WorkloadProfile(
        workload_type="hybrid", cpu_ms_per_task=5, io_wait_ms_per_task=50, latency_requirement_ms=300
    )
    result = selector().recommend(profile, changes="none")
    assert result.expected.basis
    assert result.expected.basis not in summary_of(result).partition("Fits:")[0]
    told = [line.strip() for line in text_of(recommendation_document(result)).splitlines()]
    assert told[told.index("Expected speedup: unknown: it needs tasks") + 1] != result.expected.basis
    assert told[told.index("Requirements:     latency met (55 of 300 ms)") + 1] == result.expected.basis


@pytest.mark.parametrize(
    ("basis", "said"),
    [
        ("documented (contention_threads_python)", "costs partly measured here on 2026-11-28 under 3.14t"),
        (
            "measured under 3.14, taken for 3.14t (thread_start_ms)",
            "costs partly measured here on 2026-11-28 under 3.14t",
        ),
        ("4 CPUs reckoned from 2", "costs measured here on 2026-11-28 under 3.14t"),
    ],
)
def test_what_is_left_out_for_room_is_not_passed_over(basis: str, said: str) -> None:
    whole = f"costs measured here on 2026-11-28 under 3.14t; {basis}; {'and much more ' * 5}"
    told = [line.strip() for line in summary_of(expecting(example("web-scraper"), basis=whole)).splitlines()]
    assert said in told


def test_each_figure_has_a_basis_of_its_own() -> None:
    result = expecting(example("web-scraper"), basis="measured here", memory_basis="documented under 3.14")
    whole = " ".join(text_of(recommendation_document(result)).split())
    assert re.search(r"vs sequential \(12x to 34x\) measured here Expected time", whole)
    assert re.search(r"MB in all documented under 3.14 Requirements", whole)


def test_what_is_validated_is_not_to_be_validated_again() -> None:
    assert "Next:     concurrency-selector validate" in summary_of(example("web-scraper"))
    assert "Next:     concurrency-selector migrate single_threaded asyncio_free_threaded" in summary_of(
        example("web-scraper"), measured=True
    )
    assert "Next:     nothing: the code is there already" in summary_of(example("running-sum"), measured=True)


def test_what_a_cluster_does_is_not_validated_here() -> None:
    output = summary_of(example("durable-email-jobs"))
    assert "validate" not in output
    assert "Next:     concurrency-selector migrate single_threaded distributed" in output


def test_the_prompts_keep_the_sections_of_the_lesson_in_few_lines() -> None:
    for name in PROFILES:
        lines = text_of(brief_document(example(name))).splitlines()
        labels = [line.partition(":")[0] for line in lines]
        wanted = ["Approach", "Reasoning", "Expected speedup", "Memory overhead", "Migration effort"]
        assert [label for label in labels if label in wanted] == wanted
        assert "=== Recommendation ===" in lines and "=== Alternatives ===" in lines
        assert len(lines) <= 41, name
