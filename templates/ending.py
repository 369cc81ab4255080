"""How a run ends: in an event, whatever happens, and with an exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from outcome import _failure
from shown import _unsaid


def _run_to_its_end(run: Any, event: Callable[..., None]) -> int:
    """Measure all; returns the exit code: 0 done, 1 failed, 130 interrupted."""
    try:
        reason = run.measure_all()
    except KeyboardInterrupt:
        reason = "interrupted"
    except Exception as error:  # noqa: BLE001  # such as a full disk: there is still something to report
        reason, run.detail = "failed", _failure(error)[1]
    finally:
        run.launcher.close()
    event(event="end", reason=reason, detail=run.detail, seconds=run.elapsed())
    return 1 if _unsaid or reason == "failed" else 130 if reason == "interrupted" else 0
