"""Things said beside the conversation: what was asked, limits, states, failures."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from ..actions import bindings
from ..marks import marks_of
from .step import Step


class _Said(Static):
    """A paragraph with a word before it that says what it is."""

    DEFAULT_CSS = """
    _Said { height: auto; padding: 0 1; }
    """

    def __init__(self, word: str, text: str, style: str, most: int = 20_000) -> None:
        super().__init__(markup=False)
        self._word, self._text, self._style, self._most = word, text, style, most

    def on_mount(self) -> None:
        text = marks_of(self).text(self._text[: self._most])
        if len(self._text) > self._most:
            text += f"\n[cut: {len(self._text) - self._most} more characters; /export writes all]"
        self.update(Content.assemble((self._word, f"bold {self._style}"), "  ", text))


class Asked(_Said, Step, can_focus=True):
    """The user's instruction."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("step")

    DEFAULT_CSS = """
    Asked { margin-top: 1; }
    Asked:focus { text-style: reverse; }
    """

    def __init__(self, instruction: str) -> None:
        super().__init__("you", instruction, "$accent")


class Notice(_Said):
    """A state or a limit; `word` says which."""

    def __init__(self, word: str, text: str) -> None:
        super().__init__(word, text, "$warning")


class Welcome(Notice):
    """What this is, until something is asked."""

    def __init__(self, text: str) -> None:
        super().__init__("alpha-umi", text)


class Loading(Notice):
    """What loads now."""

    def __init__(self, text: str) -> None:
        super().__init__("loading", text)


class ErrorCard(_Said):
    """A failure in one sentence with the next step."""

    DEFAULT_CSS = """
    ErrorCard { border-left: wide $error; margin: 1 0; }
    """

    def __init__(self, text: str) -> None:
        super().__init__("error", text, "$error")


if __name__ == "__main__":
    from .demo import Demo

    error = ErrorCard("The engine process ended. The next request starts a fresh one.")
    Demo([Asked("What is 12.5% of 360?"), Notice("limit", "no more calls after 8"), error]).run()
