import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lane_help import DEAR, FREE, make_lane, tokens, write
from tiny_model import write_model

from alpha_umi.convert.trio import find_trio
from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.engine.costs import LARGEST, SIZES, Costs, measuring
from alpha_umi.runtime.engine.drafts import FILLER, LONGEST_RUN, Chances, Lookup, foresee
from alpha_umi.runtime.engine.sampling import Sampler
from alpha_umi.runtime.grammars import caller_grammar, planner_grammar
from alpha_umi.runtime.history import Call, Plan, Result, User
from alpha_umi.runtime.paths import Paths
from alpha_umi.tools.spec import ToolSpec

pytestmark = pytest.mark.filterwarnings("ignore:llama_token:DeprecationWarning")  # llguidance's use of llama_cpp

PROMPT = "<|tools|>name the file, list the text.<|user|>you need milk, the garden path and milk<|plan|>"
SCHEMA = {"type": "object", "properties": {name: {"type": "string", "maxLength": 9} for name in ("path", "text")}}
GRAMMARS = {
    "free text": None,
    "a plan": "start: R (<|act|> | <|answer|>)\nR: /[^\\n]{0,60}/",
    "forced runs": 'start: ("1234" /[a-e]/ "(((" /[f-k]/ "9;9"){6}',
    "a call": f'start: ("read" | "reader") a\na: %json {json.dumps(SCHEMA)}',
    "repetition": 'start: ("the file name, " | "the garden path. "){9}',
}


@pytest.fixture(scope="module")
def lane(tiny_gguf):
    return make_lane(tiny_gguf)


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory):
    """A lane whose next token depends on the last one only: nothing is left that rounding could turn a draw with."""

    def forget(tensors):
        for name, tensor in tensors.items():
            if "attn_output" in name:
                tensor[:] = 0

    return make_lane(write_model(tmp_path_factory.mktemp("models") / "forgetful.gguf", edit=forget))


def written(lane, grammar, **how):
    """What a lane writes when everything is one batch, nothing is, and everything is guessed."""
    found = []
    for costs in (Costs(), DEAR, FREE):
        lane.costs = costs
        outcome = write(lane, PROMPT, grammar=grammar, **how)
        found.append((outcome.text, outcome.reason, outcome.generated, outcome.forced))
        assert len(lane.rewind(tokens(lane, PROMPT))) == 1, "the cache still begins with the prompt"
    return found


@pytest.mark.parametrize("grammar", GRAMMARS.values(), ids=GRAMMARS)
def test_batches_and_drafts_change_nothing(lane, grammar):
    assert len(set(written(lane, grammar))) == 1


@pytest.mark.parametrize("grammar", GRAMMARS.values(), ids=GRAMMARS)
@pytest.mark.parametrize("seed", range(4))
def test_batches_and_drafts_change_no_draw(forgetful, grammar, seed):
    assert len(set(written(forgetful, grammar, temperature=0.9, seed=seed))) == 1


def test_the_trained_trio_writes_the_same_however_it_is_computed():
    """Real weights, real prompts: scores of a batch and of single tokens differ in their last bits only."""
    dialect = load_dialect("nano")
    trio = find_trio("nano", Paths.find().trio_folders)
    tools = [ToolSpec(name=name, description=f"the {name}", parameters=SCHEMA) for name in ("read_file", "look_up")]
    said = [User("read notes.txt and tell me the third line of notes.txt")]
    said += [Plan("Read notes.txt.", "caller"), Call("read_file", '{"path":"notes.txt"}'), Result("ok", "a\nb\nmilk")]
    grammars = {
        "planner": planner_grammar(dialect, ("caller", "conclusion")),
        "caller": caller_grammar(dialect, tools, said),
        "summarizer": None,
    }
    for role, grammar in grammars.items():
        lane, texts = make_lane(trio.roles[role].model), set()
        for costs in (Costs(), DEAR, FREE):
            lane.costs = costs
            prompt = "".join(segment.text for segment in dialect.prompt(role, tools, said))
            texts.add(write(lane, prompt, grammar=grammar, max_tokens=120).text)
        assert len(texts) == 1


def test_drafts_save_evaluations(lane):
    decoded = {}
    for name, costs in (("dear", DEAR), ("free", FREE)):
        lane.costs, batches = costs, []
        lane.threads.ran = lambda size, seconds, batches=batches: batches.append(size)
        outcome = write(lane, PROMPT, grammar=GRAMMARS["repetition"], max_tokens=200)
        decoded[name] = len(batches)
        assert (outcome.accepted > 0) == (outcome.drafted > 0) == (name == "free")
        assert outcome.accepted <= outcome.drafted
    assert decoded["free"] < decoded["dear"] / 2


def test_a_draft_ends_where_the_tokens_or_the_context_do(tiny_gguf):
    small = make_lane(tiny_gguf, context=256)
    small.costs = FREE
    for budget in (1, 2, 7):
        assert write(small, PROMPT, grammar=GRAMMARS["repetition"], max_tokens=budget).generated == budget
    prompt = tokens(small, PROMPT)
    outcome = write(small, PROMPT, max_tokens=500)
    assert (outcome.reason, outcome.generated) == ("length", 256 - len(prompt) + 1)


