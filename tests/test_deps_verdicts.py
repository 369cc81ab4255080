"""What the looks at packages come to: ready or not, the guilty module, the chain, what follows for a workload."""

from __future__ import annotations

from typing import Any

import pytest
from measured import python
from readiness import distribution, ended, environment, imported, isolated, looks, native, plan

from selector.errors import SelectorError
from selector.measure.children import Said
from selector.readiness.environments import environment_of
from selector.readiness.graph import Graph
from selector.readiness.installing import Answer
from selector.readiness.judging import judge, packages_of, readiness_settings
from selector.readiness.locks import Locked
from selector.readiness.looking import IMPORT_SECONDS, Wanted, key_of, modules_of, with_subinterpreters
from selector.readiness.models import PackageReadiness
from selector.readiness.survey import wanted_of
from selector.readiness.verdicts import build_readiness, subinterpreter_readiness

STACK = (
    'Timeout (0:00:14)!\nThread 0x1 (most recent call first):\n  File "/lib/threading.py", line 5 in wait\n'
    'Thread 0x2 (most recent call first):\n  File "<frozen importlib._bootstrap>", line 9 in _load\n'
    '  File "/x/site-packages/app/__init__.py", line 7 in <module>\n'
)  # fmt: skip


def nobody(_: str) -> str | None:
    return None


def under(said: Said, tag: str = "3.14", package: Any = None, **others: Any) -> Any:
    package = package or native("app")
    there = environment(package, *others.pop("beside", ()), tag=tag)
    return build_readiness(package, there, said, others.pop("provides", nobody))


@pytest.mark.parametrize(
    ("said", "status", "module", "words"),
    [
        (imported(), "ready", None, "imported in 12.3 ms; such a build has a GIL"),
        (imported("3.13t", late=3), "ready", None, "the GIL stayed off, also with 3 modules that it imports later"),
        (imported("3.13t", gil=True), "unknown", None, "the GIL was on before"),
        (
            imported("3.13t", gil_after_import=True, gil_module="app._native"),
            "gil",
            "app._native",
            "app._native switches the GIL on: it does not declare that it does without",
        ),
        (imported("3.13t", gil_after_import=True), "gil", None, "which module did that is not known"),
        (imported("3.13t", gil_late="app._native"), "gil", "app._native", "stays off until app._native is imported"),
        (ended(facts={"loading": "app._native"}), "fails", "app._native", "app._native crashes in native code (SIGSEGV)"),
        (ended(code=-15), "fails", "app", "is ended (SIGTERM)"),
        (ended(code=7), "fails", "app", "importing app ends the process (exit code 7)"),
        (ended(code=1, errors=STACK), "fails", "app", f"hangs: it did not come to an end in {IMPORT_SECONDS:g} s, at"),
        (ended(code=1, errors=STACK), "fails", "app", "at /x/site-packages/app/__init__.py:7"),
        (ended("start", code=1), "unknown", "app", "cannot be run: it ended"),
        (
            imported(failed={"app": {"error": "ImportError: no \x1b[31mluck.", "lacks": None}}),
            "fails",
            "app",
            "importing app raises ImportError: no \\x1b[31mluck",
        ),
        (
            imported(failed={"app": {"error": "ModuleNotFoundError: No module named 'imp'", "lacks": "imp"}}),
            "fails",
            "app",
            "No module named 'imp'",
        ),
        (ended("late", facts={"failed": {}, "gil_after_import": False}, tag="3.13t"), "unknown", "app", "but its module"),
    ],
)  # fmt: skip
def test_a_package_under_a_build(said: Said, status: str, module: str | None, words: str) -> None:
    verdict = under(said, said.python.tag)
    assert (verdict.status, verdict.module) == (status, module)
    assert words in verdict.reason and verdict.reason.isprintable()
    assert verdict.package == ("app" if module else None) and verdict.installed == "1.0"


