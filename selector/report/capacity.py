"""What arrives at a service or must be done in time, in words: throughput, verdicts, capacity and the server to run."""

from __future__ import annotations

from selector.recommend.capacity import BALANCED, Capacity
from selector.recommend.expected import missing, not_given
from selector.recommend.recommendation import Recommendation
from selector.recommend.servers import Server
from selector.text import PREDICTED, Units, beside, duration, given, listed, memory, number, percent, significant

_SECONDS: Units = (("s", 1.0), ("min", 60.0), ("h", 3600.0))
_SHOWN = 6  # digits
_IF_WEB = "if it is a web service"


def rate(per_second: float) -> str:
    """A predicted rate: `220/s`."""
    return f"{number(significant(per_second, PREDICTED))}/s"


def _given_rate(per_second: float) -> str:
    """A rate as it was given; one of another time is no round number."""
    return f"{number(significant(per_second, _SHOWN))}/s"


def several_processes(result: Recommendation) -> int | None:
    """How many processes of it keep up where one does not; None where one does, or where it is more machines that do."""
    found = result.capacity
    if found is None or result.fits.throughput is not False or found.processes is None or found.machines is None:
        return None
    return found.processes if found.processes > found.machines else None


def throughput_text(result: Recommendation, words: int = 2) -> str:
    """What a service does in a second, and how long one takes, in fewer words or without; only where it is predicted.

    Where it is known how many requests arrive, they are set against the most that it can do.
    """
    expected = result.expected
    if result.profile.requests_per_second is not None and expected.saturation_per_s is not None:
        return _arrivals_text(result, result.profile.requests_per_second, expected.saturation_per_s, words)
    done = number(significant(expected.throughput or 0.0, PREDICTED))
    told = f"{done} requests per second" if words == 2 else f"{done} requests/s"
    if expected.latency_ms is None or not words:
        return told
    return f"{told}, 95 %{' of them' if words == 2 else ''} within {duration(expected.latency_ms / 1000)}"


def _arrivals_text(result: Recommendation, arrives: float, most: float, words: int) -> str:
    """`50 requests/s arrive, 23 % of the 220/s it can do; 95 % within 60 ms`, or that it does not keep up."""
    expected = result.expected
    if arrives >= most or expected.latency_ms is None:
        if (processes := several_processes(result)) is not None:
            return _by_processes(result, processes, _at_most(most, arrives), _given_rate(arrives), words)
        short = f"does NOT keep up: {_given_rate(arrives)} arrive, it can do {_at_most(most, arrives)}"
        return f"{short}, so its queue grows without end" if words == 2 else short
    within = duration(expected.latency_ms / 1000)
    if words == 2:
        return f"{number(significant(arrives, _SHOWN))} requests/s arrive, {_part(arrives, most)} of the {rate(most)} it can do; 95 % within {within}"
    short = f"{_given_rate(arrives)} of {rate(most)} ({_part(arrives, most)})"
    return f"{short}, 95 % within {within}" if words else short


def _by_processes(result: Recommendation, processes: int, most: str, arrives: str, words: int) -> str:
    """That one process does not keep up, and how many do, on how many machines."""
    machines = several_machines(result)
    enough = f"{processes:,}{f' on {machines:,} machines' if machines else ''} do"
    if words == 2:
        return f"one process of it does NOT keep up: {arrives} arrive, it can do {most}; {enough}"
    return f"one process does NOT keep up{f' ({most} of {arrives})' if words else ''}; {enough}"


def _at_most(most: float, arrives: float) -> str:
    """What it can do at most, in as many digits as put it below what arrives."""
    near = (significant(most, digits) for digits in range(PREDICTED, 5))
    return next((f"{number(figure)}/s" for figure in near if figure < arrives), "no more than that")


def _part(amount: float, whole: float) -> str:
    """`23 %`, and never 100 % of what is less."""
    told = percent(amount / whole)
    return told if told != "100 %" else "just under 100 %"


# Requirements ---------------------------------------------------------------------------------------------------------


