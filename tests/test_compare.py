"""Runs held against the first of them: what is slower, what is noise, and what the command says and exits with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import call, refused
from events import failed, measured, report
from pages_read import check_it_stands_alone
from printed import flat

from selector.report.compare import comparison_document
from selector.report.html import render_html
from selector.validation import ValidationReport
from selector.validation.comparing import Comparison, compare_reports

pytestmark = [pytest.mark.one_python, pytest.mark.usefixtures("plain_environment")]


def run_of(*, threads: float = 1.0, asyncio: float = 1.0, python: str = "3.14", spread: float = 0.01, **changes: object) -> ValidationReport:  # fmt: skip
    """A run in which threads and asyncio took so long, nine times each."""
    arms = []
    for approach, seconds in (("threads", threads), ("asyncio", asyncio)):
        samples = tuple(seconds * (1 + spread * (n - 4) / 4) for n in range(9))
        arms.append(measured(approach, python, 2, seconds, spread=spread, samples_seconds=samples))
    return report(**{"measurements": tuple(arms), "noise_floor": 0.03} | changes)


def changes_of(*runs: ValidationReport) -> dict[str, str]:
    found = compare_reports([(f"{place}.json", run) for place, run in enumerate(runs)])
    return {f"{arm.approach}{arm.run}": arm.change for arm in found.arms}


def test_what_is_slower_beyond_the_noise_is_told_from_what_is_not() -> None:
    assert changes_of(run_of(), run_of(threads=1.2, asyncio=1.02)) == {"threads1": "slower", "asyncio1": "noise"}
    assert changes_of(run_of(), run_of(threads=0.8)) == {"threads1": "faster", "asyncio1": "noise"}


def test_a_difference_that_the_samples_do_not_bear_out_is_noise() -> None:
    assert changes_of(run_of(spread=0.9), run_of(threads=1.1, spread=0.9))["threads1"] == "noise"
    assert changes_of(run_of(noise_floor=None), run_of(threads=1.08))["threads1"] == "noise"  # 10 % is assumed


def test_several_runs_are_each_held_against_the_first() -> None:
    assert changes_of(run_of(), run_of(), run_of(threads=2.0)) == {
        "threads1": "noise", "asyncio1": "noise", "threads2": "slower", "asyncio2": "noise",
    }  # fmt: skip


def test_another_python_is_compared_where_it_is_the_only_other() -> None:
    found = compare_reports([("a", run_of()), ("b", run_of(threads=0.5, python="3.15"))])
    assert found.arms[0].interpreters == ("3.14", "3.15") and found.arms[0].change == "faster"
    assert "Threads 3.14 -> 3.15" in flat(comparison_document(found))


def test_runs_of_other_sizes_are_compared_by_task() -> None:
    found = compare_reports([("a", run_of()), ("b", run_of(threads=2.0, asyncio=2.0, tasks=128))])
    assert found.of == "seconds_per_task" and {arm.change for arm in found.arms} == {"noise"}
    assert any("64 and 128 tasks" in note for note in found.notes)


def test_results_of_an_older_version_are_compared_by_their_ranges() -> None:
    old = report(measurements=(measured("threads", "3.14", 2, 1.0, spread=0.02),), noise_floor=0.03)
    assert changes_of(old, run_of(threads=1.5)) == {"threads1": "slower"}


def test_what_failed_in_one_of_them_is_not_known() -> None:
    broken = report(measurements=(failed("threads", "3.14", 2, "crash", "killed"),), noise_floor=0.03)
    found = compare_reports([("a", run_of()), ("b", broken)])
    assert [arm.change for arm in found.arms] == ["unknown"]
    assert found.left_out == ("asyncio on 3.14",)


@pytest.fixture
def kept(tmp_path: Path) -> tuple[str, str]:
    """A run before a change that makes threads slower by a fifth, and one after it, whose page was kept."""
    before, after = tmp_path / "before.json", tmp_path / "after.html"
    before.write_text(run_of().model_dump_json(), "utf-8")
    slow = run_of(threads=1.2)
    after.write_text(render_html(comparison_document(compare_reports([("a", slow), ("b", slow)])), "x", slow.model_dump_json()), "utf-8")  # fmt: skip
    return str(before), str(after)


def test_the_command_reads_pages_too_and_fails_on_what_is_slower(kept: tuple[str, str]) -> None:
    done = call("compare", *kept)
    assert done.code == 0 and "1 slower (Threads 3.14), 1 within the noise" in " ".join(done.out.split())
    assert call("compare", *kept, "--fail-on-slower", "10%").code == 3
    assert call("compare", *kept, "--fail-on-slower", "30").code == 0


def test_it_prints_json_that_reads_back_and_a_page(kept: tuple[str, str]) -> None:
    said = call("compare", *kept, "--json").out
    assert Comparison.model_validate_json(said).arms[0].change == "slower" and json.loads(said)["schema"] == 1
    check_it_stands_alone(call("compare", *kept, "--format", "html").out)


def test_what_it_cannot_compare(kept: tuple[str, str], tmp_path: Path) -> None:
    refused(call("compare", kept[0]), "give the results of two runs")
    refused(call("compare", *kept, "--fail-on-slower", "much"), "a percentage such as 10%")
    refused(call("compare", kept[0], str(tmp_path / "none.json")), "cannot be read")
    (tmp_path / "x.html").write_text("<!doctype html><p>x", "utf-8")
    refused(call("compare", kept[0], str(tmp_path / "x.html")), "holds no results")
