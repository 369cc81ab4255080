"""What a child is asked to do, and how it ends."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from . import memory, outside, phases, worker
from .channel import Channel, ProblemError, take_over
from .loading import Settings, settings_of
from .target import TargetError


def sampler(settings: Settings, channel: Channel) -> None:
    """The mode sampler: look at another process."""
    channel.unguarded()
    channel.say(**outside.look(settings.pid, settings.seconds))


MODES: dict[str, Callable[[Settings, Channel], None]] = {
    "main": phases.main,
    "again": phases.again,
    "look": phases.look,
    "worker": worker.worker,
    "subinterpreter": worker.subinterpreter,
    "memory": memory.memory,
    "sampler": sampler,
}


def run(mode: str, options: dict[str, Any]) -> NoReturn:
    """Do what a mode does, and end the process: 0 done, 1 the function cannot be measured, 2 the probe itself failed."""
    settings = settings_of(options)
    channel = take_over(settings.log, settings.call_seconds, settings.begun, while_open=settings.while_open)
    code = 0
    try:
        MODES[mode](settings, channel)
        channel.phase("done")
    except (TargetError, ProblemError) as error:
        channel.say(problem={"kind": error.kind, "text": error.text, "item": getattr(error, "item", None)})
        code = 1
    except SystemExit as error:
        text = f"{settings.target} ends its process by SystemExit({error.code!r}): return, or raise another exception"
        channel.say(problem={"kind": "exits", "text": text, "item": None})
        code = 1
    except BaseException as error:
        code = 2
        if not isinstance(error, Exception):
            text = f"{settings.target} raises {type(error).__name__}, which ends its process"
            channel.say(problem={"kind": "exits", "text": text, "item": None})
            channel.end(1)
        text = f"the probe failed, a fault of this tool and not of {settings.target}: {type(error).__name__}: {error}"
        channel.say(problem={"kind": "probe_fails", "text": text[:500], "item": None})
        with contextlib.suppress(Exception):
            channel.write_stack(traceback.format_exc())
    channel.end(code)
