"""The whole way, in one place: profile -> facts -> decision tables -> recommendation (and its explanation)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic_core import to_json

from selector.cost.calibrated import calibrated_builds
from selector.cost.calibration import load_calibration
from selector.errors import SelectorError
from selector.host import find_interpreters, platform_id, usable_cpus
from selector.profile import WorkloadProfile, profile_from_json, profile_from_mapping
from selector.recommend.changes import would_change
from selector.recommend.choose import choose
from selector.recommend.explain import Explanation, Prediction, explain, predictions
from selector.recommend.facts import HostFacts, newest
from selector.recommend.knowledge import Knowledge, load_knowledge
from selector.recommend.recommendation import Recommendation, build_recommendation, recommendation_data
from selector.resources import resource_dir
from selector.text import quoted, suggestion


def this_host() -> HostFacts:
    """What a recommendation takes from the host it is made on."""
    found: dict[str, str] = {}
    for interpreter in find_interpreters():
        if interpreter.implementation == "CPython":
            found[interpreter.tag] = interpreter.path
    return HostFacts(platform_id(), usable_cpus().count, tuple(found.items()))


@dataclass(frozen=True)
class Selector:
    """The tool with its tables loaded and its host known, for many profiles; `recommend` is the call for one.

    `rules` is a folder of tables that replace ours by name.
    """

    rules: Path | None = None
    host: HostFacts | None = None

    @cached_property
    def knowledge(self) -> Knowledge:
        """The tables and catalogues; the costs are those measured on this host, where `calibrate` has measured them.

        A user's own costs stay, and so do the documented ones where another host is given.
        """
        knowledge = load_knowledge(self.rules)
        if self.host is not None or knowledge.costs_source == "given":
            return knowledge
        return _calibrated(knowledge, self.here)

    @cached_property
    def here(self) -> HostFacts:
        """The host given, or this one."""
        return self.host or this_host()

    def recommend(
        self, profile: WorkloadProfile | Mapping[str, Any], changes: Literal["none", "sampled", "exact"] = "sampled"
    ) -> Recommendation:
        """The recommendation for a profile; `changes` also asks which inputs would change it.

        By samples that takes some 10 milliseconds, exactly some 20 to 300.
        """
        profile = as_profile(profile)
        choice = choose(profile, self.here, self.knowledge)
        changed = None
        if changes != "none":
            changed = would_change(profile, choice, self.here, self.knowledge, exact=changes == "exact")
        return build_recommendation(profile, choice, self.here, self.knowledge, changed)

    def recommend_json(self, profile: WorkloadProfile | Mapping[str, Any]) -> str:
        """The recommendation as one line of JSON, without the question what would change it: the fast way for many."""
        profile = as_profile(profile)
        choice = choose(profile, self.here, self.knowledge)
        return to_json(recommendation_data(profile, choice, self.here, self.knowledge)).decode()

    def predict(self, profile: WorkloadProfile | Mapping[str, Any]) -> tuple[Prediction, ...]:
        """What is predicted for every approach that runs on one machine: time or throughput, latency, memory."""
        profile = as_profile(profile)
        return predictions(profile, choose(profile, self.here, self.knowledge), self.here, self.knowledge)

    def explain(self, profile: WorkloadProfile | Mapping[str, Any]) -> Explanation:
        """Which row of which table fired on which values, all predictions, and where the answer would be another one."""
        profile = as_profile(profile)
        return explain(profile, choose(profile, self.here, self.knowledge), self.here, self.knowledge)


def _calibrated(knowledge: Knowledge, here: HostFacts) -> Knowledge:
    """The knowledge with what was measured under the newest Python of each kind, if anything was."""
    measured = load_calibration(here.usable_cpus, dict(here.interpreters))
    gil, free = (measured.get(newest(here.tags, free_threaded) or "", {}) for free_threaded in (False, True))
    if not gil and not free:
        return knowledge
    builds = calibrated_builds(knowledge.builds.gil, here.usable_cpus, gil, free)
    return replace(knowledge, builds=builds, costs_source="calibrated")


def example_files() -> dict[str, Path]:
    """The files of the workloads that ship, by name."""
    return {file.stem: file for file in sorted(resource_dir("examples").glob("*.json"))}


def example_profiles() -> list[tuple[str, WorkloadProfile]]:
    """The workloads that ship, by name."""
    return [(name, profile_from_json(file.read_bytes(), file.name)) for name, file in example_files().items()]


def example_text(name: str) -> str:
    """The JSON text of one of the workloads that ship; SelectorError with a suggestion for another name."""
    files = example_files()
    stem = name.removesuffix(".json")
    if stem not in files:
        hint = "`concurrency-selector examples` lists them"
        raise SelectorError(f"no example {quoted(name)}{suggestion(stem, files)}", hint)
    return files[stem].read_text(encoding="utf-8")


def as_profile(profile: WorkloadProfile | Mapping[str, Any]) -> WorkloadProfile:
    """The profile, or the one with these fields; SelectorError for a field or a value that it cannot have."""
    if isinstance(profile, WorkloadProfile):
        return profile
    return profile_from_mapping(dict(profile) if isinstance(profile, Mapping) else profile)


def recommend(profile: WorkloadProfile | Mapping[str, Any], *, rules: Path | str | None = None) -> Recommendation:
    """The concurrency approach for a workload on this host, with reasons, alternatives and migration notes.

    `profile` may be a mapping of its fields. `rules` is a folder of decision tables to use instead of ours, by name. Raises SelectorError for broken tables.

    >>> recommend(WorkloadProfile(workload_type="io", tasks=1000, io_wait_ms_per_task=50)).approach
    'asyncio'
    """
    if rules is None:
        return Selector().recommend(profile)
    from selector.recommend.user_rules import check_folder

    if Path(rules).is_dir():
        check_folder(Path(rules), resource_dir("rules"))
    return Selector(Path(rules)).recommend(profile)
