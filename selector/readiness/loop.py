"""Calls that block the event loop in the project's own code: found by ruff, each with what to do instead.

ruff is asked for as the user has it, with his own settings of what is code and what is excused; nothing is changed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import from_json

from selector.decision.source import load_yaml
from selector.errors import SelectorError
from selector.files import find_rules
from selector.measure.clients import Clients, load_clients
from selector.processes import Child, NotStartedError
from selector.readiness.models import LoopFinding
from selector.text import one_line, printable, quoted

FILE = "blocking_calls.yaml"
HOW_TO_GET = (
    "the event loop was not looked at: ruff is not here; get it by `uv tool install ruff` or `pip install ruff`"
)
_RULES = "ASYNC2"  # what blocks; ASYNC1 is about other mistakes
_SECONDS = 60.0
_MOST_BYTES = 50_000_000
_MOST_FOUND = 500
_OLDEST = (0, 5)  # before, these rules had other numbers
_VERSION = re.compile(r"ruff (\d+)\.(\d+)\S*")
_DOTTED = re.compile(r"[A-Za-z_][\w.]*")


class Loop(NamedTuple):
    """What was found, by which ruff (None: nobody looked), and what to know about that."""

    found: tuple[LoopFinding, ...] = ()
    by: str | None = None
    notes: tuple[str, ...] = ()


def look_for_blocking(folder: Path, places: Sequence[str], rules: tuple[Path, ...], environ: Mapping[str, str]) -> Loop:
    """Blocking calls inside `async def` in a folder; `places` are folders in which ruff may be, beside those of the PATH."""
    path = [shutil.which("ruff", path=place) for place in (environ.get("PATH"), *places) if place]
    ruff = next(filter(None, path), None)
    if ruff is None:
        return Loop(notes=(HOW_TO_GET,))
    _, text, _ = _run([ruff, "--version"], folder)
    version = _VERSION.search(text)
    if version is None or (int(version[1]), int(version[2])) < _OLDEST:
        return Loop(notes=(f"{HOW_TO_GET} (found: {ruff}, {one_line(printable(text), 60)})",))
    command = [
        ruff, "check", "--select", _RULES, "--preview", "--output-format", "json", "--no-cache", "--no-fix", "--exit-zero",
        "--quiet", ".",
    ]  # fmt: skip
    code, text, errors = _run(command, folder)
    found = _found(text)
    if code or found is None:
        return Loop(notes=(f"the event loop was not looked at: ruff says {printable(one_line(errors or text, 200))}",))
    remedies, clients = load_remedies(rules), load_clients(rules)
    calls = [each for each in (finding(told, folder, remedies, clients) for told in found) if each is not None]
    calls.sort(key=lambda each: (each.file, each.line))
    more = len(calls) - _MOST_FOUND
    notes = (f"{more} more blocking calls were found, which are not shown.",) if more > 0 else ()
    return Loop(tuple(calls[:_MOST_FOUND]), version[0], notes)


def finding(told: Mapping[str, Any], folder: Path, remedies: Mapping[str, str], clients: Clients) -> LoopFinding | None:
    """One of ruff's findings, with a remedy; None for what is not of these rules (a file that is no Python)."""
    code, place = told.get("code"), told.get("location")
    if not isinstance(code, str) or not code.startswith(_RULES) or not isinstance(place, dict):
        return None
    file, row = str(told.get("filename")), place.get("row")
    line = row if isinstance(row, int) else 0
    text = _line_of(Path(file), line)
    relative = Path(file).relative_to(folder) if Path(file).is_relative_to(folder) else Path(file)
    return LoopFinding(
        file=printable(str(relative)),
        line=line,
        rule=code,
        text=printable(one_line(text or str(told.get("message")), 120)),
        remedy=_client_of(text, clients)
        or remedies.get(code, "hand the call to a thread: await asyncio.to_thread(...)"),
    )


def load_remedies(folders: tuple[Path, ...]) -> dict[str, str]:
    """What to do instead, by rule; SelectorError for an entry that is none."""
    file = find_rules(folders, FILE)
    data = load_yaml(file)
    if not isinstance(data, dict):
        raise SelectorError(f"{file}: this is no mapping", "keep the form of ours: RULE: {remedy, source}")
    for rule, entry in data.items():
        if not isinstance(entry, dict) or set(entry) != {"remedy", "source"} or not isinstance(entry["remedy"], str):
            raise SelectorError(f"{file}: {rule} is {quoted(entry)}", "remedy (text) and source (text)")
    return {str(rule): entry["remedy"] for rule, entry in data.items()}


def _client_of(text: str, clients: Clients) -> str | None:
    """The asynchronous client of a library that a line calls."""
    for name in _DOTTED.findall(text):
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            client = clients.get(".".join(parts[:length]))
            if client is not None and client.kind == "network" and client.instead and len(parts) > length:
                return f"use {client.instead} ({client.source})"
    return None


def _line_of(file: Path, line: int) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return next((text for number, text in enumerate(stream, start=1) if number == line), "").strip()[:1000]
    except OSError:
        return ""


def _found(text: str) -> list[dict[str, Any]] | None:
    """The findings in what ruff printed; None where that is none of its lists."""
    try:
        found = from_json(text)
    except ValueError:
        return None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else None


def _run(command: Sequence[str], folder: Path) -> tuple[int, str, str]:
    """Run ruff in a folder: its exit code and what it wrote; 1 where it could not be run or took too long."""
    parts: list[bytes] = []
    size = 0
    try:
        with Child(
            command, deadline_seconds=_SECONDS, grace_seconds=0.3, cwd=folder, stdin=subprocess.DEVNULL
        ) as child:
            for line in child:
                size += len(line or b"")
                if line is None or size > _MOST_BYTES:
                    return 1, "", "more than it can be"
                parts.append(line)
            return (
                (child.process.returncode or int(child.overdue)),
                b"\n".join(parts).decode("utf-8", "replace"),
                child.errors,
            )
    except NotStartedError as error:
        return 1, "", str(error)
