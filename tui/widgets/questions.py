"""The calls that wait for the user, one shown at a time."""

from __future__ import annotations

from concurrent.futures import Future

from textual import on
from textual.containers import Vertical
from textual.message import Message

from ...runtime.approval import Approval
from ...runtime.events import ApprovalNeeded
from .approval import ApprovalPanel


class Questions(Vertical):
    """A queue of questions; the answer of each goes into its future."""

    DEFAULT_CSS = """
    Questions { height: auto; max-height: 70%; }
    """

    class Done(Message):
        """No question waits any more."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[tuple[ApprovalNeeded, Future[Approval]]] = []

    async def put(self, needed: ApprovalNeeded, answer: Future[Approval]) -> None:
        """Ask this after those that wait already."""
        self._waiting.append((needed, answer))
        if len(self._waiting) == 1:
            await self._show()

    async def drop(self) -> None:
        """Forget all questions."""
        self._waiting.clear()
        if self.children:
            await self._show()

    @on(ApprovalPanel.Decided)
    async def _decided(self, event: ApprovalPanel.Decided) -> None:
        event.stop()
        if self._waiting:
            _, answer = self._waiting.pop(0)
            if not answer.done():
                answer.set_result(event.approval)
        await self._show()

    async def _show(self) -> None:
        await self.remove_children()
        if self._waiting:
            self.app.bell()
            panel = ApprovalPanel(self._waiting[0][0])
            await self.mount(panel)
            panel.focus()
        else:
            self.post_message(self.Done())
