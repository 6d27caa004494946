"""What the audit log is told of calls."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from .audit import AuditLog
from .policy import ToolPolicy
from .redact import redact
from .spec import Observation, ToolCall, ToolSpec
from .values import canonical, compact_json
from .worker.levels import SandboxState
from .worker.limits import Limits

_PREVIEW = 400


def digest(value: Any) -> str:
    """SHA-256 of a JSON value, the same for every order of its keys."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Account:
    """One call on its way through: told before anything happens, and again when it is over.

    tool: the digest of the tool's source. session: where the call comes from; empty outside a session.
    """

    log: AuditLog
    spec: ToolSpec
    call: ToolCall
    tool: str
    policy: ToolPolicy
    session: str

    def intend(self, state: SandboxState, limits: Limits, decision: str) -> None:
        """The call is about to run; StorageError if that cannot be recorded, and then it must not."""
        wanted = self.spec.capabilities
        self.log.record(
            "intent",
            durable=bool(wanted.write or wanted.exec or wanted.network),
            **self._facts(),
            level=state.level,
            layers=list(state.layers),
            unsafe=state.unsafe,
            capabilities=wanted.model_dump(mode="json"),
            limits=limits.model_dump(mode="json"),
            decision=decision,
        )

    def finish(self, observation: Observation) -> None:
        """How it ended; for what went wrong also the sentence."""
        sentence = "" if observation.status == "ok" else str(redact(observation.content))[:_PREVIEW]
        self.log.record(
            "outcome",
            **self._names(),
            status=observation.status,
            sentence=sentence,
            seconds=round(observation.seconds, 3),
            size=observation.size,
            cut=observation.cut,
        )

    def refuse(self, by: str, reason: str) -> None:
        """The call is not made."""
        self.log.record("refused", **self._facts(), by=by, reason=str(redact(reason))[:_PREVIEW])

    def _names(self) -> dict[str, Any]:
        return {"session": self.session, "name": self.spec.name, "arguments": digest(self.call.arguments)}

    def _facts(self) -> dict[str, Any]:
        preview = compact_json(redact(self.call.arguments))[:_PREVIEW]
        return {**self._names(), "preview": preview, "tool": self.tool, "policy": self.policy.digest}
