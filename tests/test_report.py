"""Reports: golden output, the width of lines, no colours in a pipe, and hostile texts that come out inert.

The golden files lie in tests/golden. After a wanted change of output (or of rules), renew and review them:

    UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/test_report.py && git diff tests/golden
"""

from __future__ import annotations

import io
import itertools
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len
from shared import check_golden
from strategies import FIXED_HOST, profiles

from selector import Recommendation, Selector, WorkloadProfile
from selector.files import resource_dir
from selector.host import Host, Interpreter, Memory, UsableCpus
from selector.migration.guide import MigrationGuide, migration_guide
from selector.pipeline import example_profiles
from selector.recommend.expected import Expected, Speedup
from selector.recommend.facts import FACTS, HostFacts
from selector.recommend.knowledge import all_tables
from selector.recommend.recommendation import Fits, RunsHere
from selector.report import recommendation as documents
from selector.report.blocks import Bullets, Code, Document, Fields, Paragraph, Section, Table, bullets
from selector.report.markdown import render_markdown
from selector.report.summary import Command, brief_document, summary_document
from selector.report.terminal import console_for, print_document
from selector.report.wording import memory_text, python_text, requirements_text, speedup_text
from selector.workload.profile import APPROACHES

GOLDEN = Path(__file__).parent / "golden"
ANSI = re.compile(r"\x1b")
PROFILES = dict(example_profiles())
VALIDATE = Command("concurrency-selector validate workload.json", "the same with validate")
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
#: What our own documents are made of; whatever else appears was smuggled in.
OURS = {
    "heading", "paragraph", "bullet_list", "ordered_list", "list_item", "inline", "text", "strong", "softbreak", "fence",
    "table", "thead", "tbody", "tr", "th", "td", "code_inline",
}  # fmt: skip


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's terminal settings reaches these tests."""
    for name in ("VIRTUAL_ENV", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def text_of(document: Document) -> str:
    """What goes into a pipe."""
    stream = io.StringIO()
    print_document(document, console_for(stream))
    return stream.getvalue()


@cache
def selector(host: HostFacts = FIXED_HOST) -> Selector:
    return Selector(host=host)


def recommended(profile: WorkloadProfile, *, explain: bool = False) -> Document:
    result = selector().recommend(profile)
    return documents.recommendation_document(result, selector().explain(profile) if explain else None)


def example(name: str) -> Recommendation:
    return selector().recommend(PROFILES[name], changes="none")


def summary_of(
    result: Recommendation, validate: str = "concurrency-selector validate workload.json", **options: bool
) -> str:
    return text_of(summary_document(result, Command(validate, "the same with validate"), **options))


def expecting(result: Recommendation, **figures: Any) -> Recommendation:
    """The same recommendation with other figures."""
    changed = result.expected.model_copy(update=figures)
    return result.model_copy(update={"expected": changed})


def guide(origin: str, target: str) -> MigrationGuide:
    return migration_guide(origin, target, [resource_dir("rules")])  # type: ignore[arg-type]


def machine(**changes: object) -> Host:
    """A made-up machine."""
    found = (
        Interpreter(
            path="/usr/bin/python3.13", version="3.13.5", tag="3.13", implementation="CPython", free_threaded=False,
            gil_enabled=True, bits=64, found_in="running",
        ),
        Interpreter(
            path="/home/ada/.local/share/uv/python/cpython-3.14.1+freethreaded-linux-x86_64-gnu/bin/python3.14t",
            version="3.14.1", tag="3.14t", implementation="CPython", free_threaded=True, gil_enabled=False, bits=64,
            found_in="uv",
        ),
    )  # fmt: skip
    parts = {
        "platform": "linux",
        "system": "Linux 6.12 x86_64",
        "cpu_model": "Example CPU 9000 @ 3.20GHz",
        "cpus": UsableCpus(count=3, logical=16, affinity=8, quota=2.5, limited_by="cgroup quota", quota_from="/sys/fs/cgroup/cpu.max"),
        "memory": Memory(total_mb=64_000, available_mb=48_000, limit_mb=4096, usable_mb=4096, limited_by="cgroup limit"),
        "start_methods": ("fork", "forkserver", "spawn"),
        "default_start_method": "fork",
        "python": "3.13.5",
        "python_gil_enabled": True,
        "interpreters": found,
        "interpreter_problems": ("/opt/broken/bin/python3: ended with exit code 1",),
    }  # fmt: skip
    return Host.model_validate(parts | changes)


def table_document(name: str) -> Document:
    table = next(table for table in all_tables() if table.name == name)
    return documents.table_document(replace(table, source=f"rules/{name}.yaml"))


# Golden output --------------------------------------------------------------------------------------------------------


def golden_outputs() -> Iterator[tuple[str, str]]:
    """The name of each golden file, and what it should hold."""
    for name in ("web-scraper", "durable-email-jobs", "student-code-grader"):
        result: Recommendation = selector().recommend(PROFILES[name])
        whole = documents.recommendation_document(result, validate=VALIDATE)
        yield f"recommend-{name}.txt", text_of(whole)
        yield f"prompts-{name}.txt", text_of(brief_document(result))
        yield f"recommend-{name}.md", render_markdown(whole)
        yield f"recommend-{name}.json", result.model_dump_json(indent=2) + "\n"
    yield "explain-running-sum.txt", text_of(recommended(PROFILES["running-sum"], explain=True))
    move = guide("threads", "free_threaded")
    yield "migrate-threads-free_threaded.txt", text_of(documents.migration_document(move))
    yield "migrate-threads-free_threaded.md", render_markdown(documents.migration_document(move))
    yield "host.txt", text_of(documents.host_document(machine()))
    yield "rules-engine.txt", text_of(table_document("engine"))
    yield "rules-engine.md", render_markdown(table_document("engine"))


GOLDEN_NAMES = [
    *(f"recommend-{name}.{form}" for name in ("web-scraper", "durable-email-jobs", "student-code-grader") for form in ("txt", "md", "json")),
    *(f"prompts-{name}.txt" for name in ("web-scraper", "durable-email-jobs", "student-code-grader")),
    "explain-running-sum.txt", "migrate-threads-free_threaded.txt", "migrate-threads-free_threaded.md", "host.txt",
    "rules-engine.txt", "rules-engine.md",
]  # fmt: skip


@cache
def outputs() -> dict[str, str]:
    return dict(golden_outputs())


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_the_output_is_the_golden_one(name: str) -> None:
    check_golden(GOLDEN / name, outputs()[name], "tests/test_report.py")


def test_there_is_no_golden_file_without_a_test() -> None:
    assert {file.name for file in GOLDEN.iterdir()} == set(GOLDEN_NAMES) == set(outputs())


# Everything that can be printed ---------------------------------------------------------------------------------------


def every_document() -> dict[str, Document]:
    found = {f"recommend {name}": recommended(profile) for name, profile in PROFILES.items()}
    found |= {f"prompts {name}": brief_document(example(name)) for name in PROFILES}
    found |= {f"whole {name}": documents.recommendation_document(example(name), validate=VALIDATE) for name in PROFILES}
    found |= {f"explain {name}": recommended(PROFILES[name], explain=True) for name in ("web-scraper", "chat-bot")}
    found |= {f"rules {table.name}": documents.table_document(table) for table in all_tables()}
    found["facts"] = documents.facts_document(FACTS)
    found["tables"] = documents.tables_document(all_tables())
    results = [(name, selector().recommend(profile, changes="none")) for name, profile in PROFILES.items()]
    found["examples"] = documents.examples_document(results)
    found["host"] = documents.host_document(machine())
    found["bare host"] = documents.host_document(machine(cpu_model=None, interpreters=(), interpreter_problems=()))
    return found


@cache
def printed() -> dict[str, tuple[str, str]]:
    return {name: (text_of(document), render_markdown(document)) for name, document in every_document().items()}


def test_lines_in_a_pipe_have_at_most_80_columns() -> None:
    for name, (text, _) in printed().items():
        assert [line for line in text.splitlines() if cell_len(line) > 80] == [], name


def test_only_code_that_cannot_be_broken_makes_longer_lines() -> None:
    for origin, target in itertools.permutations(APPROACHES, 2):
        move = guide(origin, target)
        code = set(f"{move.before_code}\n{move.after_code}".splitlines())
        text = text_of(documents.migration_document(move))
        assert [line for line in text.splitlines() if cell_len(line) > 80 and line not in code] == []
        assert render_markdown(documents.migration_document(move)).count("```python") == 2


def test_text_has_no_blanks_at_the_ends_of_lines_and_no_colours_in_a_pipe() -> None:
    for name, (text, markdown) in printed().items():
        for output in (text, markdown):
            assert output.endswith("\n") and not output.endswith("\n\n"), name
            assert not re.search(r"[ \t]+$", output, re.MULTILINE), name
            assert not ANSI.search(output), name
            assert output.replace("\n", "").isprintable(), name


def test_markdown_is_made_of_our_own_elements_only() -> None:
    for name, (_, markdown) in printed().items():
        assert kinds(markdown) <= OURS, name


def kinds(markdown: str) -> set[str]:
    """The kinds of elements in a Markdown text, without `_open` and `_close`."""
    found = set()
    for token in MARKDOWN.parse(markdown):
        found |= {re.sub(r"_(open|close)$", "", t.type) for t in (token, *(token.children or ()))}
    return found


def test_both_renderings_say_the_same() -> None:
    for name, document in every_document().items():
        for section in document.sections:
            assert f"=== {section.title} ===" in printed()[name][0]
            assert section.title in shown_by(printed()[name][1])


def shown_by(markdown: str) -> str:
    """The text that a reader of the rendered Markdown sees."""
    lines = [
        "".join(t.content if t.type in ("text", "code_inline") else " " for t in token.children or ())
        for token in MARKDOWN.parse(markdown)
    ]
    return "\n".join(lines)


# Terminals ------------------------------------------------------------------------------------------------------------

SAMPLE = Document((Section("Head", (Fields((("label", "value"),)), Bullets((("item", ("point",)),)), Paragraph("x " * 100))),))  # fmt: skip


def on_a_terminal(document: Document = SAMPLE) -> str:
    stream = Terminal()
    print_document(document, console_for(stream))
    return stream.getvalue()


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    assert ANSI.search(on_a_terminal())


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_neither_colours_nor_bold_where_they_are_not_wanted(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv(variable, value)
    assert not ANSI.search(on_a_terminal())


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
LONG = {
    "ten thousand letters": "x" * 10_000,
    "ten thousand words": "word " * 10_000,
    "ten thousand escapes": "\x1b" * 10_000,
    "ten thousand backticks": "`" * 10_000,
    "ten thousand stars": "*a " * 10_000,
}


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


@pytest.mark.parametrize("text", [*HOSTILE.values(), *LONG.values()], ids=[*HOSTILE, *LONG])
def test_a_hostile_text_comes_out_inert_in_every_place(text: str) -> None:
    output = text_of(holding(text))
    assert output.replace("\n", "").isprintable()
    assert output.splitlines()[-1] == "the end"
    markdown = render_markdown(holding(text))
    assert markdown.replace("\n", "").isprintable()
    assert kinds(markdown) <= OURS
    headings = [token for token in MARKDOWN.parse(markdown) if token.type == "heading_open"]
    assert [token.tag for token in headings] == ["h2", "h2"]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_name_of_a_workload_shows_as_what_it_is(text: str) -> None:
    profile = WorkloadProfile(workload_type="io", name=text, description=text)
    result = selector().recommend(profile)
    output = text_of(documents.recommendation_document(result))
    assert output.splitlines().count("=== Recommendation ===") == 1
    assert all(line.startswith(("Workload:", " " * 18)) for line in output.split("Approach:")[0].splitlines()[1:-1])
    markdown = render_markdown(documents.recommendation_document(result))
    assert kinds(markdown) <= OURS
    assert markdown.count("\n## ") == len(documents.recommendation_document(result).sections) - 1
    visible = shown_by(markdown)
    for word in re.findall(r"[a-zA-Z<>&;/]+", text.replace("`", " ")):
        assert word in visible
    assert json.loads(result.model_dump_json())["profile"]["name"] == text


@settings(max_examples=100)
@given(st.text(max_size=80))
def test_any_text_is_inert(text: str) -> None:
    output = text_of(holding(text))
    assert output.replace("\n", "").isprintable()
    assert kinds(render_markdown(holding(text))) <= OURS


@settings(max_examples=40)
@given(profiles())
def test_any_recommendation_can_be_printed(profile: WorkloadProfile) -> None:
    result = selector().recommend(profile)
    document = documents.recommendation_document(result, validate=VALIDATE)
    assert len(summary_of(result).splitlines()) <= 8
    assert all(cell_len(line) <= 80 for line in text_of(brief_document(result)).splitlines())
    assert all(cell_len(line) <= 80 for line in text_of(document).splitlines())
    assert kinds(render_markdown(document)) <= OURS


def test_a_hostile_machine_is_shown_inert_too() -> None:
    evil = machine().interpreters[0].model_copy(update={"path": "/tmp/\x1b[31m\n=== Host ===/python3"})
    host = machine(cpu_model="CPU \x1b[5m`x` <b>", interpreters=(evil,), interpreter_problems=("/x\n\x07: \x1b[0m",))
    output = text_of(documents.host_document(host))
    assert output.replace("\n", "").isprintable()
    assert "=== Host ===" not in output.splitlines()
    assert kinds(render_markdown(documents.host_document(host))) <= OURS


# What the words say ---------------------------------------------------------------------------------------------------


def test_an_interpreter_that_is_missing_is_explained_with_a_way_out() -> None:
    here = HostFacts("linux", 4, (("3.14", "/x/python3.14"),))
    result = Selector(host=here).recommend(PROFILES["database-million-rows"])
    missing = "3.14t (free-threaded build), which is not on this machine: uv python install 3.14t"
    output = " ".join(text_of(documents.recommendation_document(result)).split())
    assert f"{missing} (or take the first alternative)" in output
    assert "Python:   3.14t (free-threaded build), not here: uv python install 3.14t\n" in summary_of(result)


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("3.15", "3.15 (found here)"),
        ("3.14t", "3.14t (free-threaded build, found here)"),
        ("3.13t", "3.13t (experimental free-threaded build, found here)"),
    ],
)
def test_an_interpreter_is_what_it_is_and_where_it_is(tag: str, said: str) -> None:
    result = example("web-scraper").model_copy(
        update={"interpreter": tag, "runs_here": RunsHere(available=True, interpreter="/x/python")}
    )
    assert python_text(result, where=False) == said
    assert python_text(result) == said.replace("found here", "found here: /x/python")


