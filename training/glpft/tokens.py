"""From role samples to token ids: the same tokens that the runtime reads and that llama.cpp writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...convert.config import read_config
from ...convert.probe import Text
from ...convert.source_tokenizer import SourceTokenizer
from ...convert.tokenizer import read_vocabulary
from ...errors import ModelFileError
from ...runtime.dialects import Dialect
from ...runtime.dialects.chat import wrap
from ...runtime.engine.api import ChatTemplate, Prompt


@dataclass(frozen=True, slots=True)
class Row:
    """Token ids of a sample; the first `given` of them are read, the rest is what the role learns to write."""

    ids: NDArray[np.int32]
    given: int


class Encoder:
    """Encodes the samples of a dialect with the tokenizer of a checkpoint.

    Raises ModelFileError where the checkpoint is of a family that cannot be converted, since no trio could come of it,
    and where its tokenizer lacks what the dialect needs.
    """

    def __init__(self, folder: Path, dialect: Dialect) -> None:
        self.vocabulary = read_vocabulary(folder, read_config(folder))
        self._source = SourceTokenizer(folder, self.vocabulary)
        self._chat: ChatTemplate | None = None
        missing = [token for token in dialect.form.control if token not in self.vocabulary.tokens]
        if missing:
            raise ModelFileError(
                f"the tokenizer in {folder} has no token {missing[0]!r}, which dialect {dialect.name} needs: choose "
                "the dialect chat, or another base"
            )
        if dialect.form.chat_template:
            if self.vocabulary.chat_template is None:
                raise ModelFileError(f"the tokenizer in {folder} has no chat template, which dialect chat needs")
            bos, eos = self.vocabulary.bos, self.vocabulary.eos
            tokens = self.vocabulary.tokens
            self._chat = ChatTemplate(
                self.vocabulary.chat_template, tokens[bos] if bos is not None else "", tokens[eos]
            )

    def row(self, prompt: Prompt, completion: Prompt) -> Row:
        """The sample as ids. A completion that ends in plain text is followed by the token that ends a generation."""
        vocabulary = self.vocabulary
        asked = self._segments(wrap(prompt, self._chat) if self._chat else prompt)
        if vocabulary.add_bos and vocabulary.bos is not None:
            asked = [vocabulary.bos, *asked]
        said = self._continued(completion)
        if not completion or not completion[-1].control:
            said.append(vocabulary.eos)
        return Row(np.array([*asked, *said], dtype=np.int32), len(asked))

    def _segments(self, prompt: Prompt) -> list[int]:
        return [id for segment in prompt for id in self._encode(segment.text, segment.control)]

    def _continued(self, completion: Prompt) -> list[int]:
        """The ids of what follows a prompt: SentencePiece puts no space before it."""
        if not (self.vocabulary.space_prefix and completion and not completion[0].control):
            return self._segments(completion)
        lead = self._encode("\n", False)
        return self._encode("\n" + completion[0].text, False)[len(lead) :] + self._segments(completion[1:])

    def _encode(self, text: str, control: bool) -> list[int]:
        return self._source.encode(Text(text=text, control=control))


def fitted(row: Row, context: int, overlong: str) -> Row | None:
    """The row if it fits the context; else None, or the row without the beginning of its prompt (`overlong` is cut)."""
    excess = len(row.ids) - context
    if excess <= 0:
        return row
    if overlong == "skip" or excess >= row.given:
        return None
    return Row(row.ids[excess:], row.given - excess)


def total(rows: Sequence[Row]) -> int:
    """Tokens in all."""
    return sum(len(row.ids) for row in rows)
