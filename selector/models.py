"""What models have in common: how they are saved as JSON and read back, and the dialect of our JSON Schemas.

Schemas of what users write keep to keywords that mean the same in draft 2020-12 and draft-07, which is what many editors know. A schema is
looser than the reader it describes where JSON Schema cannot say what the reader checks; and it offers each word as it is
written, where the reader takes other spellings as well.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of_output(kind: Any) -> Schema:
    """The JSON Schema of what is printed of a model: each of its fields is there, also those that have a default."""
    from pydantic import TypeAdapter
    from pydantic.json_schema import GenerateJsonSchema

    class Printed(GenerateJsonSchema):
        """Pydantic's own, but for what may be left out: nothing."""

        def field_is_required(self, *_: Any, **__: Any) -> bool:
            """Every field is printed."""
            return True

    schema = TypeAdapter(kind).json_schema(mode="serialization", schema_generator=Printed)
    parts = schema.pop("$defs", {})
    return {"$schema": DIALECT, **schema, "$defs": parts}


class Frozen(BaseModel):
    """What we make and show: it does not change, and has no unknown fields. An alias is the field's name in JSON."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", defer_build=True, populate_by_name=True, serialize_by_alias=True
    )


class Saved(Frozen):
    """What is read from JSON as well: without conversions or infinite numbers, so that what was saved is what is read."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)
