"""Going on from a finished trio: its tokenizer and its weights, read back from the GGUF files."""

from __future__ import annotations

from typing import Any

from ..convert.trio import ROLES, Trio
from ..errors import ModelFileError
from .tokenizer import rebuild_tokenizer


def tokenizer_of(trio: Trio) -> Any:
    """The tokenizer of a trio that was trained here; ModelFileError if its roles have different ones."""
    from gguf import GGUFReader

    found = []
    for role in ROLES:
        fields = GGUFReader(trio.roles[role].model).fields
        tokens, merges = (fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges"))
        found.append((tuple(tokens), tuple(merges)))
    if len(set(found)) > 1:
        raise ModelFileError(
            f"the roles of {trio.name} have different tokenizers: name a trio that was trained together"
        )
    return rebuild_tokenizer(*found[0])


def put_weights(model: Any, trio: Trio) -> None:
    """Makes the model the mean of the trio's roles (Wortsman et al. 2022, "Model soups"), which share their backbone.

    Raises ModelFileError for a trio of another shape.
    """
    import torch
    from gguf import MODEL_ARCH, GGUFReader, dequantize, get_tensor_name_map

    names = get_tensor_name_map(MODEL_ARCH.QWEN2, model.config.num_hidden_layers)
    files = [{tensor.name: tensor for tensor in GGUFReader(trio.roles[role].model).tensors} for role in ROLES]
    state = model.state_dict()
    for name, weight in state.items():
        if name == "lm_head.weight":
            continue
        stored = names.get_name(name, (".weight", ".bias"))
        try:
            values = [dequantize(file[stored].data, file[stored].tensor_type) for file in files]
            weight.copy_(torch.from_numpy(sum(values) / len(values)).view(weight.shape))
        except (KeyError, RuntimeError) as error:
            raise ModelFileError(
                f"the trio {trio.name} has another shape than the recipe's model ({name}: {error}); "
                "take the recipe that it was trained with"
            ) from error
    model.load_state_dict(state)
