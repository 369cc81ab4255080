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


class Saved(BaseModel):
    """Frozen, without unknown fields, conversions or infinite numbers, so that what was saved is what is read."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        defer_build=True,
        allow_inf_nan=False,
        populate_by_name=True,
        serialize_by_alias=True,
    )
