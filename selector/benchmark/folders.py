"""The folder of a run: its script, its plan, its events, its results and its report."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from pathlib import Path

from selector.errors import SelectorError
from selector.files import cache_dir, cannot_write, own_folder, refuse_special, write_atomically

_RUNS_KEPT = 10  # in the cache folder, where nobody asked for the files to be kept
_RUN_NAME = re.compile(r"\d{8}T\d{6}Z-\d{1,9}")  # of a folder there, when it was made and a number that tells two apart
_MADE_BY_US = ".made-by-validate"  # a file in each: nothing else is ever removed
_FILES = ("bench.py", "plan.json", "events.jsonl", "results.json", "report.md", "report.html")


def new_folder(save: Path | None, force: bool) -> Path:
    """The folder asked for, which must be new or empty without `force`; else a new one of our own."""
    if save is None:
        return _own_run_folder()
    try:
        save.mkdir(parents=True, exist_ok=True)
        if any(save.iterdir()) and not force:
            raise SelectorError(f"{save}: the folder is not empty", "take another one, or --force to write into it")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the name is not one a folder can have"
        failed = cannot_write(save, error, "--save with a folder you may write to")
        raise SelectorError(f"{save}: cannot be used: {reason}", failed.hint, failed.exit_code) from None
    for name in _FILES:
        refuse_special(save / name, "remove it, or take another folder")
    return save


def _own_run_folder() -> Path:
    """A new folder in the cache, where the last few runs are kept; in the temporary folder where there is no such place.

    A script that runs must not lie where somebody else may write.
    """
    runs = cache_dir() / "runs"
    if not (own_folder(runs.parent) and own_folder(runs)):
        return Path(tempfile.mkdtemp(prefix="concurrency-selector-"))
    ours = [old for old in runs.iterdir() if _RUN_NAME.fullmatch(old.name) and (old / _MADE_BY_US).is_file()]
    for old in sorted(ours)[: 1 - _RUNS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    folder = runs / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{time.monotonic_ns() % 10**9}"
    try:
        folder.mkdir()
        (folder / _MADE_BY_US).touch()
    except OSError as error:
        raise cannot_write(folder, error, "--save with a folder you may write to") from None
    return folder


def write_text(file: Path, text: str) -> None:
    """Write a file of a run; SelectorError where that cannot be done, and for what is no file."""
    refuse_special(file, "remove it, or take another folder")
    try:
        write_atomically(file, f"{text.rstrip()}\n".encode())
    except OSError as error:
        raise SelectorError(f"{file}: cannot be written: {error.strerror}", "is the disk full?", 1) from None
