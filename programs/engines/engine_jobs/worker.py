"""The life of a process that the crew starts: a worker by its number, or the engine's own broker."""

from __future__ import annotations

import multiprocessing.util
import os
import sys
import tempfile

from engine_jobs.plan import READY, module_of, planned


def ready(*, oversees: bool = False) -> None:
    """Tell whoever started us that work may come to this process, or to those that it oversees."""
    with open(os.environ[READY], "a", encoding="ascii") as stream:
        stream.write(f"{'main ' if oversees else ''}{os.getpid()}\n")


def _keep_scratch_in(folder: str) -> None:
    """The folder that multiprocessing makes for sockets of its own goes with the run, even if we are killed."""
    tempfile.tempdir = folder
    multiprocessing.util.get_temp_dir()
    tempfile.tempdir = None  # the user's function has the usual one


def main() -> None:
    """Serve until the engine ends it."""
    plan, which = planned(), sys.argv[1]
    _keep_scratch_in(plan.folder)
    engine = module_of(plan.engine)
    if which == "broker":
        engine.serve_broker(plan, ready)
    else:
        from engine_jobs import yours  # noqa: F401  # once, before anything is forked

        engine.serve(plan, int(which), ready)


if __name__ == "__main__":
    main()
