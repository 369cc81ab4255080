"""A host, and what is answered there."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from selector import Recommendation, Selector
from selector.recommend.chain import Situation
from selector.recommend.facts import HostFacts
from selector.recommend.knowledge import Knowledge, load_knowledge
from selector.recommend.recommendation import InputChange
from selector.workload.profile import APPROACHES, ApproachId

PANELS = sorted((Path(__file__).parent / "panel").glob("*.json"))


LOOP = {"asyncio", "asyncio_threads", "asyncio_processes", "asyncio_free_threaded"}


FREE_THREADED = {"free_threaded", "asyncio_free_threaded"}


IN_PROCESS = set(APPROACHES) - {"multiprocessing", "asyncio_processes", "distributed"}


GIL_TAGS = ("3.8", "3.12", "3.13", "3.14")


@cache
def tables() -> Knowledge:
    """The shipped knowledge, loaded once."""
    return load_knowledge()


def on(host: HostFacts) -> Selector:
    """The tool on some host."""
    return Selector(host=host, tables=tables())


def answer_of(result: Recommendation | InputChange) -> tuple[str, str | None]:
    """The answer: the approach and the engine."""
    return result.approach, result.engine


def objections(approach: ApproachId, situation: Situation) -> list[int]:
    """The places of the rows of eligibility that refuse an approach, whether strategy named it or not."""
    place = {rule.id: number for number, rule in enumerate(tables().tables["eligibility"].rules)}
    return [place[rule.id] for rule in situation.candidate(approach).ruled_out]
