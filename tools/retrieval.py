"""Which tools a request is about: BM25 over names, descriptions and parameters, by SQLite's FTS5."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from .spec import ToolSpec

_WEIGHTS = "2.0, 2.0, 1.0"
_TERMS = 64


class Index:
    """A searchable list of tools; for any thread."""

    def __init__(self, specs: Iterable[ToolSpec]) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute(
            "CREATE VIRTUAL TABLE tools USING fts5"
            "(name, description, parameters, tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        self._db.executemany(
            "INSERT INTO tools (rowid, name, description, parameters) VALUES (?, ?, ?, ?)",
            ((number, *_texts(spec)) for number, spec in enumerate(specs)),
        )

    def best(self, text: str, most: int) -> list[int]:
        """Numbers of the tools that fit the words of a text best, the best one first."""
        words = list(dict.fromkeys(re.findall(r"\w+", text.lower())))[:_TERMS]
        if not words:
            return []
        query = " OR ".join(f'"{word}"' for word in words)
        with self._lock:
            found = self._db.execute(
                f"SELECT rowid FROM tools WHERE tools MATCH ? ORDER BY bm25(tools, {_WEIGHTS}), rowid LIMIT ?",
                [query, most],
            )
            return [row[0] for row in found]

    def close(self) -> None:
        self._db.close()


class Choice:
    """Chooses among the tools that there are; the index is made when one is first needed, and again for others."""

    def __init__(self) -> None:
        self._index: Index | None = None
        self._names: tuple[str, ...] = ()

    def of(self, specs: Sequence[ToolSpec], text: str, room: int, kept: Collection[str]) -> tuple[ToolSpec, ...]:
        """The `room` tools that fit a text best, in the order of `specs`.

        Those whose names are in `kept` go before; places that are left go to the first ones.
        """
        names = tuple(spec.name for spec in specs)
        if self._index is None or names != self._names:
            self.close()
            self._index, self._names = Index(specs), names
        found = [name for name in kept if name in names]
        found += [names[number] for number in self._index.best(text, room)]
        chosen = list(dict.fromkeys([*found, *names]))[:room]
        return tuple(spec for spec in specs if spec.name in chosen)

    def close(self) -> None:
        """Forget the index; idempotent."""
        if self._index is not None:
            self._index.close()
            self._index = None


def _texts(spec: ToolSpec) -> tuple[str, str, str]:
    return _words(spec.name), spec.description, " ".join(_described(spec.parameters))


def _words(name: str) -> str:
    """A name with its parts apart: `readFile` and `read_file` both hold `read` and `file`."""
    return " ".join([name, *re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)])


def _described(schema: Any) -> Iterator[str]:
    """Names, descriptions and values of all parameters, inner ones too."""
    if isinstance(schema, list):
        for part in schema:
            yield from _described(part)
    if not isinstance(schema, dict):
        return
    for name, part in schema.get("properties", {}).items():
        yield _words(name)
        yield from _described(part)
    yield str(schema.get("description", ""))
    yield from (str(value) for value in schema.get("enum", ()))
    for keyword in ("items", "anyOf", "allOf", "$defs"):
        inner = schema.get(keyword)
        yield from _described(list(inner.values()) if keyword == "$defs" and isinstance(inner, dict) else inner)
