"""Start a mode: see __init__.py for what there is, what it takes and what it says."""

import importlib
import importlib.util
import json
import os
import sys
from typing import Any

_NAME = "_function_probe"  # not the names of the files beside this: the user's modules may be called target or memory


def start(mode: str, options: dict[str, Any]) -> None:
    """Load the probe as a package that nobody else finds, and run a mode."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [place for place in sys.path if os.path.abspath(place or ".") != here]
    kept = sys.pycache_prefix, sys.dont_write_bytecode
    if options.get("cache"):
        sys.pycache_prefix, sys.dont_write_bytecode = options["cache"], False
    place = os.path.join(here, "__init__.py")
    spec = importlib.util.spec_from_file_location(_NAME, place, submodule_search_locations=[here])
    assert spec is not None and spec.loader is not None
    package = sys.modules[_NAME] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    modes = importlib.import_module(f"{_NAME}.modes")
    step = modes.step_of(mode)
    if not (options.get("cache") and _libraries_are_not_compiled()):  # else each child would compile them again
        sys.pycache_prefix, sys.dont_write_bytecode = kept
    sys.argv[:] = ["measured"]
    modes.run(step, options)


def _libraries_are_not_compiled() -> bool:
    """Whether some of the installed packages were never compiled, as uv leaves them; nothing is written beside them."""
    packages = [
        os.path.join(place, name)
        for place in sys.path
        if os.path.basename(place) in ("site-packages", "dist-packages") and os.path.isdir(place)
        for name in os.listdir(place)
        if os.path.isfile(os.path.join(place, name, "__init__.py"))
    ]
    return sum(not os.path.isdir(os.path.join(package, "__pycache__")) for package in packages) > len(packages) / 4


if __name__ == "__main__":
    start(sys.argv[1], json.loads(sys.argv[2]))
