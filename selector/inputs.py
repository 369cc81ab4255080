"""Reads what users hand in: a profile from a file or standard input, profiles a line, settings from the command line.

Everything is bounded: a profile is small, and neither a file without end nor a line without end is waited for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from selector.errors import SelectorError
from selector.profile import MAX_PROFILE_BYTES, WorkloadProfile, decode_json, profile_from_mapping, value_from_text

STANDARD_INPUT = "-"
_LONGEST_LINE = 2**28  # bytes; longer ones are refused without waiting for their end, which may never come


def read_profile(file: str | None, settings: tuple[str, ...]) -> WorkloadProfile:
    """The profile in a file or on standard input (none: nothing given), with the settings over it."""
    return profile_from_mapping(read_answers(file, settings), named(file))


def read_answers(file: str | None, settings: tuple[str, ...]) -> object:
    """The JSON in a file or on standard input (none: an empty object), with the settings over it."""
    data: object = {}
    if file is not None:
        with _opened(file) as stream:
            data = decode_json(_reading(file, lambda: stream.read(MAX_PROFILE_BYTES + 1)), named(file))
    return with_settings(data, settings)


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
    """How messages call the source of an answer."""
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
