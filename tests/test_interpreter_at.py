"""The interpreter that a user names by its path: it is asked what it is, and what is none is refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from selector import SelectorError
from selector.host import interpreter_at

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="files and signals of POSIX")


def program(folder: Path, text: str) -> str:
    file = folder / "program"
    file.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    file.chmod(0o755)
    return str(file)


def test_an_interpreter_is_found_by_path_and_by_name_and_its_path_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = interpreter_at(sys.executable)
    assert here.path == os.path.abspath(sys.executable)
    assert here.version == ".".join(map(str, sys.version_info[:3])) + here.version.split(str(sys.version_info[2]))[-1]
    assert here.tag.rstrip("t") == f"{sys.version_info[0]}.{sys.version_info[1]}"
    if sys.platform == "win32":
        return
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    wrapper = program(tmp_path, f'exec "{sys.executable}" "$@"')
    for name in ("program", "./program", "~/program", wrapper):
        assert interpreter_at(name) == here.model_copy(update={"path": wrapper})


@posix_only
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("exit 0", "did not answer as Python does"),
        ("exit 3", "ended with exit code 3"),
        ("kill -9 $$", "was killed by signal 9"),
        ("sleep 60", "no answer in time"),
        ("echo '[1]'", "did not answer as Python does"),
        (
            """echo '{"version": "2.7.1", "release": [2, 7], "implementation": "cpython", "free_threaded": false}'""",
            "is no Python that this tool knows (CPython or PyPy, 3.8 or later)",
        ),
    ],
    ids=["silent", "failing", "killed", "hanging", "other JSON", "Python 2"],
)
def test_a_program_that_is_no_python_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = program(tmp_path, text)
    with pytest.raises(SelectorError) as refused:
        interpreter_at(path, timeout_seconds=0.5 if "sleep" in text else 10)
    assert str(refused.value) == f"{path}: {reason}\na version such as 3.14t, or the path of a Python"
    assert refused.value.exit_code == 2
