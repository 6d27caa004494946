"""Showing how far a long piece of work is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from .files import Progress, size_text


@contextmanager
def bar(label: str) -> Iterator[Progress]:
    """A progress bar in bytes with the time left, on standard error; only its label where that is no terminal."""
    sizes = ""

    def tell(_item: int | None) -> str:
        return sizes

    with click.progressbar(length=1000, label=label, file=sys.stderr, item_show_func=tell) as shown:

        def show(done: int, total: int) -> None:
            nonlocal sizes
            sizes = f"{size_text(done)} of {size_text(total)}"
            place = 1000 * done // max(total, 1)
            if place != shown.pos:
                shown.update(place - shown.pos)

        yield show
