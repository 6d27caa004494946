"""A list to choose from."""

from __future__ import annotations

from contextlib import suppress

from textual.widgets import OptionList
from textual.widgets.option_list import Option


class Choices(OptionList):
    """An OptionList that can be paged before it was drawn: only then does Textual know where its lines are."""

    def action_page_up(self) -> None:
        with suppress(KeyError):
            super().action_page_up()  # type: ignore[no-untyped-call]

    def action_page_down(self) -> None:
        with suppress(KeyError):
            super().action_page_down()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    from .demo import Demo

    Demo([Choices(Option("nano"), Option("alpha-umi-7b"))]).run()
