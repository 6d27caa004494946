import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from engine_help import ask, prompt, start
from tiny_model import Shape, write_model

from alpha_umi.errors import EngineError, ModelFileError
from alpha_umi.runtime.engine.api import Delta, Finished, Request
from alpha_umi.runtime.engine.llama import EngineSettings, LlamaEngine, RoleModel

SLOW = Shape(layers=6, width=256, heads=4, kv_heads=4, inner=1024, context=8192)
LONG = prompt("<|user|>" + "0123456789" * 700)


@pytest.fixture(scope="module")
def slow_gguf(tmp_path_factory):
    """A model that needs seconds for a long prompt."""
    return write_model(tmp_path_factory.mktemp("models") / "slow.gguf", shape=SLOW)


def engine_processes():
    return [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]


def wait_for(condition, seconds=10.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_cancel_reaches_a_long_prompt(slow_gguf):
    with start(slow_gguf, context=8192) as engine:
        ask(engine, "<|user|>0", max_tokens=1)
        threading.Timer(0.1, engine.cancel).start()
        cut = ask(engine, LONG, max_tokens=5)
        assert (cut.reason, cut.text, cut.usage.generated) == ("cancelled", "", 0)
        assert cut.usage.evaluated <= cut.usage.prompt
        short = prompt("<|user|>" + "0123456789" * 20)
        after = ask(engine, short, max_tokens=10)
        ask(engine, "<|end|>", max_tokens=1)
        assert after.text == ask(engine, short, max_tokens=10).text


def test_cancel_reaches_a_running_text(tiny_gguf):
    with start(tiny_gguf) as engine:
        whole = ask(engine, "<|user|>text", max_tokens=1500)
        running = engine.generate(Request("planner", prompt("<|user|>text"), max_tokens=1500))
        shown = [next(running) for _ in range(5)]
        engine.cancel()
        *more, finished = running
        assert isinstance(finished, Finished)
        assert finished.reason == "cancelled"
        assert finished.text == "".join(delta.text for delta in [*shown, *more])
        assert whole.text.startswith(finished.text)
        assert 0 < finished.usage.generated < 1500
        assert ask(engine, "<|user|>text", max_tokens=1500).text == whole.text


def test_leaving_a_generation_cancels_it(tiny_gguf):
    with start(tiny_gguf) as engine:
        expected = ask(engine, "<|user|>file", max_tokens=10).text
        for _ in range(3):
            running = engine.generate(Request("planner", prompt("<|user|>text"), max_tokens=1900))
            assert isinstance(next(running), Delta)
            running.close()
        assert ask(engine, "<|user|>file", max_tokens=10).text == expected


def test_cancel_with_nothing_running_does_nothing(tiny_gguf):
    with start(tiny_gguf) as engine:
        engine.cancel()
        assert ask(engine, "<|user|>text", max_tokens=5).reason == "length"
        engine.cancel()
        assert ask(engine, "<|user|>text", max_tokens=5).reason == "length"


def test_cancel_before_the_model_is_loaded(slow_gguf):
    with start(slow_gguf) as engine:
        stopper = threading.Thread(target=cancel_until_idle, args=(engine, done := threading.Event()))
        stopper.start()
        assert ask(engine, "<|user|>text", max_tokens=500).reason == "cancelled"
        done.set()
        stopper.join()
        assert ask(engine, "<|user|>text", max_tokens=5).reason == "length"


def test_a_cancel_does_not_wait_for_what_cannot_be_stopped(tiny_gguf):
    with start(tiny_gguf) as engine:
        whole = ask(engine, "<|user|>text", max_tokens=1500).text
        running = engine.generate(Request("planner", prompt("<|user|>text"), max_tokens=1500))
        shown = next(running).text
        (child,) = engine_processes()
        child.send_signal(signal.SIGSTOP)
        engine.cancel()
        *more, finished = running
        assert (finished.reason, finished.text) == ("cancelled", shown + "".join(delta.text for delta in more))
        assert whole.startswith(finished.text)
        child.send_signal(signal.SIGCONT)
        assert ask(engine, "<|user|>text", max_tokens=1500).text == whole


def cancel_until_idle(engine, done):
    while not done.wait(0.001):
        engine.cancel()


@pytest.mark.parametrize("deadly", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
def test_a_dead_process_is_one_error(tiny_gguf, deadly):
    with start(tiny_gguf) as engine:
        expected = ask(engine, "<|user|>text", max_tokens=5).text
        running = engine.generate(Request("planner", prompt("<|user|>text"), max_tokens=1900))
        next(running)
        (child,) = engine_processes()
        child.send_signal(deadly)
        with pytest.raises(EngineError, match=rf"ended by signal {deadly.name}.*next request starts a fresh one"):
            list(running)
        assert ask(engine, "<|user|>text", max_tokens=5).text == expected


def test_a_process_that_dies_idle_is_replaced(tiny_gguf):
    with start(tiny_gguf) as engine:
        expected = ask(engine, "<|user|>text", max_tokens=5).text
        (child,) = engine_processes()
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert ask(engine, "<|user|>text", max_tokens=5).text == expected


def test_closing_ends_the_process(tiny_gguf):
    engine = start(tiny_gguf)
    (child,) = engine_processes()
    engine.close()
    engine.close()
    assert not child.is_running()
    with pytest.raises(EngineError, match="closed"):
        ask(engine, "<|user|>text")


def test_closing_ends_a_running_generation(tiny_gguf):
    engine = start(tiny_gguf)
    running = engine.generate(Request("planner", prompt("<|user|>text"), max_tokens=1900))
    next(running)
    engine.close()
    with pytest.raises(EngineError, match="closed while it worked"):
        list(running)


def test_a_role_without_a_model_is_named(tiny_gguf):
    with (
        LlamaEngine({"planner": RoleModel(tiny_gguf)}, EngineSettings(threads=1)) as engine,
        pytest.raises(EngineError, match="bound to the caller"),
    ):
        engine.context("caller")


def test_the_process_has_a_group_of_its_own(tiny_gguf):
    with start(tiny_gguf):
        (child,) = engine_processes()
        assert os.getpgid(child.pid) != os.getpgid(0)


def test_the_process_ends_with_its_parent(slow_gguf):
    script = (
        "import sys; from pathlib import Path\n"
        "from alpha_umi.runtime.engine.api import Request, Segment\n"
        "from alpha_umi.runtime.engine.llama import EngineSettings, LlamaEngine, RoleModel\n"
        "engine = LlamaEngine({'planner': RoleModel(Path(sys.argv[1]), context=8192)}, EngineSettings(threads=1))\n"
        "engine.context('planner'); print('ready', flush=True)\n"
        "list(engine.generate(Request('planner', (Segment('0123456789' * 700),))))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(slow_gguf)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"ready\n"
        (child,) = psutil.Process(parent.pid).children()
        parent.kill()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def make(path, content):
    path.write_bytes(content)
    return path


def test_bad_files_are_told_apart_at_once(tmp_path, tiny_gguf):
    whole = tiny_gguf.read_bytes()
    bad = {
        "cannot be read: No such file": tmp_path / "missing.gguf",
        "cannot be read: Is a directory": tmp_path,
        "is not a GGUF file": make(tmp_path / "text.gguf", b"hello there, this is no model at all"),
        "is cut off after 10 bytes": make(tmp_path / "short.gguf", whole[:10]),
    }
    for sentence, path in bad.items():
        with pytest.raises(ModelFileError, match=sentence) as caught:
            start(path)
        assert str(path) in str(caught.value)
        with pytest.raises(ModelFileError, match=sentence):
            LlamaEngine({"planner": RoleModel(tiny_gguf, adapter=path)})


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_an_error_and_no_crash(tmp_path, tiny_gguf, kept):
    whole = tiny_gguf.read_bytes()
    path = make(tmp_path / "cut.gguf", whole[: int(len(whole) * kept)])
    with start(path) as engine:
        with pytest.raises(ModelFileError, match=r"cut\.gguf"):
            ask(engine, "<|user|>text")
        make(tmp_path / "whole.gguf", whole).replace(path)
        assert ask(engine, "<|user|>text", max_tokens=5).reason == "length"


def test_a_model_is_no_adapter(tiny_gguf):
    with (
        LlamaEngine({"planner": RoleModel(tiny_gguf, adapter=tiny_gguf)}, EngineSettings(threads=1)) as engine,
        pytest.raises(ModelFileError, match="adapter"),
    ):
        ask(engine, "<|user|>text")


def test_a_model_that_llama_cpp_refuses_is_told_with_its_reason(tmp_path):
    path = write_model(tmp_path / "partial.gguf", edit=lambda tensors: tensors.pop("blk.1.ffn_down.weight"))
    with start(path) as engine, pytest.raises(ModelFileError, match=r"partial\.gguf.*blk\.1\.ffn_down\.weight"):
        ask(engine, "<|user|>text")


def test_damaged_weights_are_an_error(tmp_path):
    path = write_model(tmp_path / "nan.gguf", edit=lambda tensors: tensors["output_norm.weight"].fill(float("nan")))
    with start(path) as engine, pytest.raises(EngineError, match="no finite scores"):
        ask(engine, "<|user|>text")
