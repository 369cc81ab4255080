"""The case: a recommendation, the run that tried it, and the tables that both are judged by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from selector.approaches import Traits
from selector.benchmark.events import Arm, Session
from selector.cost.batch import Parts, batch_parts
from selector.cost.cluster import Cluster, cluster_parts, engine_costs
from selector.cost.predict import CostEstimate, estimate
from selector.cost.service import computing_ms, overhead_ms, share_of
from selector.cost.shape import shape_of, terms_of
from selector.cost.terms import at_once_of
from selector.decision.table import Rule
from selector.errors import SelectorError
from selector.recommend.candidates import nothing_to_move
from selector.recommend.chain import Situation
from selector.recommend.derive import pair_facts
from selector.recommend.facts import HostFacts
from selector.recommend.knowledge import Knowledge
from selector.recommend.recommendation import Recommendation
from selector.workload.profile import WorkloadProfile

_CPU_BOUND = 0.95  # a task that computes for that share of its time leaves a CPU nothing to do meanwhile
QUIET_CPUS = 0.15  # taken by others; the clock of the kernel ticks 100 times a second, so short runs show some anyway
_TAG = re.compile(r"3\.[0-9]{1,2}t?")


@dataclass(frozen=True, eq=False)
class Case:
    """What is judged, and by what."""

    recommendation: Recommendation
    session: Session
    knowledge: Knowledge
    others: tuple[str, ...] = ()  # programs that took CPUs while it ran, most first, as a sentence names them

    @property
    def profile(self) -> WorkloadProfile:
        """The workload, with the CPUs and the platform that the recommendation was made for."""
        return self.recommendation.profile

    @property
    def seed(self) -> int:
        """The seed of the run, which is that of the statistics too."""
        return self.session.start.seed

    @property
    def cpus(self) -> int:
        """The usable CPUs of the run."""
        return self.session.start.cpus

    def traits(self, arm: Arm) -> Traits:
        """The traits of an arm's approach."""
        return self.knowledge.approaches[arm.approach].traits

    @cached_property
    def cpu_share(self) -> float | None:
        """The part of a task's time in which it computes, 0 to 1: as measured, else as the profile says."""
        plan, profile = self.session.plan, self.profile
        if plan is not None and plan.task_cpu_ms is not None and plan.task_wall_ms:
            return min(1.0, plan.task_cpu_ms / plan.task_wall_ms)
        cpu, wait = profile.cpu_ms_per_task, profile.io_wait_ms_per_task
        if cpu is None or wait is None:
            return 1.0 if profile.workload_type == "cpu" and not wait else None
        return cpu / (cpu + wait) if cpu + wait else None

    def computes_on(self, arm: Arm) -> int:
        """How many CPUs an arm can keep busy at most, by what its workers are."""
        traits, profile = self.traits(arm), self.profile
        loop = 1 if traits.runs_loop else 0  # computes beside its pool
        native = traits.parallel_native and bool(profile.mostly_releases_gil or profile.native_parallel)
        free = arm.interpreter.endswith("t") and traits.pool != "none"
        if not (traits.parallel_python or native or free):
            return min(self.cpus, arm.processes)
        each = arm.workers + loop if traits.pool != "none" else self.cpus
        return max(1, min(self.cpus, arm.processes * each))

    @property
    def serves(self) -> bool:
        """Whether a service was measured as one: by requests that arrive."""
        return self.rate is not None

    @property
    def rate(self) -> float | None:
        """The requests a second that a service was to keep up with."""
        plan = self.session.plan
        return plan.requests_per_second if plan is not None else None

    def place(self, arm: Arm) -> tuple[int, int]:
        """How far an approach is from the simplest, as the recommendation has it."""
        effort, order = self.knowledge.simplicity(self.profile.origin, arm.approach)
        stays = nothing_to_move(self.profile) and arm.approach == self.recommendation.approach
        return (-1 if stays and self.traits(arm).pool == "none" else effort), order

    def oversubscribes(self, arm: Arm) -> bool:
        """Whether it has more workers than CPUs, where its workers compute all the time."""
        pool = self.traits(arm).pool
        computes = self.cpu_share is not None and self.cpu_share >= _CPU_BOUND
        return arm.workers > self.cpus and (pool == "cores" or (pool == "waits" and computes))

    @cached_property
    def _situation(self) -> Situation:
        """The workload on the host of the run, with the Pythons that the run found."""
        found = self.session.interpreters
        tags = tuple((i.interpreter, i.path) for i in found if i.interpreter and _TAG.fullmatch(i.interpreter))
        plan = self.session.plan
        on_own = (arm.interpreter for arm in (plan.arms if plan else ()) if self.traits(arm).needs == "any")
        application = next((tag for tag in on_own if _TAG.fullmatch(tag)), None)
        host = HostFacts(self.profile.platform or "linux", self.profile.cpu_cores or self.cpus, tags, application)
        return Situation(self.profile, host, self.knowledge)

    def _facts(self, arm: Arm) -> dict[str, Any]:
        """The facts about an approach with the workers it ran with."""
        return self._situation.facts_with(arm.approach, arm.workers, arm.processes)

    def ruled_out(self, arm: Arm) -> Rule | None:
        """The first row of eligibility that rules an approach out for this workload.

        Where the user's own code ran, or requests arrived, a forecast that it would be slow is no reason: that was measured.
        """
        rules = self.knowledge.tables["eligibility"].decide_among(self._facts(arm)).rules
        plan = self.session.plan
        measured = plan is not None and (plan.stand_in is None or self.serves)
        return next((rule for rule in rules if not (measured and rule.outputs.get("kind") == "slow")), None)

    def band(self, speedup: float, simpler: Arm, faster: Arm) -> Rule:
        """What speedup_bands says to giving up a simpler approach for a faster one; SelectorError if nothing."""
        table = self.knowledge.tables["speedup_bands"]
        facts = pair_facts(self._situation.facts, self.traits(simpler), self.traits(faster), speedup)
        others = {} if set(table.input_names) <= facts.keys() else self._facts(simpler)
        decision = table.decide_among({**others, **facts})
        if decision.rules:
            return decision.rules[0]
        if not isinstance(decision.output, dict):
            where = f"table {table.name} in {table.source}"
            raise SelectorError(f"{where}: no rule matches a speedup of {speedup:.3g}", "add a rule or a default")
        return Rule("default", (), decision.output, "The table's default applies.")

    def predicted_seconds(self, arm: Arm) -> float | None:
        """What the cost model says for the tasks that ran, on that interpreter; None where quantities are unknown."""
        parts = self._predicted(arm)
        return sum(parts) / 1000 if parts else None

    def predicted_start_seconds(self, arm: Arm) -> float | None:
        """What it says for the start of the pool, with what its workers need for themselves."""
        parts = self._predicted(arm)
        return (parts.pool_start + parts.startup) / 1000 if parts else None

    def predicted_service(self, arm: Arm, rate: float) -> CostEstimate | None:
        """What the cost model says of a service that so many requests arrive at in a second; None for an unknown Python."""
        if not _TAG.fullmatch(arm.interpreter):
            return None
        work = self._situation.changed(interpreters=(arm.interpreter,)).work
        arriving = work._replace(arrivals_per_ms=rate / 1000)
        return estimate(self.traits(arm), arm.workers, arriving, processes=arm.processes)

    def request_cpu_ms(self, arm: Arm) -> float | None:
        """The CPU time that a request should take, with what it takes to answer it; None for an unknown Python."""
        if self.rate is None or not _TAG.fullmatch(arm.interpreter):
            return None
        work = self._situation.changed(interpreters=(arm.interpreter,)).work
        if work.cpu_ms is None:
            return None
        traits, terms = self.traits(arm), terms_of(self.traits(arm), shape_of(work))
        work = share_of(work._replace(arrivals_per_ms=self.rate / 1000), arm.processes, terms)
        return computing_ms(at_once_of(traits, arm.workers, work), work, terms) + overhead_ms(traits, work, terms)

    def _predicted(self, arm: Arm) -> Parts | None:
        if self.session.plan is None or self.serves or not _TAG.fullmatch(arm.interpreter):
            return None
        work = self._situation.changed(interpreters=(arm.interpreter,)).work._replace(tasks=self.session.plan.tasks)
        if arm.engine is not None:
            costs = engine_costs(work.builds.gil, arm.engine)
            cluster = Cluster(costs, 1, arm.workers) if costs is not None else None
            return cluster_parts(cluster, work._replace(cores=self.cpus), work.builds.gil) if cluster else None
        return batch_parts(self.traits(arm), arm.workers, work)


def worth_it(band: Rule) -> bool:
    """Whether the bands let a more complex approach win."""
    return band.outputs["verdict"] in ("consider", "use")
