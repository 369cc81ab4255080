"""Services that tests ask about, and a machine of eight CPUs that they run on."""

from __future__ import annotations

from typing import Any

from selector import Recommendation, Selector, WorkloadProfile
from selector.recommend.capacity import Capacity
from selector.recommend.facts import HostFacts

HOST = HostFacts("linux", 8, (("3.14", "/x/python3.14"),))
SHOP: dict[str, Any] = {
    "workload_type": "io", "mode": "service", "cpu_ms_per_task": 6, "io_wait_ms_per_task": 80, "cpu_cores": 2,
    "latency_requirement_ms": 250, "current_approach": "threads", "team_knows": ["threads", "processes"],
}  # fmt: skip
ASYNCIO_API: dict[str, Any] = SHOP | {
    "current_approach": "asyncio", "team_knows": None, "event_loop": True, "async_library": True
}  # fmt: skip


def recommended(**fields: Any) -> Recommendation:
    given = {name: value for name, value in fields.items() if value is not None}
    return Selector(host=HOST).recommend(WorkloadProfile.model_validate(given), changes="none")


def capacity(result: Recommendation) -> Capacity:
    assert result.capacity is not None
    return result.capacity
