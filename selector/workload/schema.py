"""The JSON Schema of a workload file, made from WorkloadProfile: every field with what it means, null for unknown.

Words are offered as they are written; that a reader also takes `CPU-bound` or `Hot Writes` is no business of an editor.
"""

from __future__ import annotations

from selector.models import DIALECT, Schema
from selector.workload.fields import field_kind
from selector.workload.profile import WorkloadProfile
from selector.workload.system import MOST_PARTS, SystemProfile

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


def system_schema() -> Schema:
    """The JSON Schema of a file that describes a system of several parts."""
    model, profile = SystemProfile.model_json_schema(), profile_schema()
    own = {
        name: {key: field[key] for key in ("description",) if key in field}
        | {key: rule for key, rule in field.get("anyOf", [field])[0].items() if key not in _FOR_PEOPLE}
        for name, field in model["properties"].items()
        if name not in ("parts", "interpreters")
    }
    for field in own.values():
        field["type"] = [field["type"], "null"]
        if "enum" in field:
            del field["type"]
            field["enum"] = [*field["enum"], None]
    fields = profile["properties"]
    part = {
        "type": "object",
        "properties": {
            **fields,
            "name": {"description": "The name of the part", "type": "string", "minLength": 1, "maxLength": 200},
            "feeds": {
                "description": "The names of the parts that get what it has done",
                "type": ["array", "null"],
                "items": {"type": "string"},
            },
        },
        "required": ["name", *profile["required"]],
        "additionalProperties": False,
    }
    about = {"description": "The parts: each a workload with a name and the parts it feeds"}
    return {
        "$schema": DIALECT,
        "title": "A system of concurrency-selector",
        "description": "Several workloads that hand items to one another on one host. CPUs and memory are for all together.",
        "type": "object",
        "properties": {
            **own,
            "interpreters": fields["interpreters"],
            "parts": about | {"type": "array", "items": part, "minItems": 1, "maxItems": MOST_PARTS},
        },
        "required": ["parts"],
        "additionalProperties": False,
    }


def _field(name: str, model: Schema) -> Schema:
    """The schema of one field: what it means, its default if it has one, and what it accepts."""
    about = {key: model[key] for key in ("description", "default") if model.get(key) is not None}
    value = model["anyOf"][0] if "anyOf" in model else model
    rules = {key: rule for key, rule in value.items() if key not in _FOR_PEOPLE}
    kind = field_kind(name)
    if kind.kind == "choice":
        return about | {"enum": [*kind.choices, *([None] if "default" in model else [])]}
    if kind.kind in ("versions", "several"):
        rules = {_OF_A_LIST.get(key, key): rule for key, rule in rules.items()}
    return about | rules | {"type": [rules["type"], "null"]}
