"""The command generate: the script that it writes, and where."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from command import COMPLETE, call, posix_only, refused
from fake_script import HERE, TINY
from sample_template import parameters_in

from selector.benchmark.plan import PlannedPython
from selector.benchmark.programs import template_names
from selector.cli.generate import command_for
from selector.host import find_interpreters
from selector.proof import BenchmarkOptions


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.json"
    file.write_text(json.dumps(TINY), "utf-8")
    return file


# generate -------------------------------------------------------------------------------------------------------------


def numbers_of(script: Path) -> dict[str, Any]:
    return parameters_in(script.read_text("utf-8"))


def test_generate_writes_a_script_with_the_numbers_of_the_profile(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "my bench.py"
    result = call("generate", str(tiny), "-o", str(out), "--budget", "2m", *HERE)
    assert (result.code, result.out) == (0, "")
    *_, told = result.err.splitlines()
    said, command = told.split(" approaches. Run it with: ")
    assert said == f"{out}: {len(numbers_of(out)['APPROACHES'])}"
    assert shlex.split(command) == ["python", str(out), "--interpreter", os.path.abspath(sys.executable)]
    compile(out.read_bytes(), out.name, "exec")
    expected = {"NAME": "tiny", "TASKS": 8, "CPU_MS_PER_TASK": 3, "IO_WAIT_MS_PER_TASK": 0, "BUDGET_SECONDS": 120}
    assert numbers_of(out) | expected == numbers_of(out)


@pytest.mark.slow
def test_the_script_runs_alone_and_prints_a_table(tiny: Path, tmp_path: Path) -> None:
    assert call("generate", str(tiny), "-o", str(tmp_path / "bench.py"), *HERE).code == 0
    for seconds in ("2", "10", "50"):  # a busy machine needs more for everything to run once
        command = [sys.executable, "bench.py", "--budget", seconds, "--seed", "1"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode == 0 and "not_run" not in done.stdout:
            break
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert re.search(r"^tiny\napproach +Python +workers +seconds", done.stdout, re.MULTILINE)
    assert re.search(r"^single_threaded +3\.\d+t? +1 +\d+\.\d+ +\d+\.\d\dx ", done.stdout, re.MULTILINE)
    assert sorted(os.listdir(tmp_path)) == ["bench.py", "tiny.json"]


def test_the_workload_may_come_from_standard_input_or_settings_alone(tiny: Path, tmp_path: Path) -> None:
    made = [tmp_path / name for name in ("file.py", "stdin.py", "set.py")]
    settings = [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]
    for out, arguments in zip(made, ([str(tiny)], ["-"], settings), strict=True):
        assert call("generate", *arguments, "-o", str(out), *HERE, stdin=tiny.read_bytes()).code == 0
    assert len({out.read_bytes() for out in made}) == 1
    changed = tmp_path / "changed.py"
    assert call("generate", str(tiny), "--set", "tasks=9", "-o", str(changed), *HERE).code == 0
    assert numbers_of(changed)["TASKS"] == 9


def test_a_script_that_is_there_is_only_replaced_by_force(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "bench.py"
    out.write_text("mine\n")
    refused(call("generate", str(tiny), "-o", str(out)), f"{out}: there is a file already", "--force to replace it")
    refused(call("generate", "--template", "agents", "-o", str(out)), f"{out}: there is a file already")
    assert out.read_text() == "mine\n"
    assert call("generate", str(tiny), "-o", str(out), "--force").code == 0
    assert numbers_of(out)["NAME"] == "tiny"
    assert sorted(os.listdir(tmp_path)) == ["bench.py", "tiny.json"]


@posix_only
@pytest.mark.parametrize("force", [[], ["--force"]], ids=["new", "force"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing/bench.py", ["cannot be written: No such file or directory", "a folder you may write to"]),
        ("tiny.json/bench.py", ["cannot be written: Not a directory"]),
        ("", ["this is no file", "for example bench.py"]),
        ("/dev/stdout", ["/dev/stdout: this is no file but a", "or - for standard output"]),
        ("/dev/null", ["/dev/null: this is no file but a device", "or - for standard output"]),
    ],
    ids=["no folder", "below a file", "a folder", "standard output", "a device"],
)
def test_where_no_script_can_be_written(
    tiny: Path, tmp_path: Path, name: str, words: list[str], force: list[str]
) -> None:
    refused(call("generate", str(tiny), "-o", os.path.join(tmp_path, name), *force), *words)
    assert os.listdir(tmp_path) == ["tiny.json"]


@posix_only
@pytest.mark.parametrize("force", [[], ["--force"]], ids=["new", "force"])
def test_links_and_fifos_are_neither_written_through_nor_replaced(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("precious").write_text("mine")
    Path("link").symlink_to("precious")
    Path("nowhere").symlink_to("missing.py")
    Path("folder").mkdir()
    Path("way").symlink_to("folder")
    os.mkfifo("pipe")
    before = sorted(tmp_path.rglob("*"))
    for name, what in {"link": "a link to precious", "nowhere": "a link to missing.py", "pipe": "a FIFO"}.items():
        refused(call("generate", str(tiny), "-o", name, *force), f"{name}: this is no file but {what}")
    refused(
        call("generate", "--template", "todo-batch", "-o", "way", *force), "way: this is no file but a link to folder"
    )
    assert sorted(tmp_path.rglob("*")) == before
    assert Path("precious").read_text() == "mine"
    assert Path("link").is_symlink()
    assert call("generate", str(tiny), "-o", "way/bench.py").code == 0  # a folder may be reached by a link


@posix_only
def test_a_folder_with_a_link_in_the_place_of_a_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "todos").mkdir()
    (tmp_path / "todos" / "tasks.py").symlink_to(tmp_path / "precious")
    result = call("generate", "--template", "todo-batch", "-o", str(tmp_path / "todos"), "--force")
    refused(result, "tasks.py: this is no file but a link to ")
    assert os.listdir(tmp_path / "todos") == ["tasks.py"]
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_hyphen_prints_the_script(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = call("generate", str(tiny), "-o", "-", *HERE)
    assert printed.code == 0
    assert os.listdir() == ["tiny.json"]
    assert call("generate", str(tiny), "-o", "bench.py", *HERE).code == 0
    assert printed.out == Path("bench.py").read_text("utf-8")
    assert re.search(
        r"^standard output: \d approaches. Save it as bench.py and run it with: python bench.py",
        printed.err,
        re.MULTILINE,
    )
    own = call("generate", "--template", "agents", "-o", "-")
    assert compile(own.out, "agents.py", "exec")
    # for a template that compares free threads, with the Pythons that are here, or a note that there is none
    assert "standard output: Save it as bench.py and run it with: python bench.py" in own.err
    refused(call("generate", "--template", "todo-batch", "-o", "-"), "is a folder of files: give -o FOLDER")


@posix_only
def test_the_command_for_a_name_that_begins_with_a_hyphen_works(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-x.py", "--json", "-"):
        result = call("generate", str(tiny), "-o", f"./{name}", *HERE)
        assert result.code == 0, name
        assert name in os.listdir()
        words = shlex.split(result.err.rpartition("un it with: ")[2])
        assert words[:2] == ["python", f"./{name}"]
        command = [sys.executable, *words[1:], "--help"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert "--budget" in done.stdout, name
    folder = call("generate", "--template", "todo-batch", "-o", "./-todos")
    assert "python ./-todos compare" in folder.err


@posix_only
def test_names_of_many_bytes_can_be_written(tiny: Path, tmp_path: Path) -> None:
    name = "日" * 80 + ".py"
    assert call("generate", str(tiny), "-o", str(tmp_path / name), *HERE).code == 0
    assert call("generate", str(tiny), "-o", str(tmp_path / name), "--force", *HERE).code == 0
    assert call("generate", "--template", "todo-batch", "-o", str(tmp_path / ("日" * 83))).code == 0
    assert sorted(os.listdir(tmp_path)) == sorted([name, "日" * 83, "tiny.json"])


def test_the_command_that_runs_a_script_is_one_for_a_shell() -> None:
    options = BenchmarkOptions(io="sleep", seed=0)
    pythons = [PlannedPython(tag=tag, path=f"/x y/python{tag}", free_threaded=False) for tag in ("3.14", "3.13")]
    script = Path("my bench';\n$(x).py")
    words = ["python", str(script), "--interpreter", "/x y/python3.14", "--interpreter", "/x y/python3.13"]
    assert shlex.split(command_for(script, options, pythons)) == [*words, "--io", "sleep", "--seed", "0"]
    assert command_for(Path("bench.py"), BenchmarkOptions(), []) == "python bench.py"


def test_what_is_assumed_is_a_note(tmp_path: Path) -> None:
    work = ["--set", "workload_type=hybrid", "--set", "cpu_cores=512", "--set", "name=\x1b[31mred"]
    result = call("generate", *work, "-o", str(tmp_path / "\x1b[2J.py"), *HERE)
    assert (result.code, result.out) == (0, "")
    assert "note: The CPU time of a task is not known: 5 ms are assumed.\n" in result.err
    assert re.search(
        r"^note: The profile has 512 CPU cores, this machine \d+: everything is ", result.err, re.MULTILINE
    )
    assert result.err.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", ["web-scraper", "agents"])
def test_a_template_has_a_workload_of_its_own(name: str, tmp_path: Path) -> None:
    out = tmp_path / "bench.py"
    result = call("generate", "--template", name, "-o", str(out), "--budget", "10s", "--io", "sleep", "--seed", "3")
    assert (result.code, result.out) == (0, "")
    assert f"{out}: run it with: python {out} " in result.err and result.err.endswith(" --io sleep --seed 3\n")
    # free threads are a part of what it compares: the command has such a Python, or it is said that there is none
    kinds = {i.free_threaded for i in find_interpreters() if i.path in result.err}
    assert True in kinds or "no free-threaded Python was found here" in result.err
    assert numbers_of(out)["BUDGET_SECONDS"] == 10
    compile(out.read_bytes(), out.name, "exec")


def test_the_template_for_any_workload_is_the_one_that_is_taken(tiny: Path, tmp_path: Path) -> None:
    for name, option in {"a.py": [], "b.py": ["--template", "Compare-Approaches"]}.items():
        assert call("generate", str(tiny), *option, "-o", str(tmp_path / name), *HERE).code == 0
    assert (tmp_path / "a.py").read_bytes() == (tmp_path / "b.py").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--template", "nonsense"],
            [
                'no template "nonsense"',
                "one of agents, api-service, asyncio-tree, compare-approaches, free-threads, latency-or-throughput, lock-scope, lost-updates, todo-batch, web-scraper, why-not-four, worker-crash",
            ],
        ),
        (["--template", "nonsense", "FILE"], ['no template "nonsense"']),
        (["--template", "webscraper"], ['(did you mean "web-scraper"?)']),
        (["--template", "../\x1b[31m"], ['no template "../\\u001b[31m"']),
        (["--template", "agents", "FILE"], ["agents has a workload of its own: leave FILE and --set out"]),
        (["--template", "agents", "--set", "tasks=5"], ["leave FILE and --set out"]),
        (["--template", "agents", "--interpreter", "3.14"], ["give --interpreter PATH to the script"]),
        (["--template", "compare-approaches"], ["error: give a FILE"]),
        ([], ["error: give a FILE"]),
        (["FILE", "--budget", "soon"], ['budget "soon" is no length of time', "60s, 2m, 1m30s"]),
        (["FILE", "--interpreter", "3.9"], ["the benchmark needs 3.10 or later"]),
        (["FILE", "--io", "carrier-pigeon"], ["'socket', 'sleep'"]),
        (["FILE", "--seed", "-1"], ["--seed"]),
        (["missing.json"], ["missing.json: cannot be read"]),
    ],
    ids=lambda value: " ".join(value) if value and "--" in value[0] else None,
)
def test_what_generate_refuses(arguments: list[str], words: list[str], tiny: Path, tmp_path: Path) -> None:
    given = [str(tiny) if a == "FILE" else a for a in arguments]
    refused(call("generate", *given, "-o", str(tmp_path / "bench.py")), *words)
    assert os.listdir(tmp_path) == ["tiny.json"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_the_templates(shell: str) -> None:
    for word, found in {
        "": set(template_names()),
        "we": {"web-scraper"},
        "x": set(),
    }.items():
        line = f"concurrency-selector generate --template {word}".rstrip()
        variables = {
            COMPLETE: f"{shell}_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": word if shell == "fish" else "3",
        }
        with mock.patch.dict(os.environ, variables):
            result = call()
        lines = result.out.splitlines()
        answers = set(lines[1::3]) if shell == "zsh" else {re.split(r"[,\t]", line)[1] for line in lines if line}
        assert (result.code, answers) == (0, found)


def test_a_template_of_several_files_becomes_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "todos"
    done = call("generate", "--template", "todo-batch", "-o", str(out))
    assert done.code == 0, done.err
    assert f"python {out} compare" in done.err
    assert "__main__.py" in os.listdir(out)
    assert os.listdir(tmp_path) == ["todos"]
    refused(call("generate", "--template", "todo-batch", "-o", str(out)), f"{out}: it is there already")
    (out / "mine.txt").write_text("mine")
    (out / "tasks.py").write_text("changed")
    assert call("generate", "--template", "todo-batch", "-o", str(out), "--force").code == 0
    assert (out / "mine.txt").read_text() == "mine"
    assert "class Task" in (out / "tasks.py").read_text()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(call("generate", "--template", "todo-batch", "-o", str(tmp_path / "file" / "x")), "cannot be written")
    assert (tmp_path / "file").read_text() == ""
