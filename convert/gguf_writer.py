"""Writing GGUF through the gguf package: names, layout, types and metadata of a model file."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError, StorageError
from .checkpoint import Checkpoint
from .config import ModelConfig
from .stored import Floats
from .vocabulary import Vocabulary
from .weight_types import F16_MAX, FILE_TYPES, WeightType, stored_type

if TYPE_CHECKING:
    from gguf import GGUFWriter

Progress = Callable[[int, int], None]


@contextmanager
def replacing(destination: Path) -> Iterator[Path]:
    """A `.part` file beside `destination` that takes its name if the block succeeds and goes if it fails."""
    part = destination.with_name(destination.name + ".part")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(destination, error) from error
    try:
        yield part
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(destination)
    except OSError as error:
        raise unwritable(destination, error) from error
    finally:
        part.unlink(missing_ok=True)


def unwritable(destination: Path, error: OSError) -> StorageError:
    """The error for a file that cannot be written, with the way out; numpy gives no reason when a disk is full."""
    destination = destination.with_name(destination.name.removesuffix(".part"))
    why = error.strerror or os.strerror(errno.ENOSPC)
    return StorageError(f"{destination} cannot be written ({why}): choose another place or free some space")


def write_model(
    path: Path,
    checkpoint: Checkpoint,
    vocabulary: Vocabulary,
    type: WeightType,
    name: str,
    progress: Progress | None = None,
) -> None:
    """Write a checkpoint as one GGUF file, a piece of a tensor in memory at a time.

    type: of the matrices; vectors stay F32, and rows that Q8_0 cannot hold (no multiple of 32) become F16.
    progress: called with the bytes of source weights read so far and in all, as float32.
    """
    from gguf import GGUFWriter

    writer = GGUFWriter(path, checkpoint.config.architecture)
    try:
        _add_metadata(writer, checkpoint.config, type, name)
        _add_vocabulary(writer, vocabulary)
        _write_tensors(writer, checkpoint, type, progress)
    finally:
        writer.close()


def gguf_names(config: ModelConfig) -> Callable[[str], str]:
    """From a tensor's Hugging Face name to its GGUF name."""
    from gguf import MODEL_ARCH, get_tensor_name_map

    names = get_tensor_name_map(MODEL_ARCH[config.architecture.upper()], config.layers)

    def translate(name: str) -> str:
        translated: str | None = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if translated is None:
            raise ModelFileError(f"tensor {name} has no name in GGUF for {config.architecture} models")
        return translated

    return translate


def encode(name: str, values: Floats, type: WeightType) -> NDArray[Any]:
    """Values in their stored form; raises ModelFileError for those that F16 cannot hold."""
    from gguf import GGMLQuantizationType, quants

    if type == "f32":
        return values
    if type == "f16":
        if (largest := max(float(values.max()), -float(values.min()))) > F16_MAX:
            raise ModelFileError(f"tensor {name} holds {largest:g}, too large for F16: convert to bf16, f32 or q8_0")
        return values.astype(np.float16)
    encoded: NDArray[Any] = quants.quantize(values, GGMLQuantizationType[type.upper()])
    return encoded


