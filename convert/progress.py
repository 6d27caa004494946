"""Showing how far a long piece of work is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from .files import Progress, size_text


@contextmanager
def bar(label: str, amount: Callable[[int], str] = size_text) -> Iterator[Progress]:
    """A progress bar with the time left, on standard error; only its label where that is no terminal.

    amount: says how much has been done, and how much it is in all; bytes if left out.
    """
    sizes = ""

    def tell(_item: int | None) -> str:
        return sizes

    with click.progressbar(length=1000, label=label, file=sys.stderr, item_show_func=tell) as shown:

        def show(done: int, total: int) -> None:
            nonlocal sizes
            sizes = f"{amount(done)} of {amount(total)}"
            place = 1000 * done // max(total, 1)
            if place != shown.pos:
                shown.update(place - shown.pos)

        yield show
