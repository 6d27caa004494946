from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from alpha_umi.runtime.engine.text import TextStream

LETTERS = st.text("ab<|é\n", max_size=12)


def feed(stream, data, cuts):
    """What is shown when the bytes come in pieces."""
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    shown = [stream.push(data[start:end]) for start, end in pairwise(edges)]
    return "".join(shown) + stream.finish()


@given(LETTERS, st.lists(st.text("ab<|é", min_size=1, max_size=4), max_size=3), st.lists(st.integers(0, 40)))
@example("xab<|", ["<|é"], [4])
def test_text_ends_before_the_first_stop_string_however_it_is_cut(text, stop, cuts):
    stream = TextStream(stop)
    shown = feed(stream, text.encode(), cuts)
    assert shown == stream.text
    ends = [end for end in range(len(text) + 1) for string in stop if text[:end].endswith(string)]
    if not ends:
        assert shown == text
        assert not stream.stopped
    else:
        assert stream.stopped
        assert text.startswith(shown)
        assert not any(string in shown for string in stop)
        assert any(text[len(shown) :].startswith(string) for string in stop)


@given(st.text(max_size=20), st.lists(st.integers(0, 80)))
def test_pieces_are_whole_characters(text, cuts):
    data = text.encode("utf-8", "replace")
    assert feed(TextStream(), data, cuts) == data.decode()


def test_what_could_begin_a_stop_string_waits():
    stream = TextStream(["<|user|>"])
    assert stream.push(b"Hi <|us") == "Hi "
    assert stream.push(b"ual") == "<|usual"
    assert stream.push(b" <|user") == " "
    assert stream.push(b"|> more") == ""
    assert (stream.finish(), stream.text, stream.stopped) == ("", "Hi <|usual ", True)


def test_half_a_character_at_the_end_is_dropped():
    stream = TextStream()
    assert stream.push("aé".encode()[:2]) == "a"
    assert stream.finish() == ""
    assert stream.text == "a"
