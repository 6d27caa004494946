"""A local model's opinion of answers: whom it is asked about, what counts, how it is labelled."""

import gzip
import json

import pytest
from evaluate_help import ANSWER, CALL, rows_of, script, umi

from alpha_umi.evaluation import judge as judge_module
from alpha_umi.runtime.engine.scripted import ScriptedEngine

QUESTIONS = ("How many eggs are left?", "How many nuts are left?", "How many figs are left?")


@pytest.fixture
def data(tmp_path):
    """Three problems of the form of GSM8K, each a calculation and an answer."""
    (tmp_path / "data" / "gsm8k").mkdir(parents=True)
    with gzip.open(tmp_path / "data" / "gsm8k" / "train.jsonl.gz", "wt", encoding="utf-8") as file:
        for question in QUESTIONS:
            answer = "There are 7-2=<<7-2=5>>5 left.\n#### 5"
            file.write(json.dumps({"question": question, "answer": answer}) + "\n")
    return tmp_path / "data"


def answering(request):
    """Calculates, then answers; nothing for the figs."""
    said = "".join(segment.text for segment in request.prompt)
    if request.role == "planner":
        return f"Done.{ANSWER}" if "<|result|>" in said else f"Subtract.{CALL}"
    if request.role == "caller":
        return 'calculate{"expression":"7-2"}'
    return "" if "figs" in said else "There are 5 left."


def judged(monkeypatch, says):
    """Puts a scripted model in the place of the judge's; gives what it was asked."""
    asked = []

    def answer(request):
        asked.append("".join(segment.text for segment in request.prompt))
        return says(asked[-1])

    monkeypatch.setattr(judge_module, "LlamaEngine", lambda *_: ScriptedEngine(answer))
    return asked


def test_answers_are_judged_once_and_the_report_says_by_whom(tmp_path, data, monkeypatch):
    script(monkeypatch, answering)
    asked = judged(monkeypatch, lambda question: "yes" if "eggs" in question else "no")
    words = ["evaluate", "run", "gsm8k", "--split", "all", "--out", tmp_path / "out"]
    plain = umi(tmp_path, *words, data=data)
    assert plain.status == 0 and "Judge" not in plain.stdout and asked == []
    done = umi(tmp_path, *words, "--judge", "nano:planner", data=data)
    assert done.status == 0, done.stderr
    assert len(asked) == 2, "a missing answer needs no judge"
    assert QUESTIONS[0] in "".join(asked) and "There are 5 left." in asked[0]
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["tasks"]["gsm8k"]["scores"]["judge"]["value"] == pytest.approx(1 / 3)
    assert report["tasks"]["gsm8k"]["scores"]["judge"]["count"] == 3
    assert "The column Judge is the opinion of a local model, nano:planner (SHA-256 " in done.stdout
    assert all("judge" not in row["scores"] for row in rows_of(tmp_path / "out"))
    umi(tmp_path, *words, "--judge", "nano:planner", data=data)
    assert len(asked) == 2
    other = umi(tmp_path, *words, "--judge", "nano:caller", data=data)
    assert other.status == 2 and "name is 'nano:planner' there and 'nano:caller' now" in other.stderr
