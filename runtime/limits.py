"""What bounds a turn."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]


class Limits(BaseModel):
    """Bounds of one turn; what a bound cuts is said in an event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(8, ge=0, description="tool calls of a turn")
    tokens: Count = Field(4096, description="tokens written in a turn, all roles together")
    answer_tokens: Count = Field(512, description="tokens of the answer")
    seconds: float = Field(120.0, gt=0, allow_inf_nan=False, description="wall time of a turn, in seconds")
    repeats: Count = Field(1, description="times that an identical call may come back with an identical result")
