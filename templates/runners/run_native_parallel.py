"""Runs a function over items, one after the other: each call has the threads of the library that computes."""

from __future__ import annotations

import sys

from one_by_one import run

# --- parameters: begin ---
# --- parameters: end ---


if __name__ == "__main__":
    sys.exit(run())
