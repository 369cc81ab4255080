"""The site that `make docs` builds has every page in the place that the map gives it, and renders what GitHub does."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from pages import PAGES, ROOT, prose_of

pytestmark = pytest.mark.one_python
MAP = ROOT / "docs" / "README.md"
CLASSES = ROOT / "docs" / "workloads"


def below(entries: list[Any]) -> list[str]:
    """The pages of a part of the navigation, in order, those of parts of it as well."""
    found = []
    for entry in entries:
        found += [entry] if isinstance(entry, str) else [page for part in entry.values() for page in below(part)]
    return found


def nav() -> list[Any]:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    entries: list[Any] = yaml.safe_load(text[text.index("\nnav:\n") :])["nav"]
    return entries


def parts_of_the_map() -> dict[str, list[str]]:
    """The pages that each part of the map links, as paths from the root."""
    pieces = re.split(r"(?m)^## (.+)$", prose_of(MAP))[1:]
    return {
        name: [os.path.relpath(MAP.parent / link, ROOT) for link in re.findall(r"\]\(([^)#]+)\)", text)]
        for name, text in zip(pieces[::2], pieces[1::2], strict=True)
    }


def test_every_page_is_in_the_navigation_once() -> None:
    pages = [*PAGES, *CLASSES.glob("*.md"), *(ROOT / "docs" / "tables").glob("*.md")]
    assert sorted(below(nav())) == sorted(page.relative_to(ROOT).as_posix() for page in pages)


def test_the_map_and_the_navigation_say_the_same() -> None:
    shown = {name: below(pages) for entry in nav() if isinstance(entry, dict) for name, pages in entry.items()}
    classes = {page.relative_to(ROOT).as_posix() for page in CLASSES.glob("*.md")} - {"docs/workloads/README.md"}
    assert {
        name: [page for page in pages if page not in classes] for name, pages in shown.items()
    } == parts_of_the_map()


def test_the_readme_links_the_map() -> None:
    assert "](docs/README.md)" in prose_of(ROOT / "README.md")


def test_make_docs_reads_every_folder_that_pages_link_to() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    read = set(re.findall(r"(?m)^ON_PAGES := (.+)$", makefile)[0].split())
    linked = set()
    for page in (ROOT / name for name in below(nav())):
        for link in re.findall(r"\]\(([^)#]+)\)", prose_of(page)):
            if not link.startswith(("http:", "https:")):
                linked.add(Path(os.path.relpath(page.parent / link, ROOT)).parts[0])
    assert linked <= read


# Python-Markdown reads what is written for GitHub ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def commonmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("commonmark", ROOT / ".ci" / "commonmark.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1. one\n   more\n   - in it\n2. two", "1. one\n    more\n    - in it\n2. two"),
        ("10. ten\n    - in it\n      - deep\n\nafter", "10. ten\n    - in it\n        - deep\n\nafter"),
        ("- one\n\n  | a |\n  |---|\n\n# Title", "- one\n\n    | a |\n    |---|\n\n# Title"),
        ("words:\n- one\nlazy\n- two", "words:\n\n- one\n    lazy\n- two"),
        (r"| `a\|b` | a \| b |", r"| `a|b` | a \| b |"),
        ("```text\n- a\n  - `a\\|b`\n```\nafter", "```text\n- a\n  - `a\\|b`\n```\nafter"),
        ("plain\n  words - with dashes", "plain\n  words - with dashes"),
    ],
    ids=["items", "two-digits", "table-in-a-list", "list-after-words", "pipes-in-code", "code-stays", "words-stay"],
)
def test_lists_and_pipes(commonmark: ModuleType, written: str, read: str) -> None:
    assert commonmark.on_page_markdown(written, page=None) == read


def test_no_page_loses_a_word(commonmark: ModuleType) -> None:
    for page in (ROOT / name for name in below(nav())):
        text = page.read_text("utf-8")
        read = commonmark.on_page_markdown(text)
        assert read.replace(r"\|", "|").split() == text.replace(r"\|", "|").split(), page.name
        assert re.findall(r"(?ms)^```.*?^```$", read) == re.findall(r"(?ms)^```.*?^```$", text), page.name
