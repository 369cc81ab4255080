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
the output shown is renewed instead of compared.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import shutil
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml
from pages import PAGES, ROOT, Block, blocks_of, commands_of, make_targets

import selector
from selector import pipeline
from selector.decision import load_table
from selector.errors import SelectorError
from selector.recommend.facts import HostFacts

UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))
MEASURES = "<!-- output differs: "
LONG = {"benchmark-script.md"}  # its one script is measured again and again
MANY_EXAMPLES = {
    "how-it-decides.md",
    "api.md",
    "commands.md",
    "describe-a-workload.md",
    "learning.md",
    "predictions.md",
    "profile.md",
    "systems.md",
    "tables.md",
    "your-own-code.md",
}  # seconds each: `make test-all` runs them

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
    marks = dict.fromkeys(MANY_EXAMPLES, pytest.mark.slow)
    return [pytest.param(page, id=page.name, marks=marks.get(page.name, ())) for page in chosen]


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


def test_the_page_of_the_api_names_all_that_is_public() -> None:
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    imported = re.search(r"^>>> from selector import (.*)$", text, re.MULTILINE)
    assert imported is not None
    assert imported[1].split(", ") == selector.__all__
