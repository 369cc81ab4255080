"""The tool in an environment that uvx makes for it, from a clone and from a wheel: it runs, and looks at the user's Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from copies import BIN, as_of_a_user, needs_index
from pages import ROOT
from test_wheel import built

pytestmark = [pytest.mark.slow, pytest.mark.one_python, pytest.mark.timeout(400)]
__all__ = ["built"]  # a fixture


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """An empty folder, and a user's Python that comes first on PATH."""
    needs_index("uv")
    folder = tmp_path / "an empty folder"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "own"], check=True, timeout=60)
    return folder


@pytest.mark.parametrize("what", ["a clone", "a wheel"])
def test_uvx_runs_it(what: str, built: Path, empty: Path) -> None:
    source = ROOT if what == "a clone" else next((built / "made-wheel").glob("*.whl"))
    own = empty.parent / "own" / "bin"
    environment = as_of_a_user(empty.parent)
    environment["PATH"] = f"{own}{os.pathsep}{environment['PATH']}"

    def ran(*words: str) -> subprocess.CompletedProcess[str]:
        """What the command says, run as its page has it."""
        command = [str(BIN / "uvx"), "--python", sys.executable, "--from", str(source), "concurrency-selector", *words]
        done = subprocess.run(
            command, cwd=empty, env=environment, capture_output=True, text=True, timeout=180, check=False
        )
        assert done.returncode == 0, done.stderr
        return done

    (empty / "workload.json").write_text(ran("examples", "web-scraper").stdout, "utf-8")
    assert json.loads(ran("recommend", "workload.json", "--json").stdout)["approach"]
    assert ran("skill").stdout == (ROOT / "selector" / "cli" / "skill.md").read_text("utf-8")
    (empty / "shop.py").write_text("def price(x):\n    return sum(range(20_000 + x))\n")
    done = ran("measure", "shop.py:price", "--items", "40", "--budget", "5s", "--json")
    assert json.loads(done.stdout)["python"].startswith(str(own))
    assert "which this tool runs in" not in done.stderr
