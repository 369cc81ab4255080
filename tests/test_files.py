"""Reading what may be somebody else's as data, and writing whole files for this user."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from selector.errors import SelectorError
from selector.files import (
    cache_dir,
    cannot_write,
    hidden_name,
    own_folder,
    read_own_file,
    read_regular_file,
    refuse_special,
    shared_with_others,
    write_atomically,
    write_own_file,
)

posix = pytest.mark.skipif(os.name != "posix", reason="owners, modes, links and FIFOs of POSIX")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    write_own_file(folder / "kept", b"ours")
    return folder


def test_what_is_kept_is_read_back(own: Path) -> None:
    assert read_own_file(own / "kept", 4) == b"ours"
    assert read_own_file(str(own / "kept"), 100) == b"ours"
    assert read_own_file(own / "missing", 100) is None
    assert read_own_file(own / "no" / "folder", 100) is None
    assert read_own_file(own / "a\0b", 100) is None
    assert os.listdir(own) == ["kept"]


def test_a_larger_file_is_not_read(own: Path) -> None:
    assert read_own_file(own / "kept", 3) is None
    assert read_regular_file(own / "kept", 3) is None
    assert read_regular_file(own / "kept", 4) == b"ours"


@posix
@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077])
def test_what_is_kept_is_the_users_alone_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_own_file(tmp_path / "a" / "kept", b"ours")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a" / "kept").stat().st_mode & 0o777 == 0o600
    assert read_own_file(tmp_path / "a" / "kept", 4) == b"ours"


@posix
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_may_write_to_is_not_trusted(own: Path, mode: int) -> None:
    own.chmod(mode)
    assert read_own_file(own / "kept", 4) is None
    with pytest.raises(PermissionError, match="others may write"):
        write_own_file(own / "kept", b"new")
    assert (own / "kept").read_bytes() == b"ours"


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_write_to_is_not_trusted(own: Path, mode: int) -> None:
    (own / "kept").chmod(mode)
    assert read_own_file(own / "kept", 4) is None


@posix
def test_what_belongs_to_somebody_else_is_not_trusted(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:  # for root, make it really another's
        os.chown(own / "kept", 4242, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4242)
    assert read_own_file(own / "kept", 4) is None


@posix
def test_a_link_is_no_file_of_ours(own: Path, tmp_path: Path) -> None:
    (own / "link").symlink_to(own / "kept")
    assert read_own_file(own / "link", 4) is None
    assert read_regular_file(own / "link", 4) == b"ours"
    (tmp_path / "elsewhere").symlink_to(own)  # the folder may lie on another disk
    assert read_own_file(tmp_path / "elsewhere" / "kept", 4) == b"ours"


@posix
@pytest.mark.parametrize("read", [read_own_file, read_regular_file])
def test_nothing_but_a_regular_file_is_waited_for_or_read(own: Path, read: object) -> None:
    os.mkfifo(own / "pipe")
    (own / "folder").mkdir()
    (own / "zero").symlink_to("/dev/zero")
    assert [read(own / name, 1000) for name in ("pipe", "folder", "zero")] == [None] * 3  # type: ignore[operator]


def test_a_file_that_says_it_is_empty_is_bounded_too() -> None:
    if not Path("/proc/self/maps").exists():
        pytest.skip("no file here that says it is empty and is not")
    assert read_regular_file("/proc/self/maps", 10) is None
    assert read_regular_file("/proc/self/maps", 10_000_000)


@pytest.mark.parametrize("name", ["a.py", "日" * 80 + ".py", "é" * 125, "x" * 255, "\udcff" * 255])
def test_any_name_that_a_file_can_have_is_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    try:
        path.touch()
    except (OSError, UnicodeEncodeError):
        pytest.skip("no name on this file system")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == [name]


def test_hidden_names_are_short_and_text() -> None:
    assert len(os.fsencode(hidden_name("日" * 85))) < 160
    hidden_name("\udcff日" * 85).encode()  # half a letter is left out: some file systems want UTF-8
    assert hidden_name("bench.py").startswith(".bench.py-")


@posix
def test_a_folder_that_is_shared_is_told_from_one_that_is_not(own: Path, tmp_path: Path) -> None:
    assert own_folder(own)
    assert not shared_with_others(own)
    assert not shared_with_others(tmp_path / "missing")
    own.chmod(0o770)
    assert shared_with_others(own)
    assert not own_folder(own)
    assert own_folder(tmp_path / "new" / "one")
    assert not own_folder(own / "kept")
    assert not own_folder(tmp_path / "a\0b")


@posix
def test_what_is_special_is_refused_and_what_is_not_is_left_to_the_writing(own: Path) -> None:
    (own / "link").symlink_to("kept")
    (own / "folder").mkdir()
    os.mkfifo(own / "pipe")
    for fine in ("kept", "folder", "missing", "no/folder", "a\0b", "n" * 300):
        refuse_special(own / fine, "")
    for name, what in {"link": "a link to kept", "pipe": "a FIFO"}.items():
        with pytest.raises(SelectorError, match=f"this is no file but {what}: it is neither written to nor replaced"):
            refuse_special(own / name, "")
    with pytest.raises(SelectorError, match="no file but a device"):
        refuse_special(Path("/dev/null"), "")


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 1, "No space left"),
        (OSError(errno.EIO, "Input/output error"), 1, "Input/output"),
        (OSError(errno.EACCES, "Permission denied"), 2, "Permission denied"),
        (ValueError("embedded null byte"), 2, "the name is not one a file can have"),
    ],
)
def test_a_full_disk_is_a_failure_and_a_wrong_name_is_bad_input(
    error: OSError | ValueError, code: int, reason: str
) -> None:
    raised = cannot_write(Path("x.py"), error, "name another")
    assert raised.message.startswith(f"x.py: cannot be written: {reason}")
    assert (raised.exit_code, raised.hint != "name another") == (code, code == 1)


# Where the cache lies -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [None, "", "relative/path", "  ", "/tmp/some cache"])
def test_cache_directory_is_the_one_of_platformdirs(monkeypatch: pytest.MonkeyPatch, base: str | None) -> None:
    platformdirs = pytest.importorskip("platformdirs")
    monkeypatch.delenv("CONCURRENCY_SELECTOR_CACHE_DIR", raising=False)
    if base is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", base)
    if base != "relative/path":  # the XDG specification says to ignore it; platformdirs changed its mind once
        assert cache_dir() == Path(platformdirs.user_cache_dir("concurrency-selector"))
    assert cache_dir().is_absolute()


def test_cache_directory_can_be_chosen(tmp_path: Path) -> None:
    assert cache_dir({"CONCURRENCY_SELECTOR_CACHE_DIR": str(tmp_path)}) == tmp_path
