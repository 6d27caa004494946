"""Text from models, tools and users, made safe to show and to hand to a model."""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, terminal escapes among them
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # line separators, and marks that reorder the text around them
    "\ufff9-\ufffb\U000e0000-\U000e0fff"  # annotations, tags and selectors that nobody sees
    "\ud800-\udfff]"
)
_CONTROL_TOKEN = re.compile(
    r"<(?=[|｜][^<>\s]{1,80}[|｜]>"  # ChatML, Llama 3, Phi, Qwen, DeepSeek, and the dialects of this package
    r"|/?(?:s|bos|eos|pad|unk|mask|cls|sep|think|(?:start|end)_of_\w+|tool_\w+|function_\w+|unused\d+|extra_id_\d+)>"
    r"|</?SYS>>)"
    r"|\[(?=/?(?:INST|TOOL_\w+|AVAILABLE_TOOLS|SYSTEM_PROMPT|CLS|SEP|MASK|PAD|UNK|BOS|EOS|gMASK)\])",
    re.IGNORECASE,
)


def printable(text: str) -> str:
    """`text` with every character that could steer a terminal or hide text written as its escape; keeps \\n and \\t."""
    return _UNSAFE.sub(_escape, text.replace("\r\n", "\n"))


def inert(text: str) -> str:
    """`text` as a model may read it: printable, and no string that some model takes for a control token.

    The opening bracket of such a string (`<|im_start|>`, `</s>`, `[INST]` ...) is set apart by a space.
    """
    return _CONTROL_TOKEN.sub(r"\g<0> ", printable(text))


def one_line(text: str, characters: int) -> str:
    """`text` on one line, safe to show, its end cut off with `…` where it is longer than `characters`."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= characters else line[: characters - 1].rstrip() + "…"


def printable_json(line: str, encoding: str = "utf-8") -> str:
    """A line of JSON that means the same and is safe to show, in ASCII where `encoding` is not UTF-8."""
    if encoding.lower().replace("-", "").replace("_", "") != "utf8":
        return re.sub(r"[^\x20-\x7e]", _escape_json, line)
    return _UNSAFE.sub(_escape_json, line)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escape_json(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[index : index + 2].hex()}" for index in range(0, len(units), 2))
