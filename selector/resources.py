"""Finds the folders that ship with the package: rules, templates and examples."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def resource_dir(kind: str) -> Path:
    """The folder of `rules`, `templates` or `examples`.

    A wheel carries them as `selector/_data/KIND`; a checkout and an editable install have them beside
    the package, where they are edited.
    """
    shipped = os.path.join(_PACKAGE, "_data", kind)
    return Path(shipped if os.path.isdir(shipped) else os.path.join(os.path.dirname(_PACKAGE), kind))
