"""A fake machine of Pythons: scripts that answer as one does, or do not, in a tree of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from selector.host import Survey, survey_interpreters


def answer(version: str = "3.13.5", **changes: Any) -> str:
    """The JSON that an interpreter of this version prints."""
    major, minor = version.split(".")[:2]
    facts = {
        "version": version, "release": [int(major), int(minor)], "implementation": "cpython", "free_threaded": False,
        "gil_enabled": True, "bits": 64, "executable": "/nowhere/python",
    }  # fmt: skip
    return json.dumps(facts | changes)


class FakeMachine:
    """A fake machine: scripts for interpreters, a home and a cache of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.log = root / "asked.log"
        self.started: list[str] = []  # by a test that starts nothing
        self.environ = {"CONCURRENCY_SELECTOR_CACHE_DIR": str(root / "cache"), "PATH": str(root / "bin")}
        self.cache = root / "cache" / "interpreters.json"

    def script(self, path: str, body: str) -> Path:
        """An executable shell script that notes each time it is run."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.fsencode(f"#!/bin/sh\nPATH=/usr/bin:/bin\necho {path} >> '{self.log}'\n{body}\n"))
        file.chmod(0o755)
        return file

    def python(self, path: str, version: str = "3.13.5", **changes: Any) -> Path:
        return self.script(path, f"echo '{answer(version, **changes)}'")

    def survey(self, **options: Any) -> Survey:
        options = {"timeout_seconds": 30.0} | options
        return survey_interpreters(self.environ, self.root, self.home, running=False, **options)

    def tags(self) -> list[str]:
        return [i.tag for i in self.survey().interpreters]

    def asked(self) -> list[str]:
        """Which scripts ran since the last call."""
        lines = sorted(self.log.read_text().split()) if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines
