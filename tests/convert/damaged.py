"""Small sound models of both kinds of vocabulary, and seeded damage to them: what a hostile file may look like."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from alpha_umi.convert.gguf_reader import Header, Strings, read_header

WORDS = ("the", "a", "of", "and", "file", "name", "ing", "er")
ODD_NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    255,
    256,
    65535,
    1 << 24,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    (1 << 63) - 1,
    (1 << 64) - 1,
)


def write_sentencepiece(path: Path, width: int = 32, layers: int = 2) -> Path:
    """A Llama of random weights with a SentencePiece vocabulary."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *(f"▁{word}" for word in WORDS)]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(2 * width)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_dimension_count(width // 4)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(2.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * 259 + [-float(rank) for rank in range(len(WORDS))])
    writer.add_token_types([2, 3, 3] + [6] * 256 + [1] * len(WORDS))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_chat_template("{% for message in messages %}{{ message.content }}{% endfor %}")
    add_tensors(writer, len(tokens), width, layers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def add_tensors(writer: gguf.GGUFWriter, tokens: int, width: int, layers: int) -> None:
    shapes = {"token_embd": (tokens, width), "output": (tokens, width), "output_norm": (width,)}
    for layer in range(layers):
        block = {
            "attn_norm": (width,), "ffn_norm": (width,), "attn_q": (width, width), "attn_k": (width // 2, width),
            "attn_v": (width // 2, width), "attn_output": (width, width), "ffn_gate": (2 * width, width),
            "ffn_up": (2 * width, width), "ffn_down": (width, 2 * width),
        }  # fmt: skip
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    generator = np.random.default_rng(0)
    for name, shape in shapes.items():
        values = np.ones(shape) if len(shape) == 1 else generator.standard_normal(shape) / width**0.5
        writer.add_tensor(f"{name}.weight", values.astype(np.float32))


@dataclass(frozen=True)
class Sound:
    """A sound file, and where its parts lie."""

    data: bytes
    header: Header

    @classmethod
    def of(cls, path: Path) -> Sound:
        return cls(path.read_bytes(), read_header(path))

    @property
    def start_of_tensors(self) -> int:
        return self.header.tensors[0].offset

    def names(self) -> list[bytes]:
        return [
            *(key.encode() for key in self.header.metadata),
            *(tensor.name.encode() for tensor in self.header.tensors),
        ]


def damaged_header(sound: Sound, seed: int) -> bytes:
    """Some bytes of the header changed: anywhere, right behind a key or a tensor's name, or the file cut."""
    chance = random.Random(seed)
    data, end = bytearray(sound.data), sound.start_of_tensors
    for _ in range(chance.randint(1, 3)):
        match chance.randrange(4):
            case 0:
                data[chance.randrange(end)] ^= 1 << chance.randrange(8)
            case 1 | 2:
                name = chance.choice(sound.names())
                place = sound.data.index(name) + len(name) + chance.choice((0, 0, 4, 4, 8, 12, 16, 20, 24))
                size = chance.choice((4, 8))
                value = chance.choice((*ODD_NUMBERS, chance.getrandbits(64))) % (1 << (8 * size))
                data[place : place + size] = value.to_bytes(size, "little")
            case 3:
                place = chance.randrange(end)
                data[place : place + chance.randint(1, 8)] = chance.randbytes(chance.randint(1, 8))
    return bytes(data[: chance.randrange(len(data))] if chance.random() < 0.03 else data)


def damaged_content(sound: Sound, seed: int) -> bytes:
    """A file of sound structure with wrong content: numbers of the metadata, texts of tokens, bytes of weights."""
    chance = random.Random(seed)
    data = bytearray(sound.data)
    for _ in range(chance.randint(1, 3)):
        if chance.random() < 0.4:
            place = chance.randrange(sound.start_of_tensors, len(data) - 4)
            patch = chance.choice((np.float32("nan"), np.float32("inf"), np.float32(1e38), np.float32(-1e30)))
            data[place : place + 4] = chance.choice((patch.tobytes(), chance.randbytes(4)))
            continue
        key, value = chance.choice([item for item in sound.header.metadata.items() if item[0].count(".")])
        place = sound.data.index(key.encode()) + len(key) + 4
        if isinstance(value, Strings):
            token = chance.choice(value.items)
            at = sound.data.index(token, place)
            data[at : at + len(token)] = chance.choice((chance.randbytes(len(token)), token[::-1], b"a" * len(token)))
        elif isinstance(value, np.ndarray):
            at = place + 12 + chance.randrange(value.size) * value.itemsize
            data[at : at + value.itemsize] = chance.choice((chance.randbytes(value.itemsize), b"\0" * value.itemsize))
        elif isinstance(value, bool):
            data[place] ^= 1
        elif isinstance(value, str):
            data[place + 8 : place + 8 + len(value)] = bytes(chance.choices(b"abz09-{}% .\n", k=len(value)))
        elif isinstance(value, int):
            data[place : place + 4] = (chance.choice((*ODD_NUMBERS, chance.getrandbits(32))) % (1 << 32)).to_bytes(
                4, "little"
            )
        else:
            number = chance.choice((0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), chance.uniform(-10, 1e6)))
            data[place : place + 4] = np.float32(number).tobytes()
    return bytes(data)
