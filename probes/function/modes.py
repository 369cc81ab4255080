"""What a child is asked to do, and how it ends."""

from __future__ import annotations

import contextlib
import importlib
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from .channel import Channel, ProblemError, first_line, take_over
from .settings import Settings, settings_of
from .target import TargetError

#: In which module the function is that does what a mode does; only that one is loaded.
MODES = {
    "main": "phases",
    "again": "phases",
    "look": "phases",
    "worker": "worker",
    "subinterpreter": "worker",
    "memory": "memory",
    "sampler": "outside",
    "installed": "installed",
    "imports": "imports",
    "isolated": "imports",
}


Step = Callable[[Settings, Channel], None]


def step_of(mode: str) -> Step:
    """What a mode does."""
    step: Step = getattr(importlib.import_module(f".{MODES[mode]}", __package__), mode)
    return step


def run(step: Step, options: dict[str, Any]) -> NoReturn:
    """Do what a mode does, and end the process: 0 done, 1 the function cannot be measured, 2 the probe itself failed."""
    settings = settings_of(options)
    channel = take_over(settings.log, settings.call_seconds, settings.begun, while_open=settings.while_open)
    code = 0
    try:
        step(settings, channel)
        channel.phase("done")
    except (TargetError, ProblemError) as error:
        channel.say(problem={"kind": error.kind, "text": error.text, "item": getattr(error, "item", None)})
        code = 1
    except SystemExit as error:
        text = f"{_named(settings, channel)} ends its process by SystemExit({error.code!r}): return, or raise another exception"
        channel.say(problem={"kind": "exits", "text": text, "item": None})
        code = 1
    except BaseException as error:
        code = 2
        if not isinstance(error, Exception):
            text = f"{_named(settings, channel)} raises {type(error).__name__}, which ends its process"
            channel.say(problem={"kind": "exits", "text": text, "item": None})
            channel.end(1)
        text = f"the probe failed, a fault of this tool and not of {settings.target}: {type(error).__name__}: {error}"
        channel.say(problem={"kind": "probe_fails", "text": first_line(text, 500), "item": None})
        with contextlib.suppress(Exception):
            channel.write_stack(traceback.format_exc())
    channel.end(code)


def _named(settings: Settings, channel: Channel) -> str:
    """What of the user's runs in this phase, as it was named."""
    return {"items": settings.items, "setup": settings.setup}.get(channel.now) or settings.target
