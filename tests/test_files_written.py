"""Scripts are written whole or not at all, and nothing of anybody else is replaced."""

from __future__ import annotations

import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from selector import files as module
from selector.errors import SelectorError
from selector.files import write_script

# Writing --------------------------------------------------------------------------------------------------------------


def test_a_script_is_written_as_it_is(tmp_path: Path) -> None:
    write_script("# größer\n", tmp_path / "bench.py", force=False)
    assert (tmp_path / "bench.py").read_bytes() == "# größer\n".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["bench.py"]


def test_a_file_that_is_there_is_only_replaced_by_force(tmp_path: Path) -> None:
    out = tmp_path / "bench.py"
    out.write_text("mine")
    with pytest.raises(SelectorError, match=r"bench\.py: there is a file already") as caught:
        write_script("new", out, force=False)
    assert "--force" in caught.value.hint and caught.value.exit_code == 2
    assert out.read_text() == "mine"
    write_script("new", out, force=True)
    assert out.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["bench.py"]


def test_a_link_to_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "bench.py").symlink_to(tmp_path / "elsewhere.py")
    for force in (False, True):
        with pytest.raises(SelectorError, match=r"this is no file but a link to .*elsewhere\.py"):
            write_script("new", tmp_path / "bench.py", force)
    assert os.listdir(tmp_path) == ["bench.py"]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        (".", "this is no file"),
        ("folder", "this is no file"),
        ("pipe", "this is no file"),
        ("none/bench.py", "cannot be written: No such file or directory"),
        ("file/bench.py", "cannot be written: Not a directory"),
        ("a\0b.py", "cannot be written: the name is not one"),
        ("n" * 300, "cannot be written: File name too long"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, name: str, message: str, force: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SelectorError, match=message) as caught:
        write_script("new", tmp_path / name, force)
    assert caught.value.exit_code == 2 and caught.value.hint
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_is_left_of_a_script_that_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise error

    monkeypatch.setattr(module, "write_atomically", full)
    with pytest.raises((SelectorError, KeyboardInterrupt)):
        write_script("new", tmp_path / "bench.py", force=False)
    assert not list(tmp_path.iterdir())
    (tmp_path / "bench.py").write_text("mine")
    with pytest.raises((SelectorError, KeyboardInterrupt)):
        write_script("new", tmp_path / "bench.py", force=True)
    assert (tmp_path / "bench.py").read_text() == "mine"


def test_of_many_that_write_the_same_new_file_one_does(tmp_path: Path) -> None:
    for attempt in range(20):
        out = tmp_path / f"{attempt}.py"
        start = threading.Barrier(8)

        def write(number: int, out: Path = out, start: threading.Barrier = start) -> list[str]:
            start.wait()
            try:
                write_script(str(number), out, force=False)
            except SelectorError:
                return []
            return [str(number)]

        with ThreadPoolExecutor(8) as pool:
            wrote = list(itertools.chain.from_iterable(pool.map(write, range(8))))
        assert wrote == [out.read_text()]
    assert len(list(tmp_path.iterdir())) == 20
