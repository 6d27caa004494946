"""A JSON object of a checkpoint, read with its types checked."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ModelFileError


class Fields(dict[str, Any]):
    """The fields of a JSON object. place: the file they come from, named in every refusal."""

    def __init__(self, data: Mapping[str, Any], place: Path) -> None:
        super().__init__(data)
        self._place = place

    def section(self, key: str) -> Fields:
        """An object inside this one; an empty one where it is absent or null."""
        value = self.get(key) or {}
        if not isinstance(value, dict):
            raise self.refuse(f"{key} must be an object, not {value!r}")
        return Fields(value, self._place)

    def count(self, key: str, default: int | None = None) -> int:
        """A positive whole number; `default` where it is absent or null."""
        value = self.get(key)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
            raise self.refuse(f"{key} must be a positive whole number, not {value!r}")
        return value

    def positive(self, key: str, default: float) -> float:
        """A positive finite number; `default` where it is absent or null."""
        value = self.get(key)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise self.refuse(f"{key} must be a positive number, not {value!r}")
        return float(value)

    def ids(self, key: str) -> tuple[int, ...]:
        """Token ids, written as one number or as a list."""
        value = self.get(key)
        ids = value if isinstance(value, list) else [value]
        return tuple(token for token in ids if isinstance(token, int) and not isinstance(token, bool) and token >= 0)

    def refuse(self, why: str) -> ModelFileError:
        """The error that names the file."""
        return ModelFileError(f"{self._place}: {why}")


def read_json(path: Path, *, optional: bool = False) -> Fields:
    """The fields of a JSON file; none for a file that is optional and absent."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if optional:
            return Fields({}, path)
        raise ModelFileError(f"{path.parent} has no {path.name}: is it the folder of a Hugging Face model?") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{path} cannot be read as JSON ({error}): download it again") from error
    if not isinstance(data, dict):
        raise ModelFileError(f"{path} does not hold a JSON object: download it again")
    return Fields(data, path)
