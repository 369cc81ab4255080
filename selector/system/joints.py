"""How the parts of a system are joined: asked of the table `joints`, with the traits of both sides."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

from selector.decision.load import load_table
from selector.decision.table import DecisionTable, Rule
from selector.errors import SelectorError
from selector.files import find_rules
from selector.recommend.asking import fired_rule
from selector.recommend.chain import Situation
from selector.recommend.knowledge import Knowledge
from selector.system.models import Joint, JointKind
from selector.system.placing import Place
from selector.text import cut, quoted

_KINDS = get_args(JointKind)
_MOST_WAITING = 1000
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
    return table


def _answer(table: DecisionTable, facts: dict[str, Any]) -> tuple[Rule, int]:
    """The row that fires, and how many may wait for each; SelectorError where a user's table says something else."""
    rule = fired_rule(table, facts)
    kind, waiting = rule.outputs.get("kind"), rule.outputs.get("waiting")
    if kind not in _KINDS or type(waiting) not in (int, float) or not 0 <= float(str(waiting)) <= _MOST_WAITING:
        what = f"{table.source}: rule {rule.id}: kind {quoted(kind)}, waiting {quoted(waiting)} is no joint"
        raise SelectorError(what, f"kind is one of {', '.join(_KINDS)}; waiting a number from 0 to {_MOST_WAITING}")
    return rule, int(float(str(waiting)))


def joint_of(table: DecisionTable, sender: Side, receiver: Side, items_each: float) -> Joint:
    """How one part hands items to another; SelectorError where a table of the user's has no answer."""
    rule, waiting = _answer(table, _facts(sender, receiver))
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
