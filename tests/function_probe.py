"""The modules of the probe that measures a function, as nobody else finds them, and a small driver of its children."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

PROBE = Path(__file__).resolve().parent.parent / "probes" / "function"
LAB = Path(__file__).resolve().parent / "lab"


@contextmanager
def modules() -> Iterator[SimpleNamespace]:
    """The modules of the probe by name, in the package that they are when they run."""
    names = [file.stem for file in sorted(PROBE.glob("*.py")) if not file.stem.startswith("__")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        place = str(PROBE / "__init__.py")
        spec = importlib.util.spec_from_file_location("_function_probe", place, submodule_search_locations=[str(PROBE)])
        assert spec is not None and spec.loader is not None
        package = sys.modules["_function_probe"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(package)
        yield SimpleNamespace(**{name: importlib.import_module(f"_function_probe.{name}") for name in names})
    for name in [name for name in sys.modules if name.partition(".")[0] == "_function_probe"]:
        del sys.modules[name]


class Said(NamedTuple):
    """What a child said: all messages merged, the messages, its exit code, the stacks, and what the user's code printed."""

    all: dict[str, Any]
    messages: list[dict[str, Any]]
    code: int
    stacks: str
    log: str

    def __getitem__(self, key: str) -> Any:
        return self.all[key]


def ask(place: Path, mode: str, target: str = "", *, python: str = sys.executable, **options: Any) -> Said:
    """Run one child as the tool does; the phase `held` is looked at from outside where `options` have `look`."""
    look = options.pop("look", 0.0)
    log = place / f"{time.monotonic_ns()}.log"
    stop = place / f"{time.monotonic_ns()}.stop"
    given = {"target": target, "folder": str(LAB), "log": str(log), "cache": str(place / "cache"), **options}
    command = [python, "-B", str(PROBE), mode, json.dumps({**given, **({"stop": str(stop)} if look else {})})]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV"))}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, start_new_session=True
    ) as child:  # fmt: skip
        assert child.stdout is not None and child.stderr is not None
        messages = []
        for line in child.stdout:
            messages.append(json.loads(line))
            if look and messages[-1].get("phase") == "held":
                messages += ask(place, "sampler", python=python, pid=child.pid, seconds=look).messages[:-1]
                stop.touch()
        stacks = child.stderr.read().decode()
        code = child.wait()
    merged = {key: value for message in messages for key, value in message.items()}
    return Said(merged, messages, code, stacks, log.read_text() if log.exists() else "")
