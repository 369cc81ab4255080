"""Reads what users hand in: a profile from a file or standard input, profiles a line, settings from the command line.

Everything is bounded: a profile is small, and neither a file without end nor a line without end is waited for.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pydantic import ValidationError

from selector.errors import SelectorError
from selector.text import quoted, suggestion
from selector.workload.fields import accepted, value_from_text, what_was_meant
from selector.workload.profile import WorkloadProfile

if TYPE_CHECKING:
    from selector.workload.system import SystemProfile

STANDARD_INPUT = "-"
MAX_PROFILE_BYTES = 1_000_000
_LONGEST_LINE = 2**28  # bytes; longer ones are refused without waiting for their end, which may never come


# Files, standard input and the command line ---------------------------------------------------------------------------


def read_profile(file: str | None, settings: tuple[str, ...]) -> WorkloadProfile:
    """The profile in a file or on standard input (none: nothing given), with the settings over it."""
    return profile_from_mapping(read_answers(file, settings), named(file))


def read_workload(file: str | None, settings: tuple[str, ...]) -> WorkloadProfile | SystemProfile:
    """The same, where the file may describe a system of several parts."""
    data = read_answers(file, ())
    if isinstance(data, dict) and "parts" in data:  # a system
        from selector.workload.system import system_from_mapping, with_system_settings

        return system_from_mapping(with_system_settings(data, settings), named(file))
    return profile_from_mapping(with_settings(data, settings), named(file))


def read_answers(file: str | None, settings: tuple[str, ...]) -> object:
    """The JSON in a file or on standard input (none: an empty object), with the settings over it."""
    data: object = {} if file is None else decode_json(read_bytes(file), named(file))
    return with_settings(data, settings)


def read_bytes(file: str) -> bytes:
    """What is in a file or on standard input, a byte more than a workload may have at most."""
    with _opened(file) as stream:
        return _reading(file, lambda: stream.read(MAX_PROFILE_BYTES + 1))


def numbered_lines(file: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a file or of standard input that are not blank, with their numbers."""
    with _opened(file) as stream:
        yield from _lines(stream, file)


def profile_of_line(file: str, line: tuple[int, bytes], settings: tuple[str, ...]) -> WorkloadProfile:
    """The profile in a line of a file, with the settings over it; SelectorError names the line."""
    number, text = line
    where = f"{named(file)}, line {number}"
    return profile_from_mapping(with_settings(decode_json(text, where), settings), where)


def with_settings(data: object, settings: tuple[str, ...]) -> object:
    """Decoded JSON with `KEY=VALUE` settings over it; SelectorError for a setting without its sign of equality."""
    changes = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise SelectorError(f"--set {setting!r}: write KEY=VALUE", "for example --set tasks=500")
        changes[key.strip()] = value_from_text(key.strip(), value)
    return {**data, **changes} if isinstance(data, dict) else data


def named(file: str | None) -> str:
    """How messages call where a workload is from."""
    if file is None:
        return "--set"
    return "standard input" if file == STANDARD_INPUT else file


