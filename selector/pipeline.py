"""The whole way, in one place: profile -> facts -> decision tables -> recommendation (and its explanation)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic_core import to_json

from selector.calibration.kept import load_calibration
from selector.errors import SelectorError
from selector.files import resource_dir
from selector.host import environment_python, find_interpreters, platform_id, usable_cpus
from selector.host.places import made_for_us
from selector.recommend.chain import Situation
from selector.recommend.changes import would_change
from selector.recommend.explain import Explanation, Prediction, explain, predictions
from selector.recommend.facts import HostFacts
from selector.recommend.knowledge import Knowledge, load_knowledge
from selector.recommend.recommendation import Recommendation, build_recommendation, recommendation_data
from selector.text import quoted, suggestion
from selector.workload.profile import WorkloadProfile
from selector.workload.reading import decode_json, profile_from_mapping

if TYPE_CHECKING:
    from selector.workload.system import SystemProfile

_PYTHONS = ("python3.exe", "python.exe") if os.name == "nt" else ("python3", "python")


def this_host() -> HostFacts:
    """What a recommendation takes from the host it is made on."""
    found: dict[str, str] = {}
    for interpreter in find_interpreters():
        if interpreter.implementation == "CPython":
            found[interpreter.tag] = interpreter.path
    return HostFacts(platform_id(), usable_cpus().count, tuple(found.items()), application_tag(found))


def application_tag(found: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> str | None:
    """The tag of the Python that the user's code runs on, among those found here (tag to path).

    That of the active environment, else of the project's .venv in this folder, else the first python3 of the PATH; but
    for an environment that was made for this tool alone.
    """
    by_file = {os.path.realpath(path): tag for tag, path in found.items()}
    folders = [environ.get("VIRTUAL_ENV") or environ.get("CONDA_PREFIX"), ".venv"]
    candidates = [environment_python(folder) for folder in folders if folder]
    for folder in filter(None, environ.get("PATH", "").split(os.pathsep)):
        candidates += [os.path.join(folder, name) for name in _PYTHONS]  # noqa: PTH118  # as text: it is fast
    users = (file for file in candidates if not made_for_us(file, environ))
    return next((tag for file in users if (tag := by_file.get(os.path.realpath(file)))), None)


#: What may be asked about: a profile, a mapping of its fields, or what a selector made of it.
Workload = WorkloadProfile | Mapping[str, Any] | Situation


@dataclass(frozen=True)
class Selector:
    """The tool with its tables loaded and its host known, for many profiles; `recommend` is the call for one.

    `rules` is a folder of tables that replace ours by name; `tables` is all that is known, for those who have it at hand.
    What is asked about a profile (or a mapping of its fields) may be asked about its `situation` as well: then nothing
    is worked out twice.
    """

    rules: Path | None = None
    host: HostFacts | None = None
    tables: Knowledge | None = None

    @cached_property
    def knowledge(self) -> Knowledge:
        """The tables and catalogues; the costs are those measured on this host, where `calibrate` has measured them.

        A user's own costs stay, and so do the documented ones where another host is given.
        """
        if self.tables is not None:
            return self.tables
        knowledge = load_knowledge(self.rules)
        if self.host is not None or knowledge.costs.source == "given":
            return knowledge
        return _calibrated(knowledge, self.here)

    @cached_property
    def here(self) -> HostFacts:
        """The host given, or this one."""
        return self.host or this_host()

    def situation(self, workload: Workload) -> Situation:
        """A workload on this host by these tables, of which everything else here is asked."""
        if isinstance(workload, Situation):
            return workload
        return Situation(as_profile(workload), self.here, self.knowledge)

    def recommend(self, workload: Workload, changes: Literal["none", "sampled", "exact"] = "sampled") -> Recommendation:
        """The recommendation for a workload; `changes` also asks which inputs would change it.

        By samples that takes some 10 milliseconds, exactly some 20 to 300.
        """
        situation = self.situation(workload)
        changed = None if changes == "none" else would_change(situation, exact=changes == "exact")
        return build_recommendation(situation, changed)

    def recommend_json(self, workload: Workload) -> str:
        """The recommendation as one line of JSON, without the question what would change it: the fast way for many."""
        return to_json(recommendation_data(self.situation(workload))).decode()

    def predict(self, workload: Workload) -> tuple[Prediction, ...]:
        """What is predicted for every approach that runs on one machine: time or throughput, latency, memory."""
        return predictions(self.situation(workload))

    def explain(self, workload: Workload) -> Explanation:
        """Which row of which table fired on which values, all predictions, and where the answer would be another one."""
        return explain(self.situation(workload))


def _calibrated(knowledge: Knowledge, here: HostFacts) -> Knowledge:
    """The knowledge with what was measured on this host: under the Pythons found here, and under others that it had."""
    measured = load_calibration()
    if not measured:
        return knowledge
    paths = {tag: os.path.realpath(path) for tag, path in here.interpreters}
    of_others = [m for m in measured if paths.get(m.tag, m.path) != m.path]
    ours = sorted((m for m in measured if m not in of_others), key=lambda m: m.cpus != here.usable_cpus)
    costs = replace(knowledge.costs, measured=tuple(ours), platform=here.platform)
    return replace(knowledge, costs=costs)


def example_files() -> dict[str, Path]:
    """The files of the workloads and systems that ship, by name."""
    return {file.stem: file for file in sorted(resource_dir("examples").glob("*.json"))}


def example_profiles() -> list[tuple[str, WorkloadProfile]]:
    """The workloads that ship, by name; without the systems of several parts."""
    read = _example_data()
    return [(name, profile_from_mapping(data, name)) for name, data in read.items() if "parts" not in data]


def example_systems() -> list[tuple[str, SystemProfile]]:
    """The systems of several parts that ship, by name."""
    from selector.workload.system import system_from_mapping  # most starts need none

    return [(name, system_from_mapping(data, name)) for name, data in _example_data().items() if "parts" in data]


def _example_data() -> dict[str, Any]:
    return {name: decode_json(file.read_bytes(), file.name) for name, file in example_files().items()}


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
