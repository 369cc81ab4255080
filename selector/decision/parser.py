"""Reads the text of a cell; every mistake is told with its place and what to write instead."""

from __future__ import annotations

import json
import re

from selector.decision.cells import (
    ANYTHING,
    Cell,
    CellError,
    Compare,
    Interval,
    Not,
    OneOf,
    Scalar,
    kind_of,
    literal_text,
)


def parse_cell(text: str) -> Cell:
    """The cell written in `text`; raises CellError with the place and what to write instead."""
    return _Parser(text).cell()


def region_cell(text: str) -> Cell:
    """The cell of a text that `cell_text` made: a whole number beside a bound may have more digits than one may write."""
    return _Parser(text, most_digits=None).cell()


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<number>-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)
    | (?P<dots>\.\.(?!\.))
    | (?P<operator><=|>=|!=|<|>|=)
    | (?P<name>[^\W\d][\w/]*(?:-\w+)*)
    | (?P<mark>[-,()\[\]])
    )""",
    re.VERBOSE,
)


_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_MAX_NESTING = 20
_MOST_DIGITS = 300  # of a number that somebody writes: any such number is a float too
_MISTAKES = {
    "==": "write = for equal", "=>": "write >= for at least", "=<": "write <= for at most", "<>": "write != for unlike",
    "“": 'use straight quotes: "', "”": 'use straight quotes: "', "'": 'strings take double quotes: "cpu"',
    "\u2018": 'use straight quotes: "', "\u2019": 'use straight quotes: "', "\u2212": "a minus sign is written -",
    "≥": "write >=", "≤": "write <=", "≠": "write !=", "!": "write != for unlike, not(...) for the opposite",
    "…": "an interval has two dots: [1..5]", "...": "an interval has two dots: [1..5]",
    "|": "separate alternatives by commas", ";": "separate alternatives by commas",
    "&": "an interval [a..b] joins two bounds", "*": "any value is written -", "?": "tests have no variable: >= 2",
    "%": "units belong in the input's name",
}  # fmt: skip
_NOT_A_TEST = {
    "and": "an interval [a..b] joins two bounds", "or": "separate alternatives by commas",
    "date": "dates and times are not supported", "time": "dates and times are not supported",
    "duration": "durations are not supported: use a number with its unit in the name",
    "in": "leave `in` out: a cell is already a test of its input",
    "to": "an interval is written [a..b]", "between": "an interval is written [a..b]",
    "..": "an interval has brackets: '[1..5]', in quotes in YAML",
}  # fmt: skip


class _Parser:
    """Recursive descent over the tokens of one cell."""

    def __init__(self, text: str, most_digits: int | None = _MOST_DIGITS) -> None:
        self.text = text
        self.most_digits = most_digits
        self.kinds: list[str] = []
        self.words: list[str] = []
        self.offsets: list[int] = []
        self.at = 0
        self.nesting = 0
        self._tokenize()

    def _tokenize(self) -> None:
        position, end = 0, len(self.text.rstrip())
        if end == 0:
            raise CellError("an empty cell", 0, "write - for any value, or quote the test: '> 5'")
        while position < end:
            found = _TOKEN.match(self.text, position)
            if found is None:
                self._refuse(position)
            assert found is not None and found.lastgroup is not None
            self.kinds.append(found.lastgroup)
            self.words.append(found[found.lastgroup])
            self.offsets.append(found.start(found.lastgroup))
            position = found.end()
        self.kinds.append("end")
        self.words.append("")
        self.offsets.append(end)

    def _refuse(self, position: int) -> None:
        rest = self.text[position:].lstrip()
        offset = len(self.text) - len(rest)
        for mistake, hint in _MISTAKES.items():
            if rest.startswith(mistake):
                raise CellError(f"{mistake} is not part of a test", offset, hint)
        if rest.startswith('"'):
            raise CellError("a string without its closing quote", offset, 'end it with "')
        raise CellError(f"{rest[0]!r} is not part of a test", offset, 'tests look like >= 2, [1..5], "a","b" or -')

    def peek(self, word: str) -> bool:
        """Whether the next token is this word, not as a string."""
        return self.words[self.at] == word and self.kinds[self.at] != "string"

    def take(self) -> str:
        """The next token, which is then behind us."""
        self.at += 1
        return self.words[self.at - 1]

    def fail(self, problem: str, hint: str, back: int = 0) -> CellError:
        """An error at the next token, or some tokens back."""
        return CellError(problem, self.offsets[max(0, self.at - back)], hint)

    def expect(self, word: str) -> None:
        """Take this word, or say what stands there instead."""
        if not self.peek(word):
            found = f"{self.words[self.at]!r}" if self.kinds[self.at] != "end" else "the end"
            raise self.fail(f"expected {word} but found {found}", f"close with {word}")
        self.take()

    def cell(self) -> Cell:
        """The whole text as one cell."""
        if self.peek("-") and self.kinds[1] == "end":
            return ANYTHING
        result = self.alternatives()
        if self.kinds[self.at] != "end":
            word = self.words[self.at]
            raise self.fail(f"unexpected {word!r}", self.hint_for_unexpected(word))
        return result

    def hint_for_unexpected(self, word: str) -> str:
        """What to write instead of what stands where the cell should end."""
        before = self.words[self.at - 1]
        if self.kinds[self.at] == "operator":
            return "a test starts with its operator and does not name its input: >= 2"
        if before == "not":
            return "not takes parentheses: not(...)"
        return _NOT_A_TEST.get(word) or _NOT_A_TEST.get(before) or "separate alternatives by commas"

    def alternatives(self) -> Cell:
        """One test, or several separated by commas."""
        self.nesting += 1
        if self.nesting > _MAX_NESTING:
            raise self.fail("parentheses nested too deeply", "simplify the cell")
        tests = [self.test()]
        while self.peek(","):
            self.take()
            tests.append(self.test())
        self.nesting -= 1
        return tests[0] if len(tests) == 1 else OneOf(tuple(tests))

    def test(self) -> Cell:
        """One test: a comparison, an interval, a group, `not(...)` or a literal."""
        kind, word = self.kinds[self.at], self.words[self.at]
        if kind == "operator":
            return self.comparison()
        if kind == "mark" and word in "[](":
            return self.interval_or_group()
        if kind == "name" and word == "not" and self.words[self.at + 1] == "(":
            self.at += 2
            inner = self.alternatives()
            self.expect(")")
            return Not(inner)
        if self.peek("-"):
            raise self.fail("- stands alone", "write - as the whole cell for any value")
        return Compare("=", self.literal())

    def comparison(self) -> Cell:
        """`< 5`, `!= "a"`, ..."""
        order = self.take()
        double = order + self.words[self.at]
        if self.kinds[self.at] == "operator" and double in _MISTAKES:
            raise self.fail(f"{double} is not part of a test", _MISTAKES[double], back=1)
        value = self.literal()
        if order not in ("=", "!=") and (value is None or isinstance(value, bool)):
            raise self.fail(f"{literal_text(value)} has no order", f"compare it with = or !=, not {order}", back=1)
        return Compare(order, value)  # type: ignore[arg-type]  # the token pattern admits exactly the operators

    def interval_or_group(self) -> Cell:
        """`[a..b]` and its kin, or a list in brackets, which is the same as without them."""
        start = self.take()
        if self.kinds[self.at] in ("string", "number", "name") and self.kinds[self.at + 1] == "dots":
            return self.interval(start)
        if start == "]":
            raise self.fail("expected an interval", "an open interval is ]1..5[ or (1..5)")
        inner = self.alternatives()
        self.expect("]" if start == "[" else ")")
        return inner

    def interval(self, start: str) -> Cell:
        """`[low..high]` after its opening bracket."""
        low = self.literal()
        self.take()  # the dots
        high = self.literal()
        end = self.words[self.at]
        if end not in ("]", ")", "["):
            raise self.fail("an interval without its end", "close it with ] or )")
        self.take()
        if kind_of(low) != kind_of(high) or kind_of(low) not in ("number", "string"):
            raise self.fail("an interval needs two numbers or two strings", 'write [1..5] or ["a".."f"]', back=2)
        assert not isinstance(low, bool) and not isinstance(high, bool) and low is not None and high is not None
        closed = start == "[", end == "]"
        if low > high or (low == high and closed != (True, True)):  # type: ignore[operator]  # same kind: just checked
            raise self.fail("an interval that no value can be in", "put the smaller bound first", back=2)
        return Interval(low, high, *closed)

    def literal(self) -> Scalar:
        """A number, a string, true, false, null, or a bare word as a string."""
        kind, word = self.kinds[self.at], self.words[self.at]
        value: Scalar
        if kind == "number":
            value = self.number(word)
        elif kind == "string":
            value = self.string(word)
        elif kind == "name" and word not in _NOT_A_TEST:
            value = _CONSTANTS.get(word, word)
        else:
            found = repr(word) if word else "the end of the cell"
            raise self.fail(
                f"expected a value but found {found}", _NOT_A_TEST.get(word, "a number, a string or true/false")
            )
        self.take()
        if kind == "number" and self.kinds[self.at] == "name":
            after = self.words[self.at]
            hint = "write 1000, not 1_000" if after.startswith("_") else "units belong in the input's name"
            raise self.fail(f"a number followed by {after!r}", _NOT_A_TEST.get(after, hint))
        return value

    def number(self, word: str) -> int | float:
        """A number as written, whole or not; never one that YAML or a reader could take for another."""
        digits = word.lstrip("-")
        if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
            raise self.fail(f"the number {word} starts with 0", "write 1000, not 1,000 and not 01")
        if self.most_digits is not None and len(digits) > self.most_digits:
            raise self.fail("a number of too many digits", f"at most {self.most_digits}")
        if digits.isdigit():
            return int(word)
        value = float(word)
        if value in (float("inf"), float("-inf")):
            raise self.fail(f"{word} is too large", "use a smaller number")
        return value

    def string(self, word: str) -> str:
        """A string in double quotes, with the escapes of JSON."""
        try:
            return str(json.loads(word, strict=False))
        except ValueError:
            raise self.fail(f"the string {word} has an unknown escape", 'use \\" and \\\\') from None
