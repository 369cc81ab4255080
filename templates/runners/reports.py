"""What is told while it runs: failures, and on a terminal how far it is."""

from __future__ import annotations

import sys
import time
from typing import Any

from yours import use


class Report:
    """Counts what is done and what failed of it."""

    def __init__(self) -> None:
        self.done, self.failed, self.shown = 0, 0, 0.0
        self.start = "\r" if sys.stderr.isatty() and not sys.stdout.isatty() else ""  # of a line that is written over

    def add(self, item: Any, result: Any, error: str) -> None:
        """Use a result, or tell of a failure."""
        self.done += 1
        if error:
            self.failed += 1
            print(f"{self.start}failed: {item!r:.200}: {error}", file=sys.stderr)
        else:
            use(item, result)
        if self.start and time.monotonic() > self.shown + 0.2:
            self.shown = time.monotonic()
            print(f"\r{self.done:,} done, {self.failed:,} failed", end="", file=sys.stderr, flush=True)

    def end(self, said: str = "") -> int:
        """Say what it came to; the exit code."""
        print(f"{self.start}{said}{self.done:,} done, {self.failed:,} failed", file=sys.stderr)
        return 1 if self.failed else 0
