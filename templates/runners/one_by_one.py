"""Calls one after the other."""

from __future__ import annotations

from calls import outcome
from reports import Report
from yours import items, setup


def run() -> int:
    """All items; the exit code."""
    report = Report()
    try:
        if setup is not None:
            setup()
        for item in items():
            report.add(item, *outcome(item))
    except (KeyboardInterrupt, BrokenPipeError):  # or nobody reads the results any more
        return 130
    finally:
        report.say()
    return min(1, report.failed)
