"""In words: the approach that the code has today, what would be good enough, and what goes wrong with other choices."""

from __future__ import annotations

from selector.recommend.recommendation import Recommendation
from selector.report.blocks import Section, bullets


def today_text(result: Recommendation) -> str:
    """`threads: It takes 3.1x the time of multiprocessing.`; nothing where it is not known what the code has today."""
    return f"{result.current.approach}: {result.current.text}" if result.current is not None else ""


def today_word(result: Recommendation) -> str:
    """The same in two words: `threads: slower`."""
    return f"{result.current.approach}: {result.current.verdict}" if result.current is not None else ""


def enough_text(result: Recommendation) -> str:
    """The simpler approach that would do, in a sentence; nothing where there is none."""
    return result.good_enough.text if result.good_enough is not None else ""


def enough_in_short(result: Recommendation) -> str:
    """Its first sentence."""
    return f"{enough_text(result).partition('. ')[0]}." if result.good_enough is not None else ""


def turns_texts(result: Recommendation) -> tuple[str, ...]:
    """A clause for each wrong turn: `threads: take turns for the GIL: no faster than one`."""
    return tuple(f"{turn.approach}: {turn.text}" for turn in result.wrong_turns)


def turns_sections(result: Recommendation) -> list[Section]:
    """The wrong turns under a heading of their own, if there are any."""
    return [Section("Wrong turns", (bullets(*turns_texts(result)),))] if result.wrong_turns else []
