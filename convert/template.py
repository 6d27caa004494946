"""Rendering a model's chat template, which is foreign code: in Jinja's sandbox, in a child with limits.

Run as `python -m alpha_umi.convert.template`: one request as JSON on standard input, the text as JSON on
standard output.
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from ..errors import ModelFileError
from . import child

SECONDS, PATIENCE, MEMORY, LONGEST = 3.0, 60.0, 256 << 20, 1 << 17
FAILURES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Request(BaseModel):
    """source: the template. values: what it may use. seconds: of processor time."""

    source: str
    values: dict[str, Any]
    seconds: float


class TemplateBoundsError(ModelFileError):
    """The template takes more time, memory or room than a prompt may."""


def render(source: str, values: dict[str, Any], seconds: float = SECONDS) -> str:
    """What a chat template makes of `values`.

    seconds: of processor time, so that a busy machine refuses no template. Raises ModelFileError where it cannot be
    rendered, TemplateBoundsError where it would not end or grow too long.
    """
    return _render(Request(source=source, values=values, seconds=seconds).model_dump_json())


@lru_cache(maxsize=64)
def _render(request: str) -> str:
    try:
        text: str = json.loads(child.ask(f"{__package__}.template", request, PATIENCE))
    except child.ChildError as error:
        if error.how == "refused it":
            raise ModelFileError(f"the model's chat template cannot be rendered: {error.said}") from None
        raise TemplateBoundsError(f"the model's chat template cannot be used: rendering it {error.how}") from None
    if len(text) > LONGEST:
        raise TemplateBoundsError(f"the model's chat template cannot be used: it writes over {LONGEST} characters")
    return text


def _refuse(message: str) -> None:
    raise ValueError(message)


def main() -> int:
    """Render one request; status 1 with one line on standard error where that fails."""
    request = Request.model_validate_json(sys.stdin.read())
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    child.limit_self(MEMORY, request.seconds)
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = _refuse
    try:
        pieces = environment.from_string(request.source).generate(**request.values)
        text = ""
        for piece in pieces:
            text += piece
            if len(text) > LONGEST:
                break
    except (TemplateError, *FAILURES) as error:
        print(f"{type(error).__name__}: {error}".replace("\n", " "), file=sys.stderr)
        return 1
    sys.stdout.write(json.dumps(text))
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
