"""The shipped trio is evaluated for real: models, tools, `umi run`."""

import json

import pytest
from evaluate_help import rows_of, umi
from rouge import Rouge


def test_the_shipped_trio_on_own_tasks_with_the_papers_metrics_and_a_judge(tmp_path):
    words = ["evaluate", "run", "scenarios", "natural", "--limit", "2", "--lanes", "2", "--judge", "nano"]
    done = umi(tmp_path / "home", *words, "--out", tmp_path / "out")
    assert done.status == 0, done.stderr
    rows = rows_of(tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["tasks"]
    static = [row for row in rows if row["task"] == "scenarios"]
    assert len(static) >= 3 and all(step["tokens"] > 0 for row in static for step in row["trace"])
    scores = {name: found["value"] for name, found in report["scenarios"]["scores"].items()}
    assert scores.pop("judge") in (0, 0.5, 1)
    assert scores == pytest.approx(as_the_paper_has_it(static))
    assert scores["plan_acc"] > 0.5
    asked = [row for row in rows if row["task"] == "natural"]
    assert len(asked) == 2 and all(row["trace"][-1]["type"] == "turn_finished" for row in asked)
    assert set(report["natural"]["scores"]) == {"success"}
    assert "opinion of a local model, nano" in done.stdout


def as_the_paper_has_it(rows):
    """The five metrics from the texts that the models wrote, in the plainest way."""
    pairs = [(row["expected"], row["written"]) for row in rows]
    calls = [pair for pair in pairs if pair[0]["decision"] == "caller"]
    answers = [pair for pair in pairs if pair[0]["decision"] == "conclusion"]
    f1 = []
    for expected, written in calls:
        wanted, given = json.loads(expected["arguments"]), json.loads(written["arguments"] or "{}")
        hits = sum(1 if given[key] == wanted[key] else 0.5 for key in wanted if key in given)
        right_tool = written["tool"] == expected["tool"]
        precision, recall = hits / max(1, len(given)), hits / max(1, len(wanted))
        whole = float(given == wanted) if not wanted else 2 * precision * recall / (precision + recall) if hits else 0
        f1.append(whole if right_tool else 0)
    texts = [written["answer"] or "none" for _, written in answers], [expected["answer"] for expected, _ in answers]
    return {
        "plan_acc": sum(e["decision"] == w["decision"] for e, w in pairs) / len(pairs),
        "act_em": sum(e["tool"] == w["tool"] for e, w in calls) / len(calls),
        "hallu": 0,
        "arg_f1": sum(f1) / len(f1),
        "rouge_l": Rouge(metrics=["rouge-l"]).get_scores(*texts, avg=True)["rouge-l"]["f"],
    }


def test_the_settings_of_the_evaluation_are_those_of_the_requests(tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text("[limits]\nsteps = 0\n", encoding="utf-8")
    words = ["evaluate", "run", "natural", "--limit", "1", "--config", settings, "--out", tmp_path / "out"]
    assert umi(tmp_path / "home", *words).status == 0
    (row,) = rows_of(tmp_path / "out")
    assert row["scores"] == {"success": 0} and row["written"]["calls"] == [] and "instead of" in row["why"]
    assert "no more calls after 0" in [event.get("detail") for event in row["trace"]]


def test_without_constraints_the_trio_still_writes_its_form(tmp_path):
    out = tmp_path / "out"
    done = umi(tmp_path / "home", "evaluate", "run", "invented", "--limit", "2", "--unconstrained", "--out", out)
    assert done.status == 0, done.stderr
    calls = [step for row in rows_of(out) for step in row["trace"] if step["role"] == "caller"]
    assert calls and all("{" in step["written"] and step["ended"] == "grammar" for step in calls)
