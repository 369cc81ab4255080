"""The report as a page: with the pictures of concurrency-selector where that is installed, else its tables; text is data."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pages_read import check_it_stands_alone
from todo_comparison import hostile, make_comparison, page_of
from todo_program import FOLDER, call_program, make_run, modules

from selector.report import blocks

todo = pytest.fixture(scope="module")(modules)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a Python that has no concurrency-selector."""
    monkeypatch.setitem(sys.modules, "selector.report.html", None)


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        assert not {"src", "onerror", "onload"} & {name for name, _ in attrs}, attrs
        assert dict(attrs).get("href") in (None, "data:,")


def test_blocks_are_those_of_the_selector(todo: Any) -> None:
    ours = [
        kind for kind in vars(todo.blocks).values() if hasattr(kind, "_fields") and kind is not todo.blocks.Characters
    ]
    assert len(ours) == 11
    for kind in ours:
        names = [field.name for field in dataclasses.fields(getattr(blocks, kind.__name__))]
        assert list(kind._fields) == names[: len(kind._fields)], kind


def test_a_page_has_the_answer_its_pictures_and_its_results(todo: Any, tmp_path: Path) -> None:
    found = make_comparison(todo)
    text = page_of(todo, found)
    page = check_it_stands_alone(text)
    assert len(page.figures) == 4  # speedups, memory, scaling, who worked when
    assert page.headings() == [section.title for section in todo.contents.sections_of(found)][1:]
    answer = text.partition('class="answer"')[2].partition("</section>")[0]
    assert "Processes with 2 processors" in answer and "12 measurements, all with the same results" in answer
    assert "python todos run --execution processes --processors 2 --schedule queue" in answer
    (tmp_path / "report.html").write_text(text, "utf-8")
    assert todo.results.read_results(tmp_path / "report.html") == found


@pytest.mark.usefixtures("without")
def test_without_the_selector_it_has_every_table_and_says_how_to_get_pictures(todo: Any, tmp_path: Path) -> None:
    found = make_comparison(todo)
    text = page_of(todo, found)
    assert "svg" not in Tags(text).found and "no pictures in this page" in text
    for section in todo.contents.sections_of(found):
        assert f"<h2>{section.title}</h2>" in text
    assert "<td>processor 0</td>" in text and "75 %" in text and "0 |####" in text  # who worked when
    (tmp_path / "report.html").write_text(text, "utf-8")
    assert todo.results.read_results(tmp_path / "report.html") == found


def test_another_version_of_the_selector_is_as_none(todo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(blocks, "Lanes")
    assert "no pictures in this page" in page_of(todo, make_comparison(todo))


def test_hostile_text_is_harmless(todo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = hostile(todo)
    check_it_stands_alone(page_of(todo, found))
    monkeypatch.setitem(sys.modules, "selector.report.html", None)
    plain, tags = page_of(todo, found), Tags(page_of(todo, found)).found
    assert not {"img", "a", "svg"} & set(tags) and tags.count("script") == 1
    for text in (plain, page_of(todo, found)):
        assert not {"\x1b", "\x00", "\u202e"} & set(text)
        text.encode()  # no half characters


def test_a_run_has_a_page(todo: Any) -> None:
    text = todo.page.page("Todo batch, one run", todo.contents.sections_of_run(make_run(todo)))
    page = check_it_stands_alone(text)
    assert len(page.figures) == 1 and "Threads (GIL), 2 processors, queue" in text and "75 %" in text


def test_a_report_is_a_page_by_its_name_and_can_be_read_again(todo: Any, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(todo.results.as_json(make_comparison(todo)), "utf-8")
    assert call_program(todo, tmp_path, "report", "results.json", "-o", "report.html").code == 0
    assert check_it_stands_alone((tmp_path / "report.html").read_text("utf-8")).figures
    again = call_program(todo, tmp_path, "report", "results.json", "-o", "report.html")
    assert again.code == 0  # its own page is replaced
    decided = call_program(todo, tmp_path, "report", "report.html", "--decision")
    assert decided.code == 0 and decided.out.startswith("# Decision")
    (tmp_path / "other.html").write_text("<!doctype html><p>mine</p>", "utf-8")
    assert call_program(todo, tmp_path, "report", "results.json", "-o", "other.html").code == 2
    assert "no JSON" in call_program(todo, tmp_path, "report", "other.html").err
    refused = call_program(todo, tmp_path, "report", "results.json", "--decision", "-o", "d.html")
    assert refused.code == 2 and "the decision is Markdown" in refused.err


def test_the_page_lies_beside_the_results(todo: Any, tmp_path: Path) -> None:
    beside = todo.comparing.page_beside
    names = {"results.json": "report.html", "results-2.json": "report-2.html", "before.json": "before.html"}
    assert {name: beside(Path("x", name)).name for name in names} == names
    done = call_program(todo, tmp_path, "compare", "--effort", "1", "--results", "results.html")
    assert done.code == 2 and "--results are JSON" in done.err


def test_a_program_alone_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    command = [sys.executable, "-S", str(FOLDER), "run", "--tasks", "20", "--effort", "1", "--report", "run.html"]
    nothing = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=tmp_path, env=nothing, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "run.html").read_text("utf-8")
    assert "no pictures in this page" in text and "20 done, 0 failed" in text
    assert json.dumps(Tags(text).found).count('"h2"') == 2
