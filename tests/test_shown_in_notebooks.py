"""What a notebook shows of our values: a page in a frame, harmless whatever it tells; and Markdown where no HTML is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from example_answers import PROFILES, selector
from pages_read import Page, check_it_stands_alone
from test_html import HOSTILE
from test_html_browser import browser, opened
from three_reports import REPORTS

from selector import Recommendation
from selector.measure.models import MeasureReport, Problem
from selector.validation import ValidationReport

pytestmark = [pytest.mark.one_python, pytest.mark.usefixtures("plain_environment")]
__all__ = ["browser"]  # a fixture

Shown = Recommendation | MeasureReport | ValidationReport


def shown(name: str | None) -> list[Shown]:
    """A value of each kind, with a name of the user's in it."""
    profile = PROFILES["web-scraper"].model_copy(update={"name": name, "description": name})
    recommended = selector().recommend(profile)
    of_a_function = MeasureReport(
        target=f"shop.py:{name}", items=name, python="3.14", profile=profile, evidence={}, unknown=("memory_budget_mb",),
        problems=(Problem(kind="raises", text=f"It raised {name}."),), notes=(), tried=(), complete=True, calls=42,
        seconds=8.1, recommendation=recommended,
    )  # fmt: skip
    validated = REPORTS["confirmed-cpu"]().model_copy(update={"profile": profile, "warnings": (f"{name}",)})
    unmeasured = of_a_function.model_copy(update={"profile": None, "recommendation": None, "complete": False})
    return [recommended, of_a_function, validated, unmeasured]


def page_in(fragment: str) -> str:
    """The page that the frame holds; there is nothing but a frame, which runs nothing and reaches nothing."""
    ((tag, attributes),) = Page(fragment).elements
    assert tag == "iframe" and attributes.keys() == {"sandbox", "srcdoc", "title", "style"}
    assert attributes["sandbox"] == ""
    return attributes["srcdoc"] or ""


@pytest.mark.parametrize("name", ["Prices", None, HOSTILE, "n" * 10_000], ids=["plain", "none", "hostile", "long"])
def test_a_value_is_a_page_in_a_frame_whatever_it_is_called(name: str | None) -> None:
    for value in shown(name):
        fragment = value._repr_html_()
        check_it_stands_alone(page_in(fragment))
        assert len(fragment) < 100_000 and not {"\u202e", "\u2066", "\x00", "\x1b"} & set(fragment)


def test_the_answer_stands_first() -> None:
    for value, first in zip(shown("Prices"), ("Approach", "Approach", "Use", "Function"), strict=True):
        page = page_in(value._repr_html_())
        assert first in page.partition('class="answer"')[2].partition("</section>")[0], first
    assert "It raised Prices." in page_in(shown("Prices")[3]._repr_html_())


def test_where_no_frame_is_shown_it_is_said_how_to_see_it_and_markdown_is_there() -> None:
    for value in shown("<b>Prices"):
        assert "trust this notebook" in "".join(Page(value._repr_html_()).words["iframe"])
        assert value._repr_markdown_().startswith("## ")


@pytest.mark.slow
def test_frames_of_a_notebook_leave_it_as_it_is(browser: Any, tmp_path: Path) -> None:
    cells = "".join(value._repr_html_() for value in (*shown("Prices"), *shown(HOSTILE)))
    text = f"<!doctype html><title>notebook</title><style>table {{ color: red }}</style><main>{cells}<table><tr><td>own</table></main>"
    assert [told for told in opened(browser, text, tmp_path) if told != "about:srcdoc"] == []
    own = browser.execute_script(
        "const s = getComputedStyle(document.querySelector('td')); return [s.color, s.fontSize]"
    )
    assert own == ["rgb(255, 0, 0)", "16px"]
    assert browser.execute_script("return [document.images.length, document.scripts.length, frames.length]") == [
        0,
        0,
        8,
    ]
    browser.switch_to.frame(0)
    assert browser.execute_script("return document.querySelector('h1').textContent") == "Concurrency report: Prices"
    browser.switch_to.default_content()
