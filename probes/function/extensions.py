"""Which module switches the GIL on: whether it is on is looked at before and after each extension module that is loaded."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader
from typing import Any, NamedTuple

_GIL_WARNING = re.compile(r"global interpreter lock.*load module '([^']+)'", re.DOTALL)


class Switch(NamedTuple):
    """The module that switched the GIL on, its file (None: not known), and the modules that were being imported then,
    outermost first.
    """

    module: str
    file: str
    importing: list[str]


SWITCHES: list[Switch] = []  # the first is the one; more than one is only there where it was put off between
_WARNED: list[str] = []


def gil_on() -> bool:
    """Whether threads of this process take turns now."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def watch_for_the_gil() -> None:
    """From now on, note in SWITCHES the module that switches the GIL on, now or later.

    Python's own warning is not enough: a library may swallow it. It is shown as ever.
    """
    if gil_on():
        return
    watch_extensions(lambda _: None)
    show = warnings.showwarning

    def shown(message: Any, category: Any, *rest: Any, **more: Any) -> None:
        found = _GIL_WARNING.search(str(message))
        if found:
            _WARNED.append(found[1])
        show(message, category, *rest, **more)

    warnings.filterwarnings("always", r".*global interpreter lock", RuntimeWarning)
    warnings.showwarning = shown


def watch_extensions(tell: Callable[[str | None], object]) -> None:
    """Look at every extension module that is loaded from now on: `tell` gets its name, and None when that is over.

    Whoever finds them, they are loaded by one class.
    """
    for name in ("create_module", "exec_module"):
        setattr(ExtensionFileLoader, name, _watched(getattr(ExtensionFileLoader, name), tell))


def _watched(load: Callable[[Any, Any], Any], tell: Callable[[str | None], object]) -> Callable[[Any, Any], Any]:
    """The same step of loading; of several that are under way at once, the innermost is noted."""

    def watched(loader: Any, given: Any) -> Any:
        was_on, known = gil_on(), len(SWITCHES)
        tell(loader.name)
        try:
            return load(loader, given)
        finally:
            tell(None)
            if not was_on and gil_on() and len(SWITCHES) == known:
                SWITCHES.append(Switch(loader.name, loader.path, _importing()))

    return watched


def _importing() -> list[str]:
    """The modules whose own code runs now, the outermost first."""
    found: list[str] = []
    frame = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            found.append(str(frame.f_globals.get("__name__")))
        frame = frame.f_back  # type: ignore[assignment]
    return [name for name in reversed(found) if name != "__main__"]


def gil_module() -> str | None:
    """The module that switched the GIL on; None where none did, or nobody knows."""
    return SWITCHES[0].module if SWITCHES else _WARNED[0] if _WARNED else None
