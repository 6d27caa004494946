"""Samples from the files that `umi train data` writes, and that users may edit or write themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...runtime.dialects import Dialect
from ...runtime.engine.api import Prompt, Segment, merge
from ...runtime.history import ROLES, Role
from ..data_report import SetReport


def role_samples(folder: Path, dialect: Dialect, report: SetReport) -> Iterator[tuple[Role, Prompt, Prompt]]:
    """The samples in `planner.jsonl`, `caller.jsonl` and `summarizer.jsonl`; broken lines are skipped and counted.

    Raises UsageError for a missing file, and for samples that were made for another dialect.
    """
    _check_dialect(folder, dialect)
    trajectories = set()
    for role in ROLES:
        file = folder / f"{role}.jsonl"
        if not file.is_file():
            raise UsageError(f"there is no {file}; name a folder that `umi train data` made")
        with file.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    found = json.loads(line)
                    sample = _sample(found, dialect)
                except (ValueError, LookupError, TypeError) as error:
                    broken = "not JSON" if isinstance(error, json.JSONDecodeError) else "not a sample"
                    report.notes.skip(broken, f"{file.name}:{number}")
                    continue
                report.notes.read += 1
                trajectories.add(str(found.get("id")))
                report.trajectories = len(trajectories)
                yield (role, *sample)


def _check_dialect(folder: Path, dialect: Dialect) -> None:
    file = folder / "report.json"
    if not file.is_file():
        return
    try:
        made = json.loads(file.read_text(encoding="utf-8"))["dialect"]
    except (ValueError, LookupError, TypeError):
        raise UsageError(f"{file} is no report of `umi train data`: make the samples again") from None
    if made != dialect.name:
        raise UsageError(
            f"the samples in {folder} are in dialect {made}: make them again with --dialect {dialect.name}"
        )


def _sample(line: Any, dialect: Dialect) -> tuple[Prompt, Prompt]:
    texts = (_text(line["prompt"]), _text(line["completion"]))
    if not all(texts):
        raise ValueError("empty")
    prompt, completion = (_segments(text, dialect) for text in texts)
    return prompt, completion


def _text(value: Any) -> str:
    """A text, or the content of the only message of a list."""
    if isinstance(value, list):
        (message,) = value
        value = message["content"]
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


def _segments(text: str, dialect: Dialect) -> Prompt:
    """Control tokens apart from text; in samples nothing but control tokens reads as one."""
    control = dialect.form.control
    if not control:
        return (Segment(text),)
    parts = re.split(f"({'|'.join(re.escape(token) for token in control)})", text)
    return merge([Segment(part, control=part in control) for part in parts if part])
