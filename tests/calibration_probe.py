"""The calibration probe as modules, and a copy with parts of our own in the place of the real ones."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

CALIBRATION = Path(__file__).resolve().parent.parent / "probes" / "calibration"

_NAMES = ("figures", "parts", "rounds", "tree", "watch", "work")

#: At the end of its parts.
_PARTS = '''

def good(width):
    """Measures something."""
    yield "thread_start_ms", 1.0


{functions}
def all_parts():
    """One that is good, and the others."""
    return [Part("good", good, rounds=1), {parts}]
'''
_BAD = '''def {name}(width):
    """Comes to nothing, in one of many ways."""
    yield "thread_dispatch_ms", 1.0
    {body}


'''


def altered(folder: Path, *bad: str, part_seconds: float = 20.0) -> Path:
    """A copy with a part that measures something, and one that comes to nothing by each of these bodies.

    A part that takes more than `part_seconds` hangs.
    """
    copy = folder / "probes" / "calibration"
    shutil.copytree(CALIBRATION, copy, ignore=shutil.ignore_patterns("__pycache__"))
    names = ["bad", *(f"bad{number}" for number in range(2, len(bad) + 1))]
    functions = "".join(_BAD.format(name=name, body=body) for name, body in zip(names, bad, strict=True))
    parts = ", ".join(f'Part("{name}", {name}, rounds=1)' for name in names)
    with (copy / "parts.py").open("a", encoding="utf-8") as stream:
        stream.write(_PARTS.format(functions=functions, parts=parts))
    rounds = (copy / "rounds.py").read_text("utf-8")
    rounds = rounds.replace("\nPART_SECONDS = 20.0", f"\nPART_SECONDS = {part_seconds}")
    (copy / "rounds.py").write_text(rounds, "utf-8")
    return copy


@contextmanager
def modules() -> Iterator[SimpleNamespace]:
    """The modules of the probe, by name. They are for the folder they lie in: nobody else finds them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(CALIBRATION))
        patch.setattr(sys, "dont_write_bytecode", True)
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in _NAMES})
    for name in _NAMES:
        sys.modules.pop(name, None)
