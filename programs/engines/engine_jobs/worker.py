"""The life of a process that the crew starts: a worker by its number, or the engine's own broker. And of one that comes
after all of them, and deletes what is ours in a broker of others.
"""

from __future__ import annotations

import contextlib
import multiprocessing.util
import os
import sys
import tempfile

from engine_jobs.keeping import keeping_at
from engine_jobs.plan import READY, module_of, planned
from engine_jobs.work import users_part


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
    engine = module_of(plan.engine)
    if which == "forget":
        engine.forget(plan)
        with contextlib.closing(keeping_at(plan)) as kept:
            kept.forget()
        return
    _keep_scratch_in(plan.folder)
    if which == "broker":
        engine.serve_broker(plan, ready)
    else:
        users_part()  # once, before anything is forked
        engine.serve(plan, int(which), ready)


if __name__ == "__main__":
    main()
