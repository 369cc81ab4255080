"""The folder of a run: the one that was asked for, or one of our own; nothing of anybody else is touched."""

from __future__ import annotations

import errno
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from selector import SelectorError
from selector.benchmark.folders import new_folder, write_text

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="files of POSIX")
FILES = ["bench.py", "events.jsonl", "plan.json", "report.html", "report.md", "results.json"]


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("CONCURRENCY_SELECTOR_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_folder_with_something_in_it_is_left_alone_without_force(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "results.json").write_text("mine")
    with pytest.raises(SelectorError) as refused:
        new_folder(folder, force=False)
    assert str(refused.value) == f"{folder}: the folder is not empty\ntake another one, or --force to write into it"
    assert new_folder(folder, force=True) == folder
    assert (os.listdir(folder), (folder / "results.json").read_text()) == (["results.json"], "mine")


@posix_only
@pytest.mark.parametrize(
    ("name", "reason"),
    [("file", "File exists"), ("file/below", "Not a directory"), ("a\0b", "the name is not one a folder can have")],
    ids=["a file", "below a file", "NUL"],
)
def test_what_cannot_be_a_folder_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SelectorError) as refused:
        new_folder(tmp_path / name, force=True)
    assert refused.value.message == f"{tmp_path / name}: cannot be used: {reason}"
    assert (refused.value.exit_code, refused.value.hint) == (2, "--save with a folder you may write to")
    assert (tmp_path / "file").read_text() == "mine"


def made_by_validate(runs: Path, name: str) -> Path:
    folder = runs / name
    folder.mkdir(parents=True)
    (folder / ".made-by-validate").touch()
    return folder


def test_of_the_runs_that_nobody_asked_to_keep_the_last_ten_are_kept(cache: Path) -> None:
    runs = cache / "runs"
    for day in range(1, 15):
        made_by_validate(runs, f"202501{day:02}T000000Z-1")
    made = [new_folder(None, force=False), new_folder(None, force=False)]
    assert [folder.parent for folder in made] == [runs, runs]
    assert os.listdir(made[0]) == [".made-by-validate"]
    left = sorted(os.listdir(runs))
    assert left[:8] == [f"202501{day:02}T000000Z-1" for day in range(7, 15)]
    assert set(left[8:]) == {folder.name for folder in made}


def test_only_what_validate_made_is_ever_removed(cache: Path, tmp_path: Path) -> None:
    runs = cache / "runs"
    for number in range(12):
        (runs / f"experiment-{number:02}").mkdir(parents=True)
        (runs / f"202401{number + 1:02}T000000Z-1").mkdir()  # no mark
        made_by_validate(runs, f"202402{number + 1:02}T000000Z-mine")  # not such a name
        made_by_validate(runs, f"202403{number + 1:02}T000000Z-1")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / ".made-by-validate").touch()
    (runs / "20240101T000000Z-2").symlink_to(tmp_path / "weights")
    before = set(os.listdir(runs))
    new = new_folder(None, force=False).name
    assert before - set(os.listdir(runs)) == {f"202403{day:02}T000000Z-1" for day in range(1, 4)}
    assert new in os.listdir(runs)
    assert os.listdir(tmp_path / "weights") == [".made-by-validate"]


@posix_only
@pytest.mark.parametrize("way", ["shared", "a file"])
def test_where_the_cache_is_not_the_users_alone_a_run_has_a_folder_of_its_own(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Its script is run: nobody else may be able to put another in its place."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    if way == "shared":
        cache.mkdir()
        cache.chmod(0o777)
    else:
        cache.write_text("in the way")
    folder = new_folder(None, force=False)
    assert folder.parent == temporary
    assert folder.stat().st_mode & 0o777 == 0o700
    assert os.listdir(folder) == []


@posix_only
@pytest.mark.parametrize("kind", ["link", "dangling", "fifo"])
def test_a_link_or_fifo_in_the_folder_is_neither_written_to_nor_replaced(tmp_path: Path, kind: str) -> None:
    (tmp_path / "precious").write_text("mine")
    for name in FILES:
        folder = tmp_path / f"with {name}"
        folder.mkdir()
        if kind == "fifo":
            os.mkfifo(folder / name)
        else:
            (folder / name).symlink_to(tmp_path / ("precious" if kind == "link" else "nothing"))
        before = (folder / name).lstat().st_ino
        refused = rf"{re.escape(name)}: this is no file but a (link to|FIFO)"
        with pytest.raises(SelectorError, match=refused):
            new_folder(folder, force=True)
        with pytest.raises(SelectorError, match=refused):
            write_text(folder / name, "ours")
        assert (os.listdir(folder), (folder / name).lstat().st_ino) == ([name], before)
    assert not (tmp_path / "nothing").exists()
    assert (tmp_path / "precious").read_text() == "mine"


@posix_only
def test_the_folder_itself_may_be_reached_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    (tmp_path / "mine").symlink_to(tmp_path / "large disk")
    write_text(new_folder(tmp_path / "mine", force=False) / "plan.json", "{}")
    assert (tmp_path / "large disk" / "plan.json").read_text() == "{}\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_failure_and_no_wrong_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(SelectorError, match=os.strerror(number)) as failed:
        new_folder(tmp_path / "mine", force=False)
    assert (failed.value.exit_code, failed.value.hint) == (1, "make room, or write to another disk")