def test_the_python_of_the_active_environment_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "real" / "python3.15"
    linked = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    for file in (python, linked):
        file.parent.mkdir(parents=True)
    python.touch()
    linked.symlink_to(python)
    here = RunsHere(available=True, interpreter=str(python))
    result = example("web-scraper").model_copy(update={"interpreter": "3.15", "runs_here": here})
    assert python_text(result, where=False) == "3.15 (found here)"
    monkeypatch.setenv("VIRTUAL_ENV", str(linked.parent.parent))
    assert python_text(result, where=False) == "3.15 (this environment's)"
    other = result.model_copy(update={"runs_here": RunsHere(available=True, interpreter="/x/python3.15")})
    assert python_text(other, where=False) == "3.15 (found here)"


def test_where_no_interpreter_is_known_any_will_do() -> None:
    bare = Selector(host=HostFacts("linux", 4)).recommend(PROFILES["api-server"])
    assert "Python:           any\n" in text_of(documents.recommendation_document(bare))
    assert "Python:   any\n" in summary_of(bare)


def test_a_ruled_out_alternative_is_no_way_out() -> None:
    here = HostFacts("linux", 4, (("3.14", "/x/python3.14"),))
    profile = WorkloadProfile(
        workload_type="hybrid", latency_requirement_ms=0.1, releases_gil=False, picklable=False, free_threading_ready=True,
        event_loop=True,
    )  # fmt: skip
    result = Selector(host=here).recommend(profile)
    assert result.runs_here.available is False
    assert result.alternatives[0].rejected_by is not None
    assert "take the first alternative" not in " ".join(text_of(documents.recommendation_document(result)).split())


