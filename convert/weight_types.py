"""The types that a converted model's weights can have."""

from __future__ import annotations

from typing import Literal

WeightType = Literal["f32", "f16", "bf16", "q8_0"]

FILE_TYPES: dict[WeightType, int] = {"f32": 0, "f16": 1, "bf16": 32, "q8_0": 7}
"""llama.cpp's numbers for files whose matrices have these types."""

QUANT_TYPES = {
    "Q4_K_M": 15, "Q5_K_M": 17, "Q6_K": 18, "Q8_0": 7, "Q4_0": 2, "IQ4_XS": 30, "Q3_K_M": 12, "Q2_K": 10,
}  # fmt: skip
"""llama.cpp's numbers for the mixes of types that a file can be quantised to."""

F16_MAX = 65504.0
Q8_0_BLOCK = 32


def stored_type(shape: tuple[int, ...], type: WeightType) -> WeightType:
    """The type that a tensor gets in a file of `type`: vectors stay F32, rows that Q8_0 cannot hold become F16."""
    if len(shape) == 1:
        return "f32"
    return "f16" if type == "q8_0" and shape[-1] % Q8_0_BLOCK else type
