"""Knowledge that was kept belongs to one state of the code: the package as a whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from own_rules import RULES, cache_files, folder, own_cache

from selector import pipeline
from selector.recommend import cache as knowledge_cache

__all__ = ["folder", "own_cache"]  # fixtures


def package(folder: Path) -> Path:
    """Code in a folder, some of it in a folder below."""
    room = folder / "package" / "room"
    room.mkdir(parents=True)
    for file in (room.parent / "__init__.py", room / "one.py", room / "two.py"):
        file.write_text("x = 1\n", "utf-8")
    return room.parent


def stamp(folder: Path) -> int:
    """The stamp of the code in a folder as a new process would find it."""
    knowledge_cache.code_stamp.cache_clear()
    return knowledge_cache.code_stamp(folder)


def test_any_change_of_the_code_is_seen_wherever_it_is(tmp_path: Path) -> None:
    code = package(tmp_path)
    found = [stamp(code)]
    assert stamp(code) == found[0]
    (code / "room" / "one.py").write_text("x = 2 \n", "utf-8")
    found.append(stamp(code))
    (code / "room" / "two.py").rename(code / "room" / "three.py")
    found.append(stamp(code))
    (code / "new room").mkdir()
    assert stamp(code) == found[-1]  # nothing in it yet
    (code / "new room" / "four.py").write_text("", "utf-8")
    found.append(stamp(code))
    (code / "room" / "one.py").unlink()
    found.append(stamp(code))
    os.utime(code / "__init__.py", ns=(0, 0))
    found.append(stamp(code))
    assert len(set(found)) == len(found)


def test_what_python_compiles_or_an_editor_leaves_is_no_change_of_the_code(tmp_path: Path) -> None:
    code = package(tmp_path)
    before = stamp(code)
    (code / "room" / "__pycache__").mkdir()
    (code / "room" / "__pycache__" / "one.cpython-311.pyc").write_bytes(b"x")
    (code / "notes.txt").write_text("x", "utf-8")
    if sys.platform != "win32":
        (code / ".#one.py").symlink_to("nobody@nowhere.1")
        (code / "round").symlink_to(code)
    assert stamp(code) == before


def test_code_without_sources_has_a_stamp_too(tmp_path: Path) -> None:
    code = package(tmp_path)
    for file in code.rglob("*.py"):
        file.rename(file.with_suffix(".pyc"))
    compiled = stamp(code)
    (code / "room" / "one.pyc").write_bytes(b"other code")
    assert stamp(code) != compiled
    assert stamp(tmp_path / "archive.zip" / "selector") == stamp(tmp_path / "no such folder")


@pytest.mark.slow
def test_an_installation_without_sources_answers_the_same_and_keeps_its_rules(tmp_path: Path, own_cache: Path) -> None:
    ours = Path(pipeline.__file__).parent
    place = tmp_path / "site"
    shutil.copytree(ours, place / "selector", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(RULES, place / "selector" / "_data" / "rules")
    subprocess.run([sys.executable, "-m", "compileall", "-q", "-b", str(place)], check=True, timeout=120)
    for file in (place / "selector").rglob("*.py"):
        file.unlink()
    command = [sys.executable, "-m", "selector", "recommend", "--set", "workload_type=io", "--format", "json"]
    environment = {**os.environ, "PYTHONPATH": str(place)}
    answers = [
        subprocess.run(command, capture_output=True, timeout=120, check=True, cwd=tmp_path, env=environment).stdout
        for _ in range(2)
    ]
    with_sources = subprocess.run(command, capture_output=True, timeout=120, check=True, cwd=tmp_path).stdout
    assert answers == [with_sources] * 2
    assert len(cache_files(own_cache)) == 2  # its rules, and ours