def test_the_tables_of_two_folders_say_which_folder_each_comes_from(tmp_path: Path) -> None:
    (tmp_path / "engine.yaml").write_bytes((resource_dir("rules") / "engine.yaml").read_bytes())
    output = text_of(documents.tables_document(all_tables(tmp_path)))
    assert re.search(r"^engine +first +6 +\d ", output, re.MULTILINE)
    assert output.count(str(tmp_path)[:40]) == 1


# The summary and the prompts ------------------------------------------------------------------------------------------

LABELS = ["Approach:", "Python:", "Expected:", "Fits:", "Effort:", "Instead:", "Next:"]


@pytest.mark.parametrize("name", PROFILES)
def test_a_summary_has_at_most_eight_lines_of_80_columns(name: str) -> None:
    lines = summary_of(example(name), f"concurrency-selector validate examples/{name}.json").splitlines()
    assert len(lines) <= 8
    assert all(len(line) <= 80 for line in lines)
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == LABELS
    assert not any(line.endswith("...") for line in lines)


def test_a_summary_of_long_words_is_cut_and_never_longer() -> None:
    long = "measured under 3.14, taken for 3.15; " * 10
    result = expecting(example("web-scraper"), basis=long, assumed=(long, long)).model_copy(
        update={"title": "T " * 200}
    )
    lines = summary_of(result, "concurrency-selector validate " + "x" * 300).splitlines()
    assert len(lines) <= 8
    assert lines[-1] == "Next:     the same with validate"  # a command is not broken, nor cut


