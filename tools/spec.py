"""What a tool is, what a call is, and what comes back: the vocabulary that every other room shares."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Approval = Literal["auto", "ask", "never"]
Status = Literal["ok", "error", "invalid", "denied", "timeout", "killed"]

ToolName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.:-]{0,63}$")]


class Capabilities(BaseModel):
    """What a tool may touch. Default: nothing.

    read, write: folders, as `$WORKSPACE`, `$NOTEBOOK` (the folder of notes and tasks) or absolute paths;
    a write grant includes reading. exec: may start other programs. network: addresses it is connected to; only the
    user's own policy grants them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    exec: bool = False
    network: tuple[str, ...] = ()


class ToolSpec(BaseModel):
    """A tool as models and users see it.

    parameters: JSON Schema (2020-12) of one object; property order is the order in which a caller writes them.
    grounded: names of string parameters whose value must occur in the conversation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ToolName
    description: str
    parameters: dict[str, Any]
    capabilities: Capabilities = Capabilities()
    approval: Approval = "auto"
    grounded: tuple[str, ...] = ()


class ToolCall(BaseModel):
    """One call: a tool's name and its arguments (a JSON object)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tool: str
    arguments: dict[str, Any]


class Observation(BaseModel):
    """What came back from a call.

    status: `ok`; `error` (the tool ran and says why it could not); `invalid` (arguments outside the schema, or a
    result that is not JSON); `denied` (policy or the user said no); `timeout`; `killed` (memory, output or crash).
    content: text for the model and the user; a string result as it is, anything else as compact JSON.
    size: characters of the whole content before any cut; `cut` says whether content was shortened.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Status
    content: str
    seconds: float = 0.0
    size: int = 0
    cut: bool = False
