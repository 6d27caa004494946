"""Devices that fail again and again, in processes whose device is llama.cpp's own CPU, told to be one."""

import json
import stat
import sys
import time

import pytest
from engine_help import ask
from tiny_model import Shape, write_model

from alpha_umi.errors import EngineError
from alpha_umi.runtime.engine.faults import ALL, HALF, NONE, Faults
from alpha_umi.runtime.engine.llama import EngineSettings, LlamaEngine, RoleModel

SAID = "<|user|>the garden path"
CHILD = """#!{python}
import os
from alpha_umi.runtime.engine import child, pool
from alpha_umi.runtime.engine.devices import devices
from alpha_umi.runtime.engine.lane import ComputeError
from alpha_umi.runtime.engine.offload.machine import GIB, Device, Machine

(cpu,) = devices()
pool.machine = lambda: Machine(8 * GIB, 8 * GIB, (Device(cpu.name, 9 * GIB, 8 * GIB),))
pool.offloading = lambda: [cpu]
made = pool.Pool._open

def broken(self, role):
    lane = made(self, role)
    layers = self.offloaded
    def fail(*_):
        if layers > 2:
            os.abort()
        raise ComputeError("llama.cpp could not evaluate")
    if layers > {works}:
        lane.evaluate = fail
    return lane

pool.Pool._open = broken
child.main()
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """An engine on a device that fails with more than so many of the five layers; counts last from start to start."""
    model = write_model(tmp_path / "four.gguf", shape=Shape(layers=4))

    def make(works):
        child = tmp_path / "child"
        child.write_text(CHILD.format(python=sys.executable, works=works), encoding="utf-8")
        child.chmod(child.stat().st_mode | stat.S_IXUSR)
        settings = EngineSettings("auto", 1, tmp_path / "cache")
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", str(child))
            return LlamaEngine({"planner": RoleModel(model, context=512)}, settings)

    return make


def test_a_device_that_always_fails_is_done_without_step_by_step(start):
    with start(works=9) as engine:
        expected = ask(engine, SAID, max_tokens=5).text
    for sentence, how in (
        ("if that fails again, half of them", "SIGABRT"),
        ("only half of them will be there", "SIGABRT"),
        ("only half of them will be there", "status 70"),
        ("the processor computes alone for a day", "status 70"),
    ):
        with start(works=0) as engine, pytest.raises(EngineError, match=rf"{how}.*{sentence}"):
            ask(engine, SAID, max_tokens=5)
    with start(works=0) as engine:
        assert ask(engine, SAID, max_tokens=5).text == expected
        plans = [fact["text"] for fact in engine.memory() if fact["kind"] == "plan"]
    assert plans[0] == "four.gguf: 5 layers on devices failed before, 0 are used"
    assert plans[1].endswith("5 layers: 5 on host")


def test_half_of_the_layers_stay_where_that_works(start):
    for _ in range(2):
        with start(works=2) as engine, pytest.raises(EngineError, match="devices"):
            ask(engine, SAID, max_tokens=5)
    with start(works=2) as engine:
        ask(engine, SAID, max_tokens=5)
        plans = [fact["text"] for fact in engine.memory() if fact["kind"] == "plan"]
    assert "2 are used" in plans[0] and "2 on " in plans[1]


def test_failures_count_in_a_row(tmp_path):
    faults = Faults(tmp_path / "made" / "faults.json")
    faults.failed()
    faults.worked()
    faults.failed()
    assert faults.caution == ALL
    faults.failed()
    assert faults.caution == HALF == Faults(tmp_path / "made" / "faults.json").caution
    faults.worked()
    faults.failed()
    faults.worked()
    faults.failed()
    assert faults.caution == HALF
    faults.failed()
    faults.worked()
    assert faults.caution == NONE == Faults(tmp_path / "made" / "faults.json").caution


@pytest.mark.parametrize("content", ["", "[]", "{}", "7", '{"count": "x", "time": 1}', '{"count": -9, "time": %f}'])
def test_a_damaged_count_is_none(tmp_path, content):
    path = tmp_path / "faults.json"
    path.write_text(content.replace("%f", str(time.time())), encoding="utf-8")
    assert Faults(path).caution == ALL


def test_failures_are_forgotten_after_a_day(tmp_path):
    path = tmp_path / "faults.json"
    path.write_text(json.dumps({"count": 4, "time": time.time() - 23 * 3600}), encoding="utf-8")
    assert Faults(path).caution == NONE
    path.write_text(json.dumps({"count": 4, "time": time.time() - 25 * 3600}), encoding="utf-8")
    assert Faults(path).caution == ALL


def test_a_count_that_cannot_be_kept_holds_for_this_program(tmp_path):
    (tmp_path / "file").touch()
    faults = Faults(tmp_path / "file" / "faults.json")
    for _ in range(4):
        faults.failed()
    assert faults.caution == NONE
