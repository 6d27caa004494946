"""Models and lanes in this process, placed on a device: llama.cpp takes its own CPU for one where it is told so."""

import llama_cpp.llama_cpp as lib
import pytest
from sparse_model import QWEN_HALF_B, write_sparse
from tiny_model import Shape, write_adapter, write_model

from alpha_umi.convert.gguf_reader import read_header
from alpha_umi.errors import EngineError, ModelFileError
from alpha_umi.runtime.engine import library
from alpha_umi.runtime.engine import pool as pool_module
from alpha_umi.runtime.engine.cancel import CancelFlag
from alpha_umi.runtime.engine.devices import devices, machine
from alpha_umi.runtime.engine.model import Model
from alpha_umi.runtime.engine.offload.machine import GIB, MIB, Device, Machine
from alpha_umi.runtime.engine.offload.needs import Binding, read_needs
from alpha_umi.runtime.engine.offload.shape import OUTPUTS, PIECE, shape
from alpha_umi.runtime.engine.pool import Pool

ROLES = ("planner", "caller", "summarizer")
FOUR = Shape(layers=4)


@pytest.fixture(scope="module")
def log():
    """The log is heard by llama.cpp as long as it lives; afterwards the binding's own takes its place."""
    from llama_cpp import llama_log_set
    from llama_cpp._logger import llama_log_callback

    yield library.start()
    llama_log_set(llama_log_callback, None)


@pytest.fixture(scope="module")
def four_layers(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "four.gguf", shape=FOUR)


@pytest.fixture
def make(log, monkeypatch):
    """A pool whose roles share a model, on a machine with one device that has so much room."""

    def make(path, *, layers="auto", free=8 * GIB, memory=8 * GIB, adapter=None, context=512):
        (cpu,) = devices()
        gpus = (Device(cpu.name, 9 * GIB, free),) if free else ()
        monkeypatch.setattr(pool_module, "machine", lambda: Machine(memory, memory, gpus))
        monkeypatch.setattr(pool_module, "offloading", lambda: [cpu])
        bindings = {role: Binding(path, adapter, context) for role in ROLES}
        return Pool(bindings, layers, 1, CancelFlag(), log)

    return make


def texts(facts, kind="plan"):
    return [fact["text"] for fact in facts if fact["kind"] == kind]


def logits(pool, role="planner"):
    lane = pool.lane(role)
    lane.evaluate(pool.model(role).vocabulary.tokens([("the file name", False)]))
    return lane.logits().copy()


def test_a_real_machine_has_memory_and_lists_no_cpu_as_a_device():
    found = machine()
    assert 0 < found.free <= found.memory
    assert "CPU" not in [device.name for device in found.devices]


@pytest.mark.parametrize(("layers", "expected"), [("auto", 5), ("off", 0), (2, 2), (99, 5)])
def test_layers_go_where_the_plan_says_and_the_scores_stay(make, four_layers, layers, expected):
    pool = make(four_layers, layers=layers)
    assert [fact["gpu_layers"] for fact in pool.describe() if fact["kind"] == "model"] == [expected]
    assert (logits(pool) == logits(make(four_layers, layers="off"))).all()


def test_without_room_on_the_device_all_stays_on_the_host(make, four_layers):
    assert texts(make(four_layers, free=MIB).memory()) == [
        "planner, caller, summarizer: four.gguf, 5 layers: 5 on host"
    ]


def small_device(monkeypatch, name, most):
    """A device on which no model of more than `most` layers, and no lane on such a model, finds room."""
    real = getattr(pool_module, name)
    layers = {}

    def load(path, offload, *rest):
        if sum(offload.layers) > most:
            raise ModelFileError("out of memory")
        return real(path, offload, *rest)

    def open_lane(model, *rest):
        if layers[model] > most:
            raise EngineError("out of memory")
        return real(model, *rest)

    def watched(path, offload, *rest):
        model = Model(path, offload, *rest)
        layers[model] = sum(offload.layers)
        return model

    if name == "Model":
        monkeypatch.setattr(pool_module, "Model", load)
    else:
        monkeypatch.setattr(pool_module, "Model", watched)
        monkeypatch.setattr(pool_module, "Lane", open_lane)


