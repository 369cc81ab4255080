"""What a function might write beside its result: globals of the user's modules, attributes, closures, defaults."""

from __future__ import annotations

import inspect
import os
import sys
import time
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

from .values import digest

MOST_KEYS = 5000
SECONDS = 0.4  # for one look
_CODE = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)


class Seen(NamedTuple):
    """A value at a moment: who it is, its type, what it is; of a dict, what each key has."""

    identity: int
    kind: str
    value: Any


def inner(function: Any) -> Any:
    """The function under partials, bound methods and decorators."""
    while hasattr(function, "func") and hasattr(function, "keywords"):
        function = function.func
    return inspect.unwrap(getattr(function, "__func__", function))


def own_modules(function: Any) -> list[types.ModuleType]:
    """The modules of the user's code: that of the function, and those beside or below it that are not installed."""
    base = inner(function)
    name = getattr(base, "__module__", None) or type(base).__module__
    own = sys.modules.get(name)
    if own is None or not getattr(own, "__file__", None) or installed(own.__file__ or ""):
        return [own] if own is not None and getattr(own, "__file__", None) and name != "builtins" else []
    root = os.path.dirname(os.path.abspath(own.__file__ or "")) + os.sep
    found = [own]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and module is not own and name != "__main__" and not name.startswith("_function_probe"):
            path = os.path.abspath(file)
            if path.startswith(root) and not installed(path):
                found.append(module)
    return found


def installed(path: str) -> bool:
    """Whether a file belongs to a library, not to the user."""
    parts = path.split(os.sep)
    return (
        "site-packages" in parts or "dist-packages" in parts or path.startswith(os.path.dirname(os.__file__) + os.sep)
    )


class State:
    """Looks at all that a function might write; `left_out` has the names of what is too large to look at."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self._modules = own_modules(function)
        self.left_out: set[str] = set()

    def look(self) -> dict[str, Seen]:
        """Everything at this moment, by name."""
        found, end = {}, time.monotonic() + SECONDS
        for name, value in self._places():
            if name in self.left_out:
                continue
            if time.monotonic() > end:
                self.left_out.add(name)
                continue
            seen = _seen(value)
            if seen.value == "?":
                self.left_out.add(name)
            else:
                found[name] = seen
        return found

    def _places(self) -> Iterator[tuple[str, Any]]:
        """What is nearest to the function comes first, as the time for a look may end."""
        yield from self._of_function()
        for module in self._modules:
            yield from _of_module(module)

    def _of_function(self) -> Iterator[tuple[str, Any]]:
        """Its closure, its defaults, and the attributes of the object it belongs to."""
        function = inner(self._function)
        code = getattr(function, "__code__", None)
        for number, cell in enumerate(getattr(function, "__closure__", None) or ()):
            try:
                yield f"closure {code.co_freevars[number]}", cell.cell_contents
            except ValueError:  # still empty
                continue
        for number, value in enumerate(getattr(function, "__defaults__", None) or ()):
            yield f"default {number + 1}", value
        owner = getattr(self._function, "__self__", None)
        if owner is None and not isinstance(self._function, (*_CODE, types.MethodType)):
            owner = self._function
        if owner is not None and not isinstance(owner, _CODE):
            yield from ((f"self.{name}", value) for name, value in list(getattr(owner, "__dict__", {}).items()))


def _of_module(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    """The globals of a module, and the attributes of its classes."""
    for name, value in list(vars(module).items()):
        if name.startswith("__"):
            continue
        if not isinstance(value, _CODE):
            yield f"{module.__name__}.{name}", value
        elif isinstance(value, type) and value.__module__ == module.__name__:
            for key, each in list(vars(value).items()):
                described = callable(each) or hasattr(each, "__get__")
                if not key.startswith("__") and not described:
                    yield f"{module.__name__}.{name}.{key}", each
        elif isinstance(value, types.FunctionType):
            for key, each in list(vars(value).items()):
                if key != "__wrapped__":
                    yield f"{module.__name__}.{name}.{key}", each


def _seen(value: Any) -> Seen:
    """A value at this moment."""
    kind = type(value).__name__
    if hasattr(value, "cache_info") and hasattr(value, "cache_clear"):
        try:
            return Seen(id(value), "cache", value.cache_info()[3])
        except Exception:
            return Seen(id(value), kind, "")
    if isinstance(value, dict) and 0 < len(value) <= MOST_KEYS:
        parts = {repr(key)[:60]: digest(each) for key, each in list(value.items())}
        return Seen(id(value), "dict", "?" if "?" in parts.values() else parts)
    return Seen(id(value), kind, digest(value))


def changed(before: dict[str, Seen], after: dict[str, Seen], left_out: set[str]) -> dict[str, Any]:
    """What differs: name -> "value", "rebound", "new", "gone", "cache", or the keys of a dict (50 at most)."""
    found: dict[str, Any] = {}
    for name in sorted((before.keys() | after.keys()) - left_out):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            found[name] = "new" if old is None else "gone"
        elif "dict" in (old.kind, new.kind) and isinstance(old.value, dict) and isinstance(new.value, dict):
            keys = [key for key in old.value.keys() | new.value.keys() if old.value.get(key) != new.value.get(key)]
            if keys:
                found[name] = sorted(keys)[:50]
        elif old.value != new.value:
            found[name] = "cache" if new.kind == "cache" else "value"
        elif old.identity != new.identity and new.kind not in ("int", "str", "float", "bytes", "tuple", "bool"):
            found[name] = "rebound"
    return found
