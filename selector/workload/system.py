"""SystemProfile: several workloads that hand items to one another on one host, as a user describes them in one file.

    {"name": ..., "cpu_cores": 8, "memory_budget_mb": 2000, "parts": [{"name": "fetch", "feeds": ["infer"], ...profile...}, ...]}

CPUs and memory are for all parts together. Items flow one way: who feeds whom is a graph without circles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from selector.errors import SelectorError
from selector.models import Saved
from selector.text import listed, one_line, quoted, suggestion
from selector.workload.fields import value_from_text
from selector.workload.profile import InterpreterTag, WorkloadProfile
from selector.workload.reading import kind_of_json, profile_from_mapping, said_of

MOST_PARTS = 50
_OWN_FIELDS = ("name", "feeds")  # of a part, beside those of a profile


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class SystemPart(Saved):
    """One part: a workload with a name, and the parts that get what it has done."""

    name: str
    feeds: tuple[str, ...] = ()
    profile: WorkloadProfile

    def given(self) -> dict[str, Any]:
        """The part as its file has it."""
        feeds = {"feeds": list(self.feeds)} if self.feeds else {}
        return {"name": self.name, **feeds, **{k: v for k, v in self.profile.given().items() if k != "name"}}


class SystemProfile(Saved):
    """A system of several parts, as far as its owner knows it; made by `system_from_mapping`, which checks it."""

    name: Annotated[str, Field(max_length=200)] | None = Field(None, description="A name for the system")
    description: Annotated[str, Field(max_length=4000)] | None = Field(None, description="What it does, in words")
    cpu_cores: Annotated[int, Field(ge=1, le=10**12)] | None = Field(
        None, description="CPU cores for all parts together (default: usable here)"
    )
    memory_budget_mb: Annotated[float, Field(gt=0, le=10**12)] | None = Field(
        None, description="Memory for all parts together, in MB"
    )
    platform: Literal["linux", "macos", "windows"] | None = Field(
        None, description="Where it runs (default: this host)"
    )
    interpreters: (
        Annotated[tuple[InterpreterTag, ...], BeforeValidator(_as_tuple), Field(min_length=1, max_length=50)] | None
    ) = Field(None, description="Python versions that may be used")
    parts: tuple[SystemPart, ...] = Field(description="The parts: each a workload with a name and the parts it feeds")

    @property
    def mode(self) -> Literal["batch", "service"]:
        """A service where requests arrive at any of its parts, else a batch."""
        return "service" if any(part.profile.mode == "service" for part in self.parts) else "batch"

    def part(self, name: str) -> SystemPart:
        """The part of that name, which there is."""
        return next(part for part in self.parts if part.name == name)

    def feeders(self, name: str) -> tuple[SystemPart, ...]:
        """The parts that feed one."""
        return tuple(part for part in self.parts if name in part.feeds)

    def joints(self) -> Iterator[tuple[SystemPart, SystemPart]]:
        """Each part with each that it feeds."""
        return ((part, self.part(name)) for part in self.parts for name in part.feeds)

    def in_order(self) -> tuple[SystemPart, ...]:
        """The parts, each after those that feed it, else as they stand in the file."""
        done: dict[str, SystemPart] = {}
        while len(done) < len(self.parts):
            for part in self.parts:
                if part.name not in done and all(feeder.name in done for feeder in self.feeders(part.name)):
                    done[part.name] = part
                    break
        return tuple(done.values())

    def given(self) -> dict[str, Any]:
        """The system as its file has it."""
        own = {name: getattr(self, name) for name in type(self).model_fields if name != "parts"}
        said = {k: list(v) if isinstance(v, tuple) else v for k, v in own.items() if v is not None}
        return {**said, "parts": [part.given() for part in self.parts]}


# Reading --------------------------------------------------------------------------------------------------------------


def system_from_mapping(data: object, source: str = "system") -> SystemProfile:
    """A system from decoded JSON; SelectorError naming the part and the field that is wrong, and what is accepted."""
    if not isinstance(data, Mapping):
        raise SelectorError(f"{source}: a system is a JSON object, not {kind_of_json(data)}", _EXAMPLE)
    parts = data.get("parts")
    if not isinstance(parts, list | tuple) or not parts:
        what = "an empty list" if parts in ([], ()) else kind_of_json(parts)
        raise SelectorError(f"{source}: parts is {what}: expected a list of workloads, each with a name", _EXAMPLE)
    if len(parts) > MOST_PARTS:
        raise SelectorError(f"{source}: {len(parts)} parts: a system has at most {MOST_PARTS}", "leave some out")
    read = tuple(_part(entry, f"{source}: part {number}", source) for number, entry in enumerate(parts, start=1))
    try:
        system = SystemProfile.model_validate({**{k: v for k, v in data.items() if v is not None}, "parts": read})
    except ValidationError as error:
        lines = [_sentence(e) for e in error.errors(include_url=False)[:8]]
        raise SelectorError("\n".join(f"{source}: {line}" for line in lines), _HINT) from None
    _check(system, source)
    return system


_EXAMPLE = 'for example: {"parts": [{"name": "fetch", "feeds": ["parse"], "workload_type": "io"}, {"name": "parse", "workload_type": "cpu"}]}'
_HINT = "docs/systems.md describes a system; the fields of a part are those of `recommend --help`"


def _part(entry: object, where: str, source: str) -> SystemPart:
    if not isinstance(entry, Mapping):
        raise SelectorError(f"{where}: a part is a JSON object, not {kind_of_json(entry)}", _EXAMPLE)
    name, feeds = entry.get("name"), entry.get("feeds")
    if not isinstance(name, str) or not name.strip() or len(name) > 200:
        said = "missing" if "name" not in entry else quoted(name)
        raise SelectorError(f"{where}: name is {said}: expected text of 1 to 200 characters", _HINT)
    feeds = [] if feeds is None else feeds
    if not isinstance(feeds, list | tuple) or not all(isinstance(other, str) for other in feeds):
        what = f"{where} ({quoted(name)}): feeds is {quoted(feeds)}: expected a list of names of parts"
        raise SelectorError(what, 'for example: "feeds": ["parse"]')
    rest = {key: value for key, value in entry.items() if key not in _OWN_FIELDS}
    profile = profile_from_mapping({**rest, "name": name}, f"{source}: part {quoted(name)}")
    return SystemPart(name=name, feeds=tuple(dict.fromkeys(feeds)), profile=profile)


def _sentence(error: Any) -> str:
    """One pydantic error about the whole as: field, value, what is accepted."""
    field = str(error["loc"][0]) if error["loc"] else ""
    fields = SystemProfile.model_fields
    if error["type"] == "extra_forbidden" or field not in fields:
        near = suggestion(field, fields)
        return f"unknown field {quoted(field)} of a system{near}: its fields are {', '.join(fields)}"
    if field == "parts":
        return f"parts: {error['msg']}"
    return said_of(field, error["input"])


# What must hold among the parts ---------------------------------------------------------------------------------------


def _check(system: SystemProfile, source: str) -> None:
    names = [part.name for part in system.parts]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SelectorError(f"{source}: two parts are named {quoted(twice)}", "give each part a name of its own")
    for part in system.parts:
        for other in part.feeds:
            if other not in names:
                what = f"{source}: part {quoted(part.name)} feeds {quoted(other)}, which is no part"
                raise SelectorError(
                    f"{what}{suggestion(other, names)}", f"the parts are {', '.join(map(quoted, names))}"
                )
    if circle := _circle(system):
        way = " -> ".join(map(quoted, circle))
        hint = "queues that are full would wait for one another for ever: make the second round a part of its own"
        raise SelectorError(f"{source}: the parts feed one another in a circle: {way}", hint)
    _check_cores(system, source)
    _check_mode(system, source)


def _circle(system: SystemProfile) -> tuple[str, ...]:
    """The names along a circle, the first again at its end; nothing where there is none."""
    way: list[str] = []
    done: set[str] = set()

    def found_from(name: str) -> tuple[str, ...]:
        if name in way:
            return (*way[way.index(name) :], name)
        if name in done:
            return ()
        way.append(name)
        found = next(filter(None, map(found_from, system.part(name).feeds)), ())
        way.pop()
        done.add(name)
        return found

    return next(filter(None, (found_from(part.name) for part in system.parts)), ())


def _check_cores(system: SystemProfile, source: str) -> None:
    """No part, and not all of them together, have more than the whole."""
    for field, unit in (("cpu_cores", "CPUs"), ("memory_budget_mb", "MB")):
        whole = getattr(system, field)
        own = {part.name: getattr(part.profile, field) for part in system.parts}
        said = {name: value for name, value in own.items() if value is not None}
        if whole is None or not said or sum(said.values()) <= whole:
            continue
        parts = listed([f"{quoted(name)} {value:g}" for name, value in said.items()])
        what = f"{source}: {field}: {parts} are more than the {whole:g} {unit} of the system"
        raise SelectorError(what, f"leave {field} out of the parts: it is shared out among them")


def _check_mode(system: SystemProfile, source: str) -> None:
    """Requests arrive, or a batch is done: not both in one system."""
    if system.mode == "batch":
        return
    for part in system.parts:
        said = part.profile.model_fields_set
        if part.profile.mode == "batch" and ("mode" in said or part.profile.finish_within_s is not None):
            what = f"{source}: part {quoted(part.name)} is a batch, and other parts are a service"
            raise SelectorError(what, "describe the batch in a file of its own, with the CPUs that are left to it")


# Settings -------------------------------------------------------------------------------------------------------------


def with_system_settings(data: Any, settings: tuple[str, ...]) -> Any:
    """Decoded JSON of a system with settings over it: `KEY=VALUE` of the whole, `PART.KEY=VALUE` of one part.

    SelectorError for one without its sign of equality, and for a part that there is not.
    """
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise SelectorError(f"--set {setting!r}: write KEY=VALUE", "for example --set cpu_cores=4")
        key = key.strip()
        part, dot, field = key.rpartition(".")
        if not dot:
            data = {**data, key: value_from_text(key, value)}
            continue
        parts = data["parts"] if isinstance(data["parts"], list) else []
        names = [each["name"] for each in parts if isinstance(each, dict) and isinstance(each.get("name"), str)]
        if part not in names:
            hint = f"--set PART.KEY=VALUE, where PART is one of {', '.join(map(quoted, names))}"
            raise SelectorError(f"--set {one_line(setting, 60)}: no part {quoted(part)}{suggestion(part, names)}", hint)
        changed = {field: value_from_text(field, value)}
        data = {
            **data,
            "parts": [{**p, **changed} if isinstance(p, dict) and p.get("name") == part else p for p in parts],
        }
    return data
