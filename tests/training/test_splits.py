"""Held out is decided by a hash, and nothing that is held out is trained on."""

from __future__ import annotations

import random

import pytest
from data_help import DATA, needs_data

from alpha_umi.runtime.history import Plan, User
from alpha_umi.tools.spec import ToolSpec
from alpha_umi.training.readers import ReaderReport, read
from alpha_umi.training.scenarios.core import Example
from alpha_umi.training.splits import HELD_OUT, has_unseen_tools, service_of, split_of


def _example(request: str, *tools: str, dataset: str = "bfcl", group: str = "") -> Example:
    specs = tuple(ToolSpec(name=name, description="", parameters={}) for name in tools)
    return Example("impossible", f"{dataset}/1", specs, (User(request), Plan("No.", "give up")), group)


def test_about_a_tenth_of_the_requests_is_held_out_the_same_each_time() -> None:
    sides = [split_of(_example(f"request {number}")) for number in range(4000)]
    assert abs(sides.count("held_out") / len(sides) - HELD_OUT) < 0.02
    assert sides == [split_of(_example(f"request {number}")) for number in range(4000)]


def test_the_same_request_is_on_one_side_whatever_the_set_and_the_spelling() -> None:
    for number in range(200):
        side = split_of(_example(f"Request {number}"))
        assert split_of(_example(f"  request\n {number} ", dataset="gsm8k")) == side
        assert split_of(_example(f"request {number}", "anything", dataset="glaive_demo")) == side


def test_a_group_is_on_one_side() -> None:
    sides = {split_of(_example(f"request {number}", group="hammerbench/7")) for number in range(100)}
    assert len(sides) == 1


def test_a_service_is_on_one_side_in_toolbench_alone() -> None:
    services = [f"service{number}" for number in range(300)]
    unseen = [name for name in services if has_unseen_tools(_example("x", f"a_for_{name}", dataset="toolbench"))]
    assert 0.05 < len(unseen) / len(services) < 0.15
    seen = next(name for name in services if name not in unseen)
    both = _example("x", f"a_for_{seen}", f"b_for_{unseen[0]}", dataset="toolbench")
    assert has_unseen_tools(both) and split_of(both) == "held_out"
    assert not has_unseen_tools(_example("x", f"b_for_{unseen[0]}"))


@needs_data
def test_no_held_out_service_is_in_the_training_part_of_toolbench() -> None:
    found = list(read(DATA, random.Random(0), ReaderReport(), ["toolbench"]))
    services = {
        side: {service_of(tool.name) for made in found if split_of(made) == side for tool in made.tools}
        for side in ("train", "held_out")
    }
    unseen = [made for made in found if has_unseen_tools(made)]
    assert unseen and all(split_of(made) == "held_out" for made in unseen)
    assert all({service_of(tool.name) for tool in made.tools} - services["train"] for made in unseen)
    assert len(services["train"]) > 10


@needs_data
@pytest.mark.parametrize("name", ["hammerbench", "tau_bench"])
def test_groups_of_real_sets_are_on_one_side(name: str) -> None:
    sides: dict[str, set[str]] = {}
    for made in read(DATA, random.Random(0), ReaderReport(), [name]):
        sides.setdefault(made.group, set()).add(split_of(made))
    assert len(sides) > 20 and all(len(each) == 1 for each in sides.values())


@needs_data
def test_no_request_of_the_real_sets_is_on_both_sides() -> None:
    names = ("hammerbench", "bfcl", "glaive_demo", "toolalpaca", "toolalpaca_solutions", "tooltalk", "tau_bench")
    sides: dict[str, set[str]] = {}
    for made in read(DATA, random.Random(0), ReaderReport(), names):
        sides.setdefault(" ".join(made.entries[0].text.casefold().split()), set()).add(split_of(made))
    assert len(sides) > 1000
    assert not [request for request, found in sides.items() if len(found) > 1]
