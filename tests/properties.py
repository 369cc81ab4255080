"""Properties that hypothesis tries: with few examples in every run, with many where there is time (`slow`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def property_test(
    *strategies: st.SearchStrategy[Any], few: int, many: int
) -> Callable[[Callable[..., None]], Callable[[int], None]]:
    """The test that a property holds for what these strategies make: `few` examples, and `many` in a slow test."""

    def decorate(holds: Callable[..., None]) -> Callable[[int], None]:
        @pytest.mark.parametrize("examples", [few, pytest.param(many, marks=pytest.mark.slow)])
        def test(examples: int) -> None:
            settings(max_examples=examples, deadline=None, database=None)(given(*strategies)(holds))()

        test.__name__ = test.__qualname__ = holds.__name__
        test.__module__, test.__doc__ = holds.__module__, holds.__doc__
        return test

    return decorate
