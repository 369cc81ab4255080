"""The fields of a workload one by one: what each takes, said in words, and what a text that somebody typed means for it."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from selector.text import suggestion
from selector.workload.profile import LARGEST, Positive, Share, WorkloadProfile


class FieldKind(NamedTuple):
    """What a field takes: `choice` (of `choices`), `several` of them, `flag`, `count`, `number` (up to `largest`), `text`, `versions`."""

    kind: Literal["choice", "several", "flag", "count", "number", "text", "versions"]
    choices: tuple[str, ...] = ()
    above_zero: bool = False
    largest: float = LARGEST


def field_kind(field: str) -> FieldKind:
    """The kind of a field, from its annotation in the model."""
    if field == "interpreters":
        return FieldKind("versions")
    annotation = WorkloadProfile.model_fields[field].annotation
    base = _without_none(annotation)
    if get_origin(base) is Literal:
        return FieldKind("choice", get_args(base))
    if get_origin(base) is tuple:
        return FieldKind("several", get_args(_without_none(get_args(base)[0])))
    kinds: dict[Any, Literal["flag", "count", "text"]] = {bool: "flag", int: "count", str: "text"}
    if base in kinds:
        return FieldKind(kinds[base])
    largest = 1.0 if annotation == (Share | None) else LARGEST
    return FieldKind("number", above_zero=annotation == (Positive | None), largest=largest)


def _without_none(annotation: Any) -> Any:
    """The type inside `Annotated[...]` and `... | None`."""
    if hasattr(annotation, "__metadata__"):
        return _without_none(annotation.__origin__)
    if get_origin(annotation) in (Union, UnionType):
        return _without_none(next(part for part in get_args(annotation) if part is not NoneType))
    return annotation


def accepted(field: str) -> str:
    """What a field accepts, in words: `one of cpu, io, hybrid`, `a whole number from 1`, ..."""
    if field not in WorkloadProfile.model_fields:
        return "a field of the profile"
    kind = field_kind(field)
    match kind.kind:
        case "choice":
            return f"one of {', '.join(kind.choices)}"
        case "several":
            return f"a list of any of {', '.join(kind.choices)}"
        case "flag":
            return "true or false"
        case "count":
            return "a whole number from 1 to 10^12"
        case "text":
            return f"text of at most {200 if field == 'name' else 4000} characters"
        case "versions":
            return 'a list of versions such as ["3.13", "3.14t"]'
    return f"a number {'over' if kind.above_zero else 'from'} 0 to {'10^12' if kind.largest == LARGEST else '1'}"


# Numbers to JSON as it is read here; no field takes them.
_NOT_FINITE = {sign + word for sign in ("", "+", "-") for word in ("nan", "inf", "infinity")}
_YES_NO = {"y": True, "yes": True, "true": True, "n": False, "no": False, "false": False}


def value_from_text(field: str, text: str) -> object:
    """What somebody typed for a field, as JSON would have it; text that does not fit is handed on to be refused.

    Empty text and `null` mean unknown; flags take y/n, yes/no, true/false; the parts of a list are separated by commas; numbers
    may have a unit (`selector.workload.units`).
    """
    text = text.strip()
    if text in ("", "null"):
        return None
    kind = field_kind(field).kind if field in WorkloadProfile.model_fields else "text"
    if kind == "flag":
        return _YES_NO.get(text.casefold(), text)
    if kind in ("versions", "several"):
        return [part.strip() for part in text.strip("[]").replace('"', "").split(",")]
    if kind in ("count", "number"):
        from selector.workload.units import amount  # its pattern takes time to compile, and most starts need none

        try:
            number = amount(field, text)
        except ValueError:
            return float(text) if text.casefold() in _NOT_FINITE else text
        if kind == "number":
            return float(number)
        return int(number) if isinstance(number, float) and number.is_integer() else number
    return text


def what_was_meant(field: str, text: str) -> str:
    """What to say of a text that a field does not take: the word that may be meant, or how an amount is written.

    It goes behind the rest of a message, with a space before it; empty where nothing comes to mind.
    """
    kind = field_kind(field) if field in WorkloadProfile.model_fields else FieldKind("text")
    if kind.kind not in ("count", "number"):
        return suggestion(text, kind.choices)
    from selector.workload.units import amount

    try:
        return f" (write {amount(field, text):.15g}, without quotes)"
    except ValueError as why:
        return f" ({why})"
