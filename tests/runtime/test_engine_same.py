"""Greedy output is the same with every optimisation on or off, in all combinations."""

from itertools import product

import pytest
from lane_help import DEAR, FREE, library_log, tokens, write
from tiny_model import write_adapter

from alpha_umi.runtime.engine.cancel import CancelFlag
from alpha_umi.runtime.engine.costs import Costs
from alpha_umi.runtime.engine.pool import Binding, Pool
from alpha_umi.runtime.engine.prefixes import Prefixes

pytestmark = pytest.mark.filterwarnings("ignore:llama_token:DeprecationWarning")  # llguidance's use of llama_cpp

DOCUMENTS = "<|tools|>" + "name the file, list the text. " * 12
ASKED = DOCUMENTS + "<|user|>you need milk, the garden path and milk<|plan|>"
GRAMMARS = {
    "free text": None,
    "a plan": "start: R (<|act|> | <|answer|>)\nR: /[^\\n]{0,60}/",
    "a call": 'start: ("read" | "reader") "{\\"path\\":\\"" /[a-z ]{3,20}/ "\\",\\"text\\":\\"" /[a-z]{1,9}/ "\\"}"',
}
FORCING = {"forced": "", "chosen": '%llguidance {"no_forcing": true}\n'}
COSTS = {"one batch": Costs(), "token by token": DEAR, "all guessed": FREE}


@pytest.fixture
def pools(tiny_gguf, tmp_path):
    """A planner alone, one that shares its file with two roles, and one whose base serves adapters too."""
    adapter = write_adapter(tmp_path / "adapter.gguf")
    plain, adapted = Binding(tiny_gguf, None, 2048), Binding(tiny_gguf, adapter, 2048)
    shares = {
        "alone": {"planner": plain},
        "shared": {"planner": plain, "caller": plain, "summarizer": plain},
        "one base": {"planner": plain, "caller": adapted, "summarizer": adapted},
    }
    return {name: Pool(roles, "off", 1, CancelFlag(), library_log()) for name, roles in shares.items()}


@pytest.mark.parametrize("kind", GRAMMARS)
def test_nothing_that_saves_work_changes_the_text(pools, tmp_path, kind):
    found = {}
    ways = product(pools, COSTS, FORCING if GRAMMARS[kind] else ["forced"], ["evaluated", "kept", "read"])
    for share, costs, forcing, documents in ways:
        pool = pools[share]
        for role in pool.bindings:
            write(pool.lane(role), ASKED[:40], max_tokens=5)
        lane = pool.lane("planner")
        lane.costs = COSTS[costs]
        beginning = tokens(lane, DOCUMENTS)
        folder = None if documents == "evaluated" else tmp_path / f"{share}, {costs}, {forcing}"
        evaluated = Prefixes(folder, 2**26, CancelFlag()).prepare(lane, beginning)
        assert (evaluated > 0) == (documents == "kept")
        grammar = None if GRAMMARS[kind] is None else FORCING[forcing] + GRAMMARS[kind]
        outcome = write(lane, ASKED, grammar=grammar, max_tokens=60)
        assert (outcome.forced > 0) == (kind == "a call" and forcing == "forced")
        found[share, costs, forcing, documents] = (outcome.text, outcome.reason)
    assert len(set(found.values())) == 1