def rate_verdict(result: Recommendation, *, short: bool) -> list[str]:
    """Whether it keeps up with what arrives, or must be done in a second; nothing where neither is given."""
    profile, met = result.profile, result.fits.throughput
    rates = [profile.requests_per_second if profile.mode == "service" else None, profile.throughput_requirement_per_s]
    asked = max((r for r in rates if r is not None), default=None)
    if asked is None:
        return []
    if met is None:
        return [_unknown(f"{_given_rate(asked)}", result, missing(profile), short=short)]
    if profile.mode == "service":
        if short and met:
            return []  # a summary says beside it which part of what it can do that is
        who = ""
        if several_processes(result) is not None:
            if short and result.profile.latency_requirement_ms is not None:
                return []  # a summary says so beside it, and how many do
            who = "one process "
        return [f"{'keeps up' if met else f'{who}does NOT keep up'} with {_given_rate(asked)}"]
    return [f"{_given_rate(asked)} {'met' if met else 'NOT met'}"]


def deadline_verdict(result: Recommendation, *, short: bool) -> list[str]:
    """Whether a batch is done by its deadline; nothing where none is given."""
    profile, met, seconds = result.profile, result.fits.deadline, result.expected.seconds
    limit = profile.finish_within_s if profile.mode == "batch" else None
    if limit is None:
        return []
    if met is None or seconds is None:
        needs = not_given(profile, ("tasks", "cpu_ms_per_task", "io_wait_ms_per_task"))
        return [_unknown(f"deadline{'' if short else f' {given(limit, _SECONDS)}'}", result, needs, short=short)]
    return [f"deadline {'met' if met else 'NOT met'} ({beside(seconds, limit, _SECONDS, over=not met)})"]


def _unknown(what: str, result: Recommendation, needs: tuple[str, ...], *, short: bool) -> str:
    """That nobody can say whether something is met, and what it takes to say so."""
    why = f"needs {listed(needs)}" if needs else "it depends on the cluster" if result.engine else ""
    return f"{what} not known{f' ({why})' if why and not short else ''}"


# Capacity -------------------------------------------------------------------------------------------------------------


def capacity_text(result: Recommendation) -> str:
    """What it takes, in a line; empty where no rate is asked for."""
    return result.capacity.text if result.capacity is not None else ""


def capacity_texts(result: Recommendation) -> tuple[str, ...]:
    """The same, and in fewer words from one to the next where it takes machines behind a load balancer."""
    whole = capacity_text(result)
    if result.capacity is None or not whole.endswith(BALANCED):
        return (whole,)
    machines = f"{result.capacity.machines:,} machines{BALANCED}"
    return whole, f"{whole.partition(';')[0]}: {machines}", machines


def several_machines(result: Recommendation) -> int | None:
    """On how many machines the server is started; None where it is one."""
    found = result.capacity
    return found.machines if found is not None and found.machines is not None and found.machines > 1 else None


def server_texts(result: Recommendation) -> tuple[str, ...]:
    """How to run it as a web service, in fewer words from one to the next; none where no server is known to fit."""
    server = result.capacity.server if result.capacity is not None else None
    if server is None:
        return ()
    machines = several_machines(result)
    asked = f"of {machines:,} machines; {_IF_WEB}" if machines else _IF_WEB
    long = f"{server.command} ({asked}; some {memory(server.worker_memory_mb)} a worker)"
    return long, f"{server.command} ({asked})", server.command


def capacity_fields(result: Recommendation) -> list[tuple[str, str]]:
    """All that is known of what it takes, a labelled line each, with the servers that fit."""
    capacity = result.capacity
    if capacity is None:
        return []
    found = [("Capacity", capacity.text), *(("", text) for text in capacity.details)]
    return [*found, *_server_fields(capacity, several_machines(result))]


def cluster_fields(result: Recommendation) -> list[tuple[str, str]]:
    """An engine on its machines, and from which size on one machine is outgrown; a labelled line each."""
    cluster, outgrown = result.cluster, result.outgrown
    found = [("Machines", cluster.text), *(("", text) for text in cluster.details)] if cluster is not None else []
    return [*found, *([("Beyond", outgrown.text)] if outgrown is not None else [])]


def _server_fields(capacity: Capacity, machines: int | None) -> list[tuple[str, str]]:
    each = f", on each of {machines:,} machines" if machines else ""
    if capacity.server is None:
        return []
    others = [("", f"or {_server_line(server)}{each}") for server in capacity.other_servers]
    note = [("", capacity.server.note)] if capacity.server.note else []
    return [("Server", f"{_server_line(capacity.server)}{each}, {_IF_WEB}"), *note, *others]


def _server_line(server: Server) -> str:
    return f"{server.command} (some {memory(server.worker_memory_mb)} a worker; tried with {server.checked})"
