"""What models have in common: how they are saved as JSON and read back, and the dialect of our JSON Schemas.

Schemas keep to keywords that mean the same in draft 2020-12 and draft-07, which is what many editors know. A schema is
looser than the reader it describes where JSON Schema cannot say what the reader checks; and it offers each word as it is
written, where the reader takes other spellings as well.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Frozen(BaseModel):
    """What we make and show: it does not change, and has no unknown fields. An alias is the field's name in JSON."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", defer_build=True, populate_by_name=True, serialize_by_alias=True
    )


class Saved(Frozen):
    """What is read from JSON as well: without conversions or infinite numbers, so that what was saved is what is read."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)
