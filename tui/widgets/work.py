"""The long work that runs beside the conversation, one line each."""

from __future__ import annotations

from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from ..jobs import Job, Jobs
from ..marks import marks_of

UPDATE_SECONDS = 0.25
SHOWN = 5


class Work(Static):
    """Shows the latest jobs, and how far they are, at most four times a second."""

    DEFAULT_CSS = """
    Work { height: auto; max-height: 6; padding: 0 1; }
    """

    class Changed(Message):
        """Work began, or all of it ended."""

        def __init__(self, running: bool) -> None:
            super().__init__()
            self.running = running

    def __init__(self, jobs: Jobs) -> None:
        super().__init__(markup=False)
        self._jobs = jobs
        self._shown = ""
        self._any = False

    def on_mount(self) -> None:
        self.set_interval(UPDATE_SECONDS, self.draw)
        self.draw()

    def draw(self) -> None:
        """Show how far everything is."""
        text = "\n".join(job.text() for job in list(self._jobs)[-SHOWN:])
        running = bool(self._jobs.running)
        if running != self._any:
            self._any = running
            self.post_message(self.Changed(running))
        if text != self._shown:
            self._shown = text
            self.update(Content(marks_of(self).text(text)))


if __name__ == "__main__":
    from .demo import Demo

    jobs = Jobs()
    jobs.start(Job("convert smol", lambda progress: "smol.gguf was written"))
    Demo([Work(jobs)]).run()
