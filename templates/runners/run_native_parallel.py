"""Runs a function over items, one after the other: each call has the threads of the library that computes."""

from __future__ import annotations

import sys

from calls import outcome
from reports import Report
from yours import items, setup

# --- parameters: begin ---
# --- parameters: end ---


def main() -> int:
    """All items; the exit code."""
    report = Report()
    try:
        if setup is not None:
            setup()
        for item in items():
            report.add(item, *outcome(item))
    except KeyboardInterrupt:
        return 130
    finally:
        report.say()
    return min(1, report.failed)


if __name__ == "__main__":
    sys.exit(main())
