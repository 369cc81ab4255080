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
    sys.pycache_prefix, sys.dont_write_bytecode = kept
    sys.argv[:] = ["measured"]
    modes.run(mode, options)


if __name__ == "__main__":
    start(sys.argv[1], json.loads(sys.argv[2]))
