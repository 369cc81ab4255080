"""The pages of the documentation, and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]


TABLES = ROOT / "docs" / "tables.md"


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the comment before it, and its first line in the page (from 1)."""

    language: str
    text: str
    comment: str
    line: int

    def named(self, what: str) -> str | None:
        """What the comment says after `what:`."""
        found = re.fullmatch(rf"<!-- {what}: (.+) -->", self.comment)
        return found[1] if found else None


def blocks_of(page: Path) -> list[Block]:
    found = []
    lines = page.read_text(encoding="utf-8").split("\n")
    number = 0
    while number < len(lines):
        if opened := re.fullmatch(r"```(\w*)", lines[number]):
            end = lines.index("```", number + 1)
            before = next((line for line in reversed(lines[:number]) if line), "")
            comment = before if before.startswith("<!--") else ""
            found.append(Block(opened[1], "\n".join(lines[number + 1 : end]) + "\n", comment, number + 2))
            number = end
        number += 1
    return found


def prose_of(page: Path) -> str:
    """The text of a page without its fenced blocks."""
    return re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))


def commands_of(text: str) -> list[tuple[str, str]]:
    """`$ command` lines of a console block (`> ` continues one), each with the output shown after it."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line[2:]}", "")
        else:
            assert found, f"a console block begins with `$ `, not {line!r}"
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
    return found


def table_rows(text: str) -> Iterator[list[str]]:
    """The cells of every row of the Markdown tables in a text, without headers."""
    header = True
    for line in text.splitlines():
        if not line.startswith("|"):
            header = True
        elif set(line) <= set("|- :"):
            header = False
        elif not header:
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def section(page: Path, heading: str) -> str:
    """What stands under a heading, down to the next one of its level or above."""
    text = page.read_text(encoding="utf-8")
    level = heading.split(maxsplit=1)[0]
    start = text.index(f"\n{heading}\n")
    rest = text[start + len(heading) + 2 :]
    end = re.search(rf"(?m)^#{{1,{len(level)}}} ", re.sub(r"(?ms)^```.*?^```$", lambda m: " " * len(m[0]), rest))
    return rest[: end.start()] if end else rest


def codes(cell: str) -> list[str]:
    """The words set as code in a piece of Markdown."""
    return re.findall(r"`([^`]+)`", cell)


def make_targets() -> set[str]:
    return set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
