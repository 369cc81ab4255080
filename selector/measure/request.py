"""From the texts that a user gives to a request: everything is checked before anything is run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TextIO

from selector.errors import SelectorError
from selector.measure.models import BUDGET_SECONDS, Request
from selector.measure.python import ChosenPython, choose_python, named_python
from selector.measure.target import ItemsSource, parse_items, parse_target
from selector.workload.profile import WorkloadProfile
from selector.workload.reading import profile_from_mapping, with_settings

LEAST_BUDGET_SECONDS, MOST_BUDGET_SECONDS = 2.0, 3600.0
_MOST_LINES = 10_000
_MOST_BYTES = 100_000_000


def request_from(
    target: str,
    *,
    option: str = "TARGET",
    items: str | None = None,
    setup: str | None = None,
    async_function: str | None = None,
    python: str | None = None,
    interpreters: tuple[str, ...] = (),
    budget_seconds: float = BUDGET_SECONDS,
    settings: tuple[str, ...] = (),
    folder: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Request:
    """The request; SelectorError, with what is accepted, for anything that cannot be meant. `option` names the target."""
    folder = (folder or Path.cwd()).absolute()
    if not LEAST_BUDGET_SECONDS <= budget_seconds <= MOST_BUDGET_SECONDS:
        raise SelectorError(
            f"a budget of {budget_seconds:g} s is too {'short' if budget_seconds < LEAST_BUDGET_SECONDS else 'long'}",
            f"from {LEAST_BUDGET_SECONDS:g}s to {MOST_BUDGET_SECONDS / 60:g}m",
        )
    named = parse_target(target, folder, option)
    source = parse_items(items, folder) if items is not None else None
    prepared = parse_target(setup, folder, "--setup") if setup is not None else None
    twin = parse_target(async_function, folder, "--async-function") if async_function is not None else None
    check_settings(settings)
    chosen = choose_python(python, environ, folder)
    return Request(
        target=named,
        python=chosen,
        items=source,
        setup=prepared,
        async_function=twin,
        interpreters=_further(interpreters, chosen),
        budget_seconds=budget_seconds,
        settings=settings,
        folder=folder,
    )


def check_settings(settings: tuple[str, ...]) -> None:
    """SelectorError for a setting that no profile can have, before seconds are spent on measuring."""
    profile_from_mapping(with_settings({"workload_type": "cpu"}, settings), "--set")


def _further(interpreters: tuple[str, ...], chosen: ChosenPython) -> tuple[ChosenPython, ...] | None:
    """The Pythons given, each once, without the one that it is measured under: given alone, that means no other."""
    if not interpreters:
        return None
    found = {}
    for each in interpreters:
        python = named_python(each)
        if python.path != chosen.path:
            found[python.path] = python
    return tuple(found.values())


def profile_as_asked(profile: WorkloadProfile, request: Request) -> WorkloadProfile:
    """The profile of a function as it is to be run: it blocks, unless there is a twin, and under the Pythons named alone."""
    known: dict[str, object] = {}
    if request.async_function is None and not profile.event_loop:  # whatever client there may be
        known["async_library"] = False
    if request.interpreters is not None:
        known["interpreters"] = tuple(python.tag for python in (request.python, *request.interpreters))
    return profile.model_copy(update=known)


def with_items_at_hand(request: Request, place: Path, stdin: TextIO | None) -> Request:
    """The request with items that children can read: what comes on standard input is put into a file in `place`.

    SelectorError where nothing comes.
    """
    if request.items is None or request.items.kind != "stdin":
        return request
    file = place / "items.jsonl"
    taken = 0
    with file.open("wb") as out:
        for line in _lines(stdin):
            taken += len(line)
            out.write(line)
            if taken > _MOST_BYTES:
                break
    if not taken:
        raise SelectorError("--items -: nothing came on standard input", "pipe JSON into it, one item a line")
    return replace(request, items=ItemsSource(str(file), "stdin"))


def _lines(stdin: TextIO | None) -> Iterator[bytes]:
    """The lines of standard input that are taken."""
    if stdin is not None:
        yield from islice(iter(lambda: stdin.buffer.readline(_MOST_BYTES), b""), _MOST_LINES)
