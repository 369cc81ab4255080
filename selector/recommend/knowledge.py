"""Everything the tool knows: the chain of decision tables and the catalogues beside them, ours or a user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from selector.approaches import Approach, Effort, Engine, load_approaches, load_costs
from selector.cost.sheet import HostCosts
from selector.decision.table import LIST_POLICIES, DecisionTable
from selector.errors import SelectorError
from selector.files import resource_dir
from selector.recommend.facts import FACTS
from selector.text import quoted, suggestion
from selector.workload.profile import APPROACHES, ApproachId

_SINGLE = ("unique", "any", "priority", "first")


@dataclass(frozen=True)
class TableContract:
    """What the chain needs of one of its tables: an output, the values it may have, and a policy of the right kind."""

    outputs: Mapping[str, tuple[object, ...] | None]
    policies: tuple[str, ...]


#: The tables of the chain, in the order they are asked. Other tables in a user's folder are the user's own.
CHAIN: dict[str, TableContract] = {
    "classify": TableContract({"workload_class": None}, _SINGLE),
    "strategy": TableContract({"approach": APPROACHES, "standing": ("contender", "fallback")}, LIST_POLICIES),
    "sizing": TableContract({"basis": ("one", "cores", "few", "in_flight")}, _SINGLE),
    "eligibility": TableContract({"ruled_out": (True,), "kind": ("forbidden", "memory", "slow")}, LIST_POLICIES),
    "speedup_bands": TableContract({"verdict": ("avoid", "stay_simple", "consider", "use")}, _SINGLE),
    "engine": TableContract({"engine": get_args(Engine)}, _SINGLE),
    "advice": TableContract({"topic": None}, LIST_POLICIES),
}


_CATALOGUES = ("approaches", "costs")


class Move(NamedTuple):
    """How to get from one approach to another, in short: effort (none, low, medium, high), first steps, pitfalls."""

    effort: str
    steps: tuple[str, ...]
    pitfalls: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Knowledge:
    """The tables by name, the approaches simplest first, the costs, the moves between approaches, and their folders."""

    tables: Mapping[str, DecisionTable]
    approaches: Mapping[ApproachId, Approach]
    costs: HostCosts
    moves: Mapping[tuple[ApproachId, ApproachId], Move]
    folders: tuple[Path, ...]

    def simplicity(self, origin: ApproachId, approach: ApproachId) -> tuple[int, int]:
        """How far an approach is from the simplest: the effort to get there from another, then its place in APPROACHES."""
        return _EFFORTS.index(self.moves[origin, approach].effort), APPROACHES.index(approach)


_EFFORTS = get_args(Effort)  # from the least to the most


def rules_folders(user: Path | None) -> tuple[Path, ...]:
    """Where rules are looked up, first match wins: the user's folder, if any, then ours."""
    if user is not None and not user.is_dir():
        raise SelectorError(f"--rules {user}: not a folder", "give the folder that holds your tables (*.yaml)")
    return ((user,) if user is not None else ()) + (resource_dir("rules"),)


def load_knowledge(user: Path | None = None) -> Knowledge:
    """The knowledge that ships, with each file replaced by the one of the same name in the user's folder.

    Raises SelectorError for a broken table, and for one that does not fit its place in the chain. What was read and
    checked once is kept until a rule file changes.
    """
    from selector.recommend.cache import keep, recall, state_of

    folders = rules_folders(user)
    state = state_of(folders)
    knowledge: Knowledge | None = recall(state)
    if knowledge is None:
        knowledge = read_knowledge(folders)
        keep(state, knowledge)
    return knowledge


def read_knowledge(folders: tuple[Path, ...]) -> Knowledge:
    """The knowledge as the YAML files have it, checked."""
    from selector.decision.load import load_table

    tables = {}
    for name, contract in CHAIN.items():
        table = load_table(find_rules(folders, f"{name}.yaml"))
        check_fits(table, name, contract)
        tables[name] = table
    ours = load_costs(folders[-1] / "costs.yaml")
    costs_file = find_rules(folders, "costs.yaml")
    costs = load_costs(costs_file)
    if odd := set(costs) ^ set(ours):
        raise SelectorError(
            f"{costs_file}: missing or unknown costs: {', '.join(sorted(odd))}", "keep the names of ours"
        )
    approaches = load_approaches(find_rules(folders, "approaches.yaml"))
    source: Literal["documented", "given"] = "documented" if costs_file.parent == folders[-1] else "given"
    return Knowledge(tables, approaches, HostCosts(costs, source), _moves(folders), folders)


def _moves(folders: tuple[Path, ...]) -> dict[tuple[ApproachId, ApproachId], Move]:
    from selector.migration.guide import migration_summary

    found = {}
    for origin in APPROACHES:
        for target in APPROACHES:
            summary = migration_summary(origin, target, folders)
            found[origin, target] = Move(summary.effort, summary.steps, summary.pitfalls)
    return found


def find_rules(folders: Iterable[Path], name: str) -> Path:
    """The first of the folders' files of that name."""
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise SelectorError(
        f"no {name} in {', '.join(map(str, folders))}", "the installation is incomplete: install it again", 1
    )


def all_tables(user: Path | None = None) -> list[DecisionTable]:
    """Every decision table in use: the chain, then the others in our folder and the user's, by name.

    Raises SelectorError for a broken one. The catalogues are read too, so that this checks everything there is.
    """
    from selector.decision.load import load_table

    knowledge = read_knowledge(rules_folders(user))
    others: dict[str, DecisionTable] = {}
    for folder in knowledge.folders:
        for file in sorted(folder.glob("*.yaml")):
            if file.stem not in (*CHAIN, *_CATALOGUES, *others):
                others[file.stem] = load_table(file)
    return [*knowledge.tables.values(), *others.values()]


def check_fits(table: DecisionTable, name: str, contract: TableContract) -> None:
    """A table in the chain must ask about facts that exist and answer what the next step understands."""
    where = table.source
    if table.name != name:
        raise SelectorError(f"{where}: the table is named {quoted(table.name)}", f"the file's name says {name}")
    for column in table.inputs:
        if column.name not in FACTS:
            raise SelectorError(
                f"{where}: input {quoted(column.name)} is no fact{suggestion(column.name, FACTS)}",
                "`concurrency-selector rules show facts` lists them",
            )
    if table.hit_policy not in contract.policies or table.aggregate:
        raise SelectorError(f"{where}: {name} cannot have this hit policy", f"one of {', '.join(contract.policies)}")
    outputs = {column.name for column in table.outputs}
    for output, values in contract.outputs.items():
        if output not in outputs:
            raise SelectorError(
                f"{where}: {name} has no output {quoted(output)}", "the next step of the chain asks for it"
            )
        for rule in table.rules:
            if values is not None and rule.outputs[output] not in values:
                raise SelectorError(
                    f"{where}:{rule.line}: rule {rule.id}: {quoted(rule.outputs[output])} is not understood",
                    f"{output} is one of {', '.join(map(str, values))}",
                )
