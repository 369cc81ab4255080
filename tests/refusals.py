"""What is said of a workload that is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from selector.errors import SelectorError
from selector.workload.reading import profile_from_mapping


def refusal(make: Callable[[], object]) -> SelectorError | None:
    """The error that something is refused with, or None; any other exception fails the test."""
    try:
        make()
    except SelectorError as error:
        return error
    return None


def problem(data: object) -> SelectorError:
    """The error that this workload is refused with."""
    with pytest.raises(SelectorError) as caught:
        profile_from_mapping(data, "work.json")
    assert caught.value.exit_code == 2
    return caught.value