def _write_tensors(writer: GGUFWriter, checkpoint: Checkpoint, type: WeightType, progress: Progress | None) -> None:
    from gguf import GGMLQuantizationType

    translate, extra = gguf_names(checkpoint.config), rope_tensors(checkpoint.config)
    for name, values in extra.items():
        writer.add_tensor_info(name, values.shape, values.dtype, values.nbytes)
    for name in checkpoint.names:
        shape = checkpoint.shape(name)
        qtype = GGMLQuantizationType[stored_type(shape, type).upper()]
        writer.add_tensor_info(
            translate(name), shape, np.dtype(np.float32), _stored_bytes(shape, qtype), raw_dtype=qtype
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    (stream,) = writer.fout
    for values in extra.values():
        writer.write_padding(stream, stream.tell())
        values.tofile(stream)
    done, total = 0, checkpoint.bytes
    for name in checkpoint.names:
        writer.write_padding(stream, stream.tell())
        for slab in checkpoint.arranged(name):
            encode(name, slab, stored_type(checkpoint.shape(name), type)).tofile(stream)
            done += slab.nbytes
            if progress is not None:
                progress(done, total)
    writer.write_padding(stream, stream.tell())


def _stored_bytes(shape: tuple[int, ...], qtype: Any) -> int:
    from gguf import GGML_QUANT_SIZES

    block, size = GGML_QUANT_SIZES[qtype]
    return math.prod(shape) // int(block) * int(size)


def rope_tensors(config: ModelConfig) -> dict[str, Floats]:
    """Tensors that llama.cpp divides rotary frequencies by."""
    match config.rope.kind:
        case "llama3":
            return {"rope_freqs.weight": config.rope.divisors(config.context).astype(np.float32)}
        case "longrope":
            long, short = (np.asarray(each, dtype=np.float32) for each in (config.rope.long, config.rope.short))
            return {"rope_factors_long.weight": long, "rope_factors_short.weight": short}
    return {}


def _add_metadata(writer: GGUFWriter, config: ModelConfig, type: WeightType, name: str) -> None:
    from gguf import GGML_QUANT_VERSION, GGUFType

    writer.add_type(GGUFType.MODEL)
    writer.add_name(name)
    writer.add_file_type(FILE_TYPES[type])
    writer.add_quantization_version(GGML_QUANT_VERSION)
    writer.add_vocab_size(config.tokens)
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.hidden)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.feed_forward)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_key_length(config.head_size)
    writer.add_value_length(config.head_size)
    writer.add_layer_norm_rms_eps(config.epsilon)
    _add_rope(writer, config)
    window = next((window for window in config.windows if window is not None), config.source_window)
    if window is not None:
        writer.add_sliding_window(window)
    elif config.architecture == "phi3":
        writer.add_sliding_window(0)
    if config.attention_cap is not None:
        writer.add_attn_logit_softcapping(config.attention_cap)
    if config.output_cap is not None:
        writer.add_final_logit_softcapping(config.output_cap)


def _add_rope(writer: GGUFWriter, config: ModelConfig) -> None:
    from gguf import RopeScalingType

    rope = config.rope
    writer.add_rope_dimension_count(rope.dimensions)
    writer.add_rope_freq_base(rope.base)
    if config.family.windows:
        writer.add_rope_freq_base_swa(config.local_rope.base)
    if rope.kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(RopeScalingType(rope.kind))
        writer.add_rope_scaling_factor(rope.factor)
    if rope.kind == "longrope":
        writer.add_rope_scaling_type(RopeScalingType.LONGROPE)
    if rope.kind in ("yarn", "longrope"):
        writer.add_rope_scaling_orig_ctx_len(rope.original_context)
    if rope.kind == "yarn":
        writer.add_rope_scaling_yarn_beta_fast(rope.high)
        writer.add_rope_scaling_yarn_beta_slow(rope.low)
    if rope.attention != rope.usual_attention:
        writer.add_rope_scaling_attn_factors(rope.attention / rope.usual_attention)


def _add_vocabulary(writer: GGUFWriter, vocabulary: Vocabulary) -> None:
    """The tokenizer's section.

    Without a bos the key names eos, because llama.cpp's default for it is token 11. A second and a third end are
    written as the ends of a turn and of a message; llama.cpp knows more ends by name only.
    """
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types([int(type) for type in vocabulary.types])
    if vocabulary.scores:
        writer.add_token_scores(vocabulary.scores)
        writer.add_add_space_prefix(vocabulary.space_prefix)
    else:
        writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(vocabulary.eos if vocabulary.bos is None else vocabulary.bos)
    writer.add_eos_token_id(vocabulary.eos)
    for end, add in zip(vocabulary.ends[1:], (writer.add_eot_token_id, writer.add_eom_token_id), strict=False):
        add(end)
    if vocabulary.unk is not None:
        writer.add_unk_token_id(vocabulary.unk)
    if vocabulary.pad is not None:
        writer.add_pad_token_id(vocabulary.pad)
    writer.add_add_bos_token(vocabulary.add_bos)
    writer.add_add_eos_token(vocabulary.add_eos)
    writer.add_bool("alphaumi.tokenizer.nfc", vocabulary.nfc)
    if vocabulary.chat_template is not None:
        writer.add_chat_template(vocabulary.chat_template)
