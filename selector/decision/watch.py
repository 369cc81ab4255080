"""Decision tables that follow their files: for programs that run longer than the rules stay as they are.

What is read is swapped in at once, so a reader meets a table as it was or as it is. A file that cannot be used, also one
that an editor has only half written, leaves the last good table in its place and is told in `problems`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from selector.decision.load import load_table
from selector.decision.table import DecisionTable
from selector.errors import SelectorError
from selector.text import quoted

Stamp = tuple[
    int, int, int
]  # a file's time in ns, its size, its inode: another file that was renamed to it has another


@dataclass(frozen=True)
class _State:
    """What was read: the tables, what is wrong with files, and the stamp each file had (None: it was not there)."""

    tables: dict[str, DecisionTable] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    stamps: dict[Path, Stamp | None] = field(default_factory=dict)


class Tables(Mapping[str, DecisionTable]):
    """The decision tables of a folder (all its `*.yaml` files) or of some files, each by its file's name without `.yaml`.

    `refresh` reads what changed; `watch` does so in the background. Other threads may decide meanwhile. A file that is
    new in the folder is added, one that is gone leaves its last good table.

    Raises SelectorError for a table that cannot be used: at the beginning there is no good one to keep.
    """

    def __init__(self, source: str | Path | Iterable[str | Path]) -> None:
        files = (Path(source),) if isinstance(source, str | Path) else tuple(map(Path, source))
        self._folder = files[0] if isinstance(source, str | Path) and files[0].is_dir() else None
        self._files = files if self._folder is None else ()
        if len({file.stem for file in self._files}) < len(self._files):
            raise SelectorError("two of the files have one name", "a table is found by its file's name: rename one")
        self._lock = threading.Lock()  # one reading at a time; whoever decides needs none
        self._state = _State()
        stamps = self._stamps()
        self._state = _State({file.stem: load_table(file) for file in stamps}, {}, stamps)

    def __getitem__(self, name: str) -> DecisionTable:
        return self._state.tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._state.tables)

    def __len__(self) -> int:
        return len(self._state.tables)

    @property
    def problems(self) -> Mapping[str, str]:
        """What is wrong with a file, by name: the table of that name is the last good one, if there was one."""
        return MappingProxyType(self._state.problems)

    def refresh(self) -> tuple[str, ...]:
        """Read the files that changed since they were last read; the names whose table or problem is another now."""
        return self._read(self._stamps())

    @contextmanager
    def watch(
        self, on_change: Callable[[tuple[str, ...]], object] | None = None, interval_seconds: float = 1.0
    ) -> Iterator[Tables]:
        """Refresh in the background, every so often, while the `with` block runs.

        A file is read once it stood still for an interval, so that one written in two steps is not seen half.
        `on_change` is called there with the names that changed; `problems` says which of them are broken. What it
        raises is reported as any error of a thread is, and the watching goes on.
        """
        if not 0 < interval_seconds < threading.TIMEOUT_MAX:
            raise SelectorError(f"interval_seconds is {quoted(interval_seconds)}", "a number of seconds over 0")
        stop = threading.Event()
        arguments = (stop, on_change or (lambda _: None), interval_seconds)
        thread = threading.Thread(target=self._poll, args=arguments, name="watch tables", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join()

    def _poll(
        self, stop: threading.Event, on_change: Callable[[tuple[str, ...]], object], interval_seconds: float
    ) -> None:
        before = self._stamps()
        while not stop.wait(interval_seconds):
            now = self._stamps()
            changed = self._read({file: stamp for file, stamp in now.items() if before.get(file) == stamp})
            before = now
            if changed:
                try:
                    on_change(changed)
                except Exception:  # noqa: BLE001  # theirs to see, not ours to die of
                    threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def _stamps(self) -> dict[Path, Stamp | None]:
        """Every file there is or was, with its stamp now."""
        found = self._files
        if self._folder is not None:
            found = tuple(f for f in sorted(self._folder.glob("*.yaml")) if not f.name.startswith("."))
        return {file: _stamp(file) for file in (*found, *self._state.stamps)}

    def _read(self, stamps: Mapping[Path, Stamp | None]) -> tuple[str, ...]:
        """Read the files whose stamp is not the one they were last read with, and swap the outcome in."""
        with self._lock:
            old = self._state
            changed = {file: stamp for file, stamp in stamps.items() if old.stamps.get(file) != stamp}
            tables, problems = dict(old.tables), dict(old.problems)
            for file, stamp in changed.items():
                problems.pop(file.stem, None)
                try:
                    tables[file.stem] = load_table(file)
                except SelectorError as error:
                    if stamp is not None or file.stem in tables:  # else nobody misses it
                        problems[file.stem] = error.message
            if changed:
                self._state = _State(tables, problems, {**old.stamps, **changed})
            return tuple(file.stem for file in changed)


def _stamp(file: Path) -> Stamp | None:
    try:
        status = file.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
