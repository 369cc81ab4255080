"""Classes whose instances cannot be pickled, by the rule of CPython itself. No instance is made, and no code of a package runs."""

from __future__ import annotations

import copyreg
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from types import FunctionType, ModuleType
from typing import Any

MOST_CLASSES = 200  # that are looked at
_NOT_INSTANTIABLE, _MANAGED_DICT = 1 << 7, 1 << 4  # flags of a type
_POINTER = struct.calcsize("P")
#: With these a class decides for itself, and what it would say is not known.
_OWN = ("__reduce_ex__", "__reduce__", "__getstate__", "__getnewargs_ex__", "__getnewargs__", "__getattr__")
_PLAIN = (str, tuple, list, dict, set, frozenset)


def unpicklable_in(modules: Iterable[str], late: Iterable[str]) -> list[str]:
    """The public classes of modules, and of public ones of `late` that are loaded, defined in their package, that do not pickle."""
    tops = {name.partition(".")[0] for name in (*modules, *late)}
    classes: dict[int, tuple[str, type]] = {}
    for module in (*modules, *(name for name in late if "._" not in f".{name}")):
        for name, value in _public(sys.modules.get(module)):
            own = issubclass(type(value), type) and _module_of(value).partition(".")[0] in tops
            if own and not issubclass(value, ModuleType):  # a worker imports modules itself
                classes.setdefault(id(value), (f"{module}.{name}", value))
    return [name for name, each in islice(classes.values(), MOST_CLASSES) if cannot_be_pickled(each)]


def _public(module: object) -> Iterator[tuple[str, Any]]:
    """What stands in a module by public names: what it would load only when asked for it is left alone."""
    if not isinstance(module, ModuleType):
        return
    space = dict(ModuleType.__dict__["__dict__"].__get__(module))
    told = space.get("__all__")
    names = told if type(told) in (list, tuple) else [name for name in space if type(name) is str and name[:1] != "_"]
    for name in names:
        if type(name) is str and name in space:
            yield name, space[name]


def _of(cls: type, name: str) -> Any:
    """What a class is, as `type` says it: a metaclass may say anything."""
    return type.__dict__[name].__get__(cls)


def _module_of(cls: type) -> str:
    try:
        module = _of(cls, "__module__")
    except AttributeError:
        return ""
    return module if type(module) is str else ""


def cannot_be_pickled(cls: type) -> bool:
    """Whether object.__reduce_ex__ refuses each instance: it has a state in C that nothing says how to copy, or no `__new__`.

    That is object_getstate_default of Objects/typeobject.c. False: it may pickle.
    """
    spaces = [_of(base, "__dict__") for base in _of(cls, "__mro__") if base is not object]
    if issubclass(cls, type) or _is_registered(cls) or any(map(_decides, spaces)):
        return False
    if _of(cls, "__flags__") & _NOT_INSTANTIABLE:
        return True
    if issubclass(cls, (list, dict)):
        return False
    slots = [_slots(space["__slots__"]) for space in spaces if "__slots__" in space]
    explained = object.__basicsize__ + _POINTER * sum(slots)
    if _of(cls, "__dictoffset__") and not _of(cls, "__flags__") & _MANAGED_DICT:
        explained += _POINTER
    if _of(cls, "__weakrefoffset__") > 0:
        explained += _POINTER
    return bool(_of(cls, "__itemsize__")) or _of(cls, "__basicsize__") > explained


def _is_registered(cls: type) -> bool:
    """Whether somebody has said how instances are pickled; by id, as a metaclass may have a hash of its own."""
    reduction = sys.modules.get("multiprocessing.reduction")
    extra = reduction.ForkingPickler._extra_reducers if reduction is not None else {}  # noqa: SLF001
    return any(each is cls for table in (copyreg.dispatch_table, extra) for each in list(table))


def _decides(space: Mapping[str, Any]) -> bool:
    """Whether a class has a say in how its instances are pickled: methods for it, or for finding attributes."""
    return any(name in space for name in _OWN) or type(space.get("__getattribute__")) is FunctionType


def _slots(names: Any) -> int:
    """How many slots a `__slots__` names; of an object that is used up, or does as it likes, more than any class has."""
    if type(names) not in _PLAIN:
        return sys.maxsize
    each = (names,) if type(names) is str else names
    return sum(name not in ("__dict__", "__weakref__") for name in each)
