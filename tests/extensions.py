"""Small packages with extension modules, built for one Python and put where it finds them: what they declare, and how they misbehave."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

#: Slots of a module by their numbers: headers before 3.12 and 3.13 have no names for them, and any Python reads them.
ANY_INTERPRETER, ONE_INTERPRETER, NO_GIL = "{3, (void *)2}", "{3, (void *)0}", "{4, (void *)1}"
_SOURCE = """
#include <Python.h>
#include <signal.h>
#include <unistd.h>
static int run(PyObject *module) { EXEC; return 0; }
static PyModuleDef_Slot slots[] = {{Py_mod_exec, run}, SLOTS {0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", NULL, 0, NULL, slots};
PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&definition); }
"""


class Extension(NamedTuple):
    """A package: its code, the slots and the code of its module `_native`, what it requires, the tag that its wheel claims."""

    name: str
    init: str = "from . import _native\n"
    slots: tuple[str, ...] = (ANY_INTERPRETER, NO_GIL)
    execute: str = "(void)module"
    requires: tuple[str, ...] = ()
    native: bool = True
    tag: str = ""


STATE = """static PyType_Slot none[] = {{0, NULL}};
    static PyType_Spec spec = {"ext_state.Handle", sizeof(PyObject) + 8, 0, Py_TPFLAGS_DEFAULT, none};
    PyObject *handle = PyType_FromSpec(&spec);
    if (handle == NULL || PyModule_AddObjectRef(module, "Handle", handle) < 0) return -1"""
LATE = "def fast():\n    from . import _native\n    return _native\n"
#: What a judge would build, and two pure packages above one of them.
EXTENSIONS = (
    Extension("ext-ready"),
    Extension("ext-gil", slots=(ANY_INTERPRETER,)),
    Extension("ext-late", LATE, slots=(ANY_INTERPRETER,)),
    Extension("ext-single", slots=(ONE_INTERPRETER, NO_GIL)),
    Extension("ext-crash", execute="(void)module; raise(SIGSEGV)"),
    Extension("ext-hang", execute="(void)module; for (;;) pause()"),
    Extension("ext-state", "from ._native import Handle\n\n\nclass Plain: ...\n", execute=STATE),
    Extension("ext-liar", slots=(ANY_INTERPRETER,), tag="cp313-cp313t-linux_x86_64"),
    Extension("middle", "import ext_gil\n", requires=("ext-gil>=1",), native=False),
    Extension("app", "import middle\n", requires=("middle", "absent; python_version < '3'"), native=False),
    Extension("uses-crash", "import ext_crash\n", requires=("ext-crash",), native=False),
)


class Target(NamedTuple):
    """A Python to build for: its path, where its packages lie, its headers (None: of another, by the stable ABI), the suffix."""

    python: str
    site: Path
    headers: str
    stable: bool
    suffix: str


def target_of(python: str) -> Target | str:
    """A Python with headers that it can be built for; a reason where there are none."""
    ask = "import sysconfig as s; print(s.get_path('purelib')); print(s.get_path('include')); print(s.get_config_var('EXT_SUFFIX'))"
    site, headers, suffix = subprocess.run(
        [python, "-c", ask], capture_output=True, text=True, check=True
    ).stdout.split()
    if Path(headers, "Python.h").is_file():
        return Target(python, Path(site), headers, False, suffix)
    others = [place for place in _places_of_headers() if Path(place, "Python.h").is_file()]
    if "t-" in suffix or not others:
        return f"no Python.h for {python}, nor one for its stable ABI"
    return Target(python, Path(site), others[0], True, ".abi3.so")


def _places_of_headers() -> list[str]:
    """Where headers may be for the stable ABI: of this Python, and of that which runs engines in CI."""
    found = [sysconfig.get_path("include")]
    if other := os.environ.get("ENGINES_PYTHON"):
        ask = "import sysconfig; print(sysconfig.get_path('include'))"
        found.append(subprocess.run([other, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
    return found


def install(extensions: Sequence[Extension], target: Target) -> None:
    """Build each, and put it there with its metadata, as an installer does."""
    for extension in extensions:
        module = extension.name.replace("-", "_")
        folder = target.site / module
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(extension.init)
        if extension.native:
            _build(extension, folder / f"_native{target.suffix}", target)
        info = target.site / f"{module}-1.0.dist-info"
        info.mkdir()
        requires = "".join(f"Requires-Dist: {each}\n" for each in extension.requires)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {extension.name}\nVersion: 1.0\n{requires}")
        tag = extension.tag or ("py3-none-any" if not extension.native else "py3-none-linux_x86_64")
        (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nRoot-Is-Purelib: {not extension.native}\nTag: {tag}\n")
        files = [file for place in (folder, info) for file in sorted(place.iterdir())]
        (info / "RECORD").write_text("".join(f"{file.relative_to(target.site)},{_hash(file)},\n" for file in files))


def _build(extension: Extension, out: Path, target: Target) -> None:
    """Compile its module; AssertionError with what the compiler says."""
    slots = "".join(f"{slot}, " for slot in extension.slots)
    source = out.with_suffix(".c")
    source.write_text(_SOURCE.replace("EXEC", extension.execute).replace("SLOTS", slots))
    stable = ["-DPy_LIMITED_API=0x030b0000"] if target.stable else []
    command = ["gcc", "-shared", "-fPIC", "-O1", f"-I{target.headers}", *stable, str(source), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    source.unlink()
    assert done.returncode == 0, done.stderr


def _hash(file: Path) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).decode().rstrip("=")
    return f"sha256={digest}"
