"""The skeleton of a system: a script in which its parts run as recommended, joined by queues of limited size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selector.benchmark.render import render
from selector.files import resource_dir
from selector.recommend.chain import Situation
from selector.system.answer import Planned
from selector.system.models import PartAnswer, SystemRecommendation
from selector.text import listed, quoted
from selector.version import VERSION

_ABOUT = f"Written by concurrency-selector {VERSION}."
_BOUND = 2  # items that may wait for each that a source works on


def skeleton_script(plan: Planned, answer: SystemRecommendation) -> str:
    """The text of the script; what nobody knows of a part takes no time there."""
    parts = tuple(_part(part, plan.situations[part.name], answer) for part in answer.parts)
    template = resource_dir("templates") / "system.py"
    return render(template, {"NAME": answer.name or "A system of several parts", "PARTS": parts}, _ABOUT)


def _part(part: PartAnswer, situation: Situation, answer: SystemRecommendation) -> dict[str, object]:
    traits, work, profile = situation.choice.chosen.traits, situation.work, situation.profile
    fed = any(joint.to == part.name for joint in answer.joints)
    bounds = [joint.bound for joint in answer.joints if joint.to == part.name and joint.bound is not None]
    serves = answer.system.mode == "service"
    return {
        "name": part.name,
        "feeds": tuple((joint.to, joint.items_each) for joint in answer.joints if joint.from_part == part.name),
        "approach": part.approach,
        "loop": traits.runs_loop,
        "pool": _pool(traits),
        "own_process": part.own_process and traits.runs_in != "cluster",
        "workers": part.workers,
        "at_once": part.at_once,
        "bound": max(bounds, default=_BOUND * part.at_once),
        "cpu_ms": float(work.cpu_ms or 0.0),
        "gil_share": float(0.0 if work.library_parallel else work.gil_share),
        "io_wait_ms": float(work.wait_ms or 0.0),
        "blocks": bool(work.blocks),
        "payload_kb": float(work.data_kb),
        "per_second": profile.requests_per_second if serves and not fed else None,
        "items": profile.tasks if not serves and not fed else None,
    }


def _pool(traits: Any) -> str:
    """Where a part computes: itself, or handed over to a pool."""
    if traits.runs_in != "own":
        return "processes"  # those of a cluster, too: here they are on this machine
    if traits.needs == "subinterpreters":
        return "interpreters"
    return "threads" if traits.runs_loop and not traits.blocks_loop else "none"


def skeleton_notes(answer: SystemRecommendation) -> tuple[str, ...]:
    """What the skeleton leaves out, a sentence each."""
    notes = []
    if answer.unknown:
        notes.append(f"Not known, and left out in the skeleton: {listed(list(answer.unknown))}.")
    if engines := [part for part in answer.parts if part.engine]:
        names = listed([quoted(part.name) for part in engines])
        notes.append(f"In the skeleton {names} runs in processes of this machine, and its queue is in memory.")
    main = main_python(answer.parts)
    if other := [part for part in answer.parts if part.own_process and part.runs_on != main and not part.engine]:
        names = listed([f"{quoted(part.name)} (for Python {part.runs_on})" for part in other])
        notes.append(f"In the skeleton {names} runs on the Python of the others.")
    if native := [part for part in answer.parts if part.approach == "native_parallel"]:
        notes.append(
            f"In the skeleton {listed([quoted(p.name) for p in native])} computes on one CPU, as its library is not there."
        )
    return tuple(notes)


def main_python(parts: Sequence[PartAnswer]) -> str | None:
    """The Python of the main process, or of the first part where each has a process of its own."""
    return next((part.runs_on for part in parts if not part.own_process), parts[0].runs_on)
