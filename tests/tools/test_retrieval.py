"""Which tools are offered where not all fit: the fitting ones, in a stable order, at the price of a few."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.tools.builtin import builtin_tools
from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.retrieval import Index
from alpha_umi.tools.spec import ToolSpec

BUILTIN = [tool.spec for tool in builtin_tools()]


def spec(name: str, description: str = "x", **parameters: str) -> ToolSpec:
    properties = {key: {"type": "string", "description": text} for key, text in parameters.items()}
    return ToolSpec(name=name, description=description, parameters={"type": "object", "properties": properties})


def best(specs: list[ToolSpec], text: str, most: int = 8) -> list[str]:
    index = Index(specs)
    try:
        return [specs[number].name for number in index.best(text, most)]
    finally:
        index.close()


def test_names_descriptions_and_parameters_are_searched_and_words_are_reduced_to_their_stem() -> None:
    specs = [spec("sendLetter"), spec("b", "Books a flight"), spec("c", city="town to look up"), spec("post:d_parcel")]
    assert best(specs, "please send it") == ["sendLetter"]
    assert best(specs, "booking flights") == ["b"]
    assert best(specs, "which town?") == ["c"]
    assert best(specs, "Parcels?") == ["post:d_parcel"]
    assert best(specs, "!?") == []


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("convert 3 miles to kilometres", "convert_units"),
        ("how much memory does this machine have", "system_info"),
        ("remind me: add a task to water the plants", "add_task"),
        ("search my notes for the wifi password", "search_notes"),
        ("how many days between 1 May and 3 June", "date_difference"),
        ("run a python snippet that sorts these", "run_python"),
    ],
)
def test_a_request_finds_its_built_in_tool(text: str, tool: str) -> None:
    assert tool in best(BUILTIN, text, 4)


@given(st.text())
def test_any_text_is_a_search(text: str) -> None:
    found = best(BUILTIN[:5], text, 3)
    assert len(found) == len(set(found)) <= 3


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path, tmp_path / "notebook")


def test_an_offer_is_a_part_of_the_list_in_its_order(catalogue: Catalogue) -> None:
    with catalogue:
        everything = [found.name for found in catalogue.specs]
        for text in ("write the file", "what time is it in Oslo?", ""):
            names = [found.name for found in catalogue.offer(text, 5)]
            assert len(names) == 5
            assert names == [name for name in everything if name in names]
            assert names == [found.name for found in catalogue.offer(text, 5)]
        assert catalogue.offer("anything") == catalogue.specs == catalogue.offer("anything", 23)


def test_kept_tools_stay_and_free_places_go_to_the_first(catalogue: Catalogue) -> None:
    with catalogue:
        first = [found.name for found in catalogue.specs[:2]]
        offered = [found.name for found in catalogue.offer("zzz", 3, kept=["run_python", "unknown"])]
        assert offered == [*first, "run_python"]


def test_a_tool_that_is_registered_later_is_found(catalogue: Catalogue) -> None:
    import hostile_tools

    with catalogue:
        assert "scratch" not in [found.name for found in catalogue.offer("leave a file in the private folder", 3)]
        catalogue.register(hostile_tools.scratch)
        assert "scratch" in [found.name for found in catalogue.offer("leave a file in the private folder", 3)]
