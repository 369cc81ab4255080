"""Who waited for whom in a crew of several kinds: all time is accounted for, and said in lines that fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from todo_program import call, make_run, modules, numbers

todo = pytest.fixture(scope="module")(modules)

# A run of it ----------------------------------------------------------------------------------------------------------

CREW = ("--crew", "validate=1,report=2", "--execution", "threads")


def test_a_run_says_which_kind_is_the_bottleneck_and_goes_on_in_another_arrangement(todo: Any, tmp_path: Path) -> None:
    todos = tmp_path / "todos.csv"
    todos.write_text("title,priority\n" + "a,1\n" * 60 + "b,high\n", "utf-8")
    words = (*CREW, "--from", "todos.csv", "--journal", "run.db", "--out", "out.jsonl", "--batch-size", "5")
    first = call(todo, tmp_path, *words, "--json")
    assert first.code == 1, first.err  # for the malformed one, which fails alone
    told = json.loads(first.out)
    assert told["errors"] == ["task 60: line 62 (row 61), column priority: 'high' is not a whole number"]
    assert told["report"]["done"] == 60 and told["report"]["retried"] == 0
    assert told["summary"]["validate valid"] == told["summary"]["report open"] == 60
    assert [kind["kind"] for kind in told["waits"]["kinds"]] == ["validate", "report"]
    assert {share["kind"] for share in told["report"]["shares"].values()} == {"validate", "report"}
    assert sum(told["waits"]["critical_path_seconds"].values()) == pytest.approx(told["report"]["seconds"], rel=0.05)
    again = call(todo, tmp_path, *words, "--arrangement", "side-by-side")
    assert again.code == 1 and "61 of them had ended before this run" in again.out
    assert numbers(tmp_path / "out.jsonl") == list(range(61))
    other = call(todo, tmp_path, *words[:1], "validate=1", *words[2:])
    assert other.code == 2 and "the journal of other work" in other.err


def test_a_run_tells_what_its_kinds_did(todo: Any, tmp_path: Path) -> None:
    done = call(todo, tmp_path, *CREW, "--tasks", "200")
    assert done.code == 0, done.err
    assert "validate 0 |" in done.out and "report 2 |" in done.out and "processor 1 (report): " in done.out
    assert "effort validate 2, report 2" in done.out and "Critical path: " in done.out
    assert max(map(len, done.out.partition("# worked")[2].splitlines())) <= 80


# Who waited for whom --------------------------------------------------------------------------------------------------


def pipeline_of_two(todo: Any, execution: str = "processes") -> Any:
    """A validator works 1 s twice, a reporter 4 s twice; the validator is held back for a second before a third batch."""
    span, share = todo.coordinator.Span, todo.coordinator.Share
    spans = [
        span(0, 0.5, 1.5, 5),
        span(0, 1.5, 2.5, 5, 0.1),
        span(1, 2.0, 6.0, 5, 1.75, 0),
        span(0, 4.0, 5.0, 5, 3.5, None, "report"),
        span(1, 6.5, 10.5, 5, 2.5, 1),
        span(1, 10.5, 11.5, 5, 5.0, 3),
    ]
    shares = {0: share(15, 3, 3.0, 3.0, 0, "validate"), 1: share(15, 3, 9.0, 9.0, 0, "report")}
    report = todo.coordinator.Report(15, seconds=12.0, shares=shares, spans=spans)
    return make_run(todo, report=report, execution=execution)


def test_the_time_of_every_kind_is_accounted_for(todo: Any) -> None:
    waits = todo.waits.waits_of(pipeline_of_two(todo))
    validate, report = waits.kinds
    assert (validate.worked, report.worked, waits.bottleneck) == (3.0, 9.0, "report")
    assert dict(validate.idle) == pytest.approx(
        {"starting": 0.5, "held back by report": 1.0, "handing over": 0.5, "nothing left": 7.0}
    )
    assert dict(report.idle) == pytest.approx(
        {"waited for validate": 1.5, "handing over": 0.75, "starting": 0.25, "nothing left": 0.5}
    )
    assert waits.path == pytest.approx(
        {"ending": 0.5, "report": 9.0, "validate": 1.0, "handing over": 1.0, "starting": 0.5}
    )
    assert waits.gaps[0] == (0, "validate", 5.0, 12.0, "nothing left")
    assert (1, "report", 0.0, 2.0, "waited for validate") in waits.gaps


def test_where_only_one_works_the_others_wait_for_their_turn(todo: Any) -> None:
    validate, report = todo.waits.waits_of(pipeline_of_two(todo, "asyncio")).kinds
    assert validate.idle["waited for its turn"] == pytest.approx(0.5)  # from 3.5 to 4.0, when the reporter worked
    assert report.idle["waited for its turn"] == pytest.approx(0.25)  # from 1.75 to 2.0
    assert report.idle["handing over"] == pytest.approx(0.75)


def test_it_is_said_in_lines_that_fit(todo: Any) -> None:
    run = pipeline_of_two(todo)
    lines = todo.waits.told(run)
    assert lines[1].split() == ["validate", "1", "15", "25", "%", "4", "%", "8", "%", "4", "%", "58", "%"]
    assert lines[3].startswith("Bottleneck: report, 9.000 s of work for its processor: one more saves up")
    assert lines[4] == "  4.500 s, if a CPU is free for it"
    assert "validate held back by report 1.000 s (1 processor)" in lines
    assert "report waited for validate 1.500 s (1 processor)" in lines
    run.report.shares[1].cpu_seconds = 3.0
    assert "but of CPUs there were too few: 33 % of that work was computing" in " ".join(todo.waits.told(run)[3:5])
    run.report.shares[1].kind = "x\x1b[31m" * 30
    for text in ("\n".join(todo.waits.told(run)), todo.timelines.timeline(run)):
        assert max(map(len, text.splitlines())) <= 80 and "\x1b" not in text
    page = todo.page.page("Todo batch", todo.contents.sections_of_run(run))
    assert "\x1b" not in page and "Critical path" in page


def test_a_bottleneck_is_named_only_where_it_is_clear(todo: Any) -> None:
    run = pipeline_of_two(todo)
    assert "They compute in turn" in todo.waits.told(run._replace(execution="threads"))[3]
    run.report.spans[:] = [span._replace(ended=span.began + 1) for span in run.report.spans]
    assert todo.waits.waits_of(run).bottleneck == ""
    assert "Bottleneck: none stands out (validate, report have about as much" in todo.waits.told(run)[3]


def test_a_run_without_kinds_or_batches_has_nothing_to_tell(todo: Any) -> None:
    run = pipeline_of_two(todo)
    for share in run.report.shares.values():
        share.kind = ""
    assert todo.waits.told(run) == []
    (times,) = todo.waits.waits_of(run).kinds
    assert times.idle["waited for another try"] == 1.5
    run.report.spans[2:4] = [run.report.spans[2]._replace(after=99), run.report.spans[3]._replace(processor=7)]
    assert todo.waits.told(run, whole=True)  # of a file that anybody has written
    empty = make_run(todo, report=todo.coordinator.Report())
    assert todo.waits.told(empty) == [] and todo.waits.as_json(empty)["kinds"] == []
