"""Who may let a call run: the policy of a tool, a flag, or the user asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..tools.spec import ToolCall, ToolSpec
from ..tools.values import canonical
from .events import ApprovalNeeded

if TYPE_CHECKING:
    from ..tools.catalogue import Catalogue

_OWN_PLACE = "$NOTEBOOK"


@dataclass(frozen=True, slots=True)
class Approval:
    """The user's decision on one call.

    comment: reaches the planner when the call is refused. scope: `session` allows the very same call (tool, policy and
    exact arguments) without asking again, until text from outside has come into the conversation.
    """

    allowed: bool
    comment: str = ""
    scope: Literal["call", "session"] = "call"


Approver: TypeAlias = Callable[[ApprovalNeeded], Approval]
Mode: TypeAlias = Literal["ask", "all", "none"]


def call_key(catalogue: Catalogue, call: ToolCall, tainted: bool) -> str:
    """What a decision is valid for: the tool's source and specification, its policy, the exact arguments, and whether
    text from outside was in the conversation."""
    identity = [call.tool, *catalogue.identity(call.tool), call.arguments, tainted]
    return hashlib.sha256(canonical(identity).encode()).hexdigest()


@dataclass(slots=True)
class Approvals:
    """Decides on calls, and remembers what was allowed for the session and refused in the turn.

    mode: `all` allows, `none` refuses, `ask` asks `ask`; without somebody to ask, asking means refusing.
    """

    mode: Mode = "ask"
    ask: Approver | None = None
    _session: str = ""
    _allowed: set[str] = field(default_factory=set)
    _refused: set[str] = field(default_factory=set)

    def begin(self, session: str) -> None:
        """A turn begins; what was allowed for another session counts no more."""
        if session != self._session:
            self._allowed.clear()
        self._session = session
        self._refused.clear()

    def question(self, catalogue: Catalogue, call: ToolCall, *, tainted: bool) -> ApprovalNeeded | None:
        """The question to put to the user, or None where none is needed.

        tainted: text from a file, a program or a server is in the conversation, so nothing that changes or reaches
        out goes without saying.
        """
        spec = catalogue.get(call.tool).spec
        wary = tainted and reaches_out(spec)
        if (spec.approval == "auto" and not wary) or call_key(catalogue, call, tainted) in self._allowed:
            return None
        return ApprovalNeeded(
            tool=spec.name, arguments=call.arguments, reason=_reason(spec, wary), detail=catalogue.details(call)
        )

    def decide(
        self, catalogue: Catalogue, call: ToolCall, question: ApprovalNeeded, *, tainted: bool
    ) -> tuple[Approval, str]:
        """The decision and who took it (`policy`, `flag`, `user`)."""
        key = call_key(catalogue, call, tainted)
        if catalogue.get(call.tool).spec.approval == "never":
            return Approval(False, "this tool is switched off"), "policy"
        if self.mode != "ask":
            return Approval(self.mode == "all"), "flag"
        if self.ask is None:
            return Approval(False, "nobody is there to allow it"), "policy"
        if key in self._refused:
            return Approval(False, "it was refused before in this turn"), "policy"
        approval = self.ask(question)
        if not approval.allowed:
            self._refused.add(key)
        elif approval.scope == "session":
            self._allowed.add(key)
        return approval, "user"


def reaches_out(spec: ToolSpec) -> bool:
    """Whether the tool changes something, starts programs or talks to the network; its own notebook does not count."""
    wanted = spec.capabilities
    changed = [folder for folder in wanted.write if not folder.startswith(_OWN_PLACE)]
    return bool(changed or wanted.exec or wanted.network)


def _reason(spec: ToolSpec, wary: bool) -> str:
    if spec.approval == "never":
        return "this tool is switched off"
    what = (
        "it runs a program"
        if spec.capabilities.exec
        else "it talks to the network"
        if spec.capabilities.network
        else "it changes files"
        if spec.capabilities.write
        else "its policy says ask"
    )
    return f"{what}, and the conversation holds text from outside" if wary else what
