"""What follows from a profile and a host: the facts about the workload, and the quantities that the cost model needs."""

from __future__ import annotations

import math
from typing import Any, cast, get_args, get_type_hints

from selector.approaches import Traits
from selector.cost.memory import footprint_of
from selector.cost.predict import CostEstimate
from selector.cost.queueing import hardly_ever_more
from selector.cost.shape import copy_ms, imports_again
from selector.cost.terms import Builds, Quantities
from selector.host import default_start_method
from selector.recommend.facts import (
    EXPERIMENTAL_FREE_THREADING,
    Facts,
    HostFacts,
    PoolLimit,
    PredictedFacts,
    Readiness,
    WorkloadFacts,
    newest,
    version_key,
)
from selector.workload.profile import ApproachId, Skill, WorkloadProfile

_LARGEST_RATIO = 1e12
#: Operations in flight where nothing says how many: what the usual clients open at most unless told otherwise (aiohttp:
#: TCPConnector(limit=100); httpx: Limits(max_connections=100)), and what is plausible besides.
ASSUMED_IN_FLIGHT = 100
PLAUSIBLE_IN_FLIGHT = (10, 1000)


def build_facts(profile: WorkloadProfile, host: HostFacts, python: str, *, joined: bool) -> WorkloadFacts:
    """The facts about a workload on a host that do not depend on an approach, without those that need costs.

    `python` is the tag of the Python that plain code runs on; `joined` says that it is a part of a system.
    """
    # with what no table asks for, such as its name: cheaper than leaving it out
    facts = cast(WorkloadFacts, dict(profile.__dict__))
    cpu, wait = profile.cpu_ms_per_task, profile.io_wait_ms_per_task
    serves = profile.mode == "service"
    tasks = facts["tasks"] = None if serves else profile.tasks  # a service has no end
    facts["requests_per_second"] = profile.requests_per_second if serves else None
    facts["finish_within_s"] = None if serves else profile.finish_within_s
    known = cpu is not None and wait is not None
    latency = profile.latency_requirement_ms
    cores = facts["cpu_cores"] = profile.cpu_cores or host.usable_cpus
    facts["cores_given"] = profile.cpu_cores is not None
    facts["platform"] = profile.platform or host.platform
    facts["waits"] = _waits(profile)
    facts["in_flight"] = _in_flight(profile, tasks, cores)
    if profile.io_kind == "disk" and facts["waits"]:
        facts["async_library"] = False
    share, gil_ms, ratio = profile.gil_share, profile.gil_hold_ms, profile.free_threaded_ratio
    if share is not None:
        facts["releases_gil"] = share * cores <= 1
    elif profile.releases_gil is not None:  # the word for it: all of the time, or none
        facts["gil_share"] = 0.0 if profile.releases_gil else 1.0
    facts["gil_hold_over_latency"] = None if gil_ms is None else _against(gil_ms, latency)
    facts["free_threaded_gain"] = None if ratio is None else _against(cores, ratio)
    facts["total_cpu_ms"] = tasks * cpu if tasks is not None and cpu is not None else None
    each_ms = task_ms(profile)
    facts["workload_known"] = _amount_known(profile) and each_ms is not None and not profile.gpu
    facts["total_work_ms"] = None if tasks is None or each_ms is None else tasks * each_ms
    facts["cpu_load"] = _cpu_load(facts)
    facts["cpu_share"] = (cpu or 0.0) / each_ms if known and each_ms else None
    facts["cpu_over_latency"] = _against(cpu, latency)
    at_best_ms = each_ms if not profile.native_parallel else (cpu or 0.0) / cores + (wait or 0.0)
    facts["task_over_latency"] = None if each_ms is None else _against(at_best_ms, latency)
    of_this_host = profile.interpreters is None and facts["platform"] == host.platform
    facts["free_threaded_here"] = of_this_host and newest(host.tags, free_threaded=True) is not None
    free_threaded = newest(profile.interpreters or host.tags, free_threaded=True)
    facts["free_threading_experimental"] = free_threaded in EXPERIMENTAL_FREE_THREADING
    facts["start_method"] = default_start_method(facts["platform"], version_key(python)[:2])
    facts["joined"] = joined
    facts["one_machine_use"] = facts["machines_gain"] = None
    _add_builds(facts, profile)
    _add_people(facts, profile.team_knows)
    return facts


