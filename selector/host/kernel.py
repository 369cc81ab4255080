"""Files of the kernel, in /proc and /sys: what they say, or nothing where they cannot be read or are odd."""

from __future__ import annotations

from pathlib import Path


def system_text(path: str, root: Path = Path("/")) -> str:
    """The text of a file in /proc or /sys, "" where it cannot be read; `root` stands before `path`."""
    try:
        with open(f"{str(root).rstrip('/')}{path}", encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except (OSError, ValueError):
        return ""


def whole_number(text: str) -> int | None:
    """What a file of the kernel says where it says a number of up to 19 digits, else None."""
    digits = text.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 19 else None


def named_numbers(text: str) -> dict[str, int]:
    """Lines of `NAME NUMBER` as in cpu.stat and vmstat, or `NAME: NUMBER kB` as in meminfo; others are left out."""
    lines = [line.split() for line in text.split("\n")]
    found = {words[0].removesuffix(":"): whole_number(words[1]) for words in lines if len(words) > 1}
    return {name: value for name, value in found.items() if value is not None}
