"""The commands of docs/evaluation.md, in their order, as far as they need neither a model nor a foreign data set."""

import re
import shlex
from pathlib import Path

from evaluate_help import in_rome, record, right, script, umi, write_records

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"
ELSEWHERE = ("natural", "toolbench", "sgd")
"""Tasks that other tests run for real, or whose data is not at hand."""


def test_the_commands_of_the_page_run_as_written(tmp_path, monkeypatch):
    simple = [record(number, f"weather in Rome, {number}", in_rome()) for number in range(80)]
    irrelevant = [record(number, f"play song {number}") for number in range(100, 180)]
    data = write_records(tmp_path / "data", simple_python=simple, irrelevance=irrelevant)
    monkeypatch.chdir(tmp_path)
    script(monkeypatch, right)
    lines = re.findall(r"^    umi (evaluate .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    commands = [words for line in lines if not set(words := shlex.split(line)) & set(ELSEWHERE)]
    assert [words[1] for words in commands] == ["tasks", "run", "run", "report", "compare"]
    for words in commands:
        done = umi(tmp_path, *words, data=data)
        assert done.status == 0, (words, done.stderr)
    assert "Call ACC | 100.0 | 100.0 | +0.0 [+0.0, +0.0]" in done.stdout
    assert (tmp_path / "difference.svg").is_file()
