"""The command line as a whole: help, usage, exit codes, faults, completion, one way to say things in every command."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import click
import pytest
from command import COMMAND, COMPLETE, call, measured, refused, run
from conftest import CACHE_VARIABLE
from strategies import FIELDS
from test_compare import run_of

from selector import Selector, __version__
from selector.cli import cli
from selector.files import resource_dir
from selector.workload.profile import WorkloadProfile

ROOT = Path(__file__).resolve().parent.parent

# Help, version, debug, completion -------------------------------------------------------------------------------------


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, by the words that call it."""
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


def example_of(path: tuple[str, ...]) -> str:
    """The example that ends the help of a command."""
    text = " ".join(call(*path, "--help").out.split())
    return text.split("Example: ")[1]


LONG = {("calibrate",), ("deps",), ("generate",), ("measure",), ("rules", "test"), ("validate",)}


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=pytest.mark.slow if p in LONG else (), id=" ".join(p) or "(none)") for p in commands()],
)
def test_the_help_of_every_command_ends_in_an_example_that_works(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = call(*path, "-h")
    assert (shown.code, shown.err) == (0, "")
    assert all(len(line) <= 100 for line in shown.out.splitlines())
    shutil.copytree(resource_dir("examples"), tmp_path / "examples")
    shutil.copy(tmp_path / "examples" / "api-server.json", tmp_path / "workload.json")
    shutil.copy(resource_dir("rules") / "engine.yaml", tmp_path / "my-table.yaml")
    (tmp_path / "requirements.txt").write_text("# nothing yet\n")
    (tmp_path / "my-rules").mkdir()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_text("")
    (tmp_path / "resize.py").write_text("def thumbnail(photo): return len(photo)")
    shutil.copy(tmp_path / "my-table.yaml", tmp_path / "my-rules" / "engine.yaml")
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(run_of().model_dump_json(by_alias=True))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))  # what calibrate finds is for nobody else
    example = re.split(" > | && ", example_of(path))[0].replace("--budget 30s", "--budget 2s")
    words = shlex.split(example)
    assert words[0] == "concurrency-selector"
    assert words[1 : 1 + len(path)] == list(path)
    result = call(*words[1:])
    assert result.code == 0
    assert bool(result.out) == (path != ("generate",))
    assert bool(result.err) == (
        path in (("generate",), ("validate",), ("calibrate",), ("measure",), ("deps",))
    )  # what they do, and where it went


def test_the_help_of_recommend_lists_every_field() -> None:
    text = call("recommend", "--help").out
    for field in FIELDS:
        assert re.search(rf"^  {field}  ", text, re.MULTILINE), field


def test_version() -> None:
    assert call("--version").out == f"concurrency-selector {__version__}\n"


def test_both_ways_to_start_it_are_the_same() -> None:
    script = Path(sys.executable).with_name("concurrency-selector")
    if not script.exists():
        pytest.skip("the command is not installed beside this Python")
    by_name = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert by_name.stdout == run("--version").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], ['error: no command "nonsense"', "one of calibrate, compare, deps, examples"]),
        (["recomend"], ['error: no command "recomend" (did you mean "recommend"?)']),
        (
            ["rules", "chek"],
            ['error: no command "chek" (did you mean "check"?)', "`concurrency-selector rules --help`"],
        ),
        (["--nonsense"], ["error: no such option"]),
        (["--format", "json", "rules", "list"], ["error: only --rules and --debug go before rules"]),
        (["--set", "tasks=5", "recommend", "x.json"], ["error: only --rules and --debug go before recommend"]),
    ],
    ids=["command", "near miss", "near miss in a group", "option", "format before", "set before"],
)
def test_wrong_usage_is_exit_2(arguments: list[str], words: list[str]) -> None:
    refused(call(*arguments), *words)


def test_debug_shows_the_traceback() -> None:
    done = subprocess.run(
        [*COMMAND, "--debug", "recommend", "x"], capture_output=True, timeout=60, check=False, env=measured()
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"Traceback") and b"SelectorError: x: cannot be read" in done.stderr


def test_a_fault_of_ours_is_one_line_and_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("boom\x1b[31m")

    monkeypatch.setattr(Selector, "recommend", fail)
    refused(
        call("recommend", "--set", "workload_type=io"),
        "error: this should not have happened: RuntimeError: boom\\x1b[31m\n", "--debug", code=1,
    )  # fmt: skip


