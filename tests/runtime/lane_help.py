"""Lanes in this process, for what a test must steer from inside: costs, drafts and what is kept on disk."""

from functools import cache

from alpha_umi.runtime.engine import library
from alpha_umi.runtime.engine.cancel import CancelFlag
from alpha_umi.runtime.engine.costs import SIZES, Costs
from alpha_umi.runtime.engine.decoding import Generation
from alpha_umi.runtime.engine.pool import Binding, Pool
from alpha_umi.runtime.engine.sampling import Sampler
from alpha_umi.runtime.engine.text import TextStream

FREE = Costs([1.0] * len(SIZES), [1.0] * len(SIZES))
"""A batch costs as much as a token: everything is batched and guessed."""

DEAR = Costs([float(size * size) for size in SIZES], [float(2 * size * size) for size in SIZES])
"""A batch costs more than its tokens one by one: nothing is."""

library_log = cache(library.start)


def make_lane(path, *, context=2048, adapter=None, threads=1, flag=None):
    flag = flag or CancelFlag()
    return Pool({"planner": Binding(path, adapter, context)}, "off", threads, flag, library_log()).lane("planner")


def tokens(lane, text):
    return lane.model.vocabulary.tokens([(text, True)])


def write(lane, text, *, grammar=None, temperature=0.0, seed=0, max_tokens=80, flag=None):
    """The outcome of a generation on a lane."""
    shown = []
    generation = Generation(
        lane,
        tokens(lane, text),
        None if grammar is None else lane.model.grammars.constraint(grammar),
        Sampler(temperature, seed),
        max_tokens,
        TextStream(()),
        shown.append,
    )
    outcome = generation.run(flag or CancelFlag())
    assert "".join(shown) == outcome.text
    return outcome
