"""A temporary folder and a keeper: whatever a run starts and writes is gone when it ends, also if it is killed."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import sys
import tempfile
from pathlib import Path

from engine_jobs.keeper import Keeper, end_all
from engine_jobs.plan import Plan

_LONGEST_PATH = 16  # of where a temporary folder lies: Ray's sockets are 88 characters below, and macOS allows 103


class Guard:
    """A context for all that a plan starts; `plan` is that one, with its folder."""

    def __init__(self, plan: Plan) -> None:
        self._open = contextlib.ExitStack()
        self.plan = plan

    def __enter__(self) -> Guard:  # noqa: PYI034  # typing.Self is of Python 3.11
        usual = tempfile.gettempdir()
        folder = tempfile.mkdtemp(prefix="engine-jobs-", dir=usual if len(usual) <= _LONGEST_PATH else "/tmp")  # noqa: S108
        self.plan = dataclasses.replace(self.plan, folder=folder)
        try:
            self.keeper = Keeper(self.plan.mark)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._open.callback(self.keeper.close)
        self._open.callback(shutil.rmtree, folder, ignore_errors=True)
        self._open.callback(end_all, set(), self.plan.mark)
        self.remove(Path(folder))
        if self.plan.keeping and not self.plan.foreign:
            self.keeper.tell(f"~{json.dumps(self.plan.keeping)}")
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def remove(self, path: Path) -> None:
        """This goes, too, if we are killed."""
        self.keeper.tell(f"={json.dumps(str(path))}")

    def forget(self) -> None:
        """In the end, however that comes, what is ours in a broker of others goes, too."""
        command = [sys.executable, "-m", "engine_jobs.worker", "forget"]
        self.keeper.tell(f"!{json.dumps([command, self.plan.environment()])}")
