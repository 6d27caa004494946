"""`umi evaluate` from the command line: runs that are whole, killed, damaged, compared; bad input in one sentence."""

import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from evaluate_help import (
    CALL,
    IRRELEVANT,
    SIMPLE,
    gullible,
    in_rome,
    record,
    right,
    rows_of,
    script,
    umi,
    write_records,
)

from alpha_umi.errors import EngineError
from alpha_umi.training.readers import READERS


@pytest.fixture
def data(tmp_path):
    return write_records(tmp_path / "data", simple_python=SIMPLE, irrelevance=IRRELEVANT)


@pytest.fixture
def run(tmp_path, data):
    """Runs `umi evaluate run` on all of the data, into the folder `out` unless another is named."""

    def command(*words, out="out"):
        options = ["--split", "all", "--out", tmp_path / out]
        return umi(tmp_path, "evaluate", "run", *(words or ("bfcl",)), *options, data=data)

    command.folder = tmp_path / "out"
    return command


def test_a_run_leaves_its_samples_its_manifest_and_three_reports(run, monkeypatch):
    script(monkeypatch, gullible)
    done = run("bfcl", "--seed", "5")
    assert done.status == 0, done.stderr
    assert "| irrelevance | 4 | 0.0 [0.0, 0.0] | - | 0.0 [0.0, 0.0] | 0.0 [0.0, 0.0] |" in done.stdout
    assert "| simple_python | 6 | 100.0 [100.0, 100.0] |" in done.stdout
    assert "10 of 10 samples done" in done.stderr and "10 of 10" not in done.stdout
    rows = {row["id"]: row for row in rows_of(run.folder)}
    assert len(rows) == 10
    assert rows["r0"]["scores"] == {"plan_acc": 1, "act_em": 1, "hallu": 0, "call_acc": 1}
    assert rows["r10"]["why"] == "called weather.get where no calls would do"
    assert [step["role"] for step in rows["r0"]["trace"]] == ["planner", "caller"]
    manifest = json.loads((run.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["settings"] | {"limits": 0} == {
        "tasks": ["bfcl"],
        "limit": None,
        "seed": 5,
        "split": "all",
        "unconstrained": False,
        "limits": 0,
        "engine": {"kind": "llama", "context": "auto"},
    }
    assert manifest["data"]["bfcl"]["samples"] == 10
    report = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))
    assert report["tasks"]["bfcl"]["scores"]["call_acc"]["value"] == 0.6
    assert (run.folder / "report.md").read_text(encoding="utf-8").startswith("# Evaluation of the trio nano")
    assert "<svg" in (run.folder / "report.svg").read_text(encoding="utf-8")


def test_the_limit_draws_records_and_a_kind_chooses_them(run, monkeypatch):
    script(monkeypatch, right)
    run("bfcl", "--limit", "4")
    assert len(rows_of(run.folder)) == 4
    run("bfcl/irrelevance", "bfcl", "--limit", "8", out="both")
    kinds = [row["kind"] for row in rows_of(run.folder.parent / "both")]
    assert kinds.count("irrelevance") == 4 and 4 <= kinds.count("simple_python") <= 6


_KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv.pop(1))
from evaluate_help import right
from alpha_umi.cli import main
from alpha_umi.evaluation import bench
from alpha_umi.runtime.engine.scripted import ScriptedEngine
engines = []
def answer(request):
    if len(engines[0].requests) > 9:
        os.kill(os.getpid(), signal.SIGKILL)
    return right(request)
def open_engine(*_):
    engines.append(ScriptedEngine(answer))
    return engines[0]
