"""The life of a process that the crew starts: a worker by its number, or the engine's own broker."""

from __future__ import annotations

import os
import sys

from engine_jobs.plan import READY, module_of, planned


def ready() -> None:
    """Tell whoever started us that work may come to this process."""
    with open(os.environ[READY], "a", encoding="ascii") as stream:
        stream.write(f"{os.getpid()}\n")


def main() -> None:
    """Serve until the engine ends it."""
    plan, which = planned(), sys.argv[1]
    engine = module_of(plan.engine)
    if which == "broker":
        engine.serve_broker(plan, ready)
    else:
        from engine_jobs import yours  # noqa: F401  # once, before anything is forked

        engine.serve(plan, int(which), ready)


if __name__ == "__main__":
    main()
