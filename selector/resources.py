"""Finds the folders that ship with the package: rules, templates and examples."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource_dir(kind: str) -> Path:
    """The folder of `rules`, `templates` or `examples`.

    A wheel carries them as `selector/_data/KIND`; a checkout and an editable install have them beside
    the package, where they are edited.
    """
    shipped = _PACKAGE / "_data" / kind
    return shipped if shipped.is_dir() else _PACKAGE.parent / kind