def test_a_wheel_whose_tag_lies_is_told() -> None:
    said = imported("3.13t", gil_after_import=True, gil_module="app._native")
    liar = native("app", tags=("cp313-cp313t-linux_x86_64",))
    assert "though its wheel is tagged for free-threaded builds" in under(said, "3.13t", liar).reason
    late = imported("3.13t", gil_late="app._native", gil_module="app._native")
    assert "though its wheel is tagged" in under(late, "3.13t", liar).reason


def test_the_package_that_the_guilty_module_belongs_to_is_named() -> None:
    said = imported("3.13t", gil_after_import=True, gil_module="low._native")
    verdict = under(said, "3.13t", native("app", "low"), beside=(native("low"),))
    assert (verdict.status, verdict.module, verdict.package) == ("gil", "low._native", "low")
    assert "what its own 1 extension module declare cannot be seen" in verdict.reason


def test_what_is_merely_not_installed_is_no_failure() -> None:
    lacks = {"app": {"error": "ModuleNotFoundError: No module named 'low'", "lacks": "low"}}
    for options in ({"package": distribution("app", "low")}, {"provides": lambda _: "low"}):
        verdict = under(imported(failed=lacks), **options)
        assert verdict.status == "unknown" and "it needs low, which is not installed for 3.14" in verdict.reason
    both = distribution("app", "low", modules=("app", "app_extra"))
    assert under(imported(failed={"app_extra": lacks["app"]}), package=both).status == "ready"
    inside = {"app": {"error": "ModuleNotFoundError: No module named 'app.gone'", "lacks": "app.gone"}}
    assert under(imported(failed=inside)).status == "fails"


@pytest.mark.parametrize(
    ("plain", "apart", "status", "module", "words"),
    [
        (imported(), isolated(), "ready", None, "imported in two subinterpreters of 3.14"),
        (imported(), None, "unknown", None, "it was not tried"),
        (imported(), isolated(subinterpreter=None, why="has none"), "unknown", None, "has none"),
        (
            imported(),
            isolated(subinterpreter=False, module="app._native", why="app._native does not support loading"),
            "fails",
            "app._native",
            "app._native does not support loading",
        ),
        (imported(), isolated(refused={"app._native": "refused"}), "fails", "app._native", "which it imports later"),
        (imported(loaded=["app._native"]), isolated(refused={"app._native": "x"}), "ready", None, "it does without"),
        (
            imported(),
            isolated(refused={"app._native": "x"}, may_lack=["app._native"]),
            "ready",
            None,
            "it does without",
        ),
        (imported(), ended("subinterpreter"), "fails", "app", "importing app in one crashes"),
        (imported(), ended("closing"), "fails", "app", "when the subinterpreter is ended, it crashes"),
        (ended(), None, "fails", "app", "not even outside of one: importing app crashes"),
        (ended("start", 1), None, "unknown", None, "cannot be run"),
        (imported(failed={"app": {"error": "no", "lacks": "imp"}}), isolated(), "fails", "app", "not even outside"),
    ],
)
def test_a_package_in_subinterpreters(
    plain: Said, apart: Said | None, status: str, module: str | None, words: str
) -> None:
    package = native("app")
    verdict = subinterpreter_readiness(package, environment(package), looks(plain, apart), nobody)
    assert (verdict.status, verdict.module, verdict.build) == (status, module, "3.14")
    assert words in verdict.reason


def test_what_lacks_another_package_is_not_tried_in_subinterpreters() -> None:
    lacks = {"app_extra": {"error": "no", "lacks": "low"}, "app_broken": {"error": "no", "lacks": None}}
    for modules, tried in (
        (("app", "app_extra", "app_broken"), ("app", "app_broken")),
        (("app_extra",), ("app_extra",)),
    ):
        there = environment(package := distribution("app", modules=modules))
        said = {key_of(there, "app", "imports"): imported(failed=lacks)}
        assert modules_of(Wanted(there, package, "isolated", ""), said) == tried
        assert modules_of(Wanted(there, package, "imports", ""), said) == modules