def test_a_summary_of_the_five_answers_says_all_that_is_missing() -> None:
    five = WorkloadProfile(workload_type="hybrid", latency_requirement_ms=100, memory_budget_mb=256, cpu_cores=4)
    output = summary_of(selector().recommend(five, changes="none"))
    assert "..." not in output and len(output.splitlines()) == 8
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
    result = expecting(example("web-scraper"), basis="measured here on 2026-11-28 under 3.14t", assumed=(assumed,))
    output = " ".join(summary_of(result).split())
    assert "measured here on 2026-11-28; assuming 32 operations in flight Fits:" in output
    whole = " ".join(text_of(documents.recommendation_document(result)).split())
    assert "measured here on 2026-11-28 under 3.14t Expected time:" in whole
    assert f"Assumed: {assumed} Memory" in whole
    brief = " ".join(text_of(brief_document(result)).split())
    assert "; measured here on 2026-11-28 under 3.14t" in brief and f"Assumed: {assumed}" in brief


def test_each_figure_has_a_basis_of_its_own() -> None:
    result = expecting(example("web-scraper"), basis="measured here", memory_basis="documented under 3.14")
    whole = " ".join(text_of(documents.recommendation_document(result)).split())
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
        assert len(lines) <= 36, name


# What is missing, and which side of a limit a figure is on ------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "unknown: it needs tasks, cpu_ms_per_task and io_wait_ms_per_task"),
        ({"tasks": 10, "cpu_ms_per_task": 1}, "unknown: it needs io_wait_ms_per_task"),
        ({"mode": "service", "cpu_ms_per_task": 1}, "unknown: it needs concurrency and io_wait_ms_per_task"),
        ({"tasks": 10, "cpu_ms_per_task": 1, "io_wait_ms_per_task": 1}, "not predicted"),
    ],
)
def test_only_what_is_missing_is_asked_for(given: dict[str, Any], said: str) -> None:
    profile = WorkloadProfile(workload_type="hybrid", **given)
    assert speedup_text(Expected(memory_mb=1.0), profile) == said
    assert speedup_text(Expected(), profile) == (
        "not predicted: what a broker or scheduler costs was not measured"  # and it would not be, whatever were given
    )


