"""What all parts of campaign.yaml have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Table = Annotated[str, StringConstraints(pattern=r"^marts\.[a-z_0-9]+$")]


class Strict(BaseModel):
    """A part that knows its fields and does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