def _waits(profile: WorkloadProfile) -> bool:
    """Whether a task waits: it says so, or its type does."""
    wait = profile.io_wait_ms_per_task
    return wait > 0 if wait is not None else profile.workload_type != "cpu"


def _in_flight(profile: WorkloadProfile, tasks: int | None, cores: int) -> int | None:
    """How many operations are in flight at once; of a batch that waits an assumption where the profile does not say.

    A batch that waits for child processes has no more of them at work than there are CPUs for them.
    """
    if not profile.parallelizable:
        return 1
    each_ms = task_ms(profile)
    if profile.mode == "service" and profile.requests_per_second and each_ms is not None:
        return _smaller(profile.concurrency, hardly_ever_more(profile.requests_per_second * each_ms / 1000))
    if profile.io_kind == "subprocess" and _waits_for_children(profile):
        return _smaller(cores, _smaller(profile.concurrency, tasks))
    if profile.concurrency is not None or tasks is None or not _waits(profile):
        return _smaller(profile.concurrency, tasks)
    return min(ASSUMED_IN_FLIGHT, tasks)


def rate_asked(facts: WorkloadFacts) -> float | None:
    """The highest rate per second that is asked for: what arrives, must be done in a second, or by the deadline."""
    rates = (
        facts["requests_per_second"],
        facts["throughput_requirement_per_s"],
        _against(facts["tasks"], facts["finish_within_s"]),
    )
    return max((min(rate, _LARGEST_RATIO) for rate in rates if rate is not None), default=None)


def _cpu_load(facts: WorkloadFacts) -> float | None:
    """The CPUs that are kept busy by what arrives, or must be done in time, as a multiple of those that there are."""
    cpu_ms, rate = facts["cpu_ms_per_task"], rate_asked(facts)
    return None if rate is None or cpu_ms is None else _against(rate * cpu_ms / 1000, facts["cpu_cores"])


def _waits_for_children(profile: WorkloadProfile) -> bool:
    """Whether the tasks of a batch wait for child processes, which compute."""
    return profile.io_kind == "subprocess" and profile.mode == "batch" and _waits(profile)


def assumes_in_flight(profile: WorkloadProfile) -> bool:
    """Whether how many operations are in flight had to be assumed, and decides something."""
    return (
        profile.mode == "batch"
        and profile.concurrency is None
        and profile.parallelizable
        and not _waits_for_children(profile)
        and (profile.tasks or 0) > PLAUSIBLE_IN_FLIGHT[0]
        and _waits(profile)
    )


def add_cost_facts(facts: WorkloadFacts, work: Quantities, processes: Traits) -> None:
    """The facts that need costs: what copying and starting take against the task and the requirement."""
    costs = work.builds.gil
    each_ms = (work.cpu_ms or 0.0) + (work.wait_ms or 0.0)
    known = facts["payload_kb_per_task"] is not None or work.pickle_ms is not None
    facts["copy_share"] = _against(copy_ms(processes, work, costs), each_ms) if known else None
    facts["thread_start_share"] = _thread_start_share(work)
    set_up_ms = work.startup_ms if work.serves else 0.0  # of a batch, plain code makes it before its first task as well
    imports_ms = work.import_ms if imports_again(work.start_method) else 0.0
    starts_ms = costs[f"process_pool_{work.start_method}_ms"] + set_up_ms + imports_ms
    facts["process_start_over_latency"] = _against(starts_ms, facts["latency_requirement_ms"])
    budget = facts["memory_budget_mb"]
    facts["process_workers_that_fit"] = None if budget is None else footprint_of(processes, work).workers_within(budget)


def add_machine_facts(facts: WorkloadFacts, own: PredictedFacts, alone: float | None, together: float | None) -> None:
    """The facts about one machine against those that are given, by what is predicted (`own`) of the best way on one.

    `alone` and `together` are the seconds of that way and of an engine on all machines. Memory that does not fit counts;
    memory that does says nothing of whether one machine is fast enough.
    """
    asked = [use for use in (own["deadline_use"], own["utilisation"], own["queued_latency_use"]) if use is not None]
    memory = own["memory_use"]
    facts["one_machine_use"] = max([*asked, *([memory] if memory is not None and memory > 1 else [])], default=None)
    facts["machines_gain"] = _against(alone, together)


def _thread_start_share(work: Quantities) -> float | None:
    if not work.wait_ms or not work.tasks or not work.in_flight:
        return None
    waiting_ms = math.ceil(work.tasks / work.in_flight) * work.wait_ms
    return _against(work.in_flight * work.builds.gil["thread_start_ms"], waiting_ms)


