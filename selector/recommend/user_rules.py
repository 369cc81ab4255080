"""Is every file in a user's folder of rules one that we would ever read? A misspelt name is an error, not our own table."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from selector.errors import SelectorError
from selector.text import quoted

_NEAR = 0.75  # of difflib: "stratgey" is a slip of the pen, "pricing" is a table of the user's own
_NAME = re.compile(r"^table:[ \t]*[\"']?([\w-]+)", re.MULTILINE)
_HEAD = 65536  # bytes in which a table says its name


def check_folder(folder: Path, ours: Path) -> None:
    """Raise SelectorError for a folder without rules, and for a file that seems to be meant for one of ours but is not."""
    files = _files(folder)
    guides = _files(folder / "migration")
    if not files and not guides:
        raise SelectorError(
            f"--rules {folder}: no table is in it", "a table that replaces ours has its name: strategy.yaml, ..."
        )
    for found, names in ((files, _names(ours)), (guides, _names(ours / "migration"))):
        for file in found:
            if meant := _meant(file, names):
                raise SelectorError(
                    f"{file}: no table of ours has this name, so that nothing would ask it{meant[1]}",
                    f"call the file {meant[0]}.yaml, or move it out of the folder",
                )


def strangers(folder: Path, ours: Path) -> list[str]:
    """The names of files that replace nothing of ours: tables of the user's own, which no recommendation asks."""
    return [file.name for file in _files(folder) if file.stem not in _names(ours)]


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.glob("*") if f.suffix.lower() in (".yaml", ".yml") and not f.name.startswith("."))


def _names(folder: Path) -> set[str]:
    return {file.stem for file in folder.glob("*.yaml")}


def _meant(file: Path, names: set[str]) -> tuple[str, str] | None:
    """The name that a file should have had, and why that is thought; None for a right name, or one far from all of ours."""
    stem = file.stem.casefold().replace("-", "_").replace(" ", "_")
    if file.stem in names and file.suffix == ".yaml":
        return None
    if stem in names:
        return stem, ""
    if (table := _table_name(file)) in names:
        return str(table), f": its table is {quoted(table)}"
    near = difflib.get_close_matches(stem[:100], sorted(names), n=1, cutoff=_NEAR)
    return (near[0], f' (did you mean "{near[0]}"?)') if near else None


def _table_name(file: Path) -> str | None:
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return None
    found = _NAME.search(head)
    return found[1] if found else None
