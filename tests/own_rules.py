"""A folder of a user's own rules, and a cache of its own for each test that imports these fixtures."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from conftest import CACHE_VARIABLE, REALLY, RULES
from strategies import FIXED_HOST

from selector import Selector, WorkloadProfile
from selector.errors import SelectorError
from selector.recommend import cache
from selector.recommend.knowledge import load_knowledge

not_as_root = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="the permissions of files do not bind this user"
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for each test, which is really read and written."""
    for name, does in REALLY.items():
        monkeypatch.setattr(cache, name, does)
    folder = tmp_path / "cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder of rules, empty."""
    mine = tmp_path / "my rules"
    mine.mkdir()
    return mine


def change(folder: Path, name: str, old: str, new: str) -> Path:
    """Our file of that name in the user's folder, with one text replaced."""
    text = (RULES / f"{name}.yaml").read_text("utf-8")
    assert old in text, f"{name}.yaml has no {old!r} any more: mend this test"
    file = folder / f"{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text.replace(old, new, 1), "utf-8")
    return file


def refusal(folder: Path) -> SelectorError:
    """The error for a folder of rules that cannot be used."""
    with pytest.raises(SelectorError) as caught:
        load_knowledge(folder)
    return caught.value


def engine_for(rules: Path | None) -> str | None:
    work = WorkloadProfile(workload_type="cpu", machines=3)
    return Selector(rules, FIXED_HOST).recommend(work, changes="none").engine


def cache_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("rules-*.json"))
