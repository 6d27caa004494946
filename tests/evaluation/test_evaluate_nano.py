"""The shipped trio is evaluated for real: models, tools, `umi run`."""

import json

from evaluate_help import rows_of, umi


def test_the_shipped_trio_on_own_tasks_and_with_a_judge(tmp_path):
    words = ["evaluate", "run", "scenarios", "natural", "--limit", "2", "--lanes", "2", "--judge", "nano"]
    done = umi(tmp_path / "home", *words, "--out", tmp_path / "out")
    assert done.status == 0, done.stderr
    rows = rows_of(tmp_path / "out")
    static = [row for row in rows if row["task"] == "scenarios"]
    assert len(static) >= 3 and all(step["tokens"] > 0 for row in static for step in row["trace"])
    asked = [row for row in rows if row["task"] == "natural"]
    assert len(asked) == 2 and all(row["trace"][-1]["type"] == "turn_finished" for row in asked)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert set(report["tasks"]["natural"]["scores"]) == {"success"}
    assert report["tasks"]["scenarios"]["scores"]["plan_acc"]["value"] > 0.5
    assert "opinion of a local model, nano" in done.stdout


def test_without_constraints_the_trio_still_writes_its_form(tmp_path):
    done = umi(
        tmp_path / "home", "evaluate", "run", "invented", "--limit", "2", "--unconstrained", "--out", tmp_path / "out"
    )
    assert done.status == 0, done.stderr
    calls = [step for row in rows_of(tmp_path / "out") for step in row["trace"] if step["role"] == "caller"]
    assert calls and all("{" in step["written"] and step["ended"] == "grammar" for step in calls)
