"""Packages, environments and children of `deps` that are on no machine."""

from __future__ import annotations

from typing import Any

from measured import python
from packaging.requirements import Requirement

from selector.measure.children import Said
from selector.readiness.environments import Distribution, Environment
from selector.readiness.locks import Locked
from selector.readiness.looking import Looks
from selector.readiness.plan import Plan

MARKERS = {"python_version": "3.14", "python_full_version": "3.14.1", "sys_platform": "linux", "os_name": "posix"}
#: What a child says of an import that went well.
IMPORTED: dict[str, Any] = {
    "free_threaded": False, "gil": True, "gil_after_import": True, "gil_module": None, "failed": {}, "loaded": [],
    "import_ms": 12.3, "rss_start_mb": 20.0, "rss_import_mb": 24.5, "importing": "plain", "loading": None,
}  # fmt: skip


def distribution(name: str, *requires: str, **changes: Any) -> Distribution:
    """A package of pure Python, whose module is called as it is."""
    module = name.replace("-", "_")
    plain: dict[str, Any] = {
        "version": "1.0", "python": "", "tags": ("py3-none-any",), "modules": (module,), "late": (), "native": False,
        "editable": False, "stamp": f"stamp of {name}",
    }  # fmt: skip
    return Distribution(name=name, requires=tuple(map(Requirement, requires)), **{**plain, **changes})


def native(name: str, *requires: str, **changes: Any) -> Distribution:
    """A package with an extension module, in a wheel for one platform."""
    module = name.replace("-", "_")
    tags = ("cp314-cp314-linux_x86_64",)
    return distribution(name, *requires, **{"native": True, "tags": tags, "late": (f"{module}._native",), **changes})


def environment(*packages: Distribution, tag: str = "3.14") -> Environment:
    """A Python with these packages."""
    markers = {**MARKERS, "python_version": tag.rstrip("t"), "python_full_version": f"{tag.rstrip('t')}.1"}
    return Environment(python(tag), markers, {package.name: package for package in packages})


def plan(*environments: Environment, asks: tuple[str, ...] = ("app",), locked: dict[str, Locked] | None = None) -> Plan:
    """A plan for some requirements."""
    return Plan("pyproject.toml", tuple(map(Requirement, asks)), locked or {}, environments)


def imported(tag: str = "3.14", **changes: Any) -> Said:
    """A child that imported a package; on a free-threaded build with the GIL off, unless told otherwise."""
    free = {"free_threaded": True, "gil": False, "gil_after_import": False} if tag.endswith("t") else {}
    return Said("imports", python(tag), {**IMPORTED, **free, **changes}, "done", code=0)


def ended(phase: str = "import", code: int | None = -11, tag: str = "3.14", **more: Any) -> Said:
    """A child that ended while it imported a package."""
    facts = {"gil": not tag.endswith("t"), "importing": "app", "loading": None, **more.pop("facts", {})}
    return Said("imports", python(tag), facts, phase, code=code, **{"fault": "it ended", **more})


def isolated(**changes: Any) -> Said:
    """A child that imported a package in subinterpreters."""
    return Said("isolated", python(), {"subinterpreter": True, "importing": "app", **changes}, "done", code=0)


def looks(plain: Said, apart: Said | None = None) -> Looks:
    return Looks(plain, apart)
