"""The card of a trained trio: what it was trained from, on what and how."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

import tomlkit

from .config import Config
from .stage import Outcome

if TYPE_CHECKING:
    from .run import Run

CARD = "README.md"
_HOW = {
    "glpft": "global to local: one backbone on the samples of all roles, then a copy of it for each role",
    "one_stage": "each role straight from the base, on its own samples",
    "single": "one model on the samples of all roles, which serves them all",
}
_TEXT = Template("""\
# The trio `$name`

Planner, caller and summarizer of alpha-umi in dialect `$dialect`, trained with `umi train glpft`: $how.
Base: $base. Seed $seed.

## Data

| source | licence | planner | caller | summarizer | left out or skipped |
|---|---|---|---|---|---|
$data

## Stages

| stage | samples | steps | tokens | loss at the end |
|---|---|---|---|---|
$stages

## Configuration

```toml
$config
```

The models were converted with proof that they compute what was trained. How well they answer was not measured here:
`umi evaluate` does that.
""")


def card(run: Run) -> str:
    """The card as Markdown."""
    config = run.config
    outcomes = {name: run.stage(name).outcome() for name in config.stages}
    return _TEXT.substitute(
        name=config.name,
        dialect=config.dialect,
        how=_HOW[config.mode],
        base=_base(config),
        seed=config.seed,
        data="\n".join(
            f"| {report.name} | {report.licence} | {report.samples['planner']} | {report.samples['caller']} | "
            f"{report.samples['summarizer']} | {report.notes.skipped.total() + report.left_out.total()} |"
            for report in run.corpus.reports
        ),
        stages="\n".join(_row(name, made) for name, made in outcomes.items() if made),
        config=tomlkit.dumps(config.model_dump(mode="json", exclude_none=True, exclude_defaults=True)).strip(),
    )


def _row(name: str, made: Outcome) -> str:
    return f"| {name} | {made.samples:,} | {made.steps:,} | {made.tokens:,} | {made.loss:.3f} |"


def _base(config: Config) -> str:
    base = config.base
    return base.model or (
        "random weights, a tokenizer from the data" if base.new else f"random weights of {base.scratch}"
    )
