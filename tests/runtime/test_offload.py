import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sparse_model import LLAMA_7B, QWEN_7B, QWEN_HALF_B, write_sparse
from tiny_model import Shape as TinyShape
from tiny_model import write_adapter, write_model

from alpha_umi.convert.gguf_reader import read_header
from alpha_umi.errors import ConfigError, ModelFileError
from alpha_umi.runtime.engine.offload.machine import GIB, MIB, Device, Machine, read_machine
from alpha_umi.runtime.engine.offload.needs import Binding, read_needs
from alpha_umi.runtime.engine.offload.plan import LaneNeed, ModelNeed, fewer, plan
from alpha_umi.runtime.engine.offload.shape import Shape, shape

ROLES = ("planner", "caller", "summarizer")

NO_GPU = 'memory = "16 GiB"'
GPU_4 = 'memory = "16 GiB"\n[[devices]]\nname = "CUDA0"\nmemory = "4 GiB"\nfree = "3.7 GiB"'
GPU_8 = 'memory = "16 GiB"\n[[devices]]\nname = "CUDA0"\nmemory = "8 GiB"\nfree = "7.6 GiB"'
GPU_24 = 'memory = "64 GiB"\n[[devices]]\nname = "CUDA0"\nmemory = "24 GiB"\nfree = "23.5 GiB"'
APPLE_16 = 'memory = "16 GiB"\nfree = "11 GiB"\n[[devices]]\nname = "MTL0"\nmemory = "12.5 GiB"\nunified = true'
APPLE_64 = 'memory = "64 GiB"\n[[devices]]\nname = "MTL0"\nmemory = "48 GiB"\nfree = "48 GiB"\nunified = true'
TWO_8 = GPU_8 + '\n[[devices]]\nname = "CUDA1"\nmemory = "8 GiB"\nfree = "7.6 GiB"'


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sparse")
    sizes = {"llama": LLAMA_7B, "qwen": QWEN_7B, "half": QWEN_HALF_B}
    return {name: shape(read_header(write_sparse(folder / f"{name}.gguf", size))) for name, size in sizes.items()}


def three(shape):
    return [ModelNeed(Path(f"{role}.gguf"), shape, (LaneNeed(role, 4096),)) for role in ROLES]


def shared(shape):
    return [ModelNeed(Path("base.gguf"), shape, tuple(LaneNeed(role, 4096, 80 * MIB) for role in ROLES))]


def described(tmp_path, text):
    file = tmp_path / "machine.toml"
    file.write_text(text, encoding="utf-8")
    return read_machine(file)


def placed(found):
    """The layers of each model on each device, and those on the host, in the order of the plan."""
    return {
        one.need.lanes[0].role if len(one.need.lanes) == 1 else "all": {
            part.name: part.layers for part in (*one.devices, one.host) if part.layers
        }
        for one in found.placements
    }


HOST = {"host": 33}


@pytest.mark.parametrize(
    ("machine", "models", "expected"),
    [
        (NO_GPU, three, {"summarizer": HOST, "planner": HOST, "caller": HOST}),
        (NO_GPU, shared, {"all": HOST}),
        (GPU_4, three, {"summarizer": {"CUDA0": 19, "host": 14}, "planner": HOST, "caller": HOST}),
        (GPU_4, shared, {"all": {"CUDA0": 11, "host": 22}}),
        (
            GPU_8,
            three,
            {"summarizer": {"CUDA0": 33}, "planner": {"CUDA0": 9, "host": 24}, "caller": {"CUDA0": 1, "host": 32}},
        ),
        (GPU_8, shared, {"all": {"CUDA0": 24, "host": 9}}),
        (GPU_24, three, {"summarizer": {"CUDA0": 33}, "planner": {"CUDA0": 33}, "caller": {"CUDA0": 33}}),
        (GPU_24, shared, {"all": {"CUDA0": 33}}),
        (APPLE_16, three, {"summarizer": {"MTL0": 33}, "planner": {"MTL0": 26, "host": 7}, "caller": HOST}),
        (APPLE_16, shared, {"all": {"MTL0": 33}}),
        (APPLE_64, three, {"summarizer": {"MTL0": 33}, "planner": {"MTL0": 33}, "caller": {"MTL0": 33}}),
        (
            TWO_8,
            three,
            {
                "summarizer": {"CUDA0": 33},
                "planner": {"CUDA0": 9, "CUDA1": 24},
                "caller": {"CUDA1": 18, "host": 15},
            },
        ),
        (TWO_8, shared, {"all": {"CUDA0": 23, "CUDA1": 10}}),
    ],
)
def test_a_table_of_machines(tmp_path, shapes, machine, models, expected):
    found = plan(models(shapes["llama"]), described(tmp_path, machine))
    assert placed(found) == expected
    assert found.shortage() is None


