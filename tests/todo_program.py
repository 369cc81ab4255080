"""The todo batch program for its tests: its modules, its command line in this process or in one of its own, runs that were made up."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import pytest
from hypothesis import strategies as st

FOLDER = Path(__file__).resolve().parent.parent / "programs" / "todo_batch"
KINDS = ("validate", "process", "report")
SCHEDULES = ("static", "queue", "stealing")
only_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals, limits and pipes of POSIX")


def modules() -> Iterator[Any]:
    """A fixture: the modules by name, `main` for the command line. Their names are common: they are gone again afterwards."""
    names = [file.stem for file in sorted(FOLDER.glob("[a-z]*.py"))]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        for name in names:
            patch.delitem(sys.modules, name, raising=False)
        found = SimpleNamespace(**{name: importlib.import_module(name) for name in names})
        spec = importlib.util.spec_from_file_location("todo_batch_main", FOLDER / "__main__.py")
        assert spec is not None and spec.loader is not None
        found.main = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found.main)
        yield found
        for name in names:
            sys.modules.pop(name, None)


#: Whatever a field of a todo may hold.
IN_JSON = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()))
ANYTHING = IN_JSON | st.binary()


# The command line -----------------------------------------------------------------------------------------------------


class Done(NamedTuple):
    """What a run of the program came to."""

    code: int
    out: str
    err: str


def command(*words: str) -> list[str]:
    """A small sequential run, of which words that come later change any of it."""
    return [sys.executable, str(FOLDER), "run", "--effort", "2", "--execution", "sequential", *words]


def run(folder: Path, *words: str, **more: Any) -> Done:
    """A run as a process of its own, in a folder."""
    done = subprocess.run(command(*words), capture_output=True, text=True, timeout=100, check=False, cwd=folder, **more)
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def call(todo: Any, folder: Path, *words: str) -> Done:
    """The same as `run`, within this process."""
    return call_program(todo, folder, *command(*words)[2:])


def call_program(todo: Any, folder: Path, *words: str) -> Done:
    """Any command of the program within this process: the same function, with streams that are files."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with contextlib.ExitStack() as stack:
        out, err = (stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in range(2))
        stack.enter_context(contextlib.chdir(folder))
        stack.enter_context(mock.patch.multiple(sys, argv=["todo_batch", *words], stdout=out, stderr=err))
        try:
            code = todo.main.main()
        except SystemExit as error:  # of argparse
            code = error.code
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        texts = []
        for stream in (out, err):
            stream.flush()
            stream.seek(0)
            texts.append(stream.read())
    assert "Traceback" not in texts[1]
    return Done(code, *texts)


def numbers(file: Path) -> list[int]:
    """Of the tasks in a file of outcomes."""
    return [json.loads(line)["number"] for line in file.read_text("utf-8").splitlines()]


def count_ended(journal: Path) -> int:
    """How many tasks a journal has; 0 while there is none."""
    try:
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=1)) as reader:
            return int(reader.execute("SELECT count(*) FROM ended").fetchone()[0])
    except sqlite3.Error:
        return 0


# Runs that were made up -----------------------------------------------------------------------------------------------

#: Text that would do harm if it were shown as it is.
HOSTILE = (
    '<script>alert("x")</script> & \x1b[31m\x00\u202e\ud800 ]]> `x` | [a](http://b) **c** 待办事项 \n# not a title'
)


def make_run(todo: Any, **fields: Any) -> Any:
    """A run of two processors: the first worked for 1.5 of 2 seconds, the second for 0.5."""
    spans = [todo.coordinator.Span(*span) for span in ((0, 0.0, 1.0, 10), (1, 0.25, 0.75, 5), (0, 1.5, 2.0, 5))]
    shares = {0: todo.coordinator.Share(15, 2, 1.5, 1.5), 1: todo.coordinator.Share(5, 1, 0.5, 0.5)}
    report = todo.coordinator.Report(done=20, seconds=2.0, shares=shares, spans=spans)
    known = {
        "execution": "threads", "title": "Threads (GIL)", "processors": 2, "schedule": "queue", "collect": "queue",
        "tasks": 20, "seconds": 2.0, "cpu_percent": 100.0, "peak_memory_mb": 20.0, "memory_metric": "pss",
        "speedup": 1.0, "efficiency": 0.5, "overhead": 0.5, "idle_seconds": {0: 0.5, 1: 1.5}, "critical_seconds": 1.5,
        "report": report,
    }  # fmt: skip
    return todo.measures.Run(**{**known, **fields})