bench.open_engine = open_engine
main()
"""


def test_a_killed_run_goes_on_and_does_nothing_twice(run, data, tmp_path, monkeypatch):
    words = ["evaluate", "run", "bfcl", "--split", "all", "--out", str(run.folder)]
    environment = os.environ | {"UMI_HOME": str(tmp_path), "ALPHA_UMI_DATA": str(data)}
    command = [sys.executable, "-c", _KILLED, str(Path(__file__).parent), *words]
    assert subprocess.run(command, env=environment, capture_output=True).returncode == -signal.SIGKILL
    before = rows_of(run.folder)
    assert 4 <= len(before) < 10
    with (run.folder / "samples.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"task": "bfcl", "id": "r')
    partly = umi(tmp_path, "evaluate", "report", run.folder)
    assert partly.status == 0 and f"**Not complete**: {len(before)} of 10 samples" in partly.stdout
    opened = script(monkeypatch, right)
    done = run()
    assert done.status == 0, done.stderr
    assert f"{len(before)} samples are there already" in done.stderr
    after = rows_of(run.folder)
    assert after[: len(before)] == before and len({row["id"] for row in after}) == len(after) == 10
    assert sum(request.role == "planner" for request in opened.requests) == 10 - len(before)
    assert "**Not complete**" not in done.stdout
    again = run()
    assert again.status == 0 and len(opened.engines) == 1, "nothing is left, so no engine starts"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["bfcl", "--seed", "1"], "settings.seed is 0 there and 1 now"),
        (["bfcl/irrelevance"], "settings.tasks is ['bfcl'] there and ['bfcl/irrelevance'] now"),
        (["bfcl", "--unconstrained"], "settings.unconstrained is False there and True now"),
    ],
)
def test_another_run_in_the_same_folder_is_refused(run, monkeypatch, words, what):
    script(monkeypatch, right)
    run()
    before = (run.folder / "samples.jsonl").read_bytes()
    refused = run(*words)
    assert refused.status == 2
    assert (
        refused.stderr.splitlines()[-1]
        == f"umi: {run.folder} holds another run (manifest.json): {what}; name another folder with --out"
    )
    assert (run.folder / "samples.jsonl").read_bytes() == before


def test_other_data_is_refused_too(run, data, monkeypatch):
    script(monkeypatch, right)
    run()
    write_records(data, simple_python=[*SIMPLE[:5], record(5, "weather in Rome, again", in_rome())])
    assert "data.bfcl.sha256" in run().stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda folder: (folder / "manifest.json").write_text("{", encoding="utf-8"), "manifest.json cannot be read"),
        (lambda folder: (folder / "manifest.json").write_text("{}", encoding="utf-8"), "no manifest of a run"),
        (lambda folder: (folder / "manifest.json").unlink(), "holds no run of `umi evaluate run`"),
        (lambda folder: (folder / "samples.jsonl").unlink(), "samples.jsonl cannot be read"),
        (
            lambda folder: (folder / "samples.jsonl").write_bytes(
                (folder / "samples.jsonl").read_bytes().replace(b'"scores"', b'"s"', 1)
            ),
            "samples.jsonl is damaged in line 1",
        ),
    ],
)
def test_a_damaged_run_is_one_sentence(run, tmp_path, monkeypatch, damage, what):
    script(monkeypatch, right)
    run()
    damage(run.folder)
    for words in (["report", run.folder], ["compare", run.folder, run.folder]):
        done = umi(tmp_path, "evaluate", *words)
        assert done.status == 2 and what in done.stderr and len(done.stderr.splitlines()) == 1


def test_samples_without_a_manifest_are_not_overwritten(run, monkeypatch):
    script(monkeypatch, right)
    run()
    (run.folder / "manifest.json").unlink()
    refused = run()
    assert refused.status == 2 and "has lost its manifest.json" in refused.stderr


def test_two_processes_do_not_write_one_folder(run, monkeypatch):
    script(monkeypatch, right)
    run()
    with (run.folder / "samples.jsonl").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = run()
    assert refused.status == 2 and "another `umi evaluate` is at work" in refused.stderr


def test_broken_records_are_counted_and_listed(run, data, monkeypatch):
    script(monkeypatch, right)
    broken = [
        "{",
        {"id": "x", "question": [[{"role": "user", "content": "?"}]]},
        record(97, "weather", {"teleport": {}}),
        record(98, "weather", in_rome(), tools=[{**record(0, "")["function"][0], "name": "!"}]),
        "[1]",
        SIMPLE[0],
    ]
    write_records(data, simple_python=[*SIMPLE, *broken])
    done = run()
    assert done.status == 0 and "10 samples of 10 records, 6 skipped" in done.stderr
    assert "- no JSON: 1 (simple_python line 7)" in done.stdout
    assert "- an id given twice: 1 (simple_python line 12)" in done.stdout
    assert "- a broken record: 4 (simple_python line 8, simple_python line 9" in done.stdout


def test_a_file_that_is_cut_off_is_one_sentence(run, data, monkeypatch):
    script(monkeypatch, right)
    file = data / "bfcl" / "simple_python.jsonl.gz"
    file.write_bytes(file.read_bytes()[:-20])
    done = run()
    assert done.status == 2 and "cannot be read to its end" in done.stderr


def test_several_calls_are_asked_for_one_after_the_other(run, data, monkeypatch):
    cities = iter(["Rome", "Oslo"])
    wanted = [in_rome(), {"weather.get": {"city": ["Oslo"]}}]
    write_records(data, parallel=[record(20, "weather in Oslo and Rome", *wanted)])

    def answer(request):
        if request.role == "caller":
            return f'weather.get{{"city":"{next(cities)}"}}'
        said = "".join(segment.text for segment in request.prompt)
        return "All done.<|answer|>" if said.count("<|result|>done") == 2 else f"Next one.{CALL}"

    script(monkeypatch, lambda request: "Done." if request.role == "summarizer" else answer(request))
    run("bfcl/parallel")
    (row,) = rows_of(run.folder)
    assert row["scores"] == {"plan_acc": 1, "act_em": 1, "hallu": 0, "call_acc": 1}
    assert [step["decision"] for step in row["written"]] == ["caller", "caller", "conclusion"]


def test_a_full_disk_is_one_sentence_and_what_was_written_stays(run, monkeypatch):
    opened = script(monkeypatch, right)
    least, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, most))
    try:
        done = run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (least, most))
    assert done.status == 5
    assert f"umi: {run.folder} cannot be written (File too large); make room" in done.stderr.splitlines()[-1]
    kept = (run.folder / "samples.jsonl").read_bytes().count(b"\n")
    assert 0 < kept < 10
    assert sum(request.role == "planner" for request in opened.requests) < 10, "the lanes were stopped"
    again = run()
    assert again.status == 0 and f"{kept} samples are there already" in again.stderr
    assert len({row["id"] for row in rows_of(run.folder)}) == 10


def test_lanes_work_side_by_side(run, monkeypatch):
    both = threading.Barrier(2, timeout=60)
    met = threading.local()

    def answer(request):
        if not hasattr(met, "yes"):
            met.yes = True
            both.wait()
        return right(request)

    opened = script(monkeypatch, answer)
    done = run("bfcl", "--lanes", "2")
    assert done.status == 0, done.stderr
    assert len(opened.engines) == 2 and len(rows_of(run.folder)) == 10
    assert all(settings.threads != "auto" for settings in opened.settings)


def test_an_interrupt_ends_every_lane_at_once_and_the_run_goes_on(run, monkeypatch):
    first = threading.Lock()

    def answer(request):
        if first.acquire(blocking=False):
            signal.raise_signal(signal.SIGINT)
        return right(request)

    script(monkeypatch, answer, delay=300)
    stopped = run("bfcl", "--lanes", "2")
    assert stopped.status == 4 and stopped.stderr.splitlines()[-1] == "umi: stopped"
    assert rows_of(run.folder) == []
    script(monkeypatch, right)
    assert run("bfcl", "--lanes", "2").status == 0 and len(rows_of(run.folder)) == 10


def test_what_an_engine_cannot_do_counts_as_wrong_if_it_does_the_rest(run, monkeypatch):
    def answer(request):
        if request.role == "caller" and "Rome, 3" in "".join(segment.text for segment in request.prompt):
            raise EngineError("The engine choked.")
        return right(request)

    script(monkeypatch, answer)
    assert run().status == 0
    (row,) = [row for row in rows_of(run.folder) if row["why"]]
    assert (row["id"], row["why"], row["scores"]["call_acc"]) == ("r3", "The engine choked.", 0)


def test_an_engine_that_does_nothing_ends_the_run_and_no_sample_counts(run, monkeypatch):
    def answer(request):
        raise EngineError("The engine is gone.")

    script(monkeypatch, answer)
    done = run()
    assert done.status == 5 and done.stderr.splitlines()[-1] == "umi: The engine is gone."
    assert rows_of(run.folder) == []
    nothing = umi(run.folder.parent, "evaluate", "report", run.folder)
    assert nothing.status == 2 and "is done yet; give the command of the run again" in nothing.stderr
    script(monkeypatch, right)
    assert run().status == 0 and len(rows_of(run.folder)) == 10


def test_two_runs_are_compared_on_the_samples_that_both_have(run, tmp_path, monkeypatch):
    script(monkeypatch, gullible)
    run()
    script(monkeypatch, right)
    run("bfcl", "--limit", "9", out="other")
    words = ["compare", run.folder, tmp_path / "other", "--resamples", "2000", "--seed", "3"]
    found = json.loads(umi(tmp_path, "evaluate", *words, "--json").stdout)
    assert found["bootstrap"] == {"resamples": 2000, "seed": 3}
    task = found["tasks"]["bfcl"]
    assert (task["samples"], task["left_out"]) == (9, 1)
    score = task["scores"]["call_acc"]
    assert score["second"] == 1 and score["first"] in (5 / 9, 6 / 9)
    assert score["difference"]["value"] == pytest.approx(1 - score["first"])
    assert 0 < score["difference"]["low"] < score["difference"]["value"] < score["difference"]["high"] < 1
    assert task["scores"]["act_em"]["difference"] | {"count": 0} == {"value": 0, "low": 0, "high": 0, "count": 0}
    told = umi(tmp_path, "evaluate", *words, "--plot", tmp_path / "d.svg")
    assert "2000 resamples, seed 3" in told.stdout and "## bfcl: 9 samples in both, 1 left out" in told.stdout
    (line,) = [line for line in told.stdout.splitlines() if line.startswith("| Call ACC")]
    assert line.endswith("| * |")
    assert "<svg" in (tmp_path / "d.svg").read_text(encoding="utf-8")


def test_runs_without_a_common_sample_cannot_be_compared(run, tmp_path, monkeypatch):
    script(monkeypatch, right)
    run("bfcl/irrelevance")
    run("bfcl/simple_python", out="other")
    done = umi(tmp_path, "evaluate", "compare", run.folder, tmp_path / "other")
    assert done.status == 2 and "no sample in common" in done.stderr


def test_settings_of_a_server_reach_the_engine_and_its_key_stays_out_of_the_folder(run, tmp_path, monkeypatch):
    opened = script(monkeypatch, lambda request: "Thus. Next: give up.")
    settings = tmp_path / "server.toml"
    settings.write_text(
        '[engine]\nkind = "server"\n[engine.server]\nurl = "http://127.0.0.1:9/v1"\nkey = "hush"\n'
        '[engine.server.roles.planner]\nmodel = "big"\nkey = "hush"\n',
        encoding="utf-8",
    )
    done = run("bfcl/irrelevance", "--config", settings)
    assert done.status == 0, done.stderr
    assert opened.settings[0].server.key.get_secret_value() == "hush"
    text = (run.folder / "manifest.json").read_text(encoding="utf-8")
    manifest = json.loads(text)
    assert manifest["trio"]["dialect"] == "chat"
    assert manifest["settings"]["engine"]["url"] == "http://127.0.0.1:9/v1"
    assert manifest["settings"]["engine"]["roles"] == {"planner": {"model": "big"}}
    assert "hush" not in text and "server http://127.0.0.1:9/v1" in done.stdout


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["nothing"], "there is no task nothing; `umi evaluate tasks` lists them: requests, natural,"),
        (["bfcl/nothing"], "there is no bfcl/nothing; bfcl has irrelevance, simple_python in the split all"),
        (["snips"], "the data of snips is not at hand: there is no folder"),
        (["bfcl", "--data", "/nowhere"], "there is no folder /nowhere"),
        (["bfcl", "--trio", "nobody"], "there is no trio 'nobody'"),
        (["bfcl", "--config", "/nowhere"], "there is no file /nowhere"),
        (["bfcl", "--judge", "nano:king"], "there is no role king"),
        (["requests", "--unconstrained"], "requests runs through `umi run`, which is always constrained"),
    ],
)
def test_what_cannot_be_evaluated_is_one_sentence(run, words, what):
    done = run(*words)
    assert done.status == 2 and what in done.stderr and len(done.stderr.splitlines()) == 1
    assert not run.folder.exists()


def test_without_the_data_sets_the_tasks_say_where_they_belong(tmp_path):
    refused = umi(tmp_path, "evaluate", "run", "bfcl", "--out", tmp_path / "out")
    assert refused.status == 2 and "give the folder of the data sets with --data or in ALPHA_UMI_DATA" in refused.stderr
    listed = umi(tmp_path, "evaluate", "tasks").stdout
    assert "bfcl of the data folder" in listed and "requests             end to end" in listed


def test_every_reader_is_a_task(tmp_path, data):
    listed = umi(tmp_path, "evaluate", "tasks", data=data).stdout.splitlines()
    names = [line.split()[0] for line in listed]
    assert set(READERS) <= set(names) and len(set(names)) == len(names)
    assert f"(at hand: {data / 'bfcl'})" in next(line for line in listed if line.startswith("bfcl"))
    assert "(missing: " in next(line for line in listed if line.startswith("snips"))


def test_without_the_extra_a_run_does_not_even_begin(run, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = run()
    assert done.status == 2 and "pip install 'alpha-umi[evaluate]'" in done.stderr
    assert not run.folder.exists()
