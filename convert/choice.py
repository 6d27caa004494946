"""Which files of a repository are fetched: what a model needs, never code, pickles only where allowed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import ModelFileError
from .hub import RemoteFile, Snapshot

PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
ABOUT = re.compile(
    r"config\.json|generation_config\.json|tokenizer[A-Za-z0-9._-]*\.(json|model)|special_tokens_map\.json"
    r"|added_tokens\.json|vocab\.json|merges\.txt|chat_template\.(jinja|json)|README\.md|LICENSE[A-Za-z0-9._-]*"
    r"|adapter_config\.json"
)
SAFE = re.compile(r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?|adapter_model\.safetensors")
PICKLED = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?|adapter_model\.bin")
WEIGHTS = re.compile(r".*\.(safetensors|bin)")
PART_OF_SPLIT = re.compile(r".*-\d{5}-of-\d{5}\.gguf")


def choose(snapshot: Snapshot, file: str | None = None, allow_pickle: bool = False) -> tuple[RemoteFile, ...]:
    """The files to fetch: `file` if it is named, the only GGUF file where there is no checkpoint, else the checkpoint.

    Raises ModelFileError where that is not clear, or where only pickled weights are there and not allowed.
    """
    files = {entry.path: entry for entry in snapshot.files if PLAIN.fullmatch(entry.path)}
    ready = sorted(path for path in files if path.lower().endswith(".gguf"))
    if file is not None:
        if file not in ready:
            raise ModelFileError(f"{snapshot.repo} has no GGUF file {file}; it has: {_listed(ready)}")
        return (_whole(snapshot, files[file]),)
    safe, pickled = _matching(files, SAFE), _matching(files, PICKLED)
    if not _holds_weights(safe) and not _holds_weights(pickled):
        if len(ready) == 1:
            return (_whole(snapshot, files[ready[0]]),)
        if ready:
            raise ModelFileError(f"{snapshot.repo} has several GGUF files, name one with --file: {_listed(ready)}")
        raise ModelFileError(f"{snapshot.repo} holds neither safetensors weights nor a GGUF file")
    if not _holds_weights(safe) and not allow_pickle:
        raise ModelFileError(
            f"{snapshot.repo} holds only pickled weights ({pickled[0]}), a format that can hold code: with "
            "--allow-pickle they are fetched, and read by a reader that knows tensors and nothing else"
        )
    weights = safe if _holds_weights(safe) else pickled
    return tuple(files[path] for path in sorted([*_matching(files, ABOUT), *weights]))


def is_ready(files: Sequence[RemoteFile]) -> bool:
    """Whether the chosen files are one GGUF file, with nothing to convert."""
    return len(files) == 1 and files[0].path.lower().endswith(".gguf")


def _whole(snapshot: Snapshot, file: RemoteFile) -> RemoteFile:
    if PART_OF_SPLIT.fullmatch(file.path):
        raise ModelFileError(
            f"{snapshot.repo}: {file.path} is one part of a split model, which umi does not join: choose a file in one "
            "piece, or fetch the parts yourself and join them with llama-gguf-split --merge"
        )
    return file


def _matching(files: dict[str, RemoteFile], pattern: re.Pattern[str]) -> list[str]:
    return sorted(path for path in files if pattern.fullmatch(path))


def _holds_weights(paths: Sequence[str]) -> bool:
    return any(WEIGHTS.fullmatch(path) for path in paths)


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(paths[:30]) + (f" and {len(paths) - 30} more" if len(paths) > 30 else "") or "none"
