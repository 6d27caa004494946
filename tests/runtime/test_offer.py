"""What a turn is offered: everything where it fits, byte for byte as ever; else a few, at the price of a few."""

import pytest

from alpha_umi.runtime import events as ev
from alpha_umi.runtime.agent import Agent
from alpha_umi.runtime.engine.scripted import ScriptedEngine
from alpha_umi.runtime.history import ROLES
from alpha_umi.runtime.offer import FEW
from alpha_umi.runtime.paths import Paths
from alpha_umi.runtime.settings import Settings
from alpha_umi.tools.mcp.definitions import Definition
from alpha_umi.tools.mcp.registry import McpServers, ServerEntry, program

CALL, ANSWER = "<|act|>", "<|answer|>"
WORDS = ("lamp", "invoice", "train", "recipe", "poem", "camera", "parcel", "garden", "flight", "song")


def accept_tools(paths, count):
    """Tools of foreign servers, as different from each other as real ones, a hundred of each."""
    servers = McpServers(paths.config)
    for start in range(0, count, 100):
        definitions = tuple(map(definition, range(start, min(start + 100, count))))
        entry = ServerEntry(name=f"shop{start // 100}", command=("true",), binary=program("true"))
        servers.accept(entry.accepted(definitions))


def definition(number):
    word = WORDS[number % len(WORDS)]
    return Definition(
        name=f"{word}_{number}",
        description=f"Do something with the {word} of house {number}.",
        input_schema={"type": "object", "properties": {word: {"type": "string", "description": f"which {word}"}}},
    )


@pytest.fixture
def make_agent(tmp_path):
    trio = tmp_path / "scripted"
    trio.mkdir()
    (trio / "none.gguf").touch()
    roles = "".join(f'[roles.{role}]\nmodel = "none.gguf"\n' for role in ROLES)
    (trio / "trio.toml").write_text(f'name = "scripted"\ndialect = "nano"\n{roles}', encoding="utf-8")
    made = []

    def make(count, context=2048, caller="{}", calls=1):
        script = {
            "planner": [f"Do it.{CALL}", f"Done.{ANSWER}"] * calls,
            "caller": [caller] * calls,
            "summarizer": ["Done."] * calls,
        }
        paths = Paths(tmp_path / "config", tmp_path / "data", tmp_path / "state")
        accept_tools(paths, count)
        engine = ScriptedEngine(script, context=context)
        agent = Agent(trio, workspace=tmp_path, settings=Settings(), paths=paths, engine=engine)
        made.append(agent)
        return agent, engine

    yield make
    for agent in made:
        agent.close()


def first_prompt(engine):
    return "".join(segment.text for segment in engine.requests[0].prompt)


def test_what_fits_is_offered_whole_and_nothing_is_said_of_it(make_agent):
    agent, engine = make_agent(0, caller='now{"timezone":"UTC"}')
    events = list(agent.turn("What time is it?"))
    assert events[0].tools == tuple(spec.name for spec in agent.catalogue.specs)
    assert not [event for event in events if isinstance(event, ev.LimitReached)]
    assert first_prompt(engine).count("\n") == 23


def test_a_thousand_tools_cost_no_more_prompt_than_the_few_that_fit(make_agent):
    agent, engine = make_agent(977, caller='calculate{"expression":"2"}')
    events = list(agent.turn("Calculate the camera of house 505: 1 + 1"))
    started, limit = events[0], next(event for event in events if isinstance(event, ev.LimitReached))
    assert len(started.tools) == FEW
    assert {"calculate", "shop5:camera_505"} <= set(started.tools)
    assert limit.detail.startswith(f"{FEW} of 1000 tools fit and are offered: ")
    assert all(name in limit.detail for name in started.tools)
    roles = agent._roles
    alone = roles.dialects["planner"].head("planner", [agent.catalogue.get(name).spec for name in started.tools])
    assert first_prompt(engine).startswith("".join(segment.text for segment in alone))
    documents = [first_prompt(engine).count(spec.name) for spec in agent.catalogue.specs]
    assert sum(map(bool, documents)) == FEW


def test_the_offer_is_stable_within_a_turn_and_binds_the_caller(make_agent):
    agent, engine = make_agent(977, caller='calculate{"expression":"2"}')
    list(agent.turn("Calculate the camera of house 505: 1 + 1"))
    heads = {"".join(s.text for s in r.prompt).partition("<|user|>")[0] for r in engine.requests[:3]}
    assert len(heads) == 1
    grammar = next(request.grammar for request in engine.requests if request.role == "caller")
    assert "calculate" in grammar and "shop5:camera_505" in grammar and "shop0:lamp_0" not in grammar


def test_a_tool_that_was_called_is_still_there_in_the_next_turn(make_agent):
    agent, _ = make_agent(977, caller='date_shift{"date":"2024-01-31","amount":1,"unit":"months"}', calls=2)
    first = list(agent.turn("One month after 2024-01-31, by date shift?"))
    second = list(agent.turn("And the poem of house 4?"))
    assert "date_shift" in first[0].tools
    assert {"date_shift", "shop0:poem_4"} <= set(second[0].tools)


def test_a_small_context_is_offered_fewer(make_agent):
    agent, _ = make_agent(977, context=110, caller='calculate{"expression":"2"}')
    events = list(agent.turn("Calculate 1 + 1"))
    assert 1 <= len(events[0].tools) < FEW
    assert "calculate" in events[0].tools