def test_a_plan_in_words(tmp_path, shapes):
    lines = list(plan(three(shapes["llama"]), described(tmp_path, GPU_8)).lines())
    assert lines[0] == "summarizer: summarizer.gguf, 33 layers: 33 on CUDA0"
    assert lines[1] == "planner: planner.gguf, 33 layers: 9 on CUDA0, 24 on host"
    assert lines[3] == "CUDA0: 7.1 GiB of 7.6 GiB free; 512 MiB kept"
    assert lines[4].startswith("host: 6.1 GiB of weights and 3.7 GiB of caches")


def test_a_device_with_room_for_nothing_is_left_alone(tmp_path, shapes):
    text = GPU_4.replace("3.7 GiB", "600 MiB")
    assert placed(plan(shared(shapes["llama"]), described(tmp_path, text))) == {"all": HOST}


def test_a_number_of_layers_is_obeyed_and_spread(tmp_path, shapes):
    machine = described(tmp_path, TWO_8)
    assert placed(plan(shared(shapes["llama"]), machine, 20)) == {"all": {"CUDA0": 10, "CUDA1": 10, "host": 13}}
    assert placed(plan(shared(shapes["llama"]), machine, 99)) == {"all": {"CUDA0": 16, "CUDA1": 17}}
    assert placed(plan(shared(shapes["llama"]), machine, "off")) == {"all": HOST}
    assert placed(plan(shared(shapes["llama"]), described(tmp_path, NO_GPU), 20)) == {"all": HOST}


def test_after_a_failure_fewer_layers_are_tried_down_to_none(tmp_path, shapes):
    (placement,) = plan(shared(shapes["llama"]), described(tmp_path, TWO_8)).placements
    counts = [placement.layers]
    while placement.layers:
        placement = fewer(placement)
        counts.append(placement.layers)
    assert counts == [33, 24, 15, 6, 0]


def test_a_model_larger_than_memory_is_told_with_a_way_out(tmp_path, shapes):
    found = plan(three(shapes["llama"]), described(tmp_path, 'memory = "8 GiB"'))
    assert found.shortage() == (
        "summarizer.gguf, planner.gguf, caller.gguf: 10.6 GiB of weights do not fit this machine's 8.0 GiB of memory; "
        "take a smaller model or a smaller weight type"
    )


def test_a_context_larger_than_memory_is_told_with_one_that_fits(tmp_path, shapes):
    needs = [ModelNeed(Path("base.gguf"), shapes["llama"], tuple(LaneNeed(role, 32768) for role in ROLES))]
    shortage = plan(needs, described(tmp_path, NO_GPU)).shortage()
    assert "the contexts need 49.6 GiB" in shortage and "set engine.context to 8192 or less" in shortage
    fitting = [dataclasses.replace(needs[0], lanes=tuple(LaneNeed(role, 8192) for role in ROLES))]
    assert plan(fitting, described(tmp_path, NO_GPU)).shortage() is None


def test_sizes_are_those_of_the_file(tmp_path):
    file = write_sparse(tmp_path / "half.gguf", QWEN_HALF_B)
    found = shape(read_header(file))
    assert found.weights == sum(tensor.bytes for tensor in read_header(file).tensors)
    assert (found.tied, len(found.layers), found.caches(8192)) == (True, 24, 96 * MIB)
    untied = shape(read_header(write_sparse(tmp_path / "q.gguf", QWEN_7B)))
    assert untied.weights == sum(tensor.bytes for tensor in read_header(tmp_path / "q.gguf").tensors)


