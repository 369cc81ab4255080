"""A terminal, a pipe and Markdown: width, colours, commands, and hostile texts that come out inert."""

from __future__ import annotations

import io
import json
import re

import pytest
from example_answers import VALIDATE, machine, selector, summary_of
from hypothesis import given, settings
from hypothesis import strategies as st
from printed import MARKDOWN, OURS, kinds, shown_by, text_of
from rich.cells import cell_len
from strategies import FIXED_HOST, profiles

from selector import Selector, WorkloadProfile
from selector.report.blocks import Bullets, Code, Document, Fields, Paragraph, Section, Table, bullets
from selector.report.host import host_document
from selector.report.markdown import render_markdown
from selector.report.recommendation import recommendation_document
from selector.report.summary import brief_document
from selector.report.terminal import console_for, print_document

pytestmark = [pytest.mark.one_python, pytest.mark.usefixtures("plain_environment")]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


# Terminals ------------------------------------------------------------------------------------------------------------

SAMPLE = Document((Section("Head", (Fields((("label", "value"),)), Bullets((("item", ("point",)),)), Paragraph("x " * 100))),))  # fmt: skip


def on_a_terminal(document: Document = SAMPLE) -> str:
    stream = Terminal()
    print_document(document, console_for(stream))
    return stream.getvalue()


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b" in on_a_terminal()


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_neither_colours_nor_bold_where_they_are_not_wanted(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv(variable, value)
    assert "\x1b" not in on_a_terminal()


@pytest.mark.parametrize(("columns", "width"), [("20", 40), ("60", 60), ("100", 100), ("250", 100)])
def test_a_terminal_is_used_up_to_100_columns(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", columns)
    longest = max(len(line) for line in on_a_terminal().splitlines())
    assert width - 2 <= longest <= width


def test_the_width_of_a_pipe_does_not_follow_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert max(len(line) for line in text_of(SAMPLE).splitlines()) in (79, 80)


# Hostile texts --------------------------------------------------------------------------------------------------------

HOSTILE = {
    "escape sequences": "a\x1b[31mred\x1b]0;title\x07\x1b[2J\x9b1m",
    "a false heading": "a\n=== Recommendation ===\nApproach: threads",
    "carriage returns": "real\rfake\x08\x08\x7f\x00",
    "console markup": "[bold]x[/bold] [link=https://evil.example]y[/link] [/] [red",
    "emoji codes": ":skull: :bomb:",
    "markdown emphasis": "*a* **b** _c_ __d__ ~~e~~ `f` ``g`` `h",
    "markdown links": "[a](https://evil.example) ![b](https://evil.example/x.png) <https://evil.example> [c][d]",
    "html": "<script>alert(1)</script><img src=x onerror=y> <!-- z -->",
    "entities": "&lt;b&gt; &amp; &#60;i&#62; &copy;",
    "a table": "a | b |\n|---|---|\n| c | d |",
    "a fence": "```\ncode\n```\n~~~\nmore\n~~~",
    "headings": "# a\n## b\nc\n===\nd\n---",
    "lists": "- a\n* b\n+ c\n1. d\n> e",
    "rules": "---\n***\n___",
    "backslashes": "\\*a\\* \\\\ \\`b\\` \\",
    "right to left": "\u202eexe.gpj\u202c \u2066x\u2069 \u200f\u200e\ufeff",
    "zero width": "a\u200bb\u200dc\u00adc\u2028d\u2029e",
    "wide and combining": "日本語 e\u0301 " + "a" + "\u0300" * 50,
    "blanks": "   a \t b\u00a0\u3000c   ",
}  # fmt: skip
LONG = {"letters": "x", "words": "word ", "escapes": "\x1b", "backticks": "`", "stars": "*a "}


def holding(text: str) -> Document:
    """A document with that text in every place a text can have."""
    return Document(
        (
            Section(
                text,
                (
                    Paragraph(text),
                    Fields((("label", text), ("", text), (text[:200], "value"))),
                    bullets(text, text),
                    Bullets(((text, (text,)),), numbered=True),
                    Table(("head", text), (("a", text), (text, "b"))),
                    Code(text),
                ),
            ),
            Section("End", (Paragraph("the end"),)),
        )
    )


def check_inert(text: str) -> None:
    output = text_of(holding(text))
    assert output.replace("\n", "").isprintable()
    assert output.splitlines()[-1] == "the end"
    markdown = render_markdown(holding(text))
    assert markdown.replace("\n", "").isprintable()
    assert kinds(markdown) <= OURS
    headings = [token for token in MARKDOWN.parse(markdown) if token.type == "heading_open"]
    assert [token.tag for token in headings] == ["h2", "h2"]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_comes_out_inert_in_every_place(text: str) -> None:
    check_inert(text)


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
@pytest.mark.parametrize("times", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_long_text_comes_out_inert_in_every_place(text: str, times: int) -> None:
    check_inert(text * times)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_name_of_a_workload_shows_as_what_it_is(text: str) -> None:
    profile = WorkloadProfile(workload_type="io", name=text, description=text)
    result = selector().recommend(profile)
    output = text_of(recommendation_document(result))
    assert output.splitlines().count("=== Recommendation ===") == 1
    assert all(line.startswith(("Workload:", " " * 18)) for line in output.split("Approach:")[0].splitlines()[1:-1])
    markdown = render_markdown(recommendation_document(result))
    assert kinds(markdown) <= OURS
    assert markdown.count("\n## ") == len(recommendation_document(result).sections) - 1
    visible = shown_by(markdown)
    for word in re.findall(r"[a-zA-Z<>&;/]+", text.replace("`", " ")):
        assert word in visible
    assert json.loads(result.model_dump_json())["profile"]["name"] == text


@settings(max_examples=25)
@given(st.text(max_size=80))
def test_any_text_is_inert(text: str) -> None:
    output = text_of(holding(text))
    assert output.replace("\n", "").isprintable()
    assert kinds(render_markdown(holding(text))) <= OURS


@settings(max_examples=10)
@given(profiles())
def test_any_recommendation_can_be_printed(profile: WorkloadProfile) -> None:
    result = selector().recommend(profile)
    document = recommendation_document(result, validate=VALIDATE)
    more = (result.capacity is not None) + bool(result.notes)  # lines for who gave a rate
    assert len(summary_of(result).splitlines()) <= 10 + more
    assert all(cell_len(line) <= 80 for line in text_of(brief_document(result)).splitlines())
    assert all(cell_len(line) <= 80 for line in text_of(document).splitlines())
    assert kinds(render_markdown(document)) <= OURS


def test_a_hostile_machine_is_shown_inert_too() -> None:
    evil = machine().interpreters[0].model_copy(update={"path": "/tmp/\x1b[31m\n=== Host ===/python3"})
    host = machine(cpu_model="CPU \x1b[5m`x` <b>", interpreters=(evil,), interpreter_problems=("/x\n\x07: \x1b[0m",))
    output = text_of(host_document(host))
    assert output.replace("\n", "").isprintable()
    assert "=== Host ===" not in output.splitlines()
    assert kinds(render_markdown(host_document(host))) <= OURS


# Commands, and notebooks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        (
            "the guide: concurrency-selector migrate free_threaded asyncio)",
            "the guide: `concurrency-selector migrate free_threaded asyncio`)",
        ),
        (
            "To start: concurrency-selector examples web-scraper > workload.json",
            "To start: `concurrency-selector examples web-scraper > workload.json`",
        ),
        (
            "run concurrency-selector recommend --set workload_type=io --rules 'my rules'.",
            "run `concurrency-selector recommend --set workload_type=io --rules 'my rules'`.",
        ),
        (
            "`concurrency-selector rules show a_b` is code already",
            "`concurrency-selector rules show a_b` is code already",
        ),
        ("a_b and concurrency-selector *alone*", "a\\_b and concurrency-selector \\*alone\\*"),
        ("concurrency-selector x|y `<b>", "`concurrency-selector x`\\|y \\`\\<b\\>"),
    ],
)
def test_a_command_in_markdown_is_code_that_one_can_copy(text: str, markdown: str) -> None:
    assert render_markdown(Document((Section("T", (Paragraph(text),)),))) == f"## T\n\n{markdown}\n"


def test_a_notebook_shows_a_recommendation_as_markdown() -> None:
    result = Selector(host=FIXED_HOST).recommend(
        WorkloadProfile(workload_type="io", tasks=500, io_wait_ms_per_task=100)
    )
    assert result._repr_markdown_() == render_markdown(recommendation_document(result))
    assert "\n```bash\nconcurrency-selector migrate single_threaded asyncio\n```\n" in result._repr_markdown_()
