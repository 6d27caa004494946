"""Whatever a file holds, it is refused in one sentence or it works; it never ends the program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeCheckpoint
from damaged import Sound, damaged_content, damaged_header, write_sentencepiece

from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.convert.trial import try_model, try_template
from alpha_umi.errors import ModelFileError

Damage = Callable[[Sound, int], bytes]


@pytest.fixture(scope="module")
def sound(make_checkpoint: MakeCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sound, Sound]:
    """One file of each kind of vocabulary, both accepted."""
    folder = tmp_path_factory.mktemp("sound")
    spm, bpe = write_sentencepiece(folder / "spm.gguf"), folder / "bpe.gguf"
    convert_checkpoint(make_checkpoint("qwen2"), bpe, type="q8_0", name="tiny", verify=False)
    for path in (spm, bpe):
        try_model(path)
    return Sound.of(spm), Sound.of(bpe)


def outcomes(sound: tuple[Sound, Sound], damage: Damage, seeds: range, folder: Path) -> Counter[str]:
    """How many were refused by the strict check, in the trial, and how many worked."""
    found: Counter[str] = Counter()
    path = folder / "damaged.gguf"
    for seed in seeds:
        for base in sound:
            path.write_bytes(damage(base, seed))
            try:
                try_model(path, seconds=60)
                try_template(path)
            except ModelFileError as error:
                assert str(path) in str(error) and "\n" not in str(error), (seed, error)
                found["tried" if "llama.cpp" in str(error) else "refused"] += 1
            else:
                found["worked"] += 1
    return found


@pytest.mark.parametrize(("damage", "count"), [(damaged_header, 100), (damaged_content, 8)])
def test_damaged_files(sound: tuple[Sound, Sound], damage: Damage, count: int, tmp_path: Path) -> None:
    found = outcomes(sound, damage, range(count), tmp_path)
    assert found.total() == 2 * count and found["refused"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(("damage", "count"), [(damaged_header, 1000), (damaged_content, 150)])
def test_many_damaged_files(sound: tuple[Sound, Sound], damage: Damage, count: int, tmp_path: Path) -> None:
    found = outcomes(sound, damage, range(10_000, 10_000 + count), tmp_path)
    print(f"\n{damage.__name__}: {dict(found)}")
    assert found.total() == 2 * count and found["worked"] > 0
