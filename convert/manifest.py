"""What is known of a stored model: a JSON manifest, one for each name."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from ..errors import ModelFileError, UsageError
from .gguf_reader import read_header

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Kind = Literal["model", "adapter"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LARGEST = 1 << 24
PACKAGES = ("alpha-umi", "gguf", "llama-cpp-python", "numpy")


class Source(BaseModel):
    """Where a model came from.

    repo, commit: on the hub. files: sha256 of each source file by its path. licence: as the source names it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    repo: str | None = None
    commit: str | None = None
    files: dict[str, Digest] = {}
    licence: str | None = None


class Manifest(BaseModel):
    """One named model or adapter.

    sha256, size: of its GGUF file, which the store keeps under that hash. types: tensors by their type. steps: what
    made the file, in order. checks: what was found when it was checked. made_with: versions of the libraries.
    base: for an adapter, the hash of the model that it was tried on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    name: Annotated[str, Field(pattern=rf"^{NAME.pattern}$")]
    kind: Kind
    sha256: Digest
    size: Annotated[int, Field(ge=0)]
    architecture: str
    types: dict[str, int]
    source: Source = Source()
    steps: tuple[str, ...] = ()
    checks: dict[str, JsonValue] = {}
    made_with: dict[str, str] = {}
    base: Digest | None = None
    created: datetime

    def json_text(self) -> str:
        """The manifest as it is stored: with a seal over all else, so that no byte of it changes unnoticed."""
        body = self.model_dump(mode="json")
        return _laid_out(body | {"seal": _seal(body)})


def describe(
    file: Path,
    name: str,
    kind: Kind,
    sha256: str,
    *,
    source: Source | None = None,
    steps: tuple[str, ...] = (),
    checks: dict[str, JsonValue] | None = None,
) -> Manifest:
    """The manifest of a sound GGUF file; its licence comes from the file where the source names none."""
    from gguf import GGMLQuantizationType

    check_name(name)
    header = read_header(file)
    types = Counter(GGMLQuantizationType(tensor.type).name for tensor in header.tensors)
    licence = header.metadata.get("general.license")
    source = source or Source()
    if source.licence is None and isinstance(licence, str):
        source = source.model_copy(update={"licence": licence})
    return Manifest(
        name=name,
        kind=kind,
        sha256=sha256,
        size=file.stat().st_size,
        architecture=str(header.metadata["general.architecture"]),
        types=dict(sorted(types.items())),
        source=source,
        steps=steps,
        checks=checks or {},
        made_with={package: version(package) for package in PACKAGES},
        created=datetime.now(UTC).replace(microsecond=0),
    )


def read_manifest(file: Path) -> Manifest:
    """The manifest in a file; ModelFileError where it is missing or not as it was written."""
    try:
        if file.stat().st_size > LARGEST:
            raise ModelFileError(f"{file} is not a manifest: it is larger than {LARGEST} bytes")
        return parse_manifest(file.read_bytes())
    except OSError as error:
        raise ModelFileError(f"{file} cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise ModelFileError(f"{file} is not a sound manifest ({error}): import the model again") from error


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in the bytes of a file; ValueError with one sentence where it is not as it was written."""
    body = json.loads(data)
    if not isinstance(body, dict) or _laid_out(body).encode() != data:
        raise ValueError("it is not as umi writes it")
    if body.pop("seal", None) != _seal(body):
        raise ValueError("it was changed")
    try:
        return Manifest.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ValueError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error


def _laid_out(body: dict[str, Any]) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _seal(body: dict[str, Any]) -> str:
    return hashlib.sha256(_laid_out(body).encode()).hexdigest()


def check_name(name: str) -> None:
    """UsageError for what cannot be the name of a stored model."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a model: use up to 100 letters, digits, dots, dashes and underscores, "
            "beginning with a letter or digit"
        )
