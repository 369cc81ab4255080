"""Which Python a recommendation names: of what the user has, what his profile lists, and what an approach needs."""

from __future__ import annotations

import pytest

from selector.recommend.facts import HostFacts, tag_for
from selector.workload.reading import profile_from_mapping


@pytest.mark.parametrize(
    ("listed", "needs", "tag"),
    [
        (None, "any", "3.11"),
        (["3.11", "3.15"], "any", "3.11"),  # it may be the one he has: nobody is sent away from it
        (["3.14", "3.15"], "any", "3.15"),
        (["3.11", "3.15"], "subinterpreters", "3.15"),
        (["3.11", "3.14t"], "free_threaded", "3.14t"),
    ],
)
def test_the_python_of_the_users_code_is_the_one_to_use_where_it_may_be(
    listed: list[str] | None, needs: str, tag: str
) -> None:
    host = HostFacts("linux", 2, (("3.11", "/x"), ("3.15", "/y")), application="3.11")
    assert tag_for(needs, profile_from_mapping({"workload_type": "cpu", "interpreters": listed}), host) == tag
