"""Which builds of Python a benchmark measures."""

from __future__ import annotations

import pytest
from plans import CPU, notes_of, plan_of
from pythons import interpreter

from selector import HostFacts, SelectorError
from selector.benchmark.plan import BenchmarkPlan

MANY = ("3.9", "3.11", "3.13", "3.13t", "3.14", "3.14t")


def tags_of(plan: BenchmarkPlan) -> list[str]:
    return [python.tag for python in plan.pythons]


def test_the_newest_of_each_kind_are_measured_and_the_one_with_the_gil_is_the_reference() -> None:
    assert tags_of(plan_of(CPU, *MANY)) == ["3.14", "3.14t"]
    assert tags_of(plan_of(CPU, "3.11", "3.14t")) == ["3.11", "3.14t"]


def test_the_python_that_the_recommendation_is_for_is_measured_and_the_newest_of_the_other_kind() -> None:
    """An application on 3.11 is not told what 3.14 does, though that is here too."""
    host = HostFacts("linux", 2, tuple((tag, f"/x/python{tag}") for tag in MANY), application="3.11")
    plan = plan_of({**CPU, "free_threading_ready": False}, host=host, application="3.11")
    assert (plan.recommended_tag, tags_of(plan)) == ("3.11", ["3.11", "3.14t"])
    assert "instead" not in notes_of(plan)
    free = plan_of({**CPU, "free_threading_ready": True}, host=host, application="3.11")
    assert (free.recommended_tag, tags_of(free)) == ("3.14t", ["3.11", "3.14t"])  # against what runs today
    newer = plan_of(
        {**CPU, "picklable": False, "subinterpreter_ready": True, "free_threading_ready": False},
        host=host,
        application="3.11",
    )
    assert newer.recommended_tag == tags_of(newer)[0]


def test_the_interpreters_of_the_profile_win_over_those_found() -> None:
    plan = plan_of({**CPU, "interpreters": ["3.13t", "3.12", "3.11", "3.13"]}, *MANY)
    assert tags_of(plan) == ["3.13", "3.11", "3.13t"]
    assert plan.notes[0] == "In the profile, but not to be measured on this machine: Python 3.12."


def test_the_interpreters_asked_for_win_over_the_profile() -> None:
    plan = plan_of({**CPU, "interpreters": ["3.13"]}, *MANY, wanted=("3.14T", "/x/python3.11", "3.11", "3.14t"))
    assert tags_of(plan) == ["3.11", "3.14t"]
    assert plan.pythons[0].path == "/x/python3.11"


def test_only_free_threaded_builds_make_one_of_them_the_reference() -> None:
    plan = plan_of(CPU, *MANY, wanted=("3.13t", "3.14t"))
    assert tags_of(plan) == ["3.14t", "3.13t"]
    assert plan.notes[0] == (
        "Only free-threaded builds are measured: the baseline runs on 3.14t, and the times per task are those of that build."
    )


def test_one_interpreter_a_tag_is_measured_the_one_that_the_recommendation_names() -> None:
    found = (interpreter("3.14", "/a"), interpreter("3.14", "/b"), interpreter("3.14", "/c", "PyPy"))
    for options in ({}, {"wanted": ("3.14",)}):
        assert [p.path for p in plan_of(CPU, available=found, **options).pythons] == ["/b"]
    assert [p.path for p in plan_of(CPU, available=found, wanted=("/a",)).pythons] == ["/a"]


@pytest.mark.parametrize(
    ("wanted", "message", "hint"),
    [
        (("3.12",), r'no interpreter "3.12" on this machine', "here are: 3.14 (/x/python3.14), 3.13t (/x/python3.13t)"),
        (("\x1b[31m",), r'no interpreter "\\u001b\[31m" on this machine', "here are: 3.14"),
        (("3.9",), r'interpreter "3.9" is Python 3.9: the benchmark needs 3.10 or later', "here are: 3.14"),
        (("3.11",), r'interpreter "3.11" is PyPy: builds of CPython are compared', "here are: 3.14"),
        (("3.14", "/other"), "two interpreters of one version, 3.14: /x/python3.14 and /other", "give one of them"),
    ],
)
def test_interpreters_that_cannot_be_measured_are_refused(wanted: tuple[str, ...], message: str, hint: str) -> None:
    found = (
        interpreter("3.9"), interpreter("3.11", implementation="PyPy"), interpreter("3.14", "/other"),
        interpreter("3.14"), interpreter("3.13t"),
    )  # fmt: skip
    with pytest.raises(SelectorError, match=message) as caught:
        plan_of(CPU, available=found, wanted=wanted)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(("listed", "install"), [(["3.12", "3.13t"], "3.13t"), (["3.8"], "3.15")])
def test_a_profile_whose_interpreters_are_elsewhere_is_refused(listed: list[str], install: str) -> None:
    with pytest.raises(SelectorError, match="none of the profile's interpreters can be measured") as caught:
        plan_of({**CPU, "interpreters": listed}, "3.8", "3.14")
    assert caught.value.hint == (
        f"uv python install {install}, or --interpreter with one that is here: 3.14 (/x/python3.14)"
    )


def test_a_machine_without_a_python_that_is_new_enough_is_refused() -> None:
    with pytest.raises(SelectorError, match="no Python that the benchmark can run on") as caught:
        plan_of(CPU, "3.8", "3.9")
    assert (caught.value.exit_code, caught.value.hint) == (1, "uv python install 3.15")
    with pytest.raises(SelectorError) as caught:
        plan_of(CPU, "3.8", wanted=("3.14",))
    assert caught.value.hint == "here are: none that the benchmark can run on"
