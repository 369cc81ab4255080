"""Records the session that the first page shows: its function, by its commands, on this machine.

    python benchmarks/record.py

What `measure` and `validate` found goes to docs/recorded, from which `make pictures` makes the pictures. Other programs
should be quiet meanwhile: where `validate` says that they were not, nothing is kept. The function runs under the newest
Python with a GIL that is found here.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from pages import blocks_of  # noqa: E402
from pictures import MEASURED, PROVED, RECORDED, session_commands  # noqa: E402

from selector.host import find_interpreters  # noqa: E402
from selector.validation import ValidationReport  # noqa: E402


def main() -> int:
    """Run the session in a folder of its own; returns the exit code."""
    folder = Path(tempfile.gettempdir()) / "slow"  # its name is seen in what is recorded
    folder.mkdir()
    try:
        for block in blocks_of(ROOT / "README.md"):
            if file := block.named("file"):
                (folder / file).write_text(block.text, encoding="utf-8")
        environment = _environment(folder)
        for file, command in zip((MEASURED, PROVED), session_commands(), strict=True):
            (folder / file).write_text(_printed(command, folder, environment), encoding="utf-8")
        report = ValidationReport.model_validate_json((folder / PROVED).read_text("utf-8"))
        print("\n- ".join((f"{report.verdict}: {report.reason}", *report.warnings)))
        if report.verdict == "inconclusive":
            print("nothing is kept: try again when the machine is quiet")
            return 1
        RECORDED.mkdir(exist_ok=True)
        for file in (MEASURED, PROVED):
            shutil.copy(folder / file, RECORDED / file)
    finally:
        shutil.rmtree(folder)
    return 0


def _environment(folder: Path) -> dict[str, str]:
    """The environment of the session: `python3` is the newest Python with a GIL, and nothing was measured before."""
    pythons = [each for each in find_interpreters() if each.implementation == "CPython" and not each.free_threaded]
    binaries = folder / "bin"
    binaries.mkdir()
    (binaries / "python3").symlink_to(max(pythons, key=lambda each: each.order()).path)
    ours = {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "CONCURRENCY_SELECTOR_CACHE_DIR": str(folder / "cache"),
    }
    return {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"} | ours


def _printed(command: str, folder: Path, environment: dict[str, str]) -> str:
    """What a command of this tool prints as JSON."""
    words = [sys.executable, "-m", "selector", *shlex.split(command)[1:], "--json"]
    return subprocess.run(words, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
