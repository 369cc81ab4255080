"""The demonstrations: short, offered by `generate --template`, and they show what they say, on each build of Python."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command import call, refused

from selector.benchmark.programs import demonstrations, template_names

ROOT = Path(__file__).resolve().parent.parent
NAMES = tuple(demonstrations())
LONGEST = 60
SECONDS = 120  # of a busy machine; each takes at most 20 on one that is not


def run(name: str, python: str = sys.executable) -> str:
    done = subprocess.run(
        [python, str(demonstrations()[name])], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def lost(output: str) -> dict[str, int]:
    """The additions that each way of counting lost."""
    return {way: int(count.replace(",", "")) for way, count in re.findall(r"(?m)^(\w+) +lost +([\d,]+) of", output)}


@pytest.mark.parametrize("name", NAMES)
def test_a_demonstration_is_short_and_needs_the_standard_library_only(name: str) -> None:
    text = demonstrations()[name].read_text("utf-8")
    assert text.count("\n") <= LONGEST
    tree = ast.parse(text, feature_version=(3, 10))
    imported = {
        (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else node.names[0].name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported <= sys.stdlib_module_names
    assert "Look at" in (ast.get_docstring(tree) or "") and f"{name}.py" in text


def test_generate_writes_a_demonstration_as_it_lies_and_says_how_to_run_it(tmp_path: Path) -> None:
    out = tmp_path / "lost.py"
    done = call("generate", "--template", "lost-updates", "-o", str(out))
    assert (done.code, out.read_bytes()) == (0, demonstrations()["lost_updates"].read_bytes())
    assert f"{out}: run it with: python {out}" in done.err
    assert call("generate", "--template", "lock-scope", "-o", "-").out == demonstrations()["lock_scope"].read_text()
    refused(call("generate", "--template", "lost-updates", "-o", str(out)), "there is a file already")
    refused(call("generate", "x.json", "--template", "lock-scope", "-o", "-"), "leave FILE and --set out")
    refused(
        call("generate", "--template", "lock-scope", "--budget", "5s", "-o", "-"), "leave --budget, --io and --seed out"
    )
    refused(call("validate", "--template", "lock-scope"), "the template lock-scope does not say what its work is")


def test_the_page_on_learning_names_every_demonstration() -> None:
    page = (ROOT / "docs" / "learning.md").read_text("utf-8")
    assert set(re.findall(r"(?m)^\| `([a-z-]+)` \|", page)) == {name.replace("_", "-") for name in NAMES}
    assert {name.replace("_", "-") for name in NAMES} <= set(template_names())


def test_a_copy_that_is_written_back_loses_what_others_wrote_and_a_lock_to_hand_in_loses_nothing() -> None:
    kept = {way: int(count) for way, count in re.findall(r"(?m)^(\w+) +kept +(\d+) of 160", run("lock_scope"))}
    assert kept.pop("copied_and_written_back") < 160
    assert kept == dict.fromkeys(("held_during_the_work", "held_to_hand_in", "through_a_queue", "returned"), 160)


def test_the_gil_hides_the_race_of_an_unguarded_counter_and_says_so(needs: Callable[[str], str]) -> None:
    output = run("lost_updates", needs("3.14"))
    assert "the GIL is on" in output and "the GIL hid it: this Python cannot show the loss" in output
    found = lost(output)
    assert (found["unguarded"], found["with_a_lock"]) == (0, 0)


@pytest.mark.slow
def test_a_free_threaded_build_loses_additions_and_a_lock_loses_none(needs: Callable[[str], str]) -> None:
    outputs = [run("lost_updates", needs("3.13t"))]
    while not lost(outputs[-1])["unguarded"] and len(outputs) < 5:  # threads that had one CPU between them met nowhere
        outputs.append(run("lost_updates", needs("3.13t")))
    assert all("the GIL is off" in output and "hid it" not in output for output in outputs)
    assert lost(outputs[-1])["unguarded"] > 0 and all(lost(output)["with_a_lock"] == 0 for output in outputs)


@pytest.mark.slow
def test_with_a_call_between_reading_and_writing_the_gil_loses_additions_too(needs: Callable[[str], str]) -> None:
    assert any(lost(run("lost_updates", needs("3.14")))["with_a_call"] for _ in range(5))


@pytest.mark.slow
@pytest.mark.parametrize("tag", ["3.14", "3.13t"])
def test_every_demonstration_runs_under_a_python_of_either_build(tag: str, needs: Callable[[str], str]) -> None:
    python = needs(tag)
    for name in NAMES:
        assert run(name, python), name


@pytest.mark.slow
def test_a_worker_that_crashes_breaks_the_pool_and_only_the_guilty_task_is_lost() -> None:
    output = run("worker_crash")
    broken = re.search(r"one pool: (\d) results, (\d) tasks failed with BrokenProcessPool", output)
    assert broken is not None and int(broken[1]) + int(broken[2]) == 8 and int(broken[2]) >= 1
    assert "7 results, lost: [3]" in output
    assert "the worker was interrupted, and tidies up" in output and output.rstrip().endswith("-> 0")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="who may look into a process is another matter elsewhere")
def test_the_tree_shows_what_the_tasks_that_are_left_wait_for(needs: Callable[[str], str]) -> None:
    output = run("asyncio_tree", needs("3.14"))
    if "not allowed?" in output:
        pytest.skip("this user may not look into a process here")
    assert "starved" in output and "patient" in output and "quick" not in output
    assert "Queue.get" in output and "Event.wait" in output and "next_message" in output


def test_the_tree_says_which_python_it_takes(needs: Callable[[str], str]) -> None:
    assert "are new in Python 3.14" in run("asyncio_tree", needs("3.13t"))
