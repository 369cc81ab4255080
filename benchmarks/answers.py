"""Whether recommendations keep what they promise, on random workloads: how many break which promise, with an example of each.

    python benchmarks/answers.py [COUNT] [SEED] [measured]

With `measured` the workloads have fields that only a measurement gives, too.

The promises (docs/how-it-decides.md): no answer loses by more than the band to an approach that the answer itself lists as
eligible; nothing that is ruled out is recommended while something is eligible; a requirement that is called met is met by the
figure shown; twice the tasks take no less time; twice the cores or the memory make the answer no worse by more than the
band; what is measured in milliseconds has no cliff: 1 % more of it changes the time by no more than the band.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from typing import Any

from selector import Selector, WorkloadProfile
from selector.recommend.candidates import Choice
from selector.recommend.chain import Situation
from selector.recommend.facts import HostFacts
from selector.recommend.recommendation import recommendation_data
from selector.workload.fields import field_kind

BAND = 1.2 * 1.0001  # speedup_bands, and rounding
HOSTS = (
    HostFacts("linux", 2, (("3.14", "/x/3.14"), ("3.13t", "/x/3.13t")), "3.14"),
    HostFacts("linux", 8, (("3.12", "/x/3.12"),), "3.12"),
    HostFacts("windows", 16, (("3.13", "/x/3.13"),), "3.13"),
    HostFacts("macos", 10, (("3.14", "/x/3.14"), ("3.14t", "/x/3.14t")), "3.14"),
    HostFacts("linux", 64, (("3.15", "/x/3.15"), ("3.11", "/x/3.11")), "3.11"),
)
Found = tuple[str, str]  # the promise broken, and how


def realistic(rng: random.Random) -> dict[str, Any]:
    """A workload as people have them, in quantities spread by ratio; each field is given or left out."""
    kind = rng.choice(("cpu", "io", "hybrid"))

    def amount(low: float, high: float) -> float:
        return float(f"{low * (high / low) ** rng.random():.3g}")

    fields: dict[str, Any] = {
        "tasks": int(amount(1, 1e6)),
        "concurrency": int(amount(1, 2000)),
        "cpu_ms_per_task": amount(0.005, 2000) if kind != "io" else amount(0.005, 50),
        "io_wait_ms_per_task": amount(0.1, 2000) if kind != "cpu" else 0,
        "payload_kb_per_task": amount(0.1, 10_000),
        "task_memory_mb": amount(0.1, 500),
        "startup_ms": amount(1, 5000),
        "startup_memory_mb": amount(1, 500),
        "latency_requirement_ms": amount(1, 10_000),
        "memory_budget_mb": amount(50, 16_000),
        "cpu_cores": rng.choice((1, 2, 4, 8, 16, 32, 64)),
        "has_expensive_startup": rng.random() < 0.5,
        "parallelizable": rng.random() < 0.9,
        "shared_state": rng.choice(("none", "read_only", "disjoint_writes", "hot_writes")),
        "isolation": rng.choice(("none", "crash", "security")),
        "releases_gil": rng.random() < 0.5,
        "native_parallel": rng.random() < 0.3,
        "event_loop": rng.random() < 0.4,
        "async_library": rng.random() < 0.5,
        "picklable": rng.random() < 0.7,
        "free_threading_ready": rng.random() < 0.5,
        "subinterpreter_ready": rng.random() < 0.5,
        "interpreters": rng.choice((["3.12"], ["3.14"], ["3.14", "3.14t"], ["3.13t"], ["3.11", "3.15"])),
        "mode": rng.choice(("batch", "batch", "batch", "service")),
    }
    core = ("tasks", "concurrency", "cpu_ms_per_task", "io_wait_ms_per_task")
    often = rng.choice((0.1, 0.3, 0.6))
    kept = {f: v for f, v in fields.items() if rng.random() < (0.85 if f in core else often)}
    if kind == "cpu" and rng.random() < 0.2:
        kept["io_wait_ms_per_task"] = amount(0.01, 500)
    return {"workload_type": kind, **kept}


def measured(rng: random.Random) -> dict[str, Any]:
    """Such a workload with what may be found out about a function by measuring it."""

    def amount(low: float, high: float) -> float:
        return float(f"{low * (high / low) ** rng.random():.3g}")

    fields: dict[str, Any] = {
        "gil_share": rng.choice((0, 1, round(rng.random(), 2), round(rng.random(), 2))),
        "gil_hold_ms": amount(0.01, 500),
        "pickle_ms_per_task": amount(0.001, 100),
        "import_ms": amount(1, 5000),
        "free_threaded_ratio": amount(0.7, 3),
        "io_kind": rng.choice(("network", "disk", "database", "subprocess", "mixed")),
        "shared_state": rng.choice(("none", "read_only", "hot_reads")),
    }
    often = rng.choice((0.2, 0.5, 0.8))
    return realistic(rng) | {field: value for field, value in fields.items() if rng.random() < often}


class Answers:
    """The answers to workloads on one host."""

    def __init__(self, host: HostFacts, selector: Selector | None = None) -> None:
        self.host, self.knowledge = host, (selector or Selector(host=host)).knowledge

    def choice(self, profile: WorkloadProfile, **changes: Any) -> Choice:
        """What the tables choose, with some fields changed."""
        return self.situation(profile, **changes).choice

    def situation(self, profile: WorkloadProfile, **changes: Any) -> Situation:
        """The workload on this host, with some fields changed."""
        return Situation(profile.model_copy(update=changes) if changes else profile, self.host, self.knowledge)

    def broken(self, profile: WorkloadProfile) -> Iterator[Found]:
        """The promises that the answer to a workload breaks."""
        situation = self.situation(profile)
        choice, data = situation.choice, recommendation_data(situation)
        yield from _against_its_own_list(choice, data)
        yield from _requirements(profile, choice, data)
        yield from self._monotone(profile, choice)
        yield from self._cliffs(profile, choice)

    def _monotone(self, profile: WorkloadProfile, choice: Choice) -> Iterator[Found]:
        mine = choice.chosen.seconds
        if mine is None or choice.chosen.ruled_out:
            return
        if profile.mode == "batch" and profile.tasks is not None:
            twice = self.choice(profile, tasks=2 * profile.tasks)
            faster = twice.chosen.seconds and not twice.chosen.ruled_out and twice.chosen.seconds * BAND < mine
            if faster and not self._too_few(profile, twice):
                yield "twice the tasks are faster", f"{choice.answer} {mine} -> {twice.answer} {twice.chosen.seconds}"
            yield from _each_no_better(choice, twice, "twice the tasks, the same approach")
        cores = profile.cpu_cores or self.host.usable_cpus
        more = self.choice(profile, cpu_cores=2 * cores)
        if not more.chosen.seconds or more.chosen.seconds > mine * BAND:
            yield "twice the cores are slower", f"{choice.answer} {mine} -> {more.answer} {more.chosen.seconds}"
        yield from _each_no_better(more, choice, "twice the cores, the same approach")
        if profile.memory_budget_mb is not None:
            room = self.choice(profile, memory_budget_mb=2 * profile.memory_budget_mb)
            if not room.chosen.seconds or room.chosen.seconds > mine * BAND:
                yield "twice the memory is slower", f"{choice.answer} {mine} -> {room.answer} {room.chosen.seconds}"
            if room.chosen.facts["memory_use"] > 1:
                yield "twice the memory no longer fits", f"{choice.answer} -> {room.answer}"

    def _too_few(self, profile: WorkloadProfile, twice: Choice) -> bool:
        """Whether what is taken for twice the tasks is out for these, as too many of so few wait for a cold worker."""
        here = self.situation(profile).candidate(twice.chosen.approach)
        return "cold-pool" in {rule.id for rule in here.ruled_out}

    def _smaller_for_latency(self, profile: WorkloadProfile, choice: Choice, field: str, value: float) -> bool:
        """Whether the pool that is taken may have fewer workers beside, as one more would miss the requirement."""
        there = self.situation(profile, **{field: value}).candidate(choice.chosen.approach)
        return there.workers < choice.chosen.workers and there.own["pool_limit"] == "latency"

    def _cliffs(self, profile: WorkloadProfile, choice: Choice) -> Iterator[Found]:
        mine = choice.chosen.seconds
        if mine is None or choice.chosen.ruled_out:
            return
        for field in ("cpu_ms_per_task", "io_wait_ms_per_task", "pickle_ms_per_task", "import_ms", "gil_hold_ms"):
            value = getattr(profile, field)
            if value and field_kind(field).kind == "number":
                beside = self.choice(profile, **{field: value * 1.01})
                other = beside.chosen.seconds
                apart = other and not beside.chosen.ruled_out and not 1 / BAND / 1.01 <= other / mine <= BAND * 1.01
                if apart and not self._smaller_for_latency(profile, choice, field, value * 1.01):
                    yield f"cliff along {field}", f"{choice.answer} {mine} -> {beside.answer} {other}"


def _against_its_own_list(choice: Choice, data: dict[str, Any]) -> Iterator[Found]:
    mine = data["expected"]["seconds"] or (
        1 / data["expected"]["throughput"] if data["expected"]["throughput"] else None
    )
    for other in data["alternatives"]:
        expected = other["expected"]
        seconds = expected["seconds"] or (1 / expected["throughput"] if expected["throughput"] else None)
        if other["rejected_by"] is None:
            if choice.chosen.ruled_out:
                yield "ruled out, and another is eligible", f"{data['approach']}, {other['approach']}"
            if seconds and (mine is None or mine > seconds * BAND * 1.01):
                yield "loses to its own list", f"{data['approach']} {mine}, {other['approach']} {seconds}"
    speedup = data["expected"]["speedup"]
    if speedup and not speedup["low"] <= speedup["mid"] <= speedup["high"]:
        yield "the middle is out of its range", str(speedup)


def _requirements(profile: WorkloadProfile, choice: Choice, data: dict[str, Any]) -> Iterator[Found]:
    expected, fits = data["expected"], data["fits"]
    if fits["memory"] and expected["memory_mb"] > (profile.memory_budget_mb or 0):
        yield "memory called met is over", f"{expected['memory_mb']} of {profile.memory_budget_mb}"
    if (
        fits["latency"]
        and expected["latency_ms"] is not None
        and expected["latency_ms"] > (profile.latency_requirement_ms or 0)
    ):
        yield "latency called met is over", f"{expected['latency_ms']} of {profile.latency_requirement_ms}"
    told = " ".join(r["text"] for r in data["reasons"])
    others = [c for c in choice.others if not c.ruled_out and (c.facts["latency_use"] or 2) <= 1]
    if "whatever the approach" in told and others:
        yield "false advice: whatever the approach", f"{choice.answer}, {others[0].approach}"


def _each_no_better(less: Choice, more: Choice, what: str) -> Iterator[Found]:
    """Each approach takes no less time where there is more to do or less to do it with (`less` is the quicker case)."""
    times = {c.approach: c.predicted.seconds for c in (less.chosen, *less.others) if not c.ruled_out}
    for candidate in (more.chosen, *more.others):
        quick, slow = times.get(candidate.approach), candidate.predicted.seconds
        if quick and slow and slow < quick * 0.99:
            yield what, f"{candidate.approach} {quick} -> {slow}"
            return


def main() -> None:
    """Print how many answers break which promise."""
    *numbers, kind = sys.argv[1:] if sys.argv[-1] == "measured" else (*sys.argv[1:], "")
    count, seed = map(int, (*numbers, *("20000", "1")[len(numbers) :]))
    rng = random.Random(seed)
    hosts = [Answers(host) for host in HOSTS]
    broken: dict[str, list[str]] = {}
    for number in range(count):
        data = measured(rng) if kind else realistic(rng)
        profile = WorkloadProfile.model_validate(data)
        host = hosts[number % len(hosts)]
        for promise, how in host.broken(profile):
            broken.setdefault(promise, []).append(f"{how}: {data} on {host.host.platform} {host.host.usable_cpus}")
    print(f"{count} workloads, seed {seed}: {sum(map(len, broken.values()))} broken promises")
    for promise, cases in sorted(broken.items(), key=lambda item: -len(item[1])):
        print(f"{len(cases):6}  {promise}")
        for case in cases[:3]:
            print(f"        {case}")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
