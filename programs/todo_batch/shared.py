"""Modules of the selector that this program uses, too: beside this file in a copy of it, else where the selector has them.

So there is one source of them, and a copy needs nothing else.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any


@cache
def shared(name: str) -> Any:
    """A module by its name: `meter` (memory and CPU of processes) or `stats` (medians and ratios with intervals)."""
    here = Path(__file__).resolve()
    above = [parent / part for parent in here.parents[2:4] for part in ("templates", "selector/benchmark", "benchmark")]
    files = [place / f"{name}.py" for place in (here.parent, *above)]
    file = next((found for found in files if found.is_file()), files[0])
    spec = importlib.util.spec_from_file_location(f"selector_{name}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def engines() -> str:
    """The folder that has the package `engine_jobs`."""
    here = Path(__file__).resolve().parent
    return str(next((place for place in (here, here.parent / "engines") if (place / "engine_jobs").is_dir()), here))
