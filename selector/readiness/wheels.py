"""Whether a wheel fits a build of Python, by its name: for locks, which list their files. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

_FIRST_STABLE_FREE = 15  # 3.15: abi3t, PEP 803


@cache
def tags_of(tag: str) -> frozenset[Tag]:
    """The tags of wheels that fit a build on this machine, such as 3.14 or 3.13t; abi3 is not for free-threaded ones."""
    minor, free = int(tag[2:].rstrip("t")), tag.endswith("t")
    interpreter = f"cp3{minor}"
    found = {
        *cpython_tags((3, minor), [f"{interpreter}{'t' if free else ''}"]),
        *compatible_tags((3, minor), interpreter),
    }
    return frozenset(each for each in found if each.abi != "abi3t" or minor >= _FIRST_STABLE_FREE)


def fitting(files: Iterable[str], tag: str) -> str | None:
    """The first wheel among files that fits a build; None where none does."""
    return next((file for file in files if (tags := _tags(file)) is not None and tags & tags_of(tag)), None)


def has_source(files: Iterable[str]) -> bool:
    """Whether a source is among them."""
    return any(file.endswith((".tar.gz", ".zip")) for file in files)


def is_native(tags: Iterable[str]) -> bool:
    """Whether a wheel of these tags is for one platform: it has native code, also where its first part says py3."""
    return any(not tag.endswith("-any") for tag in tags)


def _tags(file: str) -> frozenset[Tag] | None:
    try:
        return parse_wheel_filename(file)[3]
    except InvalidWheelFilename:
        return None