def quantities(profile: WorkloadProfile, facts: WorkloadFacts, builds: Builds) -> Quantities:
    """What the cost model needs; a CPU workload of unknown waits has none, an I/O workload of unknown CPU time none.

    What runs on a GPU is not predicted: what its device does in a millisecond is not known.
    """
    cpu, wait, share = profile.cpu_ms_per_task, profile.io_wait_ms_per_task, facts["gil_share"]
    arrivals = facts["requests_per_second"]
    return Quantities(
        serves=profile.mode == "service",
        tasks=None if profile.gpu else facts["tasks"],
        cpu_ms=0.0 if cpu is None and profile.workload_type == "io" else cpu,
        wait_ms=0.0 if wait is None and profile.workload_type == "cpu" else wait,
        in_flight=None if profile.gpu else facts["in_flight"],
        arrivals_per_ms=None if profile.gpu or not arrivals else arrivals / 1000,
        cores=facts["cpu_cores"],
        pickle_ms=profile.pickle_ms_per_task,
        import_ms=profile.import_ms or 0.0,
        gil_share=1.0 if share is None else share,  # Python code holds it all the time
        gil_hold_ms=profile.gil_hold_ms,
        free_threaded_ratio=profile.free_threaded_ratio,
        payload_kb=ASSUMED_PAYLOAD_KB if profile.payload_kb_per_task is None else profile.payload_kb_per_task,
        data_kb=profile.payload_kb_per_task or 0.0,
        task_mb=profile.task_memory_mb or 0.0,
        startup_ms=_startup_ms(profile),
        startup_mb=profile.startup_memory_mb or 0.0,
        startup_shared=profile.shared_state in ("read_only", "hot_reads") and facts["start_method"] == "fork",
        library_parallel=bool(profile.native_parallel),
        blocks=facts["async_library"] is False,
        isolated=profile.isolation in ("crash", "security"),
        shared_state=profile.shared_state,
        start_method=facts["start_method"],
        gil_build=facts["gil_build"],
        builds=builds,
    )


#: What crosses to a worker and back where nothing is said: a small record (the documented cost of a hand-over is that of a
#: number, and nobody sends nothing).
ASSUMED_PAYLOAD_KB = 1.0
#: Milliseconds of an expensive start of which nobody has told how long it takes: to load a model or a large cache is
#: seconds, to import a large library (pandas 1.4 s, scikit-learn 3.6 s of CPU) a little less.
ASSUMED_STARTUP_MS = 1000.0
PLAUSIBLE_STARTUP_MS = (200.0, 10_000.0)


def assumes_startup(profile: WorkloadProfile) -> bool:
    """Whether an expensive start is said to be, but not how long it takes."""
    return profile.has_expensive_startup and profile.startup_ms is None


def _startup_ms(profile: WorkloadProfile) -> float:
    return ASSUMED_STARTUP_MS if assumes_startup(profile) else profile.startup_ms or 0.0


def prediction_facts(
    facts: WorkloadFacts, workers: int, processes: int, limit: PoolLimit, predicted: CostEstimate
) -> PredictedFacts:
    """The facts about one approach that are predicted; `facts` are those of the workload."""
    latency_ms = facts["latency_requirement_ms"]
    return {
        "workers": workers,
        "processes": processes,
        "pool_limit": limit,
        "memory_use": _against(predicted.memory_mb, facts["memory_budget_mb"]),
        "latency_use": _against(predicted.latency_ms, latency_ms),
        "queued_latency_use": _against(predicted.queued_ms, latency_ms),
        "utilisation": _utilisation(facts, predicted),
        "deadline_use": _deadline_use(facts, predicted),
        "predicted_seconds": predicted.seconds,
    }


def _utilisation(facts: WorkloadFacts, predicted: CostEstimate) -> float | None:
    """What arrives at a service, or must be done in a second, against what it can do at most."""
    return _against(rate_asked(facts), predicted.capacity)


def _deadline_use(facts: WorkloadFacts, predicted: CostEstimate) -> float | None:
    """The time of a batch against its deadline, and against the rate at which its tasks must be done."""
    return _against(predicted.seconds, time_limit(facts))


