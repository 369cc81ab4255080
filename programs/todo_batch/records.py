"""Plain data of JSON to named tuples and dataclasses, each value checked: what it says where something is wrong.

Such a file may come from anywhere, so nothing in it is trusted: text stays text, and numbers are finite and not below 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

DATA = '<script type="application/json" id="concurrency-selector-data">'  # before the JSON in a page
_MOST_BYTES = 50_000_000
_LONGEST_TEXT = 10_000
_LARGEST = 1e15
_SHOWN = 60  # characters of a wrong value

T = TypeVar("T")


def read_json(file: Path) -> Any:
    """What a file has, or a page holds; ValueError with what is wrong if it is no JSON of a size that such files have."""
    if not file.is_file():
        raise ValueError(f"{file}: there is no such file")
    if file.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{file}: it has over {_MOST_BYTES // 1_000_000} MB")
    try:
        _, page, rest = (text := file.read_text("utf-8")).partition(DATA)
        return json.loads(rest.partition("</script>")[0] if page else text, parse_constant=_refused)
    except OSError as error:
        raise ValueError(f"{file}: it cannot be read: {error.strerror or error}") from None
    except RecursionError:
        raise ValueError(f"{file}: lists within lists without end") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file}: no text in UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{file}, line {error.lineno}, column {error.colno}: no JSON: {error.msg}") from None
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no number that JSON has")


def built(kind: type[T], value: Any, where: str = "") -> T:
    """A value as `kind`: a named tuple, a dataclass, str, int, float, bool, None, unions, tuples, lists and dicts of those.

    ValueError says where it is not so. Fields that are not known are left out; those that have a default may be missing.
    """
    try:
        found: T = _built(kind, value, where)
    except RecursionError:
        raise ValueError(f"{where or 'it'}: lists within lists without end") from None
    return found


def _built(kind: Any, value: Any, where: str) -> Any:
    origin, parts = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (tuple, list):
        made = (_built(parts[0], each, f"{where}[{place}]") for place, each in enumerate(_of(list, value, where)))
        return origin(made) if parts[-1] is Ellipsis or origin is list else _pair(parts, value, where)
    if origin is dict:
        key, content = parts
        return {
            _key(key, k, where): _built(content, v, f"{where}.{k[:_SHOWN]}") for k, v in _of(dict, value, where).items()
        }
    if parts:  # a union
        if value is None and NoneType in parts:
            return None
        (kind,) = (part for part in parts if part is not NoneType)
        return _built(kind, value, where)
    if is_dataclass(kind) or hasattr(kind, "_fields"):
        return _record(kind, value, where)
    return _plain(kind, value, where)


def _pair(parts: tuple[Any, ...], value: list[Any], where: str) -> tuple[Any, ...]:
    if len(value) != len(parts):
        raise _wrong(where, value, f"a list of {len(parts)}")
    return tuple(_built(part, each, where) for part, each in zip(parts, value, strict=True))


def _record(kind: Any, value: Any, where: str) -> Any:
    hints = get_type_hints(kind)
    if isinstance(value, list) and hasattr(kind, "_fields"):  # json writes a named tuple within others as a list
        value = dict(zip(kind._fields, value, strict=False))
    given = _of(dict, value, where)
    found = {}
    for name, optional in _fields_of(kind):
        place = f"{where}.{name}".lstrip(".")
        if name in given:
            found[name] = _built(hints[name], given[name], place)
        elif not optional:
            raise ValueError(f"{place}: it is missing")
    return kind(**found)


def _fields_of(kind: Any) -> Iterator[tuple[str, bool]]:
    """The fields of a record, each with whether it has a default."""
    if is_dataclass(kind):
        for field in fields(kind):
            yield field.name, field.default is not MISSING or field.default_factory is not MISSING
    else:
        yield from ((name, name in kind._field_defaults) for name in kind._fields)


def _key(kind: Any, key: str, where: str) -> Any:
    if kind is int:
        if not key.isdecimal() or len(key) > 15:
            raise _wrong(where, key, "a whole number from 0")
        return int(key)
    return _plain(kind, key, where)


_NAMED = {str: "text", int: "a whole number from 0", float: "a number from 0", bool: "true or false"}


def _plain(kind: Any, value: Any, where: str) -> Any:
    fits = type(value) is kind or (kind is float and type(value) is int)
    if fits and kind in (int, float):
        fits = 0 <= value <= _LARGEST
    if fits and kind is str:
        fits = len(value) <= _LONGEST_TEXT
    if not fits:
        raise _wrong(where, value, _NAMED[kind])
    return float(value) if kind is float else value


def _of(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, kind):
        raise _wrong(where, value, "an object" if kind is dict else "a list")
    return value


def _wrong(where: str, value: Any, wanted: str) -> ValueError:
    shown = repr(value)
    return ValueError(f"{where or 'it'}: {shown[:_SHOWN]}{'...' * (len(shown) > _SHOWN)} is not {wanted}")
