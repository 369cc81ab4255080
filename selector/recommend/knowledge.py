"""Everything the tool knows: the chain of decision tables and the catalogues beside them, ours or a user's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from selector.approaches import Approach, Effort, Engine, ServerEntry, load_costs, load_servers
from selector.cost.sheet import HostCosts
from selector.decision.table import LIST_POLICIES, DecisionTable
from selector.errors import SelectorError
from selector.files import find_rules, resource_dir
from selector.migration.compose import Move, Plain, way_between
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
    "replicas": TableContract({"processes": ("one", "only_one", "as_needed")}, _SINGLE),
    "eligibility": TableContract({"ruled_out": (True,), "kind": ("forbidden", "memory", "slow")}, LIST_POLICIES),
    "speedup_bands": TableContract({"verdict": ("avoid", "stay_simple", "consider", "use")}, _SINGLE),
    "engine": TableContract({"engine": get_args(Engine)}, _SINGLE),
    "advice": TableContract({"topic": None}, LIST_POLICIES),
    "wrong_turns": TableContract({"effect": None}, LIST_POLICIES),
}


_CATALOGUES = ("approaches", "async_clients", "blocking_calls", "costs", "servers")


@dataclass(frozen=True, eq=False)
class Knowledge:
    """The tables by name, the approaches simplest first, the costs, what is known of moving between approaches, folders.

    `efforts` has the effort of each move (origin, then target), `ends` and `pairs` the sentences that guides are made of; `servers` are those that run a service.
    """

    tables: Mapping[str, DecisionTable]
    approaches: Mapping[ApproachId, Approach]
    costs: HostCosts
    efforts: Mapping[ApproachId, Mapping[ApproachId, Effort]]
    ends: Mapping[ApproachId, Plain]
    pairs: Plain
    servers: tuple[ServerEntry, ...]
    folders: tuple[Path, ...]
    _moves: dict[tuple[ApproachId, ApproachId, bool], Move] = field(default_factory=dict, init=False, repr=False)

    def move(self, origin: ApproachId, target: ApproachId, *, served: bool = False) -> Move:
        """How to get from one approach to another, in short; composed when it is asked for, and once."""
        if (origin, target, served) not in self._moves:
            old, new = self.approaches[origin], self.approaches[target]
            way = way_between(old, new, self.ends, self.pairs, served=served)
            self._moves[origin, target, served] = way.summary(self.efforts[origin][target])
        return self._moves[origin, target, served]

    def simplicity(self, origin: ApproachId, approach: ApproachId) -> tuple[int, int]:
        """How far an approach is from the simplest: the effort to get there from another, then its place in APPROACHES."""
        return _EFFORTS.index(self.efforts[origin][approach]), APPROACHES.index(approach)


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
    from selector.migration.parts import Parts

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
    source: Literal["documented", "given"] = "documented" if costs_file.parent == folders[-1] else "given"
    parts = Parts(folders)
    efforts = {origin: {target: parts.effort(origin, target)[0] for target in APPROACHES} for origin in APPROACHES}
    ends = {approach: parts.end(approach) for approach in APPROACHES}
    servers = load_servers(find_rules(folders, "servers.yaml"))
    return Knowledge(tables, parts.approaches, HostCosts(costs, source), efforts, ends, parts.pairs, servers, folders)


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
