"""Small files of what the user accepted: JSON in the configuration folder, read strictly, replaced as a whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ..errors import ConfigError, StorageError
from .values import read_json

Record = TypeVar("Record", bound=BaseModel)


def read_record(path: Path, kind: type[Record]) -> Record:
    """The record in `path`, an empty one where there is no file; ConfigError for anything that is not one."""
    try:
        return kind.model_validate(read_json(path.read_bytes()))
    except FileNotFoundError:
        return kind()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (ValidationError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{path} is damaged ({reason}); restore it, or move it away and add again") from error


def write_record(path: Path, record: BaseModel) -> None:
    """Put the record in the place of what `path` holds, for this user only; StorageError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(record.model_dump_json(indent=1) + "\n")
                file.flush()
                os.fsync(descriptor)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror}); set UMI_HOME to a folder that you may write to"
        ) from error
