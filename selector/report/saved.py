"""The files that a run leaves for who reads it: its results as JSON, the report as Markdown, and as a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from selector.recommend.explain import Explanation
from selector.recommend.recommendation import Recommendation
from selector.report.blocks import Document
from selector.report.html import render_html
from selector.report.markdown import render_markdown
from selector.report.pages import validation_page
from selector.validation import ValidationReport

PAGE = "Concurrency report"


def page_title(name: str | None) -> str:
    """The title of a page about something of that name."""
    return f"{PAGE}: {name}" if name else PAGE


def run_files(
    report: ValidationReport, document: Document, result: Recommendation, explain: Callable[[], Explanation]
) -> Iterator[tuple[str, str]]:
    """(Name, text) of each file, the one that matters most first: each is made when it is asked for."""
    saved = report.model_dump_json(indent=2)
    yield "results.json", saved
    yield "report.md", render_markdown(document)
    page = validation_page(report, result, explain())
    yield "report.html", render_html(page, page_title(report.profile.name), saved)
