"""`umi models imatrix`: which columns of a model's weights matter, told by text like that of its work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..errors import UsageError
from .probe import Text
from .progress import bar
from .trio import DIALECTS, ROLES, Role

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=FILE)
@click.argument("destination", type=FILE)
@click.option("--text", "texts", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--sessions", is_flag=True, help="Read what the roles read and wrote in your recorded sessions.")
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="Of these roles only.  [default: all]")
@click.option("--dialect", type=click.Choice(DIALECTS), help="How prompts are written.  [default: as your trio does]")
@click.option("--tokens", type=click.IntRange(1), default=50_000, show_default=True, help="Most to read.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@click.pass_obj
def imatrix(
    home: Any,
    model: Path,
    destination: Path,
    texts: tuple[Path, ...],
    sessions: bool,
    roles: tuple[Role, ...],
    dialect: str | None,
    tokens: int,
    force: bool,
) -> None:
    """Let the GGUF file MODEL read text, and write the importance matrix DESTINATION for `umi models quantise`.

    The text is that of your sessions or of files (--text, several are possible).
    """
    from .imatrix import Passage, make_imatrix

    if destination.exists() and not force:
        raise UsageError(f"{destination} exists; add --force to replace it")
    passages: list[Passage] = [_whole(file) for file in texts]
    told = [file.name for file in texts]
    if sessions:
        chosen = roles or ROLES
        recorded = [
            [Text(text=piece.text, control=piece.control) for piece in prompt]
            for prompt in home.passages(dialect, chosen, _template(model))
        ]
        if not recorded:
            raise UsageError(
                "there are no recorded sessions yet; ask umi some things first, or name a file with --text"
            )
        passages += recorded
        told.append(f"{len(recorded)} passages of {', '.join(chosen)}")
    if not passages:
        raise UsageError("nothing to read: add --sessions, or --text with a file")
    with bar("reading", "{:,} tokens".format) as progress:
        made = make_imatrix(model, destination, passages, "; ".join(told), tokens=tokens, progress=progress)
    click.echo(f"{destination}: {made.weights} weights, from {made.chunks} pieces of text ({'; '.join(made.datasets)})")
    click.echo(f"sha256    {made.sha256}")


def _whole(file: Path) -> list[Text]:
    try:
        return [Text(text=file.read_text(encoding="utf-8"), control=False)]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not text in UTF-8 ({error}); name a text file") from error


def _template(model: Path) -> tuple[str, str] | None:
    """A model's chat template and its end-of-text token."""
    from .gguf_check import check_gguf
    from .gguf_reader import Strings, read_header

    check_gguf(model)
    metadata = read_header(model).metadata
    source, tokens = metadata.get("tokenizer.chat_template"), metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, Strings)
    end = tokens.items[int(str(metadata["tokenizer.ggml.eos_token_id"]))]
    return (source, end.decode("utf-8", "replace")) if isinstance(source, str) else None
