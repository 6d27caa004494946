"""Who may let a call run: the policy of a tool, a flag, or the user asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ..tools.spec import ToolCall, ToolSpec
from ..tools.values import compact_json
from .events import ApprovalNeeded


@dataclass(frozen=True, slots=True)
class Approval:
    """The user's decision on one call.

    comment: reaches the planner when the call is refused. scope: `session` allows the very same call (tool and exact
    arguments) without asking again.
    """

    allowed: bool
    comment: str = ""
    scope: Literal["call", "session"] = "call"


Approver: TypeAlias = Callable[[ApprovalNeeded], Approval]
Mode: TypeAlias = Literal["ask", "all", "none"]


def call_key(spec: ToolSpec, call: ToolCall) -> str:
    """What a decision is valid for: the tool with its capabilities and the exact arguments."""
    identity = [spec.name, spec.capabilities.model_dump(mode="json"), call.arguments]
    return hashlib.sha256(compact_json(identity).encode()).hexdigest()


@dataclass(slots=True)
class Approvals:
    """Decides on calls, and remembers what was allowed for the session.

    mode: `all` allows, `none` refuses, `ask` asks `ask`; without somebody to ask, asking means refusing.
    """

    mode: Mode = "ask"
    ask: Approver | None = None
    _allowed: set[str] = field(default_factory=set)

    def question(self, spec: ToolSpec, call: ToolCall) -> ApprovalNeeded | None:
        """The question to put to the user, or None where none is needed."""
        if spec.approval == "auto" or call_key(spec, call) in self._allowed:
            return None
        reason = "this tool is switched off" if spec.approval == "never" else _reason(spec)
        return ApprovalNeeded(tool=spec.name, arguments=call.arguments, reason=reason)

    def decide(self, spec: ToolSpec, call: ToolCall, question: ApprovalNeeded) -> tuple[Approval, str]:
        """The decision and who took it (`policy`, `flag`, `user`)."""
        if spec.approval == "never":
            return Approval(False, "this tool is switched off"), "policy"
        if self.mode != "ask":
            return Approval(self.mode == "all"), "flag"
        if self.ask is None:
            return Approval(False, "nobody is there to allow it"), "policy"
        approval = self.ask(question)
        if approval.allowed and approval.scope == "session":
            self._allowed.add(call_key(spec, call))
        return approval, "user"


def _reason(spec: ToolSpec) -> str:
    if spec.capabilities.exec:
        return "it runs a program"
    return "it changes files" if spec.capabilities.write else "its policy says ask"
