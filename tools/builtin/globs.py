"""File name patterns: `*`, `?`, `[...]` within a name, `**` across folders."""

from __future__ import annotations

import re

_PIECES = re.compile(
    r"(?P<folders>\*\*/)|(?P<anything>\*\*)|(?P<star>\*)|(?P<one>\?)|(?P<set>\[!?[^\]/]+\])|.", re.DOTALL
)


def glob_pattern(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression for relative paths with `/`; `**/` also stands for no folder at all."""
    pieces = _PIECES.finditer(pattern.strip().removeprefix("./") or "*")
    return re.compile("".join(map(_translate, pieces)), re.DOTALL)


def _translate(piece: re.Match[str]) -> str:
    match piece.lastgroup:
        case "folders":
            return "(?:.*/)?"
        case "anything":
            return ".*"
        case "star":
            return "[^/]*"
        case "one":
            return "[^/]"
        case "set":
            inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", piece[0][1:-1])
            found = f"(?!/)[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
            return found if _is_expression(found) else re.escape(piece[0])
    return re.escape(piece[0])


def _is_expression(text: str) -> bool:
    """Whether it compiles; a set with a backward range such as `[z-a]` does not, and stands for itself."""
    try:
        re.compile(text)
    except re.error:
        return False
    return True