def time_limit(facts: WorkloadFacts) -> float | None:
    """The seconds that a batch may take: its deadline, or what the rate that is required leaves it; the shorter one."""
    rate, tasks = facts["throughput_requirement_per_s"], facts["tasks"]
    limits = (facts["finish_within_s"], tasks / rate if tasks is not None and rate else None)
    return min((limit for limit in limits if limit is not None), default=None)


#: From what is easy to debug to what is hard.
_DEBUGGING = get_args(get_type_hints(Traits)["debugging"])


def burden(facts: WorkloadFacts, traits: Traits) -> tuple[bool, int]:
    """What an approach asks of the people who keep it running: a skill that they lack; how hard it is to debug, if that counts.

    (False, 0) for every approach where the profile says nothing of its people.
    """
    lacked = {
        "asyncio": facts["lacks_asyncio"],
        "threads": facts["lacks_threads"],
        "processes": facts["lacks_processes"],
        "queues": facts["lacks_queues"],
    }
    counts = facts["maintainability"] == "high"
    return lacked.get(traits.skill, False), _DEBUGGING.index(traits.debugging) if counts else 0


def pair_facts(facts: WorkloadFacts, simpler: Traits, faster: Traits, speedup: float) -> dict[str, Any]:
    """What speedup_bands is asked about a simpler approach and one that is so many times as fast (SpeedupFacts)."""
    light, heavy = burden(facts, simpler), burden(facts, faster)
    return {
        "speedup": speedup,
        "unfamiliar": heavy[0] > light[0],
        "harder_to_debug": heavy[1] > light[1],
        "arrives": arrives(facts),
    }


def arrives(facts: WorkloadFacts) -> bool:
    """Whether it is a service whose requests come at a rate of their own."""
    return facts["mode"] == "service" and facts["requests_per_second"] is not None


def approach_facts(
    facts: Facts, approach: ApproachId, traits: Traits, predicted: PredictedFacts | None
) -> dict[str, Any]:
    """All that the tables may ask about one approach for a workload; without what is predicted, where that is not known yet."""
    return {**facts, **traits.__dict__, "approach": approach, **(predicted or {})}


def _against(amount: float | None, limit: float | None) -> float | None:
    """One amount as a multiple of another, as far as both are known; finite, which is all that tables take."""
    return min(amount / limit, _LARGEST_RATIO) if amount is not None and limit else None


def _smaller(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else min(a, b)


def _amount_known(profile: WorkloadProfile) -> bool:
    """Whether it is known how much there is to do: the tasks of a batch, what arrives or is in flight in a service."""
    if profile.mode == "batch":
        return profile.tasks is not None
    return (profile.requests_per_second or profile.concurrency) is not None


def task_ms(profile: WorkloadProfile) -> float | None:
    """The time of a task by itself, where both of its parts are known, or the only one that its type has."""
    cpu, wait, kind = profile.cpu_ms_per_task, profile.io_wait_ms_per_task, profile.workload_type
    if (cpu is None and kind != "io") or (wait is None and kind != "cpu"):
        return None
    return (cpu or 0.0) + (wait or 0.0)


def _add_builds(facts: WorkloadFacts, profile: WorkloadProfile) -> None:
    """What the profile says about kinds of Python: its own word first, then the interpreters it lists."""
    listed = profile.interpreters
    free = None if listed is None else newest(listed, free_threaded=True) is not None
    with_subinterpreters = None if listed is None else any(version_key(t)[1] >= 14 for t in listed)
    facts["free_threading"] = _readiness(profile.free_threading_ready, free)
    facts["subinterpreters"] = _readiness(profile.subinterpreter_ready, with_subinterpreters, False)
    facts["gil_build"] = listed is None or newest(listed, free_threaded=False) is not None


def _add_people(facts: WorkloadFacts, known: tuple[Skill, ...] | None) -> None:
    """Which skills the team lacks; none where nothing is said of it."""
    facts["lacks_asyncio"] = known is not None and "asyncio" not in known
    facts["lacks_threads"] = known is not None and "threads" not in known
    facts["lacks_processes"] = known is not None and "processes" not in known
    facts["lacks_queues"] = known is not None and "queues" not in known


def _readiness(said: bool | None, listed: bool | None, listing_is_word: bool = True) -> Readiness:
    """ready, possible or ruled_out; listing a free-threaded build says it may be used, 3.14 says nothing of readiness."""
    if said is False or listed is False:
        return "ruled_out"
    return "ready" if said or (listed and listing_is_word) else "possible"
