"""What importing a package comes to: whether it can be, time, memory, the GIL; what it imports late; in subinterpreters."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import sysconfig
import time
from collections.abc import Sequence
from typing import Any

from .apart import in_subinterpreters, refused
from .around import may_lack
from .channel import Channel
from .clocks import Meter, resident_mb
from .extensions import SWITCHES, gil_module, gil_on, watch_extensions, watch_for_the_gil
from .pickling import unpicklable_in
from .settings import Settings, guard_start

CPU_SECONDS = 15.0  # for one package; what computes longer hangs
LATE_SECONDS = 5.0  # for modules that nobody has imported yet, all together
_MOST_TEXT = 300


def imports(settings: Settings, channel: Channel) -> None:
    """The mode imports: import `modules`; where the GIL is off after that, the extension modules `late` as well."""
    os.chdir(settings.folder or os.getcwd())
    channel.die_with_input()
    channel.limit_cpu(CPU_SECONDS)
    watch_for_the_gil()
    _say_what_is_loaded(channel)
    channel.say(
        version=".".join(map(str, sys.version_info[:3])),
        free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        gil=gil_on(),
        rss_start_mb=resident_mb(),
    )
    channel.phase("import")
    guard_start(settings, channel)
    meter = Meter()
    before = meter()
    failed = _imported(settings.modules, channel)
    now = meter()
    wall = now.wall - before.wall - (now.delay - before.delay)
    channel.say(
        import_ms=round(1000 * max(now.cpu - before.cpu, wall), 3),
        import_cpu_ms=round(1000 * (now.process - before.process), 3),
        rss_import_mb=resident_mb(),
        failed=failed,
        gil_after_import=gil_on(),
        gil_module=gil_module(),
        gil_importing=SWITCHES[0].importing if SWITCHES else [],
        loaded=[name for name in settings.late if name in sys.modules],
    )
    _say_what_does_not_pickle(settings, channel)
    if not gil_on():
        channel.phase("late")
        _import_late(settings, channel)
        _say_what_does_not_pickle(settings, channel)


def _say_what_is_loaded(channel: Channel) -> None:
    """Say which extension module is being loaded, before it can end the process."""
    watch_extensions(lambda name: channel.say(loading=name))


def _say_what_does_not_pickle(settings: Settings, channel: Channel) -> None:
    """Say which classes do not, of all that is loaded by now."""
    with contextlib.suppress(Exception):  # however odd the classes are, what was seen of the import holds
        channel.say(unpicklable=unpicklable_in(settings.modules, settings.late))


def _imported(modules: Sequence[str], channel: Channel) -> dict[str, dict[str, Any]]:
    """Import each; what cannot be, with the error, and the module that it lacks (None: something else is wrong)."""
    failed: dict[str, dict[str, Any]] = {}
    for name in modules:
        channel.say(importing=name)
        if (error := error_of(name)) is not None:
            text = f"{type(error).__name__}: {str(error).strip()}".partition("\n")[0][:_MOST_TEXT]
            failed[name] = {"error": text, "lacks": lacks(error)}
    return failed


def lacks(error: BaseException | None) -> str | None:
    """The module that is missing, where an import failed for that; some libraries say it in an ImportError of their own.

    One of Python's own has a name, and says itself what is wrong, whatever was missing before.
    """
    while isinstance(error, ImportError):
        if isinstance(error, ModuleNotFoundError) or error.name is not None:
            return error.name if isinstance(error, ModuleNotFoundError) else None
        error = error.__cause__ or error.__context__
    return None


def error_of(name: str) -> BaseException | None:
    """Import a module; the error where it cannot be."""
    try:
        importlib.import_module(name)
    except BaseException as error:  # SystemExit as well: a module that ends its process
        return error
    return None


def _import_late(settings: Settings, channel: Channel) -> None:
    """Extension modules of the package that its import left alone: the first that switches the GIL on is said."""
    end = time.monotonic() + LATE_SECONDS
    tried = 0
    for name in settings.late:
        if name in sys.modules:
            continue
        if time.monotonic() > end:
            channel.say(late_left_out=True)
            break
        channel.say(importing=name)
        guard_start(settings, channel)
        error_of(name)
        tried += 1
        if gil_on():
            channel.say(gil_late=name, gil_module=gil_module(), gil_importing=SWITCHES[0].importing if SWITCHES else [])
            break
    channel.say(late=tried)


# Subinterpreters ------------------------------------------------------------------------------------------------------


def isolated(settings: Settings, channel: Channel) -> None:
    """The mode isolated: import the same in subinterpreters."""
    os.chdir(settings.folder or os.getcwd())
    channel.die_with_input()
    channel.limit_cpu(CPU_SECONDS)
    channel.phase("subinterpreter")
    guard_start(settings, channel)
    in_subinterpreters("imports", settings, channel)


def inside(settings: Settings, channel: Channel) -> None:
    """What runs in the subinterpreter: of what is imported late only that counts which is refused as such."""
    _say_what_is_loaded(channel)
    for name in settings.modules:
        channel.say(importing=name)
        if (error := error_of(name)) is not None:
            module, why = refused(error)
            kind = "" if module is not None else f"{type(error).__name__}: "
            channel.say(subinterpreter=False, module=module or name, why=f"{kind}{why}", lacks=lacks(error))
            return
    end = time.monotonic() + LATE_SECONDS
    found: dict[str, str] = {}
    for name in settings.late:
        if name not in sys.modules and time.monotonic() < end and (error := error_of(name)) is not None:
            module, why = refused(error)
            found |= {name: why} if module is not None else {}
    channel.say(refused=found, may_lack=[name for name in found if may_lack(name)], subinterpreter=True)