def test_subinterpreters_are_tried_where_the_standard_library_has_them_first() -> None:
    package = distribution("app")
    old, new, free = (environment(package, tag=tag) for tag in ("3.12", "3.15", "3.14t"))
    assert with_subinterpreters([old, free, new], "app") is new
    assert with_subinterpreters([environment(package, tag="3.14"), new], "app").tag == "3.14"
    assert with_subinterpreters([old, free], "app") is old
    assert with_subinterpreters([free], "app") is free
    assert with_subinterpreters([environment(package, tag="3.11"), environment(tag="3.14")], "app") is None


# Several packages -----------------------------------------------------------------------------------------------------

APP, MIDDLE, LOW = distribution("app", "middle"), distribution("middle", "low"), native("low")


def packages(found: dict[tuple[str, str], Said], *environments: Any, **more: Any) -> dict[str, PackageReadiness]:
    made = plan(*environments, asks=more.pop("asks", ("app",)), locked=more.pop("locked", None))
    judged = judge(made, {key: looks(said, isolated()) for key, said in found.items()})
    return {package.name: package for package in packages_of(made, judged, more.pop("answers", {}))}


def test_the_chain_leads_from_the_requirement_to_what_blocks() -> None:
    there = environment(APP, MIDDLE, LOW, tag="3.13t")
    on = imported("3.13t", gil_after_import=True, gil_module="low._native")
    found = packages({("3.13t", name): on for name in ("app", "middle", "low")}, there)
    assert list(found) == ["app", "middle", "low"]
    for package in found.values():
        assert package.chain == ("app", "middle", "low")
        assert (package.builds["3.13t"].module, package.builds["3.13t"].package) == ("low._native", "low")


def test_a_crash_is_the_fault_of_the_package_that_crashes_alone() -> None:
    there = environment(APP, MIDDLE, LOW)
    said = {("3.14", name): ended(facts={"importing": name}) for name in ("app", "middle", "low")}
    found = packages(said, there)
    assert [package.builds["3.14"].package for package in found.values()] == ["low"] * 3
    assert (
        found["app"].builds["3.14"].module == "low"
        and "it needs low: importing low crashes" in found["app"].builds["3.14"].reason
    )
    assert found["app"].chain == ("app", "middle", "low")
    said["3.14", "app"] = imported(failed={"app": {"error": "ValueError: its own", "lacks": None}})
    assert packages(said, there)["app"].builds["3.14"].package == "app"


def test_what_cannot_be_installed_and_what_needs_that() -> None:
    home, free = environment(APP, MIDDLE, LOW), environment(tag="3.13t")
    said = {("3.14", name): imported() for name in ("app", "middle", "low")}
    answers = {"3.13t": {"low": Answer("1.2"), "middle": Answer("1.0"), "app": Answer("1.0")}}
    found = packages(said, home, free, answers=answers)
    low = found["low"].builds["3.13t"]
    assert (low.status, low.fixed_in, found["low"].fixed_in) == ("not_installable", "1.2", "1.2")
    assert low.reason == "1.0 has no wheel for 3.13t; 1.2 is the first that has one"
    assert found["app"].builds["3.13t"].status == "not_installable" and found["app"].builds["3.13t"].package == "low"
    assert found["app"].chain == ("app", "middle", "low") and found["app"].fixed_in is None
    settings, why = readiness_settings(tuple(found.values()), [home.python.interpreter, free.python.interpreter])
    assert settings == {"free_threading_ready": False, "subinterpreter_ready": True}
    assert why["free_threading_ready"] == "under 3.13t low stands in the way"


