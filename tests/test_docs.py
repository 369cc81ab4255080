"""The documentation is true: its examples run and print what it shows, its tables load, its lists are complete.

Every page is read top to bottom in a folder of its own that holds a copy of `rules/` and `examples/`:

- `console` blocks hold `$ commands` and what they print (standard error included). What is shown must be printed.
  A command that fails must show its error.
- `bash` blocks are run and must succeed. What they print is not shown.
- `python` blocks run in one namespace for each page; those with `>>>` are doctests.
- `yaml` and `json` blocks must parse; a YAML block that begins with `table:` must load as a decision table.

An HTML comment before a block changes that: `<!-- file: NAME -->` also writes the block to that file,
`<!-- broken file: NAME -->` likewise, and the table must be refused, `<!-- output differs: REASON -->` runs the block
and does not compare what it prints, as measurements are never the same twice, `<!-- not run: REASON -->` skips the
block, except that every `make` target in it must exist.

Commands run for a fixed host (`HOST`), so that the pages read the same wherever they are tested. With UPDATE_GOLDEN=1
the output shown, and the picture in `docs/recommendation.svg`, are renewed instead of compared.
"""

from __future__ import annotations

import doctest
import html
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import yaml
from rich.console import Console
from rich.text import Text

import selector
from selector import Selector, pipeline
from selector.approaches import Traits
from selector.benchmark import events
from selector.cli import cli
from selector.decision import load_table, unary_test
from selector.decision.table import Aggregate, DecisionTable, HitPolicy
from selector.errors import SelectorError
from selector.pipeline import example_profiles
from selector.recommend.facts import FACTS, HostFacts
from selector.recommend.knowledge import CHAIN
from selector.report.summary import Command, summary_document
from selector.report.terminal import print_document
from selector.validation import Measurement, ValidationReport
from selector.workload.fields import field_kind
from selector.workload.profile import APPROACHES, WorkloadProfile

ROOT = Path(__file__).resolve().parent.parent
UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
MEASURES = "<!-- output differs: "
LONG = {"benchmark-script.md"}  # its one script is measured again and again
TABLES = ROOT / "docs" / "tables.md"
PICTURE = ROOT / "docs" / "recommendation.svg"
MOST_PICTURE_BYTES = 60_000

#: The machine that the pages show: no free-threaded build on it.
HOST = HostFacts("linux", 4, (("3.13", "/usr/bin/python3.13"), ("3.14", "/usr/bin/python3.14")))
COMMAND = f"""from selector import pipeline
from selector.cli import main
from selector.recommend.facts import HostFacts

pipeline.this_host = lambda: {HOST!r}
main()
"""
END = "\x1eend of a command "


# Reading pages --------------------------------------------------------------------------------------------------------


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


