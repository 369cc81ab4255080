"""The modules of the probe that measures a function, as nobody else finds them, and a small driver of its children."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

PROBE = Path(__file__).resolve().parent.parent / "probes" / "function"
LAB = Path(__file__).resolve().parent / "lab"


@contextmanager
def modules() -> Iterator[SimpleNamespace]:
    """The modules of the probe by name."""
    names = [file.stem for file in sorted(PROBE.glob("*.py")) if file.stem != "__main__"]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROBE))
        patch.setattr(sys, "dont_write_bytecode", True)
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    for name in names:
        sys.modules.pop(name, None)
