"""Tables as large as a file may be: each of a kind that was once checked for minutes, or ate gigabytes."""

from __future__ import annotations

from pathlib import Path
from random import Random


def booleans(rows: int, inputs: int, policy: str) -> str:
    """Rows that ask for a few of many booleans: nearly all pairs of rows match together."""
    rng = Random(1)
    names = [f"b{i}" for i in range(inputs)]
    lines = []
    for row in range(rows):
        cells = ", ".join(f"{name}: {rng.choice(('true', 'false'))}" for name in rng.sample(names, 4))
        lines.append(f"{{when: {{{cells}}}, then: {{o: {row % 3}}}}}")
    return _table(policy, dict.fromkeys(names, "{type: boolean}"), lines)


def intervals(rows: int, inputs: int, policy: str) -> str:
    """Rows of intervals on a few numbers: each bound is a place of its own."""
    rng = Random(2)
    names = [f"n{i}" for i in range(inputs)]
    lines = []
    for row in range(rows):
        cells = []
        for name in rng.sample(names, 3):
            low = rng.randrange(9000)
            cells.append(f"{name}: '[{low}..{low + rng.randrange(1, 3000)}]'")
        lines.append(f"{{when: {{{', '.join(cells)}}}, then: {{o: {row % 5}}}}}")
    return _table(policy, dict.fromkeys(names, "{type: number}"), lines)


def strings(rows: int, policy: str, *, listed: bool = False) -> str:
    """A row for each of many words, as in a list of codes."""
    words = [f"w{i}" for i in range(rows)]
    spec = f"{{type: string, values: [{', '.join(words)}]}}" if listed else "{type: string}"
    return _table(policy, {"s": spec}, [f"{{when: {{s: {word}}}, then: {{o: 1}}}}" for word in words])


def alternatives(rows: int, each: int, policy: str) -> str:
    """Few rows, each a long list of words or everything but them."""
    lines = []
    for row in range(rows):
        words = ",".join(f"{chr(97 + row % 26)}{row}x{i}" for i in range(each))
        test = f"not({words})" if row % 2 else words
        lines.append(f"{{when: {{s: '{test}'}}, then: {{o: {row % 2}}}}}")
    return _table(policy, {"s": "{type: string}"}, lines)


def columns(inputs: int, policy: str) -> str:
    """A row for each of very many inputs: the search goes as deep as there are inputs."""
    names = [f"b{i}" for i in range(inputs)]
    return _table(
        policy, dict.fromkeys(names, "{type: boolean}"), [f"{{when: {{{n}: true}}, then: {{o: 1}}}}" for n in names]
    )


def alike(rows: int, policy: str) -> str:
    """Rows that all say the same."""
    return _table(policy, {"a": "{type: number}"}, ["{when: {a: 1}, then: {o: 1}}"] * rows)


def saved(text: str, folder: Path, name: str = "large.yaml") -> Path:
    """The table in a file."""
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def _table(policy: str, inputs: dict[str, str], rules: list[str]) -> str:
    specs = "".join(f"  {name}: {spec}\n" for name, spec in inputs.items())
    rows = "".join(f"  - {line}\n" for line in rules)
    return f"table: large\nhit_policy: {policy}\ninputs:\n{specs}outputs:\n  o: {{type: number}}\nrules:\n{rows}"
