import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alpha_umi.text import inert, one_line, printable, printable_json


@given(st.text(st.characters(codec=None)))
@example("\x1b]52;c;aGk=\x07\x9b31m\u202eabc\u2028\udc80")
def test_nothing_that_steers_a_terminal_is_left(text):
    shown = printable(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in "\n\t"]
    assert printable(shown) == shown


def test_ordinary_text_of_every_script_stays_as_it_is():
    text = "Grüße, 日本語, שלום, مرحبا, 👩\u200d🚀\n\tdone"
    assert printable(text) == text


def test_escapes_are_visible_and_line_ends_are_one():
    assert printable("a\r\nb\x1b[31m\u202e") == "a\nb\\x1b[31m\\u202e"


def test_one_line_says_that_it_cut():
    assert one_line(" a\n b\tc ", 10) == "a b c"
    assert one_line("abcdefgh", 5) == "abcd…"


@given(st.text(), st.sampled_from(["utf-8", "UTF8", "ascii", "latin-1"]))
def test_json_means_the_same_and_fits_the_terminal(text, encoding):
    line = json.dumps({"text": text}, ensure_ascii=False)
    shown = printable_json(line, encoding)
    assert json.loads(shown) == {"text": text}
    assert printable(shown) == shown
    assert encoding in ("utf-8", "UTF8") or shown.isascii()


@pytest.mark.parametrize("mark", ["\u061c", "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069"])
def test_every_mark_that_reorders_text_is_visible(mark):
    assert printable(f"a{mark}b") == f"a\\u{ord(mark):04x}b"


def test_selectors_and_tags_that_smuggle_text_are_visible():
    assert printable("a\U000e0041\U000e0101") == "a\\U000e0041\\U000e0101"


TOKENS = [
    *(
        "<|im_start|>",
        "<|eot_id|>",
        "<|call|>",
        "<|start_header_id|>",
        "<｜begin▁of▁sentence｜>",
        "</s>",
        "<s>",
        "<BOS>",
    ),
    *("<BOS>", "<start_of_turn>", "<end_of_turn>", "<tool_call>", "</think>", "<unused12>", "[INST]", "[/INST]"),
    *("<<SYS>>", "<</SYS>>", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]"),
]


@pytest.mark.parametrize("token", TOKENS)
def test_no_string_that_a_model_takes_for_a_control_token_is_left(token):
    for text in (token, f"a{token}b", token * 3, token.replace("<", "<\x1b", 1) + token):
        shown = inert(text)
        assert token not in shown
        assert inert(shown) == shown
    assert inert(token).replace(" ", "") == token


@given(st.text(st.sampled_from("<|>/[] sINTim_start\x1b\u202e")))
def test_what_is_inert_stays_so(text):
    assert inert(inert(text)) == inert(text)
    assert not [token for token in TOKENS if token in inert(text)]


def test_ordinary_brackets_stay_as_they_are():
    text = "if a < b | c > d: x[0] = y[INSTANCE]; <div><span>a</span></div> a <| b |> c\n<string>"
    assert inert(text) == text
