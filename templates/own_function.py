"""Call a function on its items in every way that can run here, and compare.

    python bench.py                          every approach that this Python can run, as a table
    python bench.py --interpreter python3.14 --interpreter python3.14t
    python bench.py --json                   one JSON object a line, as it happens

Run it with the Python that has what the function imports. The function is really called, some hundred times and more,
in child processes: what it does beside returning a value happens as often.
"""

from __future__ import annotations

import sys

from function_harness import measure

# --- parameters: begin ---
NAME = "math.factorial"
FUNCTION = "math:factorial"  # module:function or path/file.py:function: one item in, a value out
ASYNC_FUNCTION: str | None = None  # its asynchronous twin
ITEMS: str | None = (
    "2000"  # module:name, file.py:name, FILE.json, .jsonl, .csv, .txt, a glob or a number; None: no argument
)
SETUP: str | None = None  # module:function or path/file.py:function: the costly start of a worker
FOLDER = "."  # where they are looked for, seen from this file
RECOMMENDED: str | None = None
APPROACHES: tuple[str, ...] = (
    "single_threaded",
    "native_parallel",
    "asyncio",
    "threads",
    "asyncio_threads",
    "free_threaded",
    "asyncio_free_threaded",
    "subinterpreters",
    "multiprocessing",
    "asyncio_processes",
)
WORKERS: dict[str, int] = {}  # pool sizes of functions that wait; the others follow from what a call takes
CPUS = 2
TASKS: int | None = None  # of the whole job; None: as many as there are items
CONCURRENCY: int | None = None  # calls in flight at once, where that is limited
GIL_SHARE: float | None = None  # of its CPU time that a call holds the GIL, where that is known
MEMORY_BUDGET_MB: float | None = None
BUDGET_SECONDS = 60.0
# --- parameters: end ---


if __name__ == "__main__":
    sys.exit(measure(globals()))
