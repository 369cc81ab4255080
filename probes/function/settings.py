"""The options of a child, and how long a step that may import has."""

from __future__ import annotations

from typing import Any, NamedTuple

from .channel import Channel


class Settings(NamedTuple):
    """The options of a child: see __init__.py."""

    target: str = ""
    items: str | None = None
    setup: str | None = None
    folder: str | None = None
    log: str | None = None
    cache: str | None = None
    seconds: float = 1.0
    budget: float = 20.0
    most: float | None = None
    begun: float | None = None
    call_seconds: float = 10.0
    count: int | None = None
    items_mb: float = 500.0
    order: str = "forward"
    stop: str | None = None
    pid: int = 0
    while_open: bool = False
    modules: tuple[str, ...] = ()
    late: tuple[str, ...] = ()


def settings_of(options: dict[str, Any]) -> Settings:
    """The settings that a JSON object says; TypeError for an unknown key."""
    return Settings(**{key: value for key, value in options.items() if value is not None})


def guard_start(settings: Settings, channel: Channel) -> None:
    """Give a step that may import or warm up, as the first call does, all the time there is: it is slow, and does not hang."""
    channel.guard(max(1.0, (settings.most or settings.budget) - channel.passed))