def _opened(file: str) -> IO[bytes]:
    if file == STANDARD_INPUT and sys.stdin is None:
        raise SelectorError("standard input is closed", "give a workload file")
    try:
        return sys.stdin.buffer if file == STANDARD_INPUT else Path(file).open("rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the name has a NUL character"
        raise SelectorError(
            f"{file}: cannot be read: {reason}", "give a workload file, or - for standard input"
        ) from None


def _reading(file: str, read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except OSError as error:
        raise SelectorError(f"{named(file)}: cannot be read: {error.strerror}", "give a workload file") from None


def _lines(stream: IO[bytes], file: str) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that are not blank; of an overlong line only the beginning is kept, which is then refused."""

    def read_some() -> bytes:
        """A line, or the beginning of an overlong one."""
        return _reading(file, lambda: stream.readline(MAX_PROFILE_BYTES + 2))

    number = 0
    while line := read_some():
        number += 1
        rest, length = line, len(line)
        while not rest.endswith(b"\n") and len(rest) > MAX_PROFILE_BYTES:
            if length > _LONGEST_LINE:
                raise SelectorError(f"{named(file)}, line {number}: it does not end", "give one profile a line")
            rest = read_some()
            length += len(rest)
        if line.strip():
            yield number, line.removesuffix(b"\n")


# JSON and what is decoded from it -------------------------------------------------------------------------------------


def profile_from_mapping(data: object, source: str = "profile") -> WorkloadProfile:
    """A profile from decoded JSON; raises SelectorError naming every field that is wrong and what is accepted."""
    if not isinstance(data, Mapping):
        raise SelectorError(
            f"{source}: a workload is a JSON object, not {kind_of_json(data)}", 'for example: {"workload_type": "io"}'
        )
    if "parts" in data:
        what = f"{source}: this describes a system of several parts, where one workload is needed"
        raise SelectorError(what, "`recommend`, `generate` and `validate` take a system, alone in its file")
    try:
        return WorkloadProfile.model_validate(data)
    except ValidationError as error:
        found = sorted(error.errors(include_url=False), key=lambda e: e["type"] == "missing")  # it may be misspelt
        lines = [_sentence(e) for e in found[:8]]
        raise SelectorError(
            "\n".join(f"{source}: {line}" for line in lines), "fields: see `recommend --help`"
        ) from None


def profile_from_json(text: str | bytes, source: str = "profile") -> WorkloadProfile:
    """A profile from JSON text (UTF-8); raises SelectorError for anything that is not exactly one workload."""
    return profile_from_mapping(decode_json(text, source), source)


def decode_json(text: str | bytes, source: str) -> object:
    """Strict JSON: UTF-8, no duplicate keys, bounded size and depth; else SelectorError.

    NaN, Infinity and numbers of a thousand digits pass, because the field that holds one refuses it by its name.
    """
    if len(text) > MAX_PROFILE_BYTES:
        raise SelectorError(f"{source}: larger than {MAX_PROFILE_BYTES:,} bytes", "a workload is a few hundred bytes")
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        return _DECODER.decode(text.removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise SelectorError(f"{source}: not UTF-8 text (byte {error.start})", "save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SelectorError(
            f"{source}: not valid JSON at {where}: {error.msg}", "check the text at that place"
        ) from None
    except RecursionError:
        raise SelectorError(f"{source}: JSON nested too deeply", "a workload is a flat object") from None
    except ValueError as error:
        raise SelectorError(f"{source}: {error}", "keep one of them") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {quoted(key)} appears twice")
            seen.add(key)
    return result


def _whole_number(digits: str) -> int:
    """A whole number; of one that is far too long only the beginning, which no field accepts either."""
    return int(digits[:400])


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_int=_whole_number)


def kind_of_json(value: object) -> str:
    """What a decoded value is, in words: `an object`, `a list`, `text`, ..."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)


def _sentence(error: Any) -> str:
    """One pydantic error as: field, value, what is accepted."""
    if not error["loc"]:  # a key that holds half a surrogate pair, for which pydantic has no place
        return f"unknown field {quoted(error['input'])}"
    field = str(error["loc"][0])
    kind = error["type"]
    if kind == "extra_forbidden":
        return f"unknown field {quoted(field)}{suggestion(field, [*WorkloadProfile.model_fields, 'parts'])}"
    if kind == "missing":
        return f"{field} is missing: {accepted(field)}"
    return said_of(field, error["input"])


def said_of(field: str, value: object) -> str:
    """What is wrong with the value of a field: `tasks is "many": expected a whole number from 1 to 10^12`."""
    more = what_was_meant(field, value) if isinstance(value, str) else ""
    return f"{field} is {quoted(value)}: expected {accepted(field)}{more}"