def test_a_rejected_draw_is_drawn_again_from_what_is_allowed(lane):
    scores = np.full(lane.model.vocabulary.size, -3.0, np.float32)
    allowed = [tokens(lane, letter)[0] for letter in "abc"]
    scores[allowed] = (0.0, 1.0, 2.0)
    sampler = Sampler(1.0, seed=1)
    grammar = "start: /[abc]/"
    draws = [sampler.choose(scores, lane.model.grammars.constraint(grammar)) for _ in range(4000)]
    chance = np.exp([0.0, 1.0, 2.0]) / np.exp([0.0, 1.0, 2.0]).sum()
    found = np.array([draws.count(token) for token in allowed]) / len(draws)
    assert found.sum() == 1
    assert np.abs(found - chance).max() < 0.04


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.lists(st.integers(0, 3), max_size=20))
def test_a_guess_follows_the_latest_longest_run(first, more):
    lookup = Lookup(first)
    lookup.extend(more)
    text = [*first, *more]
    guess, run = lookup.guess(5)
    runs = {
        place: next(
            (n for n in range(LONGEST_RUN, 0, -1) if n <= place and text[place - n : place] == text[-n:]),
            0,
        )
        for place in range(1, len(text))
    }
    longest = max(runs.values(), default=0)
    assert run == longest
    if longest:
        place = max(place for place, found in runs.items() if found == longest)
        assert guess == text[place : place + 5]
    else:
        assert guess == []


def foreseen(lane, grammar, text="", most=15):
    """What is foreseen after a text: guesses with what they rest on, dictated tokens with None."""
    constraint = None if grammar is None else lane.model.grammars.constraint(grammar)
    lookup = Lookup(tokens(lane, text))
    draft = foresee(lookup, constraint, Chances(), most)
    assert lookup.guess(most) == Lookup(tokens(lane, text)).guess(most), "looking ahead leaves no trace"
    pieces = [lane.model.vocabulary.piece(token).decode() for token in draft.tokens]
    return list(zip(pieces, draft.kinds, strict=True)), draft


def test_a_draft_goes_on_through_what_the_grammar_dictates(lane):
    found, draft = foreseen(lane, 'start: ("a" | "b") "::" ("c" | "d") "!" /[0-9]/', "b::d!7 a")
    assert found == [(" a", FILLER)], "the last token, since nothing is allowed that followed it"
    assert (draft.guesses, draft.wanted(1)) == (0, [0, 1])
    found, draft = foreseen(lane, 'start: ("a" | "b") "::" ("c" | "d") "!" /[0-9]/ "."', "5a::d!7 5")
    assert found == [("a", 1), (":", None), (":", None), ("d", 4), ("!", None)]
    assert (draft.guesses, draft.wanted(2)) == (2, [1, 4, 6])
    assert draft.first(3).wanted(1) == [0, 3]


def test_what_ends_a_grammar_is_not_drafted(lane):
    assert foreseen(lane, 'start: "a" | "b"', "5a5")[0] == [("5", FILLER)]
    assert foreseen(lane, None, "5a5", most=2)[0] == [("a", 1), ("5", 2)]


def test_chances_follow_what_came():
    chances = Chances()
    first = chances.of([FILLER, 1, 2, 3, LONGEST_RUN])
    assert first == sorted(first) and all(0 < chance < 1 for chance in first)
    for _ in range(200):
        chances.learn(2, True)
        chances.learn(1, False)
    assert chances.of([1])[0] < 0.05 < 0.95 < chances.of([2])[0] < 1
    assert chances.of([None, 1])[0] == 1


def test_costs_decide_on_batches():
    slow_pairs = Costs([1, 3, 3.2, 1.5, 5, 2, 3, 4], [1, 3, 3.2, 1.5, 5, 2, 3, 4])
    assert slow_pairs.split(2) == (1, 1)
    assert slow_pairs.split(4) == (4,)
    assert slow_pairs.split(5) == (4, 1)
    assert slow_pairs.split(2, rows=2) == (2,)
    assert slow_pairs.split(500) == (500,)
    assert slow_pairs.draft(1, [0.9] * 3) == 3
    assert slow_pairs.draft(1, [0.9]) == 0
    assert slow_pairs.draft(1, [0.05] * 7) == 0
    assert Costs([2, 1, 2, 3, 4, 5, 6, 7], [2, 1, 2, 3, 4, 5, 6, 7]).draft(1, [0.01]) == 1, "two cost less than one"
    assert slow_pairs.draft(1, [0.9, 1.0, 1.0]) == 3, "two more cost nothing here"
    assert slow_pairs.draft(1, [0.9, 0.9, 0.9, 1.0, 0.01]) == 4, "a draft does not end before a certain token"
    assert Costs().split(9) == (9,) and Costs().draft(1, [0.99] * 9) == 0
    for size in range(1, LARGEST + 1):
        for rows in range(1, size + 1):
            sizes = slow_pairs.split(size, rows)
            assert sum(sizes) == size and sizes[-1] >= rows


def test_measured_costs_are_the_least_of_their_rounds():
    asked, made = [], []

    def seconds(size, rows):
        asked.append((size, rows))
        return size + rows / 10 + (5 if len(asked) < 30 else 0)

    for step in measuring(seconds, made.append):
        step()
    costs = made[-1]
    assert [each.rounds for each in made] == list(range(1, len(made) + 1)) and len(made) >= 3
    assert [costs.of(size, 0) for size in SIZES] == list(SIZES)
    assert costs.of(8, 1) == pytest.approx(8.1)
    assert costs.of(10, 10) == pytest.approx(11.0)
    assert costs.of(32, 0) > costs.of(16, 0)


def test_measuring_leaves_the_cache_as_it_was(lane):
    lane.costs = Costs()
    expected = write(lane, PROMPT).text
    kept = list(lane.cached)
    assert lane.time(8, 8) > 0
    assert lane.time(16, 0) > 0
    assert lane.cached == kept
    assert write(lane, PROMPT).text == expected


def test_more_scores_than_the_memory_holds_are_refused_before_llama_cpp_aborts(lane):
    with pytest.raises(ValueError, match="17 rows"):
        lane.evaluate([1] * 17, range(17))
