"""The templates by name, and the script of a plan: the template with its numbers, whatever a profile says."""

from __future__ import annotations

import ast
import functools
import json
import os
import random
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pythons import found_here
from strategies import FIXED_HOST, slow_after

from selector import Selector, SelectorError, WorkloadProfile, __version__
from selector import proof as room
from selector.benchmark import programs as scripts
from selector.benchmark.programs import TEMPLATE, demonstrations, script_for, script_of, template_named, template_names
from selector.files import resource_dir
from selector.proof import BenchmarkOptions, plan_for
from selector.workload.reading import profile_from_mapping

BEGIN, END = "# --- parameters: begin ---", "# --- parameters: end ---"
TINY = WorkloadProfile(workload_type="cpu", tasks=8, cpu_ms_per_task=3, name="tiny")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "find_interpreters", found_here)


# The script -----------------------------------------------------------------------------------------------------------


def parts(script: str) -> tuple[str, str, str]:
    """What stands before the parameters, they, and what stands behind them."""
    lines = script.split("\n")
    assert (lines.count(BEGIN), lines.count(END)) == (1, 1)
    first, last = lines.index(BEGIN), lines.index(END)
    return tuple("\n".join(some) for some in (lines[:first], lines[first : last + 1], lines[last + 1 :]))  # type: ignore[return-value]


def values(block: str) -> dict[str, Any]:
    """The parameters of a block, in their order; each is one literal, and there is nothing else."""
    found: dict[str, Any] = {}
    for statement in ast.parse(block).body:
        assert isinstance(statement, ast.Assign | ast.AnnAssign)
        target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
        assert isinstance(target, ast.Name) and target.id not in found and statement.value is not None
        found[target.id] = ast.literal_eval(statement.value)
    return found


@pytest.mark.usefixtures("found")
def test_the_script_has_the_numbers_of_the_plan_and_is_otherwise_the_template() -> None:
    _, plan = plan_for(Selector(host=FIXED_HOST), TINY, BenchmarkOptions(budget_seconds=7))
    script = script_for(plan)
    head, block, tail = parts(script)
    assert values(block) == plan.parameters
    assert values(block) | {"NAME": "tiny", "TASKS": 8, "CPU_MS_PER_TASK": 3, "BUDGET_SECONDS": 7} == values(block)
    template = (resource_dir("templates") / "compare_approaches.py").read_text("utf-8")
    user_part = template.partition("# --- your code: begin ---")[2].partition("# --- your code: end ---")[0]
    assert user_part in tail
    assert f"# Written by concurrency-selector {__version__}.\n" in head
    compile(script, "bench.py", "exec")


def test_the_templates_have_names_that_people_type() -> None:
    own = ["agents", "api-service", "compare-approaches", "todo-batch", "web-scraper"]
    assert template_names() == sorted([*own, *(d.replace("_", "-") for d in demonstrations())])
    for word in ("web-scraper", "web_scraper", "Web-Scraper", " web_scraper.py "):
        assert template_named(word) == "web_scraper"
    for word, near in {"webscraper": ' (did you mean "web-scraper"?)', "harness": "", "../x": "", "": ""}.items():
        with pytest.raises(SelectorError) as refused:
            template_named(word)
        assert refused.value.message == f"no template {json.dumps(word)}{near}"
        assert (
            refused.value.hint
            == "one of agents, api-service, asyncio-tree, compare-approaches, free-threads, latency-or-throughput, lock-scope, lost-updates, todo-batch, web-scraper, why-not-four, worker-crash"
        )


@pytest.mark.parametrize("name", ["agents", "web_scraper"])
def test_a_template_with_a_workload_of_its_own_takes_the_budget_and_the_cpus(name: str) -> None:
    script = script_of(name, 5, 3)
    found = values(parts(script)[1])
    assert (found["BUDGET_SECONDS"], found["CPUS"]) == (5, 3)
    own = values(parts((resource_dir("templates") / f"{name}.py").read_text("utf-8"))[1])
    assert {**own, "BUDGET_SECONDS": 5, "CPUS": 3} == found
    compile(script, name, "exec")


# Hostile profiles ----------------------------------------------------------------------------------------

CANARY = "it_was_executed"
SPITE = (
    '"', "'", '"""', "'''", "\\", "\\\\", "\n", "\r", "\r\n", "\t", "\x00", "\x07", "\x08", "\x0b", "\x0c", "\x1a", "\x1b", "\x7f",
    "\x85", "\x9b31m", "\xa0", "\u2028", "\u2029", "\u202e", "\u2066", "\u200b", "\ufeff", "\ufffe", "🙂", "é", "e\u0301", "\U000e0041",
    "\x1b[31m", "\x1b]0;title\x07", "\x1b[2J\x1b[H", "\x1bP", "\x1b[6n", "#", ";", "{", "}", "{0}", "{{", "}}", "%s", "%(x)s", "%%", "%n",
    "$HOME", "${x}", "$(x)", "`x`", "{{ x }}", "{% x %}", "<%= x %>", "__NAME__", "@", "\\N{BULLET}", "\\x1b", "\\u202e", "\\\n",
    BEGIN, END, f"\n{END}\n", f"\n{BEGIN}\n", "# --- your code: begin ---", "\n# --- your code: end ---\n", "# ///", "# /// script",
    '\nif __name__ == "__main__":\n', "\nimport os\n", "# noqa", "# fmt: off", "# type: ignore", "coding: latin-1", "../../x", "~/x",
    f'"; open("{CANARY}", "w"); "', f"'); open('{CANARY}', 'w'); ('", f'\n\nopen("{CANARY}", "w")\n', f'\\"; open("{CANARY}", "w") #',
    f'{{open("{CANARY}", "w")}}', f"{{__import__('os').system('touch {CANARY}')}}", f"$(touch {CANARY})", f"`touch {CANARY}`",
    f"\r\x0copen('{CANARY}','w')", "None", "0", "1e999", "nan", "lambda: 0", "()", "[]", "x" * 60, " ", "", "\ud800", "\udfff",
)  # fmt: skip


