"""A process that keeps an approach ready, and is asked again and again."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any

from launcher import _Launcher, _result
from meter import _cpus_taken, _look_at_cpus
from processes import _Group, _obey, _script


class _Session:
    """One approach under one Python, from its start to its end; whatever happens to it, there is an answer."""

    opened = 0  # so many of them so far, for the names of their files

    def __init__(self, launcher: _Launcher, python: str, order: dict[str, Any], variables: dict[str, str]) -> None:
        self.launcher, self.asked = launcher, 0
        _Session.opened += 1
        self.out = os.path.join(launcher.folder, f"answer-{_Session.opened}")
        self.keeper = launcher.kept()
        command = [python, launcher.scripts.get(python, _script()), "--child", json.dumps(order), self.out]
        _obey(launcher.parent)
        launcher.spared.add(self.keeper.process.pid)
        self.group: _Group | None = _Group(
            command,
            launcher.folder,
            self.keeper.tell,
            launcher.spared,
            conversing=True,
            errors=f"errors-{_Session.opened}.txt",
            variables=variables,
        )
        launcher.spared.add(self.group.process.pid)

    def answer(
        self, limit_seconds: float, order: dict[str, Any] | None = None, meanwhile: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        """What comes of an order, or of the start; after a failure the session is closed.

        `meanwhile` is called again and again until it has answered.
        """
        group, file = self.group, f"{self.out}.{self.asked}"
        assert group is not None
        self.asked += 1
        before = _look_at_cpus(self.keeper.process.pid)
        if order is not None:
            assert group.process.stdin is not None
            with contextlib.suppress(OSError):  # it has died meanwhile: that is what comes of it
                group.process.stdin.write(json.dumps(order).encode() + b"\n")

        def answered() -> bool:
            meanwhile()
            return os.path.exists(file)

        try:
            stopped = group.attend(limit_seconds, self.launcher.memory_limit_mb, self.launcher.parent, answered)
        except BaseException:
            self.close()
            raise
        after = _look_at_cpus(self.keeper.process.pid)
        answer = _result(file)
        if answer is None:
            if stopped is None and group.code is None:
                stopped = "crash", "its answer cannot be read"
            answer = dict(zip(("status", "reason"), stopped or group.obituary(), strict=True))
        if answer["status"] == "crash":
            answer |= group.last_words()
        used = answer.get("cpu_seconds")
        answer["cpus_taken"] = None if used is None else _cpus_taken(before, after, used, self.launcher.cpus)
        answer["peak_memory_mb"], answer["memory_metric"] = group.peak_mb, group.metric
        if group.metric is None and answer.get("own_peak_mb") is not None:
            answer["peak_memory_mb"], answer["memory_metric"] = answer["own_peak_mb"], "peak_rss_of_main_process"
        if answer["status"] != "ok":
            self.close()
        elif os.path.exists(file):
            os.unlink(file)
        return answer

    def died(self) -> dict[str, Any]:
        """What it has died of since its last answer; nothing of one that lives."""
        assert self.group is not None
        if not self.group.ended():
            return {}
        status, reason = self.group.obituary()
        return {"status": status, "reason": reason, **self.group.last_words()}

    def close(self) -> None:
        """End it, and all that it has started."""
        if self.group is not None:
            self.launcher.spared.discard(self.group.process.pid)
            self.group.end()
            self.group = None
