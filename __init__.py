"""alpha-umi: an offline agent of three small language models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .runtime.agent import Agent

__all__ = ["Agent"]


def __getattr__(name: str) -> Any:
    """Import the agent on first use, so that `import alpha_umi` touches no file, network or model."""
    if name == "Agent":
        from .runtime.agent import Agent

        return Agent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