def test_a_bound_is_said_where_nothing_is_predicted() -> None:
    profile = WorkloadProfile(workload_type="cpu", tasks=10, cpu_cores=4)
    assert speedup_text(Expected(memory_mb=1.0, at_most=4.0), profile).endswith("; at most 4x on 4 cores")
    assert speedup_text(Expected(memory_mb=1.0, at_most=32.0), profile).endswith("; at most 32x")


def test_memory_that_is_not_known_says_what_is_missing() -> None:
    told = requirements_text(example("api-server"))
    assert told.startswith("latency met (95 of 300 ms), memory 256 MB not known (needs task_memory_mb)")
    assert requirements_text(example("durable-email-jobs")) == "memory 1 GB not known (it depends on the cluster)"
    many = example("model-inference")
    assert many.profile.task_memory_mb is not None
    assert requirements_text(many) == "memory 1,200 MB not known (1,600 MB if all data is there at once)"


@pytest.mark.parametrize(
    ("memory", "budget", "met", "said"),
    [
        (511.0, 512.0, True, "memory met (510 of 512 MB)"),
        (511.9, 512.0, True, "memory met (510 of 512 MB)"),
        (512.0, 512.0, True, "memory met (512 of 512 MB)"),
        (512.1, 512.0, False, "memory NOT met (512.1 MB, over 512 MB)"),
        (516.0, 519.0, True, "memory met (516 of 519 MB)"),
        (1240.0, 1236.0, True, "memory met (1,200 of 1,236 MB)"),  # rounded up by the model
        (1240.0, 1239.0, True, "memory met (1,200 of 1,239 MB)"),
        (2000.0, 1999.0, True, "memory met (just under 1,999 MB)"),
        (2000.0, 2001.0, False, "memory NOT met (just over 2,001 MB)"),
        (7900.0, 8000.0, True, "memory met (7,900 of 8,000 MB)"),
        (7900.0, 8192.0, True, "memory met (7.7 of 8 GB)"),
    ],
)
def test_a_figure_stands_on_the_side_of_its_limit_that_was_judged(
    memory: float, budget: float, met: bool, said: str
) -> None:
    result = expecting(example("web-scraper"), memory_mb=memory)
    profile = result.profile.model_copy(update={"memory_budget_mb": budget})
    judged = result.model_copy(update={"profile": profile, "fits": Fits(memory=met, latency=None)})
    assert requirements_text(judged) == said


def test_figures_have_no_digits_that_nobody_knows() -> None:
    wide = expecting(
        example("web-scraper"), speedup=Speedup(low=2210, mid=5880, high=9312), seconds=0.8503, memory_mb=2437.0
    )
    output = summary_of(wide)
    assert "5,900x vs sequential (2,200x to 9,300x): 850 ms instead of 83 min" not in output
    assert "5,900x vs sequential (2,200x to 9,300x): 850 ms instead of 1 h 23 min" in output
    assert memory_text(wide.expected, wide.profile).endswith(", 2.4 GB in all")
    slow = expecting(example("web-scraper"), seconds=156_000.0)
    assert "156" not in summary_of(slow) and "1 day 19 h" in summary_of(slow)


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
    assert result._repr_markdown_() == render_markdown(documents.recommendation_document(result))
    assert "\n```bash\nconcurrency-selector migrate single_threaded asyncio\n```\n" in result._repr_markdown_()
