"""Rotary positions: the five kinds of scaling, in the old and the new spellings of config.json."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .fields import Fields

RopeKind = Literal["default", "linear", "llama3", "yarn", "longrope"]
ALIASES = {"su": "longrope"}


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary positions over the first `dimensions` elements of a head.

    base: theta, the longest wavelength in units of 2 pi tokens. kind: `linear` divides every frequency by `factor`;
    `llama3` divides by `factor` where a wavelength is longer than original_context / low, by 1 where it is shorter
    than original_context / high, and interpolates between; `yarn` interpolates between the two over the dimensions
    that turn low to high times in original_context; `longrope` divides by `short`, and by `long` for sequences beyond
    original_context. attention: what sines and cosines are multiplied by.
    """

    dimensions: int
    base: float
    kind: RopeKind = "default"
    factor: float = 1.0
    low: float = 1.0
    high: float = 4.0
    original_context: int = 8192
    short: tuple[float, ...] = ()
    long: tuple[float, ...] = ()
    attention: float = 1.0

    def frequencies(self) -> NDArray[np.float64]:
        """The plain frequencies, in radians per token, before any scaling: one for each two dimensions."""
        exponents = np.arange(0, self.dimensions, 2, dtype=np.float64) / self.dimensions
        return np.asarray(self.base**-exponents, dtype=np.float64)

    def divisors(self, length: int) -> NDArray[np.float64]:
        """What each plain frequency is divided by in a sequence of `length` tokens."""
        plain = self.frequencies()
        match self.kind:
            case "linear":
                return np.full(plain.shape, self.factor)
            case "llama3":
                turns = self.original_context * plain / (2 * math.pi)
                return self._between(np.clip((turns - self.low) / (self.high - self.low), 0.0, 1.0))
            case "yarn":
                first, last = math.floor(self._dimension(self.high)), math.ceil(self._dimension(self.low))
                first, last = max(first, 0), min(last, self.dimensions - 1)
                ramp = (np.arange(len(plain)) - first) / max(last - first, 0.001)
                return self._between(1.0 - np.clip(ramp, 0.0, 1.0))
            case "longrope":
                return np.asarray(self.long if length > self.original_context else self.short)
            case _:
                return np.ones(plain.shape)

    def _between(self, kept: NDArray[np.float64]) -> NDArray[np.float64]:
        """Divisors from the factor, where 0 is kept of a frequency, to 1."""
        divisors: NDArray[np.float64] = 1 / ((1 - kept) / self.factor + kept)
        return divisors

    def _dimension(self, turns: float) -> float:
        """The pair of dimensions that turns so often in the original context."""
        wavelength = self.original_context / (turns * 2 * math.pi)
        return self.dimensions * math.log(wavelength) / (2 * math.log(self.base))

    @property
    def usual_attention(self) -> float:
        """What llama.cpp multiplies by of its own accord."""
        return yarn_attention(self.factor) if self.kind == "yarn" else 1.0


def yarn_attention(factor: float) -> float:
    return 0.1 * math.log(factor) + 1.0 if factor > 1.0 else 1.0


def read_ropes(config: Fields, head_size: int, context: int) -> tuple[Rope, Rope]:
    """Rotary positions of layers that see everything and of those with a sliding window.

    Older files: rope_theta beside rope_scaling (whose type is `type` or `rope_type`), and rope_local_base_freq for the
    windows. Newer ones: rope_parameters, for all layers or by the type of layer.
    """
    newer = config.section("rope_parameters")
    full = newer.section("full_attention") if "full_attention" in newer else newer
    wide = _read(full or config.section("rope_scaling"), config, head_size, context)
    local = newer.section("sliding_attention")
    base = local.positive("rope_theta", config.positive("rope_local_base_freq", wide.base))
    if local.get("rope_type", "default") != "default":
        raise config.refuse("rotary positions of sliding windows cannot be scaled")
    return wide, Rope(wide.dimensions, base)


def _read(scaling: Fields, config: Fields, head_size: int, context: int) -> Rope:
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    kind = ALIASES.get(kind, kind)
    if kind not in get_args(RopeKind):
        raise config.refuse(f"rotary positions with scaling {kind!r} are not supported")
    if any(scaling.get(option) for option in ("mscale", "mscale_all_dim")) or scaling.get("truncate") is False:
        raise config.refuse("rotary positions with mscale or without truncate are not supported")
    share = scaling.positive("partial_rotary_factor", config.positive("partial_rotary_factor", 1.0))
    dimensions = int(head_size * share)
    if not 0 < dimensions <= head_size or dimensions % 2:
        raise config.refuse(f"rotary positions on {dimensions} of the {head_size} elements of a head are not possible")
    original = scaling.count(
        "original_max_position_embeddings", config.count("original_max_position_embeddings", context)
    )
    yarn = kind == "yarn"
    rope = Rope(
        dimensions=dimensions,
        base=scaling.positive("rope_theta", config.positive("rope_theta", 10000.0)),
        kind=kind,
        factor=scaling.positive("factor", context / original),
        low=scaling.positive("beta_slow" if yarn else "low_freq_factor", 1.0),
        high=scaling.positive("beta_fast" if yarn else "high_freq_factor", 32.0 if yarn else 4.0),
        original_context=original,
        short=_factors(scaling, "short_factor", dimensions) if kind == "longrope" else (),
        long=_factors(scaling, "long_factor", dimensions) if kind == "longrope" else (),
        attention=_attention(kind, scaling, context, original),
    )
    if rope.base <= 1:
        raise config.refuse(f"rope_theta {rope.base:g} is not above 1")
    if rope.low >= rope.high:
        raise config.refuse("low_freq_factor must be below high_freq_factor, and beta_slow below beta_fast")
    return rope


def _attention(kind: str, scaling: Fields, context: int, original: int) -> float:
    factor = scaling.positive("factor", context / original)
    usual = 1.0
    if kind == "yarn":
        usual = yarn_attention(factor)
    elif kind == "longrope" and factor > 1.0:
        usual = math.sqrt(1 + math.log(factor) / math.log(max(original, 2)))
    return scaling.positive("attention_factor", usual)


def _factors(scaling: Fields, key: str, dimensions: int) -> tuple[float, ...]:
    values: Any = scaling.get(key)
    if not isinstance(values, list) or len(values) != dimensions // 2:
        raise scaling.refuse(f"{key} must be a list of {dimensions // 2} numbers")
    try:
        factors = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        factors = ()
    if not factors or not all(0 < factor < math.inf for factor in factors):
        raise scaling.refuse(f"{key} must hold positive numbers only")
    return factors