def test_a_model_that_does_not_fit_is_loaded_with_fewer_layers(make, four_layers, monkeypatch):
    expected = logits(make(four_layers, layers="off"))
    pool = make(four_layers)
    small_device(monkeypatch, "Model", 2)
    assert (logits(pool) == expected).all()
    assert texts(pool.memory()) == [
        "four.gguf: 5 layers on devices failed, 3 are tried (out of memory)",
        "four.gguf: 3 layers on devices failed, 1 are tried (out of memory)",
        "planner, caller, summarizer: four.gguf, 5 layers: 1 on CPU, 4 on host",
    ]


def test_a_context_that_does_not_fit_takes_layers_from_its_model(make, four_layers, monkeypatch):
    pool = make(four_layers)
    small_device(monkeypatch, "Lane", 4)
    facts = pool.memory()
    assert texts(facts)[-1] == "planner, caller, summarizer: four.gguf, 5 layers: 3 on CPU, 2 on host"
    assert [fact["of"] for fact in facts if fact["kind"] == "memory"] == ["four.gguf", *ROLES]


def test_on_the_host_a_failure_is_told(make, four_layers, monkeypatch):
    pool = make(four_layers)
    small_device(monkeypatch, "Model", -1)
    with pytest.raises(ModelFileError, match="out of memory"):
        pool.lane("planner")


def test_what_a_plan_computes_is_what_llama_cpp_would_take(log, tmp_path):
    """A model of half a billion weights, of which llama.cpp only simulates the allocations."""
    path = write_sparse(tmp_path / "half.gguf", QWEN_HALF_B)
    need = shape(read_header(path))
    params = lib.llama_model_default_params()
    params.no_alloc, params.load_mode = True, 0
    model = lib.llama_model_load_from_file(bytes(path), params)
    for context, flash in ((512, True), (8192, True), (512, False), (8192, False)):
        wanted = lib.llama_context_default_params()
        wanted.n_ctx, wanted.n_ubatch, wanted.n_outputs_max, wanted.n_seq_max = context, PIECE, OUTPUTS, 1
        wanted.flash_attn_type = int(flash)
        log.taken()
        pointer = lib.llama_init_from_model(model, wanted)
        taken = {one.use: one.bytes for one in log.taken()}
        lib.llama_free(pointer)
        assert taken["compute"] <= need.compute(context, flash) <= taken["compute"] + 2**21
    lib.llama_model_free(model)


def test_memory_is_told_for_each_part(make, four_layers, tmp_path):
    adapter = write_adapter(tmp_path / "lora.gguf", shape=FOUR)
    pool = make(four_layers, free=0, adapter=adapter, context=2048)
    facts = [fact for fact in pool.memory() if fact["kind"] == "memory"]
    used = {fact["of"]: {one["use"]: one["bytes"] for one in fact["buffers"]} for fact in facts}
    (need,) = read_needs(pool.bindings)
    assert used["four.gguf"]["model"] == pytest.approx(need.shape.weights, rel=0.05)
    for role in ROLES:
        assert used[role]["KV"] == need.shape.caches(2048)
        assert 0 < used[role]["compute"] <= need.shape.compute(2048, flash=False)
    assert "LoRA" in used["planner"] and "LoRA" not in used["caller"]


def test_a_model_larger_than_memory_is_refused_before_it_is_loaded(make, four_layers):
    with pytest.raises(EngineError, match=r"too little memory: four\.gguf: .* of weights do not fit"):
        make(four_layers, free=0, memory=100_000).lane("planner")


def test_a_context_larger_than_memory_is_refused_before_it_is_made(make, four_layers):
    with pytest.raises(EngineError, match=r"the contexts need .* set engine\.context to 512 or less"):
        make(four_layers, free=0, memory=9 * MIB, context=4096).lane("planner")