@pytest.mark.parametrize("shell", ["bash", *(pytest.param(name, marks=pytest.mark.slow) for name in ("zsh", "fish"))])
def test_completion_can_be_set_up(shell: str) -> None:
    if shell == "bash" and not shutil.which("bash"):
        pytest.skip("bash tells its version while completion is set up")
    result = run(env={**os.environ, COMPLETE: f"{shell}_source"})
    assert (result.code, result.err) == (0, "")
    assert f"{COMPLETE}={shell}_complete" in result.out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("mi", {"migrate"}),
        ("migrate multi", {"multiprocessing"}),
        ("migrate threads asyncio_", {"asyncio_threads", "asyncio_processes", "asyncio_free_threaded"}),
        ("recommend --exp", {"--explain"}),
        ("recommend --format m", {"markdown"}),
        ("rules ch", {"check"}),
        ("rules show fa", {"facts"}),
        ("examples running", {"running-sum"}),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands_options_and_approaches(shell: str, words: str, found: set[str]) -> None:
    last = words.rsplit(maxsplit=1)[-1]
    assert completions(shell, words, last if shell == "fish" else str(len(words.split()))) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["recommend", "mi"], {"mine.json"}),
        (["validate", "inner"], {"inner/"}),
        (["generate", "inner/"], {"inner/x.json"}),
        (["recommend", "runn"], {"running-sum"}),
        (["recommend", "--set", "workload_t"], {f"workload_type={word}" for word in ("cpu", "io", "hybrid")}),
        (["recommend", "--set", "task"], {"tasks=", "task_memory_mb="}),
        (["recommend", "--set", "tasks=1"], set()),
        (["recommend", "--set", "nonsense"], set()),
        (["--set", "durable=t"], {"durable=true"}),
        (["--answers", "mi"], {"mine.json"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",  # sets have no order to name them by
)
@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_shell_completes_files_examples_and_settings(
    shell: str, words: list[str], found: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inner").mkdir()
    for name in ("mine.json", "mind.txt", ".mist.json", "inner/x.json"):
        (tmp_path / name).write_text("{}", "utf-8")
    assert completions(shell, " ".join(words), words[-1] if shell == "fish" else str(len(words))) == found


@pytest.mark.parametrize(
    ("line", "position", "found"),
    [
        ("recommend --set workload_type =", 4, {"cpu", "io", "hybrid"}),
        ("recommend --set workload_type = h", 5, {"hybrid"}),
        ("recommend --set durable = true --set gpu = f", 9, {"false"}),
        ("recommend --set workload_type = io --exp", 6, {"--explain"}),
        ("recommend --set task", 3, {"tasks=", "task_memory_mb="}),
    ],
)
def test_bash_parts_a_setting_at_its_sign(line: str, position: int, found: set[str]) -> None:
    assert completions("bash", line, str(position)) == found


def completions(shell: str, line: str, position: str) -> set[str]:
    """What a shell is offered for the last word of a line."""
    variables = {COMPLETE: f"{shell}_complete", "COMP_WORDS": f"concurrency-selector {line}", "COMP_CWORD": position}
    with mock.patch.dict(os.environ, variables):
        result = call()
    assert (result.code, result.err) == (0, "")
    if shell == "zsh":  # three lines for each: kind, word, help
        return set(result.out.splitlines()[1::3])
    return {re.split(r"[,\t]", line)[1] for line in result.out.splitlines() if line}


# One way to say things, in every command ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-input", "--set", "workload_type=io"],
        ["recommend", "--set", "workload_type=io"],
        ["migrate", "threads", "asyncio"],
        ["examples"],
        ["host"],
        ["rules", "list"],
        ["rules", "show", "engine"],
        ["rules", "show", "facts"],
        ["rules", "check", "FEE"],
        ["rules", "test", "FEE"],
        ["rules", "diff", "FEE", "FEE"],
        ["schema", "table"],
    ],
    ids=" ".join,
)
def test_json_is_asked_for_in_the_same_two_ways_everywhere(arguments: list[str]) -> None:
    arguments = [word.replace("FEE", str(resource_dir("rules") / "speedup_bands.yaml")) for word in arguments]
    short, long = call(*arguments, "--json"), call(*arguments, "--format", "json")
    assert (short.code, long.code) == (0, 0)
    both = call(*arguments, "--json", "--format", "json")
    found = [
        {k: v for k, v in got.items() if k != "memory"} if isinstance(got, dict) else got
        for got in (short.json, long.json, both.json)
    ]
    assert (
        found[0] == found[1] == found[2]
    )  # but for the memory that is free, which changes from one moment to the next


def test_every_command_that_prints_a_result_has_both_ways() -> None:
    without = {"generate", "skill"}  # they write a file, and print one
    for name, command in commands(cli):
        options = {option for param in command.params for option in param.opts}
        assert (name in without) or {"--json", "--format"} <= options, name


def commands(group: click.Group) -> Iterator[tuple[str, click.Command]]:
    """Every command that is no group, by name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command)
        else:
            yield name, command


def test_two_forms_at_once_are_refused() -> None:
    for command in (["recommend", "--set", "workload_type=io"], ["host"], ["rules", "show", "engine"]):
        refused(
            call(*command, "--json", "--format", "markdown"), "error: --json prints JSON: leave --format markdown out"
        )


def test_the_version_has_a_short_option() -> None:
    assert call("-V") == call("--version")
    assert call("-V").out == f"concurrency-selector {__version__}\n"


def test_help_says_what_each_field_means_and_accepts() -> None:
    text = " ".join(call("recommend", "--help").out.split())
    for name, field in WorkloadProfile.model_fields.items():
        assert f"{name} " in text
        assert str(field.description).split(":")[0] in text, name
    assert "tasks Independent units of work in one run: a whole number from 1 to 10^12" in text