# Running examples -----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder for one page: copies of the rules and examples, and the command for the fixed host on PATH."""
    here = tmp_path / "page"
    for name in ("rules", "examples"):
        shutil.copytree(ROOT / name, here / name)
    binaries = tmp_path / "bin"
    binaries.mkdir()
    command = binaries / "concurrency-selector"
    script = binaries / "command.py"
    script.write_text(COMMAND, encoding="utf-8")
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{script}' \"$@\"\n", encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.chdir(here)
    monkeypatch.setattr(pipeline, "this_host", lambda: HOST)
    monkeypatch.setenv("CONCURRENCY_SELECTOR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", os.pathsep.join([str(binaries), str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("PYTHONUTF8", "1")
    monkeypatch.setenv("LC_ALL", "C")
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "COV_CORE_SOURCE"):
        monkeypatch.delenv(name, raising=False)
    return here


def run_script(commands: list[str]) -> list[tuple[str, int]]:
    """What each command prints, and its exit code; they share one shell, as they do for a reader."""
    script = ["fail() { return $1; }", "code=0"]
    for command in commands:
        script += ["fail $code", command, "code=$?", f"printf '%s%d\\n' '{END}' $code"]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    parts = re.split(rf"{END}(\d+)\n", done.stdout)
    assert len(parts) == 2 * len(commands) + 1, f"the script ended early:\n{done.stdout}"
    return [(parts[i], int(parts[i + 1])) for i in range(0, len(parts) - 1, 2)]


def run_block(block: Block, here: Path, namespace: dict[str, Any]) -> str:
    """Run one block, or check it in the way its language has; returns its text as it should be."""
    name = block.named("file") or block.named("broken file")
    if name:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(block.text, encoding="utf-8")
    match block.language:
        case "console":
            return console(block)
        case "bash":
            for output, code in run_script([f"set -e\n{block.text}"]):
                assert code == 0, output
        case "python":
            return python(block, namespace)
        case "yaml":
            table_or_yaml(block)
        case "json":
            json.loads(block.text)
    return block.text


def console(block: Block) -> str:
    shown = commands_of(block.text)
    actual = []
    for (command, _), (printed, code) in zip(shown, run_script([c for c, _ in shown]), strict=True):
        failing = re.search(r"(?m)^(error|Error|FAIL)", printed) or command.startswith("diff ")
        assert code == 0 or failing, f"$ {command}\n{printed}"
        said = command.replace("\n", "\n> ")
        actual.append(f"$ {said}\n{printed}")
    return "".join(actual)


def python(block: Block, namespace: dict[str, Any]) -> str:
    if not block.text.startswith(">>>"):
        exec(compile(block.text, "page", "exec"), namespace)
        return block.text
    test = doctest.DocTestParser().get_doctest(block.text, namespace, "page", None, block.line)
    runner = Recorder(verbose=False)
    runner.run(test, clear_globs=False)
    namespace.update(test.globs)
    return "".join(
        f">>> {example.source.rstrip().replace(chr(10), chr(10) + '... ')}\n{got}"
        for example, got in zip(test.examples, runner.printed, strict=True)
    )


class Recorder(doctest.DocTestRunner):
    """Runs the lines after `>>>` and keeps what each prints."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.printed: list[str] = []

    def report_success(self, *told: Any) -> None:
        self.printed.append(told[-1])

    report_failure = report_success

    def report_unexpected_exception(self, *told: Any) -> None:
        raise told[-1][1]


def table_or_yaml(block: Block) -> None:
    if block.named("broken file"):
        with pytest.raises(SelectorError):
            load_table(block.text)
    elif block.text.startswith("table:"):
        table = load_table(block.text)
        for example in table.examples:
            assert table.decide(example.given).output == example.expect
    else:
        yaml.safe_load(block.text)


def with_output(page: Path, renewed: list[tuple[Block, str]]) -> str:
    """The text of a page with the blocks as they should be."""
    text = page.read_text(encoding="utf-8")
    for block, actual in renewed:
        before = f"```{block.language}\n{block.text}```\n"
        assert text.count(before) >= 1
        text = text.replace(before, f"```{block.language}\n{actual}```\n", 1)
    return text


def pages(*, measuring: bool) -> list[Any]:
    """The pages whose examples are run: each up to where it measures, and those that do whole by `make test-all`."""
    whole = [page for page in PAGES if page.name in LONG or MEASURES in page.read_text("utf-8")]
    chosen = whole if measuring else [page for page in PAGES if page.name not in LONG]
    return [pytest.param(page, id=page.name) for page in chosen]


@pytest.mark.parametrize("page", pages(measuring=False))
def test_examples_of_a_page(page: Path, folder: Path) -> None:
    run_page(page, folder, list(takewhile(lambda block: MEASURES not in block.comment, blocks_of(page))))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", pages(measuring=True))
def test_all_examples_of_a_page_that_measures(page: Path, folder: Path) -> None:
    run_page(page, folder, blocks_of(page))


def run_page(page: Path, folder: Path, blocks: list[Block]) -> None:
    """Run blocks of a page, and hold or renew what it shows."""
    namespace: dict[str, Any] = {"__name__": "page"}
    renewed = []
    for block in blocks:
        if block.named("not run"):
            for target in re.findall(r"\bmake ([a-z-]+)", block.text):
                assert target in make_targets()
            continue
        actual = run_block(block, folder, namespace)
        if block.named("output differs"):
            assert not re.search(r"(?m)^error", actual), actual  # a pipe hides the exit code
        elif UPDATE and actual != block.text:
            renewed.append((block, actual))
        else:
            assert actual == block.text, f"{page.name}:{block.line}: UPDATE_GOLDEN=1 renews what is shown"
    if renewed:
        page.write_text(with_output(page, renewed), encoding="utf-8")


def make_targets() -> set[str]:
    return set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))


# What pages say about each other --------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"(?m)^#+ (.+)$", prose_of(page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", prose_of(page)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name}: {target}"


def test_the_readme_links_every_page() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", prose_of(ROOT / "README.md"))
    assert {page.relative_to(ROOT).as_posix() for page in PAGES if page.name != "README.md"} <= set(links)


def test_the_readme_begins_with_its_two_commands() -> None:
    first = next(b for b in blocks_of(ROOT / "README.md") if b.language == "bash")
    assert re.findall(r"make \w+", first.text) == ["make demo", "make test"]


def test_contributing_names_make_targets_and_files_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= make_targets()
    four = list(table_rows(section(ROOT / "CONTRIBUTING.md", "## Read these four files first")))
    assert len(four) == 4
    for row in four:
        assert (ROOT / codes(row[0])[0]).is_file()


def test_the_changelog_has_this_version_first() -> None:
    versions = re.findall(r"(?m)^## \[?([^\]\s]+)\]?", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert versions[0] == selector.__version__ == project["version"]


# Lists that must be complete ------------------------------------------------------------------------------------------


def test_profile_page_has_every_field() -> None:
    rows = {codes(row[0])[0]: row for row in table_rows((ROOT / "docs/profile.md").read_text(encoding="utf-8"))}
    fields = {name: row for name, row in rows.items() if len(row) == 4}
    assert list(fields) == list(WorkloadProfile.model_fields)
    for name, (_, accepted, default, meaning) in fields.items():
        kind, field = field_kind(name), WorkloadProfile.model_fields[name]
        assert codes(accepted) == list(kind.choices or codes(accepted)), name
        words = {"count": "whole number", "number": "number", "flag": "`true`, `false`", "text": "text"}
        assert words.get(kind.kind, "") in accepted, name
        wanted = (
            "required" if field.is_required() else "" if field.default is None else f"`{json.dumps(field.default)}`"
        )
        assert default == wanted, name
        assert meaning, name


def test_facts_page_has_every_fact_with_the_type_our_tables_give_it() -> None:
    rows = {codes(row[0])[0]: row for row in table_rows((ROOT / "docs/facts.md").read_text(encoding="utf-8"))}
    assert set(rows) == set(FACTS)
    for table in chain_tables():
        for column in table.inputs:
            _, kind, *_ = rows[column.name]
            assert kind.startswith(column.type), f"{column.name} in {table.name}"
            assert ("may be unknown" in kind) == column.optional, f"{column.name} in {table.name}"
            if column.type == "string" and isinstance(column.values, tuple) and column.name != "workload_class":
                assert set(codes(kind)) in (set(column.values), set()), f"{column.name} in {table.name}"


def chain_tables() -> list[DecisionTable]:
    return [load_table(ROOT / "rules" / f"{name}.yaml") for name in CHAIN]


def test_commands_page_has_every_command_and_option() -> None:
    page = ROOT / "docs" / "commands.md"
    headings = []
    for path, command in walk("concurrency-selector", cli):
        headings.append(path)
        text = section(page, f"## `{path}`")
        options = [o for p in command.params if isinstance(p, click.Option) for o in p.opts if o.startswith("--")]
        listed = [c.split()[0] for row in table_rows(text) for c in codes(row[0]) if c.startswith("--")]
        assert sorted(listed) == sorted(options), path
        if not isinstance(command, click.Group):
            assert f"$ {path}" in text or f"| {path}" in text, f"{path} has no example"
    assert re.findall(r"(?m)^## `(.+)`$", page.read_text(encoding="utf-8")) == headings


def walk(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from walk(f"{path} {name}", command.commands[name])


def test_script_page_has_every_event_field_and_status() -> None:
    page = ROOT / "docs" / "benchmark-script.md"
    for model in get_args(events.Event):
        name = model.model_fields["event"].default
        fields = [field.alias or key for key, field in model.model_fields.items() if key != "event"]
        assert [c for row in table_rows(section(page, f"### `{name}`")) for c in codes(row[0])] == fields, name
    statuses = [codes(row[0])[0] for row in table_rows(section(page, "## Failures are results"))]
    assert statuses == list(get_args(events.Status))


def test_validate_page_has_every_field_of_the_results() -> None:
    page = ROOT / "docs" / "validate.md"
    for heading, model in (
        ("### Fields of the report", ValidationReport),
        ("### Fields of a measurement", Measurement),
    ):
        fields = [field.alias or key for key, field in model.model_fields.items()]
        assert [c for row in table_rows(section(page, heading)) for c in codes(row[0])] == fields, heading


def test_tables_page_names_every_key() -> None:
    keys = ("table", "title", "hit_policy", "aggregate", "inputs", "outputs", "rules", "default", "examples")
    assert [codes(row[0])[0] for row in table_rows(section(TABLES, "## Keys"))] == list(keys)


def test_hit_policies_and_aggregates_give_what_the_tables_page_says() -> None:
    text = section(TABLES, "## Hit policies and aggregates")
    table = next(b.text for b in blocks_of(TABLES) if b.named("file") == "fee.yaml")
    rows = {codes(row[0])[0]: codes(row[2])[0] for row in table_rows(text)}
    assert list(rows) == [*get_args(HitPolicy), *get_args(Aggregate)]
    for name, shown in rows.items():
        policy = name if name in get_args(HitPolicy) else f"collect\naggregate: {name}"
        asked = load_table(table.replace("hit_policy: first", f"hit_policy: {policy}"))
        if shown == "error":
            with pytest.raises(SelectorError):
                asked.decide({"age": 10, "member": True})
        else:
            assert asked.decide({"age": 10, "member": True}).output == json.loads(shown), name


def test_cells_match_what_the_tables_page_says() -> None:
    rows = list(table_rows(section(TABLES, "## Cells")))
    assert len(rows) > 10
    for cell, _, passing, failing in rows:
        test = unary_test(codes(cell)[0])
        assert all(test(json.loads(value)) for value in codes(passing)), cell
        assert not any(test(json.loads(value)) for value in codes(failing)), cell


def test_how_it_decides_names_every_table_class_approach_and_trait() -> None:
    page = ROOT / "docs" / "how-it-decides.md"
    words = set(codes(prose_of(page)))
    classes = next(t for t in chain_tables() if t.name == "classify").outputs[0].values
    assert classes is not None
    assert {*CHAIN, *classes, *APPROACHES, *Traits.__annotations__} <= words
    order = [codes(row[0])[0] for row in table_rows(section(page, "## The seven tables"))]
    assert order == list(CHAIN)


# The picture ----------------------------------------------------------------------------------------------------------


def demo_text(color: bool) -> str:
    """What `make demo` prints on the fixed host, at 80 columns."""
    profile = dict(example_profiles())["web-scraper"]
    command = Command("concurrency-selector validate examples/web-scraper.json", "")
    document = summary_document(Selector(host=HOST).recommend(profile), command)
    console_ = Console(
        file=io.StringIO(), width=80, force_terminal=color, color_system="standard" if color else None, highlight=False,
        markup=False, emoji=False,
    )  # fmt: skip
    print_document(document, console_)
    assert isinstance(console_.file, io.StringIO)
    return console_.file.getvalue()


def picture() -> str:
    recorder = Console(record=True, file=io.StringIO(), width=80)
    recorder.print(Text.from_ansi(demo_text(color=True)))
    svg = recorder.export_svg(title="make demo", unique_id="demo")
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # fonts from the network
    return svg.replace("Fira Code, monospace", "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace")


def words_of(svg: str) -> list[str]:
    return html.unescape(" ".join(re.findall(r">([^<>]+)</text>", svg))).split()


def test_the_picture_is_what_the_demo_prints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONCURRENCY_SELECTOR_CACHE_DIR", str(tmp_path))
    if UPDATE:
        PICTURE.write_text(picture(), encoding="utf-8")
    svg = PICTURE.read_text(encoding="utf-8")
    assert words_of(svg) == ["make", "demo", *demo_text(color=False).split()]
    assert len(svg.encode()) < MOST_PICTURE_BYTES
    assert "@font-face" not in svg
    assert re.findall(r"url\((?!#)[^)]*\)", svg) == []
