import json
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from alpha_umi.text import one_line, printable, printable_json


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
