"""What was said of a workload and does not count: said in the answer, so that nothing is left out in silence."""

from __future__ import annotations

from selector.workload.profile import WorkloadProfile


def notes_of(profile: WorkloadProfile) -> tuple[str, ...]:
    """A sentence for each field that was given and does not apply to a batch, or to a service."""
    found = []
    if profile.mode == "batch" and profile.requests_per_second is not None:
        found.append(
            "requests_per_second does not count, as mode is batch: take mode: service, or say with"
            " throughput_requirement_per_s how many tasks must be done in a second."
        )
    if profile.mode == "service" and profile.finish_within_s is not None:
        found.append(
            "finish_within_s does not count, as a service has no end: latency_requirement_ms says how long a request may"
            " take, throughput_requirement_per_s how many must be done in a second."
        )
    return tuple(found)
