"""What is told while it runs: failures, and on a terminal how far it is."""

from __future__ import annotations

import sys
from typing import Any

from yours import use


class Report:
    """What is done, and what failed of it; on a terminal a line says so at any time."""

    done = failed = 0
    live = sys.stderr.isatty() and not sys.stdout.isatty()

    def add(self, item: Any, result: Any, error: str) -> None:
        """Use a result, or tell of a failure."""
        self.done += 1
        if error:
            self.failed += 1
            print(f"failed: {item!r:.200}: {error}", file=sys.stderr)
        else:
            use(item, result)
        if self.live:
            self.say(end="\r")

    def say(self, end: str = "\n") -> None:
        """How far it is."""
        print(f"{self.done:,} done, {self.failed:,} failed", end=end, file=sys.stderr, flush=True)