MODELS = st.lists(
    st.builds(
        lambda layers, layer, edge, kv, contexts: ModelNeed(
            Path("m.gguf"),
            Shape((layer,) * layers, edge, edge, False, (kv,) * layers, 512, 2048, 8, 32000, 1 << 20, layer // 4),
            tuple(LaneNeed(role, context) for role, context in zip(ROLES, contexts, strict=False)),
        ),
        st.integers(1, 40),
        st.integers(1, 300 * MIB),
        st.integers(1, 500 * MIB),
        st.integers(1, 4096),
        st.lists(st.integers(64, 8192), min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=3,
)
DEVICES = st.lists(st.integers(0, 24 * GIB), max_size=3).map(
    lambda frees: tuple(Device(f"GPU{number}", 24 * GIB, free) for number, free in enumerate(frees))
)


@given(MODELS, DEVICES)
def test_every_plan_keeps_to_the_room_and_places_every_layer_once(needs, devices):
    found = plan(needs, Machine(64 * GIB, 64 * GIB, devices))
    for device in devices:
        used = sum(part.total for one in found.placements for part in one.devices if part.name == device.name)
        assert used <= device.budget
    for one in found.placements:
        assert one.host.layers + sum(part.layers for part in one.devices) == one.need.count
        weights = one.host.weights + sum(part.weights for part in one.devices)
        assert weights == one.need.shape.weights
        while one.layers:
            smaller = fewer(one)
            assert smaller.layers < one.layers
            one = smaller


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("memory = 'much'", "describes no machine: memory: .*docs/offload.md"),
        ("", "memory: field required"),
        ('memory = "1 GiB"\nspeed = 3', "speed: extra inputs"),
        ('memory = "1 GiB"\n[[devices]]\nmemory = "1 GiB"', r"devices\.0\.name: field required"),
        ('memory = "0 GiB"', "memory: input should be greater than 0"),
        ("memory = = 1", "is not sound TOML"),
    ],
)
def test_a_wrong_description_is_one_sentence(tmp_path, text, sentence):
    with pytest.raises(ConfigError, match=sentence):
        described(tmp_path, text)


def test_a_missing_description_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read"):
        read_machine(tmp_path / "none.toml")


def test_free_memory_that_is_left_out_is_most_of_it(tmp_path):
    machine = described(tmp_path, 'memory = "10 GiB"\n[[devices]]\nname = "CUDA0"\nmemory = "4 GiB"\nfree = "9 GiB"')
    assert (machine.memory, machine.free) == (10 * GIB, int(8.5 * GIB))
    assert machine.devices == (Device("CUDA0", 4 * GIB, 4 * GIB),)


def test_roles_on_one_file_are_one_model_with_lanes_cut_to_what_was_trained(tiny_gguf, tmp_path):
    adapter = write_adapter(tmp_path / "lora.gguf")
    bindings = {
        "planner": Binding(tiny_gguf, None, 100_000),
        "caller": Binding(tiny_gguf, adapter, 512),
        "summarizer": Binding(write_model(tmp_path / "other.gguf"), None, 512),
    }
    one, other = read_needs(bindings)
    assert one.lanes == (LaneNeed("planner", 4096), LaneNeed("caller", 512, adapter.stat().st_size))
    assert other.path.name == "other.gguf"


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        (TinyShape(width=128), r"its blk\.0\.attn_output\.weight is 128×128, the model's is 64×64"),
        (TinyShape(layers=3), r"it changes blk\.2\.attn_output\.weight, which the model does not have"),
    ],
)
def test_an_adapter_of_another_base_is_refused_before_loading(tiny_gguf, tmp_path, shape, sentence):
    adapter = write_adapter(tmp_path / "lora.gguf", shape=shape)
    with pytest.raises(ModelFileError, match=rf"lora\.gguf does not belong to .*: {sentence}"):
        read_needs({"planner": Binding(tiny_gguf, adapter, 512)})
