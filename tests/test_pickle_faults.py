"""Why something does not pickle: in words that one can act on, with the path that leads to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from template_modules import template_module


@pytest.fixture(scope="module")
def pickling() -> Iterator[ModuleType]:
    with template_module("pickling") as module:
        yield module


class Slotted:
    __slots__ = ("inner", "unset")

    def __init__(self, inner: Any) -> None:
        self.inner = inner


class Endless:
    """Whose part is another one like it."""

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        return {"next": Endless()}

    def __reduce__(self) -> Any:
        raise RuntimeError("no end")


def test_a_function_that_workers_cannot_be_handed_is_told_by_its_kind(pickling: ModuleType) -> None:
    def inner() -> None: ...

    def alien() -> None: ...

    alien.__qualname__, alien.__module__ = "alien", "__main__"
    assert pickling._function_fault(len) == ""
    assert "lambda" in pickling._function_fault(lambda: None)
    assert "closure" in pickling._function_fault(inner)
    assert "__main__" in pickling._function_fault(alien)
    assert "TypeError" in pickling._function_fault(threading.Lock())


def test_the_path_leads_to_what_does_not_pickle(pickling: ModuleType) -> None:
    lock = threading.Lock()
    for value, place in (
        ({"a": [1, lock]}, "it['a'][1] "),
        ((1, Slotted({"x": lock})), "it[1].inner['x'] "),
        (lock, "it "),
        ({lock}, "it[0] "),
    ):
        assert pickling._fault_in(value, "it").startswith(f"{place}does not pickle (lock)"), place
    assert pickling._fault_in([1, {"a": "b"}], "it") == ""
    assert pickling._fault_in(Endless(), "it").startswith("it" + ".next" * 8)
