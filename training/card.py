"""The card of a trained trio: what it is, what it was trained on, how it scores, and where it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Template
from typing import TYPE_CHECKING

from ..convert.report import Report
from ..runtime.history import ROLES, Role
from .probe import Scores
from .recipe import Recipe

if TYPE_CHECKING:
    from .stages import Run

_TEXT = Template("""\
# The trio `$name`

Three models of $parameters parameters each (Qwen2 architecture: $layers layers, width $width, $heads heads, vocabulary
$vocabulary) for the roles planner, caller and summarizer of alpha-umi. They were trained from $origin by this
project, with `umi train`; see `docs/training.md`.

| file | type | bytes | sha256 |
|---|---|---|---|
$files

## Data and licence

Trajectories made by running the built-in tools on generated requests, and trajectories with invented tools, generated
by this repository (Apache-2.0), like the weights. $outside

## Recipe

Seed $seed. Stage 1, all roles: $tokens1 tokens in $minutes1 minutes on a CPU. Stage 2, one role each:
$tokens2 tokens. Context $context tokens. Tokenizer: byte-level BPE whose merges join letters, or the punctuation of a
call's JSON, and nothing else. Repeating the command gives a trio like this one; its very bytes depend on the version
of the generators and of torch, and on the processor.

## Scores on held-out wordings and values

Share of targets of which every token is chosen greedily after the right beginning, with no grammar to help: for the
caller the whole call, for the planner the decision ("planner tool": the name of the tool in its rationale), for the
summarizer the whole answer, whose wording may rightly differ. "unseen": invented tools.

| what | share |
|---|---|
$scores

## Limits

English, short requests, about $context tokens of tools and conversation together. The models know nothing: no facts,
no arithmetic of their own, no code. Long texts, many steps and unusual wordings are where they fail first.
""")


_NOTHING = "No outside data set was used."
_SETS = """Beside them:

- requests with their own tools, from the data sets' training sides: Snips (CC0-1.0), Seal-Tools, HammerBench, API-Bank,
  ToolAlpaca, NESTFUL and the Glaive demonstration (Apache-2.0), MetaTool (MIT);
- requests of Snips, MetaTool and TaskBench (MIT) that no built-in tool serves.

None of their text is part of this repository. Some of the texts were generated with models of OpenAI."""


def _uses_sets(recipe: Recipe) -> bool:
    lessons = [*recipe.stage1.lessons, *(lesson for stage in recipe.stage2.values() for lesson in stage.lessons)]
    return any(material in lesson.mix for lesson in lessons for material in ("sets", "refusals"))


def card(run: Run, reports: Sequence[Report], scores: Mapping[Role, Scores]) -> str:
    """The card as Markdown; `scores` by role, of each role's own model."""
    recipe, progress = run.recipe, run.progress()
    measured = [(name, value) for role in ROLES for name, value in scores[role].items() if role in name]
    return _TEXT.substitute(
        name=recipe.name,
        origin=f"the trio `{recipe.start}`" if recipe.start else "nothing",
        parameters=f"{reports[0].parameters / 1e6:.1f} million",
        layers=recipe.model.layers,
        width=recipe.model.width,
        heads=recipe.model.heads,
        vocabulary=recipe.tokenizer.vocabulary,
        files="\n".join(f"| {one.path.name} | {one.type} | {one.size} | `{one.sha256}` |" for one in reports),
        outside=_SETS if _uses_sets(recipe) else _NOTHING,
        seed=recipe.seed,
        tokens1=f"{progress['stage1'].tokens / 1e6:.1f} million",
        minutes1=f"{progress['stage1'].seconds / 60:.0f}",
        tokens2=", ".join(f"{role} {progress[role].tokens / 1e6:.1f} million" for role in ROLES),
        context=recipe.model.context,
        scores="\n".join(f"| {name} | {100 * value:.0f} % |" for name, value in measured),
    )
