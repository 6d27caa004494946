"""A prompt as one user message of a model's own chat template."""

from __future__ import annotations

from functools import cache

from ...convert.template import render
from ...errors import ModelFileError
from ..engine.api import ChatTemplate, Prompt, Segment, merge

_PLACE = "\ue000"


def wrap(prompt: Prompt, template: ChatTemplate) -> Prompt:
    """The prompt between what the template puts before and after a user message.

    The template is foreign text: `convert.template` renders it under limits, and it sees a placeholder instead of the
    prompt, so nothing in the prompt can act as template or control text. ModelFileError if it cannot be used.
    """
    before, after = _around(template)
    return merge([Segment(before, control=True), *prompt, Segment(after, control=True)])


@cache
def _around(template: ChatTemplate) -> tuple[str, str]:
    """What stands before and after a user message."""
    try:
        text = render(
            template.source,
            {
                "messages": [{"role": "user", "content": _PLACE}],
                "add_generation_prompt": True,
                "bos_token": "",
                "eos_token": template.eos,
            },
        )
    except ModelFileError as error:
        raise ModelFileError(f"{error}; use another dialect") from error
    before, found, after = text.partition(_PLACE)
    if not found:
        raise ModelFileError("the model's chat template drops the user's message; use another dialect")
    return before, after
