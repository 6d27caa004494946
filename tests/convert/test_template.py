"""A chat template is foreign code: it renders, or it is refused, and the program goes on."""

from __future__ import annotations

import pytest

from alpha_umi.convert.template import TemplateBoundsError, render
from alpha_umi.errors import ModelFileError

VALUES = {"messages": [{"role": "user", "content": "hello"}], "eos_token": "</s>"}


def test_renders_what_models_bring() -> None:
    source = (
        "{% for message in messages %}{% if message.role == 'tool' %}{% continue %}{% endif %}"
        "<|{{ message.role }}|>{{ message.content | trim }}{{ eos_token }}{{ '\\r\\n' }}{% endfor %}"
    )
    assert render(source, VALUES) == "<|user|>hello</s>\r\n"


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages[0].content.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{{ messages.append(1) }}",
        "{{ raise_exception('system first') }}",
        "{{ 1 // 0 }}",
        "{% for message in messages %}",
        "{{ messages | attr('__class__') + 1 }}",
        "{{ messages[7].content }}",
        "{{ 'a' % }}",
    ],
)
def test_refused_with_a_sentence(source: str) -> None:
    with pytest.raises(ModelFileError, match="chat template cannot be rendered: ") as raised:
        render(source, VALUES)
    assert "\n" not in str(raised.value) and not isinstance(raised.value, TemplateBoundsError)


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'a' * 10 ** 10 }}",
        "{{ 9 ** (9 ** 9) }}",
        "{% for a in range(9999) %}{{ 'a' * 9999 }}{% endfor %}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{{ " + "(" * 20000 + ")" * 20000 + " }}",
    ],
)
def test_what_would_not_end_is_ended(source: str) -> None:
    with pytest.raises(ModelFileError, match="chat template cannot be"):
        render(source, VALUES, seconds=0.5)
