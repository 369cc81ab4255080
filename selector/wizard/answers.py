"""What has been answered so far, as a value: parsing, defaults from this host, the profile and the command it amounts to."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from selector.errors import SelectorError
from selector.text import quoted
from selector.wizard.words import FIRST, INSTEAD_OF, POINTLESS_AFTER
from selector.workload.fields import accepted, field_kind, value_from_text, what_was_meant
from selector.workload.profile import WorkloadProfile
from selector.workload.reading import profile_from_mapping

#: Typed instead of a value where the answer is not known.
UNKNOWN_WORDS = ("unknown", "?", "i don't know")
#: Nothing can be recommended without these.
REQUIRED = ("workload_type",)


class Default(NamedTuple):
    """What an empty answer stands for (None: not known), and where that comes from."""

    value: object
    origin: str


@dataclass(frozen=True)
class Answers:
    """The fields answered with their values, those answered with "I don't know", and those set aside unasked."""

    values: Mapping[str, Any] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    set_aside: frozenset[str] = frozenset()

    def having(self, name: str, value: object) -> Answers:
        """With one more answer, or another one; None is "I don't know"."""
        rest = {k: v for k, v in self.values.items() if k != name}
        if value is None:
            return replace(self, values=rest, unknown=self.unknown | {name})
        return replace(self, values={**rest, name: value}, unknown=self.unknown - {name})

    def without_asking(self, names: Iterable[str]) -> Answers:
        """With questions set aside: "that is enough"."""
        return replace(self, set_aside=self.set_aside | set(names))

    def resumed(self) -> Answers:
        """With the questions that were set aside open again."""
        return replace(self, set_aside=frozenset())

    @property
    def answered(self) -> frozenset[str]:
        """The fields not to ask about: answered with any value, also the default, or with "I don't know", or pointless."""
        pointless = {n for (k, v), names in POINTLESS_AFTER.items() if self.values.get(k) == v for n in names}
        if self._serves:
            pointless |= {other for name, other in INSTEAD_OF.items() if name not in self.unknown}
        return self.unknown | pointless | set(self.values)

    @property
    def _serves(self) -> bool:
        """Whether it is known to be a service: it says so, or requests arrive."""
        mode = self.values.get("mode", "service" if "requests_per_second" in self.values else None)
        return bool(mode == "service")

    @property
    def shown(self) -> list[str]:
        """The fields that were answered, with a value or with "I don't know", in the order of the model."""
        return [name for name in WorkloadProfile.model_fields if name in self.values or name in self.unknown]

    def is_open(self, name: str) -> bool:
        """Whether nobody has said anything about the field yet."""
        return name not in self.values and name not in self.unknown

    def profile(self) -> WorkloadProfile:
        """The profile; the workload type must have been answered."""
        return WorkloadProfile.model_validate(dict(self.values))


def answers_from(given: object, source: str) -> Answers:
    """The answers in decoded JSON or from --set, checked; null is "I don't know". SelectorError names what is wrong."""
    data = given
    if isinstance(given, Mapping) and given.get("workload_type") is None:
        data = {**given, "workload_type": "cpu"}  # may be missing here: it will be asked
    profile = profile_from_mapping(data, source)
    assert isinstance(given, Mapping)
    unknown = {name for name, value in given.items() if value is None and name != "workload_type"}
    known = {name: getattr(profile, name) for name, value in given.items() if value is not None}
    return Answers(known, frozenset(unknown))


def parsed(name: str, text: str) -> Any:
    """The value somebody typed for a field, None for "I don't know"; SelectorError says what is accepted instead."""
    value = None if text.strip().casefold() in UNKNOWN_WORDS else value_from_text(name, text)
    if value is None:
        if name in REQUIRED:
            raise SelectorError(f"an answer is needed: {accepted_words(name)}")
        return None
    try:
        return getattr(profile_from_mapping({"workload_type": "cpu", name: value}), name)
    except SelectorError:
        more = what_was_meant(name, text.strip()) if value == text.strip() else ""
        raise SelectorError(f"{quoted(text.strip())} is not accepted: {accepted_words(name)}{more}") from None


def accepted_words(name: str) -> str:
    """What may be typed for a field, in words."""
    kind = field_kind(name).kind
    if kind == "flag":
        return "y or n"
    if kind == "several":
        return f"any of {', '.join(field_kind(name).choices)}, with commas between"
    return "versions such as 3.13, 3.14t" if kind == "versions" else accepted(name)


def shown_value(value: object) -> str:
    """A value as a person would write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def host_defaults() -> dict[str, Default]:
    """What an empty answer to the first questions means here. The workload type has no default."""
    from selector.host import usable_cpus

    return {
        "latency_requirement_ms": Default(None, "no requirement"),
        "memory_budget_mb": Default(None, "no requirement"),
        "cpu_cores": Default(usable_cpus().count, "usable here"),
        "has_expensive_startup": Default(False, ""),
    }


def with_defaults(answers: Answers, defaults: Mapping[str, Default]) -> Answers:
    """The answers with every first question that is left taking its default; SelectorError if it has none."""
    for name in FIRST:
        if answers.is_open(name):
            if name not in defaults:
                raise SelectorError(
                    f"{name} is not given and has no default", f"give --set {name}=...: {accepted_words(name)}"
                )
            answers = answers.having(name, defaults[name].value)
    return answers


def command_for(profile: WorkloadProfile, rules: str | None = None, form: str = "text") -> str:
    """The command that gives the same recommendation, quoted for a POSIX shell.

    Text that a command line cannot carry (line breaks, blanks at its ends) is left out; it does not matter to the tables.
    """
    words = ["concurrency-selector", "recommend"]
    for name, value in profile.given().items():
        text = _setting(value)
        if value_from_text(name, text) is not None and text.isprintable() and text == text.strip():
            words += ["--set", f"{name}={text}"]
    words += ["--rules", rules] if rules is not None else []
    words += ["--format", form] if form != "text" else []
    return shlex.join(words)


def _setting(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(value)
    return repr(value) if isinstance(value, float) and not value.is_integer() else shown_value(value)
