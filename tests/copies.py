"""Copies of the project, for installers to take, and whether they reach an index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import IN_CI
from pages import ROOT
from test_wheel import LEFT_OUT

BIN = Path(sys.executable).parent
#: Commands that ask an index for a small package, and install nothing.
_ASKS = {
    "pip": [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet", "iniconfig"],
    "uv": [str(BIN / "uv"), "pip", "install", "--dry-run", "--system", "--no-cache", "--quiet", "iniconfig"],
}  # fmt: skip


def needs_index(installer: str) -> None:
    """Skip the test, or fail it in CI, where an installer reaches no index."""
    done = subprocess.run(_ASKS[installer], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        reason = f"{installer} reaches no package index: {done.stderr.strip()[-200:]}"
        pytest.fail(reason) if IN_CI else pytest.skip(reason)


def as_of_a_user(folder: Path) -> dict[str, str]:
    """The environment of a user who has none active, and whose installers keep what they make in a folder."""
    ours = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "UV")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {**kept, "UV_CACHE_DIR": str(folder / "uv"), "PRE_COMMIT_HOME": str(folder / "hooks")}


def repository(folder: Path) -> Path:
    """A git repository with the files of this one as they are."""
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")
    return folder


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, as nobody in particular."""
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.com"]
    command = ["git", *who, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
