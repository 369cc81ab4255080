"""The JSON Schema of a workload file, made from WorkloadProfile: every spelling its reader accepts, null for unknown."""

from __future__ import annotations

from collections.abc import Iterable

from selector.models import DIALECT, Schema, any_case, id_pattern, spelled
from selector.workload.fields import field_kind
from selector.workload.profile import WORKLOAD_SPELLINGS, WorkloadProfile

# The letters beyond ASCII of which case folding makes ASCII ones. No pattern can fold them: they are let through.
_FOLDING_TO_ASCII = r"[\u00df\u0130\u0149\u017f\u01f0\u1e96-\u1e9a\u1e9e\u212a\ufb00-\ufb06]"
_FOR_PEOPLE = ("title", "description", "default")
_OF_A_LIST = {"minLength": "minItems", "maxLength": "maxItems"}  # pydantic takes the tuple behind a validator for text


def profile_schema() -> Schema:
    """The JSON Schema of a workload as `recommend FILE` accepts it, with what each field means."""
    model = WorkloadProfile.model_json_schema()
    return {
        "$schema": DIALECT,
        "title": "A workload of concurrency-selector",
        "description": "What is known of a workload. Left out, or null, means unknown.",
        "type": "object",
        "properties": {name: _field(name, field) for name, field in model["properties"].items()},
        "required": model["required"],
        "additionalProperties": False,
    }


def _field(name: str, model: Schema) -> Schema:
    """The schema of one field: what it means, its default if it has one, and what it accepts."""
    about = {key: model[key] for key in ("description", "default") if model.get(key) is not None}
    value = model["anyOf"][0] if "anyOf" in model else model
    rules = {key: rule for key, rule in value.items() if key not in _FOR_PEOPLE}
    kind = field_kind(name)
    if name == "workload_type":
        return about | spelled(kind.choices, f"{_letters_pattern(WORKLOAD_SPELLINGS)}|{_FOLDING_TO_ASCII}")
    if kind.kind == "choice":
        return about | spelled(kind.choices, f"{id_pattern(kind.choices)}|{_FOLDING_TO_ASCII}", None)
    if kind.kind == "versions":
        rules = {_OF_A_LIST.get(key, key): rule for key, rule in rules.items()}
    return about | rules | {"type": [rules["type"], "null"]}


def _letters_pattern(words: Iterable[str]) -> str:
    """The spellings that have the letters of a word, whatever their case and whatever stands between them."""
    between = r"[\W_]*"
    spellings = (between.join(map(any_case, word)) for word in words)
    return f"^{between}({'|'.join(spellings)}){between}$"