@pytest.mark.parametrize(
    ("package", "answer", "status", "words"),
    [
        (LOW, Answer(None, True), "not_installable", "there is its source, which would have to be built there"),
        (LOW, Answer(None, False), "not_installable", "and there is no source either"),
        (LOW, Answer(None, True, earlier="0.9"), "not_installable", "built there; 0.9 is the last that has one"),
        (LOW, Answer(None), "not_installable", "its source, if there is one"),
        (LOW, Answer("1.0"), "unknown", "there is a wheel that fits (low 1.0): whether the GIL stays off is seen"),
        (LOW, Answer(None, problem="the index cannot be reached"), "unknown", "and the index cannot be reached"),
        (
            distribution("low", tags=()),
            Answer(None, True),
            "unknown",
            "only its source: whether it builds is not known",
        ),
        (distribution("low", tags=()), Answer("1.2"), "unknown", "1.0 comes as source only"),
        (distribution("low"), None, "unknown", "it is pure Python, of one wheel for all builds"),
        (distribution("low", python="<3.13"), Answer(None, False), "not_installable", "no source either"),
        (None, None, "unknown", "nobody was asked"),
    ],
)
def test_a_package_that_is_not_installed_for_a_build(package: Any, answer: Any, status: str, words: str) -> None:
    home = environment(*([package] if package is not None else []))
    answers = {"3.13t": {"low": answer}} if answer is not None else {}
    said = {("3.14", "low"): imported()} if package is not None else {}
    found = packages(said, home, environment(tag="3.13t"), asks=("low",), answers=answers)["low"]
    assert found.builds["3.13t"].status == status
    assert words in found.builds["3.13t"].reason
    fits = "wheel that fits" in words or "one wheel for all" in words
    asked = answer is not None and not answer.problem
    assert found.builds["3.13t"].wheel is (True if fits else False if asked else None)


def test_a_lock_says_which_wheels_there_are() -> None:
    fits, other, source = (
        "low-2.0-cp313-cp313t-linux_x86_64.whl",
        "low-2.0-cp39-abi3-linux_x86_64.whl",
        "low-2.0.tar.gz",
    )
    nothing = Answer(None, problem="no index was asked (--offline)")
    for files, status in (((fits,), "unknown"), ((other, source), "not_installable"), ((source,), "unknown")):
        locked = {"low": Locked("2.0", (), files)}
        made = packages({}, environment(tag="3.13t"), asks=("low",), locked=locked, answers={"3.13t": {"low": nothing}})
        assert made["low"].version == "2.0" and made["low"].builds["3.13t"].status == status, files


def test_an_installed_package_is_told_of_a_later_version_with_a_wheel() -> None:
    on = imported("3.13t", gil_after_import=True, gil_module="low._native")
    for version, fixed in (("1.0", None), ("1.4", "1.4"), ("odd", None)):
        answers = {"3.13t": {"low": Answer(version)}}
        found = packages({("3.13t", "low"): on}, environment(LOW, tag="3.13t"), asks=("low",), answers=answers)["low"]
        assert found.fixed_in == fixed and found.builds["3.13t"].status == "gil"


def test_a_package_has_no_build_that_it_is_not_needed_for() -> None:
    old_only = distribution("app", "low; python_version < '3.14'")
    home, free = environment(old_only, LOW), environment(tag="3.13t")
    found = packages({("3.14", "app"): imported()}, home, free, answers={"3.13t": {"low": Answer(None, False)}})
    assert {name: set(package.builds) for name, package in found.items()} == {
        "app": {"3.14", "3.13t"},
        "low": {"3.13t"},
    }
    assert found["app"].builds["3.13t"].package == "low" and found["app"].builds["3.14"].status == "ready"
    assert {want.name for want in wanted_of(home, plan(home, free), judge(plan(home, free), {}))} == set()


def test_another_version_than_at_home_is_told() -> None:
    home, free = environment(LOW), environment(LOW._replace(version="0.9"), tag="3.13t")
    said = {("3.14", "low"): imported(), ("3.13t", "low"): imported("3.13t")}
    build = packages(said, home, free, asks=("low",))["low"].builds["3.13t"]
    assert build.installed == "0.9" and build.reason.startswith("installed there is 0.9, not 1.0: imported in")


