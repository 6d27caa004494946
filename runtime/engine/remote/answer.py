"""What a server says, event by event: text, why it ended, and the work that it took."""

from __future__ import annotations

from dataclasses import dataclass

from ....errors import EngineError
from ...events import RoleUsage
from .wire import Json

_CHARACTERS_PER_TOKEN = 64


@dataclass(slots=True)
class Answer:
    """One completion as far as it came. most: tokens that were asked for; a server that writes on is an error.

    reason: OpenAI's `finish_reason`; None until the server says that it is done.
    """

    most: int
    reason: str | None = None
    prompt: int = 0
    cached: int = 0
    generated: int = 0
    pieces: int = 0
    characters: int = 0

    @property
    def usage(self) -> RoleUsage:
        """As the server tells it; where it does not, each piece counts as a token."""
        return RoleUsage(
            prompt=self.prompt, evaluated=max(0, self.prompt - self.cached), generated=self.generated or self.pieces
        )

    def take(self, event: Json) -> str:
        """The text that an event adds; raises EngineError for an event that is none, and for too much text."""
        try:
            if "error" in event:
                raise EngineError(f"The server failed while it wrote: {_sentence(event['error'])}.")
            self._count(event.get("usage") or {})
            choices = event.get("choices") or []
            return self._add(choices[0]) if choices else ""
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            raise EngineError(
                f"The server sent an event that OpenAI's protocol does not have ({error}): is it compatible?"
            ) from error

    def _add(self, choice: Json) -> str:
        self.reason = choice.get("finish_reason") or self.reason
        piece = (choice.get("delta") or {}).get("content") or choice.get("text") or ""
        if not isinstance(piece, str):
            raise TypeError(f"{type(piece).__name__} for text")
        self.pieces += bool(piece)
        self.characters += len(piece)
        if self.characters > self.most * _CHARACTERS_PER_TOKEN:
            raise EngineError(f"The server writes on although {self.most} tokens were asked for: look after it.")
        return piece

    def _count(self, usage: Json) -> None:
        self.prompt = int(usage.get("prompt_tokens") or self.prompt)
        self.generated = int(usage.get("completion_tokens") or self.generated)
        self.cached = int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or self.cached)


def _sentence(error: object) -> str:
    message = error.get("message", error) if isinstance(error, dict) else error
    return " ".join(str(message).split())[:300]
