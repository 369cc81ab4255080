"""Every document: golden output, the width of lines, and both renderings.

The golden files lie in tests/golden. After a wanted change of output (or of rules), renew and review them:

    UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/test_report.py -n 0 && git diff tests/golden
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from example_answers import PROFILES, VALIDATE, example, machine, recommended, selector
from printed import OURS, kinds, shown_by, text_of
from rich.cells import cell_len
from shared import check_golden

from selector import Recommendation
from selector.files import resource_dir
from selector.migration.guide import MigrationGuide, migration_guide
from selector.recommend.facts import FACTS
from selector.recommend.knowledge import all_tables
from selector.report.blocks import Document
from selector.report.host import host_document
from selector.report.markdown import render_markdown
from selector.report.migration import migration_document
from selector.report.recommendation import examples_document, recommendation_document
from selector.report.summary import brief_document
from selector.report.tables import facts_document, table_document, tables_document
from selector.workload.profile import APPROACHES

pytestmark = [pytest.mark.one_python, pytest.mark.usefixtures("plain_environment")]


GOLDEN = Path(__file__).parent / "golden"
ANSI = "\x1b"


def guide(origin: str, target: str) -> MigrationGuide:
    return migration_guide(origin, target, [resource_dir("rules")])  # type: ignore[arg-type]


def document_of(name: str) -> Document:
    table = next(table for table in all_tables() if table.name == name)
    return table_document(replace(table, source=f"rules/{name}.yaml"))


# Golden output --------------------------------------------------------------------------------------------------------


def golden_outputs() -> Iterator[tuple[str, str]]:
    """The name of each golden file, and what it should hold."""
    for name in ("web-scraper", "durable-email-jobs", "student-code-grader"):
        result: Recommendation = selector().recommend(PROFILES[name])
        whole = recommendation_document(result, validate=VALIDATE)
        yield f"recommend-{name}.txt", text_of(whole)
        yield f"prompts-{name}.txt", text_of(brief_document(result))
        yield f"recommend-{name}.md", render_markdown(whole)
        yield f"recommend-{name}.json", result.model_dump_json(indent=2) + "\n"
    yield "explain-running-sum.txt", text_of(recommended(PROFILES["running-sum"], explain=True))
    move = guide("threads", "free_threaded")
    yield "migrate-threads-free_threaded.txt", text_of(migration_document(move))
    yield "migrate-threads-free_threaded.md", render_markdown(migration_document(move))
    yield "host.txt", text_of(host_document(machine()))
    yield "rules-engine.txt", text_of(document_of("engine"))
    yield "rules-engine.md", render_markdown(document_of("engine"))


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


@cache
def every_document() -> dict[str, Document]:
    found = {f"prompts {name}": brief_document(example(name)) for name in PROFILES}
    found |= {
        f"whole {name}": recommendation_document(example(name), validate=VALIDATE) for name in list(PROFILES)[::3]
    }
    found |= {f"explain {name}": recommended(PROFILES[name], explain=True) for name in ("web-scraper", "chat-bot")}
    found |= {f"rules {table.name}": table_document(table) for table in all_tables()}
    found["facts"] = facts_document(FACTS)
    found["tables"] = tables_document(all_tables())
    found |= {f"recommend {name}": recommended(PROFILES[name]) for name in list(PROFILES)[::5]}
    found["examples"] = examples_document([(name, example(name)) for name in PROFILES])
    found["host"] = host_document(machine())
    found["bare host"] = host_document(machine(cpu_model=None, interpreters=(), interpreter_problems=()))
    return found


@cache
def printed() -> dict[str, tuple[str, str]]:
    return {name: (text_of(document), render_markdown(document)) for name, document in every_document().items()}


@pytest.mark.slow
def test_lines_in_a_pipe_have_at_most_80_columns() -> None:
    for name, (text, _) in printed().items():
        assert [line for line in text.splitlines() if cell_len(line) > 80] == [], name


def check_guide(origin: str, target: str) -> None:
    move = guide(origin, target)
    code = set(f"{move.before_code}\n{move.after_code}".splitlines())
    text = text_of(migration_document(move))
    assert [line for line in text.splitlines() if cell_len(line) > 80 and line not in code] == [], (origin, target)
    assert render_markdown(migration_document(move)).count("```python") == 2


def test_only_code_that_cannot_be_broken_makes_longer_lines() -> None:
    for origin, target in itertools.pairwise([*APPROACHES, APPROACHES[0]]):
        check_guide(origin, target)


@pytest.mark.slow
def test_only_code_that_cannot_be_broken_makes_longer_lines_of_any_guide() -> None:
    for origin, target in itertools.permutations(APPROACHES, 2):
        check_guide(origin, target)


def test_text_has_no_blanks_at_the_ends_of_lines_and_no_colours_in_a_pipe() -> None:
    for name, (text, markdown) in printed().items():
        for output in (text, markdown):
            assert output.endswith("\n") and not output.endswith("\n\n"), name
            assert not re.search(r"[ \t]+$", output, re.MULTILINE), name
            assert ANSI not in output, name
            assert output.replace("\n", "").isprintable(), name


def test_markdown_is_made_of_our_own_elements_only() -> None:
    for name, (_, markdown) in printed().items():
        assert kinds(markdown) <= OURS, name


def test_both_renderings_say_the_same() -> None:
    for name, document in every_document().items():
        text, markdown = printed()[name]
        shown = shown_by(markdown)
        for section in document.sections:
            assert f"=== {section.title} ===" in text
            assert section.title in shown
