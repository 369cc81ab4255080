"""Ways to spoil a text, and tables to begin with."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from selector.errors import SelectorError
from selector.files import resource_dir
from selector.text import printable

WEIRD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**12, 10**12 + 1, 10**18, 10**400, -(10**400), 0.0, -0.0, 0.5, 5e-324,
    1e308, math.inf, -math.inf, math.nan, "", " ", "0", "1", "-", "null", "true", "NaN", "1e999", "x" * 300, "\x00",
    "\ud800", "\u202e", "🙂", "=cmd()", "${x}", "{{x}}", "%s%n", "../../etc/passwd", "'; --", [], [[]], [None],
    [1, "a", {}], {}, {"a": 1}, {"workload_type": "io"}, [[[[[[[[[[]]]]]]]]]],
)  # fmt: skip

SCRAPS = (
    b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\", b'"', b"'", b"{", b"}", b"[", b"]", b":", b",", b"-", b"#",
    b"&a", b"*a", b"!!python/object:os.system", b"!", b"|", b">", b"%", b"@", b"`", b"\t", b"\r", b"\n", b"\n\n", b"---\n", b"...\n",
    b"? ", b"<<: ", b"~", b"1e999", b"-1e999", b"9" * 400, b"0x1F", b"1_000", b"NaN", b"Infinity", b".nan", b".inf", b"null", b"true",
    b"yes", b"\\ud800", b"\\u0000", b"/*", b"//", b"[" * 2000, b'{"a":' * 2000, b"- " * 300, b"\xe2\x80\xae", b"\xe2\x80\xa8",
    b">= 5", b"[1..", b"not(", b'"a","b', b"..", b"<>", b"==", b"(" * 100,
)  # fmt: skip

_ENCODINGS = ("utf-16", "utf-32", "utf-16-be", "latin-1", "cp037")


RULES = resource_dir("rules")


def spoilt(rng: random.Random, text: bytes) -> bytes:
    """The text with one to three accidents."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        place = rng.randrange(len(text) + 1)
        end = min(len(text), place + rng.choice((1, 2, 5, 30)))
        match rng.randrange(9):
            case 0:
                text = text[:place]
            case 1:
                text = text[:place] + text[end:]
            case 2 | 3:
                text = text[:place] + rng.choice(SCRAPS) + text[place:]
            case 4:
                text = text[:place] + rng.choice(SCRAPS) + text[end:]
            case 5:
                text = text[:place] + rng.randbytes(rng.choice((1, 4, 50))) + text[end:]
            case 6:
                text = text[:place] + text[place:end] * rng.choice((2, 50)) + text[end:]
            case 7:
                text = text.decode("utf-8", "replace").encode(rng.choice(_ENCODINGS), "replace")
            case 8:
                text = b"".join(rng.sample(text.splitlines(keepends=True), text.count(b"\n"))) or text[::-1]
    return text


def seeds(first: int, last: int, quick: int) -> list[Any]:
    """Seeds from the first to the one before the last, all but a few of them for `make test-all`."""
    return [pytest.param(n, marks=() if n < first + quick else pytest.mark.slow) for n in range(first, last)]


def outcome(make: Callable[[], object]) -> SelectorError | None:
    """None where it succeeds, else the polite error; any other exception fails the test."""
    try:
        make()
    except SelectorError as error:
        return error
    return None


def polite(error: SelectorError) -> bool:
    """For the user's eyes: exit code 2, a message and a hint of a readable length, as the command prints them."""
    shown = printable(f"{error.message}{error.hint}")
    return error.exit_code == 2 and 0 < len(shown) < 3000


TABLES = {name: (RULES / f"{name}.yaml").read_bytes() for name in ("engine", "sizing", "speedup_bands")}
TABLES["every form"] = b"""\
table: forms
title: "Every form a cell can have"
hit_policy: collect
aggregate: null
inputs:
  word: {type: string, values: [a, b, "c d"]}
  number: {type: number, values: '[0..100]'}
  flag: {type: boolean, optional: true}
outputs:
  out: {type: string, values: [x, y]}
  size: {type: number}
rules:
  - id: one
    when: {word: '"a","b"', number: '[1..5), > 10', flag: 'true, null'}
    then: {out: x, size: 1}
    because: Some sentence.
  - {id: two, when: {word: [a, "c d"], number: not(3), flag: "-"}, then: {out: y, size: 2.5}}
  - {when: {number: ']5..10['}, then: {out: y, size: -3e2}}
default: [{out: x, size: 0}]
examples:
  - given: {word: a, number: 2}
    expect: [{out: x, size: 1}, {out: y, size: 2.5}]
"""
