"""A step of the probe in subinterpreters with a GIL of their own, and why a module cannot be loaded there."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from .channel import Channel, first_line
from .settings import Settings, settings_of

AT_ONCE = 2  # a pool has more than one: some libraries load in the first of a process alone
_REFUSED = re.compile(r"module (\S+) does not support loading in subinterpreters")
_INSIDE = """
import importlib.util, sys
kept = sys.dont_write_bytecode
sys.pycache_prefix, sys.dont_write_bytecode = CACHE, CACHE is None
spec = importlib.util.spec_from_file_location("_function_probe", PLACE, submodule_search_locations=[FOLDER])
package = sys.modules["_function_probe"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
sys.path[:] = PATH
from _function_probe import apart
sys.pycache_prefix, sys.dont_write_bytecode = None, kept
apart.inside(STEP, OPTIONS, OUT)
"""


def in_subinterpreters(step: str, settings: Settings, channel: Channel) -> None:
    """Run the function `inside` of the probe's module `step` in two subinterpreters, and end them.

    It is given the settings and a channel, and says `subinterpreter`: whether it works there. Said as well: None where
    this Python has none, False where the probe cannot be started there.
    """
    ways = _ways()
    if ways is None:
        channel.say(
            subinterpreter=None, why="this Python has no subinterpreters with a GIL of their own (3.12 and later)"
        )
        return
    create, run, close = ways
    folder = os.path.dirname(os.path.abspath(__file__))
    values = {
        "PLACE": os.path.join(folder, "__init__.py"),
        "FOLDER": folder,
        "PATH": sys.path,
        "STEP": step,
        "OPTIONS": json.dumps(settings._asdict()),
        "OUT": channel.out,
        "CACHE": settings.cache,
    }
    lines = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    made: list[Any] = []
    for _ in range(AT_ONCE):
        made.append(create())
        if (error := run(made[-1], lines + _INSIDE)) is not None:
            channel.say(subinterpreter=False, why=first_line(error, 300))
    channel.phase("closing")
    for each in made:
        with contextlib.suppress(Exception):
            close(each)


Ways = tuple[Callable[[], Any], Callable[[Any, str], "str | None"], Callable[[Any], object]]


def _ways() -> Ways | None:
    """How to make one, to run code in it (what comes of it is None, or the text of the error) and to close it."""
    try:
        from concurrent import interpreters
    except ImportError:
        return _older_ways()

    def run(interpreter: Any, code: str) -> str | None:
        try:
            interpreter.exec(code)
        except interpreters.ExecutionFailed as error:
            return str(error)
        return None

    return interpreters.create, run, lambda interpreter: interpreter.close()


def _older_ways() -> Ways | None:
    """The same for 3.12 and 3.13, whose modules are not meant for everybody, yet do the same."""
    if sys.version_info[:2] == (3, 13):
        new = importlib.import_module("_interpreters")

        def run(number: int, code: str) -> str | None:
            failed = new.exec(number, code)
            return None if failed is None else str(failed.formatted)

        return lambda: new.create("isolated"), run, new.destroy
    if sys.version_info[:2] == (3, 12):
        old = importlib.import_module("_xxsubinterpreters")

        def run_old(number: int, code: str) -> str | None:
            try:
                old.run_string(number, code)
            except old.RunFailedError as error:
                return str(error)
            return None

        return lambda: old.create(isolated=True), run_old, old.destroy
    return None


def inside(step: str, options: str, out: int) -> None:
    """What runs in the subinterpreter: it says itself what it finds."""
    channel = Channel(out, None, 10.0)
    try:
        importlib.import_module(f"_function_probe.{step}").inside(settings_of(json.loads(options)), channel)
    except BaseException as error:
        channel.say(subinterpreter=False, why=first_line(f"{type(error).__name__}: {error}", 300))


def refused(error: BaseException) -> tuple[str | None, str]:
    """The module that cannot be loaded in a subinterpreter, if that is the reason, and a sentence."""
    cause: Any = error
    while cause is not None:
        found = _REFUSED.search(str(cause))
        if found:
            return found[1], f"{found[1]} does not support loading in subinterpreters"
        cause = cause.__cause__ or cause.__context__
    return None, first_line(error, 300)
