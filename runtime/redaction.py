"""What identifies a user is taken out of text that leaves the machine, and counted.

Secrets go as they go from the audit log (`tools/redact.py`). Whatever else is replaced keeps its form, and the same
address always becomes the same placeholder, so that a call still copies what the request says.
"""

from __future__ import annotations

import getpass
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..tools.redact import REDACTED, redact
from ..tools.values import compact_json

HOME, USER, TOKEN = "/home/user", "user", "[token]"

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_TOKEN = re.compile(
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{24,}\b"
    r"|(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[A-Za-z0-9_-]{32,}(?![\w-])"
)
_NO_PERSON = frozenset(("root", USER))
_SHORTEST_NAME = 3


class Redaction:
    """Takes secrets, the home folder, the user's name, e-mail addresses and long tokens out of text.

    home, user: of the one whose texts they are. counts: how often each kind was replaced.
    """

    def __init__(self, home: Path, user: str) -> None:
        self.counts: Counter[str] = Counter()
        self._people: dict[str, str] = {}
        folders = sorted({str(home), str(home.resolve())} - {"/"}, key=len, reverse=True)
        self._home = re.compile("|".join(rf"{re.escape(folder)}(?![\w-])" for folder in folders) or r"(?!)")
        named = len(user) >= _SHORTEST_NAME and user not in _NO_PERSON
        self._user = re.compile(rf"(?<![^\W_]){re.escape(user)}(?![^\W_])" if named else r"(?!)")

    @classmethod
    def of_this_user(cls) -> Redaction:
        """For the one who runs this process, whose name may be unknown to the system."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = ""
        return cls(Path.home(), user)

    def text(self, text: str) -> str:
        """The text without any of it."""
        text = self._replace(self._home, HOME, "home folder", text)
        text = self._count_secrets(text, str(redact(text)))
        text = _EMAIL.sub(self._person, text)
        text = self._replace(self._user, USER, "user name", text)
        return self._replace(_TOKEN, TOKEN, "long token", text)

    def strings(self, value: Any) -> Any:
        """The JSON value with every string in it redacted, keys as they are."""
        return _mapped(value, self.text)

    def arguments(self, value: dict[str, Any]) -> dict[str, Any]:
        """A call's arguments; what stands under the name of a secret is one."""
        without = redact(value)
        self._count_secrets(compact_json(value), compact_json(without))
        found: dict[str, Any] = self.strings(without)
        return found

    def _count_secrets(self, before: str, after: str) -> str:
        self._add("secret", after.count(REDACTED) - before.count(REDACTED))
        return after

    def _replace(self, pattern: re.Pattern[str], by: str, kind: str, text: str) -> str:
        text, times = pattern.subn(lambda _: by, text)
        self._add(kind, times)
        return text

    def _person(self, found: re.Match[str]) -> str:
        address = found[0].lower()
        if address in self._people.values():
            return found[0]
        self._add("e-mail address", 1)
        return self._people.setdefault(address, f"person{len(self._people) + 1}@example.com")

    def _add(self, kind: str, times: int) -> None:
        if times > 0:
            self.counts[kind] += times


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _mapped(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    return change(value) if isinstance(value, str) else value