def spite(rng: random.Random, longest: int) -> str:
    words = rng.choices((*SPITE, *string.printable), k=rng.choice((1, 1, 2, 3, 8, 30)))
    return rng.choice(("", " ", "a")).join(words)[:longest]


def hostile_profiles(count: int) -> Iterator[WorkloadProfile]:
    """So many that the profile accepts (it refuses half a surrogate pair)."""
    rng = random.Random(3)
    while count:
        texts = {"name": spite(rng, 200), "description": spite(rng, 4000)}
        data = {"workload_type": rng.choice(("cpu", "io", "hybrid")), "tasks": 8, "cpu_ms_per_task": 3, **texts}
        try:
            profile = profile_from_mapping(data)
        except SelectorError:
            assert re.search("[\ud800-\udfff]", "".join(texts.values()))
        else:
            yield profile
            count -= 1


def check_hostile_profiles(count: int) -> None:
    """Each script is that of the same profile with a harmless name, but for the literal of the name."""
    selector = Selector(host=FIXED_HOST)

    def script_of_profile(profile: WorkloadProfile) -> str:
        return script_for(plan_for(selector, profile, BenchmarkOptions(budget_seconds=60))[1])

    @functools.cache
    def harmless(workload_type: Any) -> tuple[str, str, str]:
        data = {"name": "A name", "tasks": 8, "cpu_ms_per_task": 3, "workload_type": workload_type}
        return parts(script_of_profile(WorkloadProfile(**data)))

    for profile in hostile_profiles(count):
        script = script_of_profile(profile)
        compile(script, "bench.py", "exec")
        head, block, tail = parts(script)
        head_of_harmless, block_of_harmless, tail_of_harmless = harmless(profile.workload_type)
        assert (head, tail) == (head_of_harmless, tail_of_harmless)
        assert block.isascii()
        assert all(line.isprintable() for line in block.split("\n"))
        assert values(block) == {**values(block_of_harmless), "NAME": profile.name or "Workload"}
        changed = [line for line in block.split("\n") if line not in block_of_harmless.split("\n")]
        assert len(changed) <= 3  # `NAME = "..."`, in parentheses if it is long


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("count", [80, pytest.param(2000, marks=pytest.mark.slow)])
def test_hostile_profiles_are_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """The parameters of the template that ships, and little else: to read all that lies beside it takes 0.1 s a script."""
    _, block, _ = parts((resource_dir("templates") / "compare_approaches.py").read_text("utf-8"))
    small = tmp_path / "compare_approaches.py"
    small.write_text(f'"""Small."""\n\n{block}\n\nif __name__ == "__main__":\n    print(NAME)\n', "utf-8")
    monkeypatch.setattr(scripts, "templates", lambda: {TEMPLATE: small})
    monkeypatch.chdir(tmp_path)
    check_hostile_profiles(count)
    assert os.listdir(tmp_path) == [small.name]


@pytest.mark.slow
@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("count", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_some_of_them_with_the_template_as_it_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.chdir(tmp_path)
    check_hostile_profiles(count)
    assert os.listdir(tmp_path) == []


#: What would break out of a literal at the markers, by formatting, or by lines.
HOSTILE_NAMES = (
    f'{END}\n"""; open("{CANARY}", "w"); """\x1b[31m\r\x07\x9b2J',
    f"{{__import__('os').system('touch {CANARY}')}} %(x)s \u202e\u2066 {{0}} {{x!r}} \x00 \\N{{BULLET}}",
    f"'''\n\nopen('{CANARY}', 'w')\nif __name__ == '__main__':\n\x0c# coding: latin-1 \x1b]0;x\x07 🙂",
)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *slow_after(1, ((name, [["--help"]]) for name in HOSTILE_NAMES)),
        pytest.param(
            " ".join(HOSTILE_NAMES), [["--budget", "1"], ["--budget", "10"], ["--budget", "50"]], marks=pytest.mark.slow
        ),
    ],
    ids=["markers", "formats", "lines", "run"],
)
def test_a_script_with_a_hostile_name_only_prints_it(name: str, options: list[list[str]], tmp_path: Path) -> None:
    profile = TINY.model_copy(update={"name": name, "description": name})
    _, plan = plan_for(Selector(), profile, BenchmarkOptions(interpreters=(sys.executable,)))
    (tmp_path / "bench.py").write_text(script_for(plan), "utf-8")
    for option in options:  # a busy machine needs a larger budget
        done = subprocess.run(
            [sys.executable, "bench.py", *option, "--io", "sleep"], cwd=tmp_path, capture_output=True, timeout=120,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"}, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            break
    shown = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, shown
    assert "Traceback" not in shown
    assert all(line.isprintable() for line in shown.split("\n")), ascii(shown)
    assert "single_threaded" in shown
    assert os.listdir(tmp_path) == ["bench.py"]
