"""A run's report: `report.md` for readers, `report.json` for programs, `report.svg` to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..text import one_line
from .bootstrap import Drawing
from .folder import Run, write_json, write_text
from .plots import scores_plot
from .summary import LOWER_IS_BETTER, TITLES, summarise

_SHOWN_FAULTS = 5


def write_report(folder: Path, drawing: Drawing | None = None) -> str:
    """Write the three files into the run's folder and return the Markdown.

    Raises UsageError for a folder without a sound run, and where the extra `evaluate` is missing.
    """
    run = Run(folder)
    summary = summarise(run, drawing)
    text = markdown(summary)
    write_json(folder / "report.json", summary)
    write_text(folder / "report.md", text + "\n![Scores](report.svg)\n")
    scores_plot(summary, folder / "report.svg")
    return text


def markdown(summary: Mapping[str, Any]) -> str:
    """The report as Markdown, scores in percent."""
    return "\n".join(_lines(summary)) + "\n"


def _lines(summary: Mapping[str, Any]) -> Iterator[str]:
    run = summary["run"]
    settings, drawing = run["settings"], summary["bootstrap"]
    yield f"# Evaluation of the trio {run['trio']['name']}"
    yield ""
    how = f"{_decoding(settings)}, seed {settings['seed']}, split {settings['split']}; {_engine(settings['engine'])}"
    yield f"Dialect {run['trio']['dialect']}, {how}."
    if summary["samples"] < summary["samples_of_the_tasks"]:
        yield f"**Not complete**: {summary['samples']} of {summary['samples_of_the_tasks']} samples are done."
    yield (
        f"Scores in percent with 95 % intervals: bootstrap over records, {drawing['resamples']} resamples, "
        f"seed {drawing['seed']}."
    )
    for name, task in summary["tasks"].items():
        yield from ("", f"## {name}", "", *_table(task))
        yield from _faults(task["faults"])
    yield from _notes(summary)


def _decoding(settings: Mapping[str, Any]) -> str:
    return "unconstrained decoding (the dialect's form only)" if settings["unconstrained"] else "constrained decoding"


def _engine(engine: Mapping[str, Any]) -> str:
    return f"server {engine['url']} ({engine['api']})" if engine["kind"] == "server" else "llama.cpp"


def _table(task: Mapping[str, Any]) -> Iterator[str]:
    metrics = [name for name in TITLES if name in task["scores"]]
    titles = [TITLES[name] + (" (lower is better)" if name in LOWER_IS_BETTER else "") for name in metrics]
    yield from table(["kind", "samples", *titles], _rows(task, metrics))


def _rows(task: Mapping[str, Any], metrics: Sequence[str]) -> Iterator[list[str]]:
    parts = dict(task["kinds"]) if len(task["kinds"]) > 1 else {}
    for kind, part in [*parts.items(), ("all", task)]:
        yield [kind, str(part["samples"]), *(_share(part["scores"].get(name)) for name in metrics)]


def table(titles: Sequence[str], rows: Iterator[list[str]]) -> Iterator[str]:
    """A Markdown table, its first column to the left and the others to the right."""
    yield "| " + " | ".join(titles) + " |"
    yield "|---" + "|--:" * (len(titles) - 1) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _share(score: Mapping[str, float] | None) -> str:
    if score is None:
        return "-"
    return f"{100 * score['value']:.1f} [{100 * score['low']:.1f}, {100 * score['high']:.1f}]"


def _faults(faults: Mapping[str, str]) -> Iterator[str]:
    if not faults:
        return
    yield ""
    yield f"What was wrong, the first of {len(faults)}:"
    yield ""
    for name, why in list(faults.items())[:_SHOWN_FAULTS]:
        yield f"- {name}: {one_line(why, 160)}"


def _notes(summary: Mapping[str, Any]) -> Iterator[str]:
    for name, part in summary["run"]["data"].items():
        if part["skipped"]:
            yield from ("", f"Left out of {name}, with the first records of each reason:", "")
            for reason, count in part["skipped"].items():
                yield f"- {reason}: {count} ({', '.join(part['listed'].get(reason, ()))})"
        if part["guessed"]:
            yield from ("", f"Guessed in {name}: {_counts(part['guessed'])}.")
    if judge := summary["judge"]:
        model = f"{judge['name']} (SHA-256 {judge['model'][:12]})"
        yield from ("", f"The column Judge is the opinion of a local model, {model}, and none of the paper's metrics.")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{what}: {count}" for what, count in counts.items())
