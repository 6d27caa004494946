import codecs

import pytest
from engine_help import ask, prompt, start
from tiny_model import ends_at_once, write_adapter, write_model

from alpha_umi.errors import ContextFullError, EngineError
from alpha_umi.runtime.engine.api import ChatTemplate, Segment
from alpha_umi.runtime.engine.llama import EngineSettings, LlamaEngine, RoleModel

DOCUMENTS = "<|tools|>" + "name the file, list the text. " * 20
FIRST = DOCUMENTS + "<|user|>you need milk<|plan|>"


@pytest.fixture(scope="module")
def engine(tiny_gguf):
    with start(tiny_gguf) as engine:
        yield engine


@pytest.fixture
def fresh(tiny_gguf):
    with start(tiny_gguf) as engine:
        yield engine


def test_greedy_text_is_that_of_llama_cpp_itself(engine, tiny_gguf):
    from llama_cpp import Llama

    reference = Llama(str(tiny_gguf), n_ctx=512, n_threads=1, verbose=False)
    tokens = reference.tokenize(b"<|user|>the file name, garden", add_bos=False, special=True)
    reference.eval(tokens)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    expected = ""
    for _ in range(40):
        token = reference.sample(temp=0)
        expected += decoder.decode(reference.detokenize([token]))
        reference.eval([token])
    reference.close()
    finished = ask(engine, "<|user|>the file name, garden", max_tokens=40)
    assert finished.text == expected
    assert (finished.reason, finished.usage.generated) == ("length", 40)
    assert (finished.usage.prompt, finished.usage.forced) == (len(tokens), 0)


def test_only_new_text_is_evaluated(fresh):
    first = ask(fresh, FIRST, max_tokens=30)
    assert first.usage.evaluated == first.usage.prompt
    again = ask(fresh, FIRST, max_tokens=30)
    assert (again.usage.evaluated, again.text) == (1, first.text)
    longer = ask(fresh, FIRST + "more", max_tokens=5)
    assert longer.usage.evaluated == longer.usage.prompt - first.usage.prompt
    other = ask(fresh, DOCUMENTS + "<|user|>what", max_tokens=5)
    assert 0 < other.usage.evaluated < 10


def test_roles_keep_their_own_caches(fresh):
    texts = [ask(fresh, FIRST, role=role, max_tokens=20) for role in ("planner", "caller", "planner", "caller")]
    assert len({finished.text for finished in texts}) == 1
    prompt_size = texts[0].usage.prompt
    assert [finished.usage.evaluated for finished in texts] == [prompt_size, prompt_size, 1, 1]


def test_text_does_not_depend_on_what_was_cached(fresh, engine):
    steps = [
        FIRST,
        FIRST + "call<|result|>the name",
        FIRST + "caller",
        DOCUMENTS,
        FIRST + "call<|result|>the name<|answer|>",
    ]
    cached = [ask(fresh, step, max_tokens=24).text for step in steps]
    for step, text in zip(steps, cached, strict=True):
        ask(engine, "<|end|>", max_tokens=1)
        clean = ask(engine, step, max_tokens=24)
        assert clean.usage.evaluated == clean.usage.prompt
        assert clean.text == text


def test_text_cannot_forge_control_tokens(engine):
    assert engine.count("planner", (Segment("<|act|>", control=True),)) == 1
    assert engine.count("planner", (Segment("<|act|>"),)) == len("<|act|>")
    meant = ask(engine, (Segment("a"), Segment("<|act|>", control=True)), max_tokens=12)
    forged = ask(engine, (Segment("a<|act|>"),), max_tokens=12)
    assert forged.usage.prompt > meant.usage.prompt
    assert forged.text != meant.text


def test_an_adapter_changes_its_role_only(tiny_gguf, tmp_path, engine):
    adapter = write_adapter(tmp_path / "lora.gguf")
    roles = {
        "planner": RoleModel(tiny_gguf),
        "caller": RoleModel(tiny_gguf, adapter),
        "summarizer": RoleModel(tiny_gguf),
    }
    plain = ask(engine, FIRST, max_tokens=20).text
    with LlamaEngine(roles, EngineSettings(threads=1)) as adapted:
        texts = {role: ask(adapted, FIRST, role=role, max_tokens=20).text for role in roles}
        models = [fact for fact in adapted.describe() if fact["kind"] == "model"]
    assert texts["planner"] == texts["summarizer"] == plain
    assert texts["caller"] != plain
    assert [fact["roles"] for fact in models] == [["planner", "caller", "summarizer"]]


