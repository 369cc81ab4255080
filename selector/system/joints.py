"""How the parts of a system are joined: asked of the table `joints`, with the traits of both sides."""

from __future__ import annotations

from typing import Any, NamedTuple

from selector.decision.load import load_table
from selector.decision.table import DecisionTable
from selector.errors import SelectorError
from selector.files import find_rules
from selector.recommend.asking import fired_rule
from selector.recommend.chain import Situation
from selector.recommend.knowledge import Knowledge
from selector.system.models import Joint
from selector.system.placing import Place
from selector.text import cut

ASKED = ("durable", "one_python", "same_process", "from_loop", "to_loop", "to_pool")


class Side(NamedTuple):
    """One side of a joint."""

    name: str
    situation: Situation
    place: Place
    at_once: int


def joints_table(knowledge: Knowledge) -> DecisionTable:
    """The table, ours or the user's; SelectorError where it asks what nobody knows, or answers nothing of use."""
    table = load_table(find_rules(knowledge.folders, "joints.yaml"))
    if odd := [column.name for column in table.inputs if column.name not in ASKED]:
        raise SelectorError(f"{table.source}: input {odd[0]} is not known of a joint", f"one of {', '.join(ASKED)}")
    for rule in table.rules:
        if {"kind", "waiting"} - set(rule.outputs):
            raise SelectorError(f"{table.source}: rule {rule.id}: a joint has a kind and a number waiting")
    return table


def joint_of(table: DecisionTable, sender: Side, receiver: Side, items_each: float) -> Joint:
    """How one part hands items to another; SelectorError where a table of the user's has no answer."""
    rule = fired_rule(table, _facts(sender, receiver))
    waiting = int(rule.outputs["waiting"] or 0)
    bound = waiting * receiver.at_once or None
    to = cut(receiver.name, 40)
    for_each = "as many as" if waiting == 1 else f"{waiting} for each that"
    at_most = bound and f"At most {bound:,} wait, {for_each} {to} works on at a time; then {cut(sender.name, 40)} does."
    return Joint(
        from_part=sender.name,
        to=receiver.name,
        kind=rule.outputs["kind"],
        bound=bound,
        items_each=items_each,
        why=rule.because,
        bound_why=at_most or None,
    )


def _facts(sender: Side, receiver: Side) -> dict[str, Any]:
    chosen, to = sender.situation.choice.chosen.traits, receiver.situation.choice.chosen.traits
    on_a_cluster = "cluster" in (chosen.runs_in, to.runs_in)
    return {
        "durable": sender.situation.profile.durable or receiver.situation.profile.durable,
        "one_python": sender.place.python == receiver.place.python,
        "same_process": not (sender.place.own_process or receiver.place.own_process),
        "from_loop": chosen.runs_loop,
        "to_loop": to.runs_loop,
        "to_pool": "cluster" if on_a_cluster else to.runs_in,
    }
