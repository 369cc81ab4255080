"""What the models of measurements have in common: they are saved as JSON and read back strictly."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


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