def test_a_workload_hears_only_what_is_known() -> None:
    free, home = environment(LOW, tag="3.13t"), environment(LOW)
    interpreters = [free.python.interpreter, home.python.interpreter]
    ready = packages({("3.13t", "low"): imported("3.13t"), ("3.14", "low"): imported()}, home, free, asks=("low",))
    assert readiness_settings(tuple(ready.values()), interpreters)[0] == {
        "free_threading_ready": True, "subinterpreter_ready": True
    }  # fmt: skip
    open_ones = packages({}, environment(), environment(tag="3.13t"), asks=("low",))
    assert readiness_settings(tuple(open_ones.values()), interpreters) == ({}, {})
    assert readiness_settings((), interpreters) == ({}, {})


# What is installed ----------------------------------------------------------------------------------------------------


def test_markers_and_extras_decide_what_is_needed() -> None:
    requires = {
        "app": distribution("app", "one", "two; extra == 'web'", "three; sys_platform == 'win32'").requires,
        "one": distribution("one", "app").requires,
    }
    graph = Graph(requires, [environment().markers])
    ask = distribution("x", "app", "four; python_version < '3'").requires
    assert graph.ways(ask) == {"app": ("app",), "one": ("app", "one")}
    with_extra = graph.ways(distribution("x", "app[web]").requires)
    assert with_extra == {"app": ("app",), "one": ("app", "one"), "two": ("app", "two")}
    assert graph.way("app", "elsewhere") == ("app", "elsewhere") and graph.way("app", "app") == ("app",)


def test_what_a_child_says_is_installed_is_read_as_data() -> None:
    told = {
        "name": "My.App", "version": "1\x1b[0m", "requires": ["numpy>=2", "no requirement !"], "tags": "odd", "modules": ["my"],
        "late": ["my._x"], "native": True, "editable": 1, "stamp": "s",
    }  # fmt: skip
    facts = {"markers": {"python_version": "3.14"}, "dist My.App": told, "dist odd": 3, "dist evil": {"name": "-e ."}}
    found = environment_of(Said("installed", python(), facts, "done", code=0))
    package = found.packages["my-app"]
    assert (package.version, [str(r) for r in package.requires], package.tags) == ("1\\x1b[0m", ["numpy>=2"], ())
    assert (
        list(found.packages) == ["my-app"]
        and not package.editable
        and 'cannot be read: the name "-e ."' in found.problem
    )
    assert [found.owner(name) for name in ("my._x.y", "_x", "my", "other")] == ["my-app", "my-app", "my-app", None]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Said("installed", python(), {}, fault="it cannot be run"), "cannot be read: it cannot be run"),
        (Said("installed", python(), {"markers": {}}, errors="Timeout (0:01:00)!", code=1), "takes more than 60 s"),
        (Said("installed", python(), {"problem": {"text": "no\x1b luck"}}, code=1), "no\\x1b luck"),
    ],
)
def test_a_python_that_cannot_say_what_it_has_is_an_error(said: Said, words: str) -> None:
    with pytest.raises(SelectorError) as error:
        environment_of(said)
    assert words in error.value.message and error.value.exit_code == 1


def test_a_crash_in_subinterpreters_is_the_fault_of_the_package_that_crashes() -> None:
    made = plan(environment(APP, MIDDLE, LOW))
    crash = {name: ended("subinterpreter", facts={"importing": name}) for name in ("app", "middle", "low")}
    judged = judge(made, {("3.14", name): looks(imported(), each) for name, each in crash.items()})
    assert {name: (each.status, each.package) for name, each in judged.apart.items()} == dict.fromkeys(
        crash, ("fails", "low")
    )
    chains = {package.name: package.chain for package in packages_of(made, judged, {})}
    assert set(chains.values()) == {("app", "middle", "low")}


def test_a_look_holds_until_a_file_of_what_it_needs_changes() -> None:
    before = environment(APP, MIDDLE, LOW, distribution("other"))
    changed = environment(APP, MIDDLE, LOW._replace(stamp="new"), distribution("other"))
    other = environment(APP, MIDDLE, LOW, distribution("other", stamp="new"))
    keys = [key_of(each, "app", "imports") for each in (before, changed, other)]
    assert keys[0] == keys[2] != keys[1]
    assert key_of(before, "app", "isolated") != keys[0]
