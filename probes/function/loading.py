"""Import the function, take its items, run its set-up: what every mode does first, each step timed and weighed."""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import Any

from .channel import Channel, ProblemError, first_line
from .clocks import Meter, Reading, resident_mb
from .extensions import gil_module, gil_on, watch_for_the_gil
from .settings import Settings, guard_start
from .subject import Subject, check_callable, check_items, count_tasks, take_items
from .target import iterate_items, load_target


def load(settings: Settings, channel: Channel, count: int) -> Subject:
    """The function with its items, after its set-up. Raises TargetError or ProblemError; says what each step took."""
    meter, folder = Meter(), settings.folder or os.getcwd()
    os.chdir(folder)
    channel.say(
        version=".".join(map(str, sys.version_info[:3])),
        executable=sys.executable,
        free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        gil=gil_on(),
    )
    function = _import(settings, channel, meter, folder)
    items = _items(settings, channel, meter, folder, count)
    if settings.setup:
        channel.phase("setup")
        guard_start(settings, channel)
        _set_up(settings.setup, channel, meter, folder)
    meter.delay.close()
    return Subject(function, items, settings.target, has_items=settings.items is not None)


def _spent(meter: Meter, before: Reading, name: str) -> dict[str, float]:
    """Milliseconds of a step: by the clock, without those that it lacked a CPU, and CPU of the process."""
    now = meter()
    wall = max(now.cpu - before.cpu, now.wall - before.wall - (now.delay - before.delay))
    cpu = now.process - before.process + now.children - before.children
    return {f"{name}_ms": round(1000 * wall, 3), f"{name}_cpu_ms": round(1000 * cpu, 3)}


def _import(settings: Settings, channel: Channel, meter: Meter, folder: str) -> Any:
    """The function, imported; what its set-up and items need beside is imported with them."""
    channel.phase("import")
    guard_start(settings, channel)
    channel.say(rss_start_mb=resident_mb())
    watch_for_the_gil()
    before = meter()
    function = load_target(settings.target, folder)
    spent = _spent(meter, before, "import")
    channel.say(
        **spent,
        rss_import_mb=resident_mb(),
        gil_after_import=gil_on(),
        gil_module=gil_module(),
        has_items=settings.items is not None,
    )
    check_callable(function, settings.target, has_items=settings.items is not None)
    return function


def _items(settings: Settings, channel: Channel, meter: Meter, folder: str, count: int) -> list[Any]:
    """Some of the items; one that is unused where the function is called without an argument."""
    channel.phase("items")
    guard_start(settings, channel)
    if settings.items is None:
        channel.say(items_ms=0.0, taken=0, tasks=None, items_why="end", rss_items_mb=resident_mb())
        return [None]
    before = meter()
    stream = iterate_items(settings.items, folder)
    items, why = take_items(stream, count, settings.items_mb, min(3.0, settings.call_seconds / 2))
    spent = _spent(meter, before, "items")
    tasks = count_tasks(stream, len(items), why, settings.items)
    channel.say(**spent, taken=len(items), tasks=tasks, items_why=why, rss_items_mb=resident_mb())
    check_items(items, settings.items, channel)
    return items


def _set_up(setup: str, channel: Channel, meter: Meter, folder: str) -> None:
    """The costly start, once."""
    run = load_target(setup, folder)
    before = meter()
    try:
        found = run()
        if hasattr(found, "__await__"):
            import asyncio

            asyncio.new_event_loop().run_until_complete(found)
    except Exception as error:
        text = f"the set-up {setup} raises {type(error).__name__}: {first_line(error)}"
        raise ProblemError("setup_fails", text) from error
    channel.say(**_spent(meter, before, "setup"), rss_setup_mb=resident_mb())