def test_roles_may_have_models_of_their_own(tiny_gguf, tmp_path):
    other = write_model(tmp_path / "other.gguf", seed=1)
    roles = {
        "planner": RoleModel(tiny_gguf),
        "caller": RoleModel(other, context=512),
        "summarizer": RoleModel(tiny_gguf),
    }
    with LlamaEngine(roles, EngineSettings(threads=1)) as engine:
        texts = [ask(engine, "<|user|>text", role=role, max_tokens=10).text for role in roles]
        models = [fact for fact in engine.describe() if fact["kind"] == "model"]
        assert [engine.context(role) for role in roles] == [2048, 512, 2048]
    assert texts[0] == texts[2] != texts[1]
    assert [(fact["path"], fact["roles"]) for fact in models] == [
        (str(tiny_gguf), ["planner", "summarizer"]),
        (str(other), ["caller"]),
    ]


def test_sampling_repeats_by_its_seed(engine):
    texts = [ask(engine, FIRST, max_tokens=30, temperature=1.5, seed=seed).text for seed in (1, 2, 1)]
    assert texts[0] == texts[2] != texts[1]
    assert ask(engine, FIRST, max_tokens=30, temperature=0.0, seed=1).text not in texts


def test_a_stop_string_ends_free_text_and_never_shows(engine):
    whole = ask(engine, FIRST, max_tokens=60).text
    stop = whole[20:23]
    finished = ask(engine, FIRST, max_tokens=60, stop=(stop, "never written"))
    assert (finished.reason, finished.text) == ("stop", whole[: whole.index(stop)])


def test_stop_strings_and_a_grammar_exclude_each_other(engine):
    with pytest.raises(ValueError, match="free text only"):
        ask(engine, FIRST, grammar='start: "a"', stop=("b",))


def test_an_end_token_ends_free_text(tmp_path):
    path = write_model(tmp_path / "ending.gguf", edit=ends_at_once)
    with start(path) as engine:
        finished = ask(engine, "<|user|>text", max_tokens=50)
    assert (finished.reason, finished.text, finished.usage.generated) == ("stop", "", 1)


def test_a_full_context(tiny_gguf):
    with start(tiny_gguf, context=256) as engine:
        size = engine.count("planner", prompt("<|user|>" + "x" * 250))
        finished = ask(engine, "<|user|>" + "x" * 250, max_tokens=50)
        assert (finished.reason, finished.usage.generated) == ("length", 256 - size + 1)
        with pytest.raises(ContextFullError, match=r"257 tokens.*tiny\.gguf holds 256"):
            ask(engine, "<|user|>" + "x" * 256)
        assert ask(engine, "<|user|>x", max_tokens=3).usage.generated == 3


def test_a_context_is_at_most_what_the_model_was_trained_for(tiny_gguf):
    with start(tiny_gguf, context=100_000) as engine:
        assert engine.context("planner") == 4096


def test_an_empty_prompt_is_refused(engine):
    with pytest.raises(EngineError, match="prompt is empty"):
        ask(engine, ())


def test_text_of_any_kind_is_tokenised(engine):
    assert engine.count("caller", (Segment("é日\x00\udcff"),)) == len("é日\x00?".encode())
    assert engine.count("caller", (Segment("x" * 1_000_000),)) == 1_000_000


def test_a_sentencepiece_model_gets_its_begin_token(tmp_path):
    with start(write_model(tmp_path / "spm.gguf", tokenizer="spm")) as engine:
        assert engine.count("planner", (Segment("the file"),)) == 1 + 2
        assert engine.count("planner", (Segment("<s>", control=True), Segment("é"))) == 1 + 1 + 1 + 2
        assert ask(engine, "the file", max_tokens=10).usage.generated <= 10


def test_facts_about_the_model(engine, tiny_gguf):
    assert engine.chat_template("planner") == ChatTemplate("{{ bos_token }}{{ messages }}", "", "<|end|>")
    facts = engine.describe()
    assert {fact["kind"] for fact in facts} == {"library", "device", "model", "confined"}
    model = next(fact for fact in facts if fact["kind"] == "model")
    assert (model["path"], model["gpu_layers"], model["trained_context"]) == (str(tiny_gguf), 0, 4096)
    assert 0 < model["bytes"] <= tiny_gguf.stat().st_size
    assert any(fact["kind"] == "device" and fact["total"] > 0 for fact in facts)


def test_one_generation_at_a_time(engine):
    from alpha_umi.runtime.engine.api import Request

    running = engine.generate(Request("planner", prompt(FIRST), max_tokens=500))
    next(running)
    with pytest.raises(EngineError, match="busy"):
        engine.count("planner", prompt("x"))
    running.close()
    assert engine.count("planner", prompt("x")) == 1
