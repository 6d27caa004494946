"""Files and folders of the workspace."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice

from ..context import ToolFailure
from ..decorator import tool
from .globs import glob_pattern
from .saving import content_of, save
from .workspace import Place, failure, file_size, files_below, lines_of, locate, open_folder, read_text

_MOST_NAMES = 200
_MOST_FILES = 20_000
_MOST_CHARACTERS = 200_000


@tool(read=["$WORKSPACE"])
def list_files(path: str = ".", pattern: str = "*") -> str:
    """List files and their sizes.

    path: folder
    pattern: such as *.txt or **/*.md
    """
    if pattern == "*" and "*" in path:
        path, pattern = ".", path
    folder = locate(path)
    try:
        lines = list(islice(_lines(folder, pattern), _MOST_NAMES + 1))
    except OSError as error:
        raise failure(error, folder) from error
    if not lines:
        return "no files" if pattern == "*" else f"no files match {pattern}"
    if len(lines) > _MOST_NAMES:
        lines[_MOST_NAMES:] = [f"[cut: only the first {_MOST_NAMES} are shown; use a pattern]"]
    return "\n".join(lines)


@tool(read=["$WORKSPACE"], grounded=("path",))
def read_file(path: str, first_line: int = 1, last_line: int | None = None) -> str:
    """Read a text file.

    path: file
    first_line: first line wanted
    last_line: last line wanted
    """
    place = locate(path)
    text = read_text(place)
    if first_line != 1 or last_line is not None:
        text = _range(text, first_line, -1 if last_line is None else last_line, place)
    if len(text) > _MOST_CHARACTERS:
        return f"{text[:_MOST_CHARACTERS]}\n[cut: {len(text) - _MOST_CHARACTERS} more characters; ask for lines]"
    return text.removesuffix("\n") or "(empty)"


@tool(write=["$WORKSPACE", "$NOTEBOOK"], approval="ask", grounded=("path",))
def write_file(path: str, text: str) -> str:
    """Create or replace a file.

    path: file
    text: whole content
    """
    place = locate(path)
    return f"{'replaced' if save(place, _bytes(text)) else 'created'} {place}"


@tool(write=["$WORKSPACE", "$NOTEBOOK"], approval="ask", grounded=("path",))
def append_file(path: str, text: str) -> str:
    """Add text at the end of a file.

    path: file
    text: line or lines to add
    """
    place = locate(path)
    old = content_of(place) or b""
    gap = b"\n" if old and not old.endswith(b"\n") else b""
    added = text.removesuffix("\n") + "\n"
    if not save(place, old + gap + _bytes(added)):
        return f"created {place}"
    count = added.count("\n")
    return f"added {count} line{'' if count == 1 else 's'} to {place}"


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ToolFailure("the text has a character that is no character (half of a surrogate pair)") from error


def _lines(folder: Place, pattern: str) -> Iterator[str]:
    wanted = glob_pattern(pattern)
    if "/" in pattern or "**" in pattern:
        yield from _lines_below(folder, wanted)
        return
    with open_folder(folder) as descriptor, os.scandir(descriptor) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if wanted.fullmatch(entry.name):
                yield _line(entry)


def _lines_below(folder: Place, wanted: re.Pattern[str]) -> Iterator[str]:
    for count, place in enumerate(files_below(folder), 1):
        if count > _MOST_FILES:
            yield f"[cut: only the first {_MOST_FILES} files were looked at]"
            return
        name = "/".join(place.parts[len(folder.parts) :])
        if wanted.fullmatch(name):
            yield f"{name}  {size_text(file_size(place))}"


def _line(entry: os.DirEntry[str]) -> str:
    if entry.is_dir(follow_symlinks=False):
        return f"{entry.name}/"
    return f"{entry.name}  {'link' if entry.is_symlink() else size_text(entry.stat(follow_symlinks=False).st_size)}"


def size_text(size: int) -> str:
    """A number of bytes as people say it: `512 bytes`, `1.5 KB` (1024 bytes), `3.2 MB`."""
    if size < 1024:
        return f"{size} byte{'' if size == 1 else 's'}"
    amount, units = size / 1024, iter(("KB", "MB", "GB", "TB"))
    unit = next(units)
    while amount >= 1023.95 and unit != "TB":
        amount, unit = amount / 1024, next(units)
    return f"{amount:.1f} {unit}"


def _range(text: str, first: int, last: int, place: Place) -> str:
    """Lines `first` to `last`, counted from 1; negative numbers count from the end, -1 being the last line."""
    lines = lines_of(text)
    start, stop = (number + len(lines) + 1 if number < 0 else number for number in (first, last))
    if start > len(lines) or stop < start:
        raise ToolFailure(f"{place} has {len(lines)} lines; there are none from {first} to {last}")
    return "\n".join(lines[max(start, 1) - 1 : stop])
