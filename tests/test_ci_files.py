"""What docs/ci.md offers: the hooks of pre-commit and the workflow are what it says, and really run in a small project."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import parsed
from copies import BIN, as_of_a_user, git, needs_index, repository
from extensions import Extension, Target, install
from fake_script import TINY
from pages import ROOT, blocks_of, codes, section, table_rows

from selector.decision.source import load_yaml

pytestmark = pytest.mark.one_python

PAGE, HOOKS, WORKFLOW = ROOT / "docs" / "ci.md", ROOT / ".pre-commit-hooks.yaml", ROOT / "docs" / "github-action.yml"
PRE_COMMIT = str(BIN / "pre-commit")
PURE = Extension("tiny", "", native=False)
STUCK = Extension(
    "stuck", "import sys\nassert getattr(sys, '_is_gil_enabled', lambda: True)(), 'it needs the GIL'\n", native=False
)


def command_in(line: str) -> list[str]:
    """The words after the name of the tool in a line for a shell."""
    words = shlex.split(line)
    return words[words.index("concurrency-selector", words.index("--from") + 2 if "--from" in words else 0) + 1 :]


# What they say --------------------------------------------------------------------------------------------------------


def hooks() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(HOOKS.read_text("utf-8"))
    return found


def config() -> dict[str, Any]:
    """The configuration that the page shows."""
    (block,) = (block for block in blocks_of(PAGE) if block.language == "yaml")
    found: dict[str, Any] = yaml.safe_load(block.text)
    return found


@pytest.mark.parametrize("what", ["validate-manifest", "validate-config"])
def test_pre_commit_accepts_the_hooks_and_the_configuration_of_the_page(what: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config()))
    command = [PRE_COMMIT, what, str(HOOKS if what == "validate-manifest" else file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=as_of_a_user(tmp_path))
    assert (done.returncode, done.stdout) == (0, "")


def test_every_hook_is_a_command_with_the_arguments_that_the_page_gives() -> None:
    shown = {hook["id"]: hook["args"] for repo in config()["repos"] for hook in repo["hooks"]}
    assert [hook["id"] for hook in hooks()] == list(shown) == [codes(row[0])[0] for row in table_rows(section(PAGE, "## Before a commit"))]  # fmt: skip
    for hook in hooks():
        for arguments in (hook.get("args", []), shown[hook["id"]]):
            parsed(command_in(f"{hook['entry']} {shlex.join(arguments)}"))
    (deps,) = (re.compile(hook["files"]) for hook in hooks() if "files" in hook)
    assert all(deps.search(name) for name in ("pyproject.toml", "uv.lock", "requirements.txt", "requirements-dev.txt"))
    assert not any(deps.search(name) for name in ("src/pyproject.toml.bak", "requirements/notes.md", "app.py"))


def workflow() -> dict[str, Any]:
    found: dict[str, Any] = load_yaml(WORKFLOW)
    return found


def steps(job: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = workflow()["jobs"][job]["steps"]
    return found


def test_the_workflow_is_one_and_its_commands_are() -> None:
    found = workflow()
    assert set(found) == {"name", "on", "permissions", "env", "jobs"}
    assert found["permissions"] == {"contents": "read"}
    assert list(found["jobs"]) == [codes(row[0])[0] for row in table_rows(section(PAGE, "## GitHub Actions"))]
    known = {*found["env"], "GITHUB_STEP_SUMMARY"}
    for job in found["jobs"]:
        for step in steps(job):
            assert ("run" in step) != ("uses" in step) and re.search(r"@v\d+$", step.get("uses", "@v1"))
            script = step.get("run", "")
            assert "${{" not in script, "what GitHub puts in there a shell would run"
            assert set(re.findall(r"\$(\w+)", script)) <= known
            for line in (line for line in script.splitlines() if "concurrency-selector" in line):
                assert parsed(command_in(line)).name in ("deps", "validate")


# They run -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project with a workload, a requirement that is ready, and git."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "workload.json").write_text(json.dumps(TINY))
    (folder / "requirements.txt").write_text("iniconfig\n")
    (folder / ".gitignore").write_text(".venv*\nproof\n")
    git(folder, "init", "--quiet")
    return folder


def put_into(environment: Path, *packages: Extension) -> None:
    (site,) = environment.glob("lib/python*/site-packages")
    install(packages, Target("", site, "", False, ""))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_hooks_run_in_a_project(project: Path, tmp_path: Path, needs: Callable[[str], str]) -> None:
    needs_index("pip")
    for name, python in ((".venv", sys.executable), (".venv-free", needs("3.13t"))):
        subprocess.run([python, "-m", "venv", "--without-pip", name], cwd=project, check=True, timeout=60)
        put_into(project / name, PURE)
    (project / "requirements.txt").write_text("tiny\n")
    ours = repository(tmp_path / "ours")
    builds = ["--interpreter", ".venv", "--interpreter", ".venv-free", "--offline"]
    args = {"concurrency-deps": ["--fail-on", "free_threading", *builds], "concurrency-validate": ["workload.json", "--budget", "8s"]}  # fmt: skip
    used = [{"id": name, "args": words, "verbose": True} for name, words in args.items()]
    repos = [{"repo": str(ours), "rev": git(ours, "rev-parse", "HEAD"), "hooks": used}]
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": repos}))
    git(project, "add", "--all")

    def ran(hook: str, *words: str) -> tuple[int, str]:
        """The exit code of a hook, and what is shown."""
        command = [PRE_COMMIT, "run", "--all-files", hook, *words]
        done = subprocess.run(
            command, cwd=project, env=as_of_a_user(tmp_path), capture_output=True, text=True, timeout=180, check=False
        )
        return done.returncode, done.stdout + done.stderr

    code, said = ran("concurrency-deps")
    assert code == 0 and "Passed" in said and "Free threads:    ready" in said, said
    assert str(project / ".venv" / "bin" / "python") in "".join(said.split())
    for name in (".venv", ".venv-free"):
        put_into(project / name, STUCK)
    (project / "requirements.txt").write_text("tiny\nstuck\n")
    code, said = ran("concurrency-deps")
    assert code == 1 and "exit code: 3" in said and "it needs the GIL" in " ".join(said.split()), said
    code, said = ran("concurrency-validate", "--hook-stage", "manual")
    assert "=== Verdict ===" in said and (code == 0 or "exit code: 3" in said), said


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_steps_of_the_workflow_run_in_a_project(project: Path, tmp_path: Path, needs: Callable[[str], str]) -> None:
    needs_index("uv")
    summary = tmp_path / "summary.md"
    own = {"SELECTOR": str(ROOT), "PYTHON": sys.executable, "FREE_THREADED": needs("3.13t"), "BUDGET": "8s"}
    environment = {**as_of_a_user(tmp_path), **workflow()["env"], **own, "GITHUB_STEP_SUMMARY": str(summary)}
    environment["PATH"] = f"{BIN}{os.pathsep}{environment['PATH']}"

    def ran(job: str) -> list[int]:
        """The exit codes of the steps of a job, as a runner has them run."""
        scripts = [step["run"] for step in steps(job) if "run" in step]
        command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c"]
        return [
            subprocess.run([*command, s], cwd=project, env=environment, timeout=180, check=False).returncode for s in scripts
        ]  # fmt: skip

    assert ran("dependencies") == [0, 0]
    verdict, shown = ran("proof")
    assert verdict in (0, 3) and shown == 0
    assert "## Verdict" in summary.read_text("utf-8") and (project / "proof" / "report.html").is_file()
