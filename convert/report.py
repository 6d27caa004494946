"""What a conversion made, and how it compares with its source."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .gguf_reader import Header, Strings, read_header
from .weight_types import WeightType


class Proof(BaseModel):
    """What was compared, and how close it is.

    texts, tokens: of the probe corpus, all equal. positions: next-token distributions compared. kl: their mean
    divergence in nats. max_difference: of any logit; both None where there was no reference. types: tensors stored as
    each type. ends: texts of all tokens that llama.cpp ends a generation at, among them those that it knows by name
    only. notes: where llama.cpp does otherwise than the source by design.
    """

    model_config = ConfigDict(frozen=True)

    texts: int
    tokens: int
    positions: int
    kl: float | None
    max_difference: float | None
    types: dict[str, int]
    ends: tuple[str, ...]
    notes: tuple[str, ...] = ()


class Report(BaseModel):
    """What was made, and how it compares with its source.

    parameters: weights in all. size: bytes of the file. sha256: of the file. special: ids and texts of bos, eos and
    pad. fallbacks: matrices that the wanted type could not hold. proof: None where it was not asked for.
    """

    model_config = ConfigDict(frozen=True)

    path: Path
    name: str
    architecture: str
    type: WeightType
    parameters: int
    size: int
    sha256: str
    pre_tokenizer: str
    special: dict[str, str]
    fallbacks: tuple[str, ...]
    proof: Proof | None


def describe(file: Path, destination: Path, name: str, type: WeightType, proof: Proof | None) -> Report:
    """The report on a file, which will be called `destination`, from what it holds."""
    from gguf import GGMLQuantizationType

    header = read_header(file)
    wanted = GGMLQuantizationType[type.upper()]
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return Report(
        path=destination,
        name=name,
        architecture=str(header.metadata["general.architecture"]),
        type=type,
        parameters=sum(math.prod(tensor.shape) for tensor in header.tensors if not tensor.name.startswith("rope_")),
        size=file.stat().st_size,
        sha256=sha256,
        pre_tokenizer=str(header.metadata.get("tokenizer.ggml.pre", "default")),
        special=_special(header),
        fallbacks=tuple(each.name for each in header.tensors if len(each.shape) > 1 and each.type != wanted),
        proof=proof,
    )


def _special(header: Header) -> dict[str, str]:
    tokens = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, Strings)
    keys = {"bos": "bos", "eos": "eos", "pad": "padding"}
    ids = {name: header.metadata.get(f"tokenizer.ggml.{key}_token_id") for name, key in keys.items()}
    if ids["bos"] == ids["eos"] and not header.metadata.get("tokenizer.ggml.add_bos_token"):
        del ids["bos"]
    return {key: f"{id} {tokens.items[id].decode()}" for key, id in ids.items() if isinstance(id, int)}
