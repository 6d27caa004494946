import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from engine_help import ask, prompt, start
from lane_help import make_lane, tokens
from tiny_model import write_adapter, write_model

from alpha_umi.runtime.agent import Agent
from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.engine.cancel import CancelFlag, Cancelled
from alpha_umi.runtime.engine.prefixes import LEAST_TOKENS, Prefixes
from alpha_umi.runtime.events import Usage
from alpha_umi.runtime.paths import Paths

DOCUMENTS = "<|tools|>" + "name the file, list the text. " * 12
ASKED = DOCUMENTS + "<|user|>you need milk<|plan|>"
MOST = 2**26


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "prefixes"


def prepare(folder, path, text=DOCUMENTS, *, most=MOST, adapter=None):
    """The tokens that a fresh lane had to evaluate, and the store that it used."""
    lane = make_lane(path, adapter=adapter)
    prefixes = Prefixes(folder, most, CancelFlag())
    beginning = tokens(lane, text)
    evaluated = prefixes.prepare(lane, beginning)
    assert lane.cached in (beginning, [])
    return evaluated, prefixes


def kept(folder):
    return sorted(folder.iterdir())


def test_a_second_start_evaluates_no_documents_and_writes_the_same(tiny_gguf, tmp_path):
    usages, texts = [], []
    for _ in range(2):
        with start(tiny_gguf, cache=tmp_path / "cache") as engine:
            for role in ("planner", "caller"):
                finished = ask(engine, ASKED, role=role, max_tokens=30, pinned=prompt(DOCUMENTS))
                usages.append(finished.usage)
                texts.append(finished.text)
            documents = engine.count("planner", prompt(DOCUMENTS))
            (fact,) = [fact for fact in engine.describe() if fact["kind"] == "cache"]
    assert len(set(texts)) == 1
    whole = usages[0].prompt
    assert [usage.evaluated for usage in usages] == [whole, *[whole - documents] * 3]
    assert (fact["files"], fact["problem"]) == (1, "")
    with start(tiny_gguf) as engine:
        assert ask(engine, ASKED, max_tokens=30).text == texts[0]


def test_a_second_agent_evaluates_no_tool_documents(tmp_path):
    paths = Paths(tmp_path / "config", tmp_path / "data", tmp_path / "state")
    firsts = []
    for _ in range(2):
        with Agent("nano", workspace=tmp_path, paths=paths) as agent:
            events = [event for event in agent.turn("What is 12.5% of 360?") if isinstance(event, Usage)]
            documents = agent.engine.count("planner", load_dialect("nano").head("planner", agent.catalogue.specs))
        firsts.append({event.role: event.usage for event in reversed(events)})
    assert documents > 80
    for role in set(firsts[0]) & {"planner", "caller"}:
        first, second = (usages[role] for usages in firsts)
        assert first.evaluated == first.prompt == second.prompt
        assert second.evaluated == second.prompt - documents


def test_another_model_adapter_or_text_is_another_file(folder, tiny_gguf, tmp_path):
    other = write_model(tmp_path / "other.gguf", seed=5)
    copy = shutil.copy2(tiny_gguf, tmp_path / "copy.gguf")
    adapter = write_adapter(tmp_path / "adapter.gguf")
    size = prepare(folder, tiny_gguf)[0]
    assert size >= LEAST_TOKENS
    assert prepare(folder, tiny_gguf)[0] == 0
    assert prepare(folder, other)[0] == size
    assert prepare(folder, copy)[0] == size
    assert prepare(folder, tiny_gguf, adapter=adapter)[0] == size
    assert prepare(folder, tiny_gguf, adapter=adapter)[0] == 0
    assert prepare(folder, tiny_gguf, DOCUMENTS + "more")[0] > size
    assert len(kept(folder)) == 5


def test_a_model_file_that_was_replaced_is_noticed(folder, tmp_path):
    path = write_model(tmp_path / "model.gguf", seed=1)
    size, _ = prepare(folder, path)
    write_model(path, seed=2)
    assert prepare(folder, path)[0] == size


DAMAGES = (
    """
cut, cut in the header, empty, longer, one bit, no JSON, a number, another key, another format, a negative size,
a folder, a pipe, a link
""".replace("\n", " ")
    .strip()
    .split(", ")
)


def damage(path, how):
    data = path.read_bytes()
    header, _, state = data.partition(b"\n")
    match how.strip():
        case "cut":
            path.write_bytes(data[: len(data) // 2])
        case "cut in the header":
            path.write_bytes(data[:20])
        case "empty":
            path.write_bytes(b"")
        case "longer":
            path.write_bytes(data + b"x")
        case "one bit":
            path.write_bytes(data[:-100] + bytes([data[-100] ^ 1]) + data[-99:])
        case "no JSON":
            path.write_bytes(b"{]\n" + state)
        case "a number":
            path.write_bytes(b"7\n" + state)
        case "another key":
            path.write_bytes(json.dumps(json.loads(header) | {"key": "0" * 64}).encode() + b"\n" + state)
        case "another format":
            path.write_bytes(json.dumps(json.loads(header) | {"format": 99}).encode() + b"\n" + state)
        case "a negative size":
            path.write_bytes(json.dumps(json.loads(header) | {"bytes": -1}).encode() + b"\n" + state)
        case "a folder":
            path.unlink()
            path.mkdir()
        case "a pipe":
            path.unlink()
            os.mkfifo(path)
        case "a link":
            path.rename(path.with_suffix(".real"))
            path.symlink_to(path.with_suffix(".real"))


@pytest.mark.parametrize("how", DAMAGES)
def test_what_is_damaged_is_evaluated_anew(folder, tiny_gguf, how):
    size, _ = prepare(folder, tiny_gguf)
    (path,) = kept(folder)
    damage(path, how)
    assert prepare(folder, tiny_gguf)[0] == size
    if how != "a folder":
        assert prepare(folder, tiny_gguf)[0] == 0


def test_the_bound_keeps_what_was_used_last(folder, tiny_gguf):
    texts = [f"{DOCUMENTS}{number}" for number in range(4)]
    prepare(folder, tiny_gguf, texts[0])
    one = kept(folder)[0].stat().st_size
    most = 3 * one
    for text in texts[1:3]:
        prepare(folder, tiny_gguf, text, most=most)
        assert prepare(folder, tiny_gguf, texts[0], most=most)[0] == 0
    prepare(folder, tiny_gguf, texts[3], most=most)
    assert sum(path.stat().st_size for path in kept(folder)) <= most
    assert prepare(folder, tiny_gguf, texts[0], most=most)[0] == 0
    assert prepare(folder, tiny_gguf, texts[1], most=most)[0] > 0


def test_what_is_larger_than_the_bound_is_not_kept(folder, tiny_gguf):
    size, prefixes = prepare(folder, tiny_gguf, most=1000)
    assert size > 0 and kept(folder) == [] and prefixes.problem == ""


@pytest.mark.parametrize("most", [0, MOST])
def test_nothing_is_kept_without_a_folder_or_room(folder, tiny_gguf, most):
    size, prefixes = prepare(folder if not most else None, tiny_gguf, most=most)
    assert size == 0 and not folder.exists() and prefixes.describe() == []


def test_a_short_beginning_is_not_kept(folder, tiny_gguf):
    assert prepare(folder, tiny_gguf, "name the file")[0] == 0
    assert not folder.exists()


def test_a_folder_that_is_a_file_is_told_and_does_no_harm(tmp_path, tiny_gguf):
    folder = tmp_path / "file"
    folder.write_text("x", encoding="utf-8")
    size, prefixes = prepare(folder, tiny_gguf)
    assert size > 0
    (fact,) = prefixes.describe()
    assert str(folder) in fact["problem"] and "set UMI_HOME to" in fact["problem"]
    with start(tiny_gguf, cache=folder) as engine:
        assert ask(engine, ASKED, max_tokens=5, pinned=prompt(DOCUMENTS)).reason == "length"


def test_a_full_disk_is_told_and_does_no_harm(folder, tiny_gguf, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(2**30, 2**30, 0))
    size, prefixes = prepare(folder, tiny_gguf)
    assert size > 0 and kept(folder) == []
    assert "nearly full" in prefixes.problem
    (fact,) = Prefixes(folder, MOST, CancelFlag()).describe()
    assert "nearly full" in fact["problem"]


def test_a_write_that_fails_half_way_leaves_no_file(folder, tiny_gguf):
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "sys.path.insert(0, sys.argv[3])\n"
        "from test_engine_prefixes import prepare\n"
        "size, prefixes = prepare(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "assert size > 0 and 'too large' in prefixes.problem, prefixes.problem\n"
    )
    here = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", script, str(folder), str(tiny_gguf), here], check=True, capture_output=True)
    assert kept(folder) == []


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root writes everywhere")
def test_a_read_only_folder_is_read_and_never_written(folder, tiny_gguf, tmp_path):
    prepare(folder, tiny_gguf)
    before = kept(folder)
    script = (
        "import os, sys; from importlib.metadata import version; from pathlib import Path\n"
        "from test_engine_prefixes import prepare, DOCUMENTS\n"
        "version('llama-cpp-python')  # imports what an ordinary user may not read\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "folder, model = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "assert prepare(folder, model)[0] == 0\n"
        "size, prefixes = prepare(folder, model, DOCUMENTS + 'other')\n"
        "assert size > 0 and 'ermission denied' in prefixes.problem, prefixes.problem\n"
    )
    for place in (folder, *folder.parents, tiny_gguf.parent, *tiny_gguf.parents):
        if place.stat().st_uid == os.geteuid() and place.is_relative_to(tmp_path.parent.parent):
            place.chmod(0o555 if place == folder else 0o755)
    here = str(Path(__file__).parent)
    try:
        subprocess.run(
            [sys.executable, "-c", script, str(folder), str(tiny_gguf)],
            check=True,
            env={**os.environ, "PYTHONPATH": here},
        )
    finally:
        folder.chmod(0o755)
    assert kept(folder) == before


def test_a_cancel_while_it_is_read_leaves_the_file(folder, tiny_gguf):
    prepare(folder, tiny_gguf)
    flag = CancelFlag()
    lane = make_lane(tiny_gguf, flag=flag)
    flag.set()
    with pytest.raises(Cancelled):
        Prefixes(folder, MOST, flag).prepare(lane, tokens(lane, DOCUMENTS))
    assert prepare(folder, tiny_gguf)[0] == 0


def test_a_state_that_llama_cpp_does_not_take_is_evaluated_anew(folder, tiny_gguf, tmp_path):
    """A sound file of the right key, but of another shape: as after a change of how the cache is laid out."""
    size, _ = prepare(folder, tiny_gguf)
    (path,) = kept(folder)
    state = b"\0" * 4096
    header = json.loads(path.read_bytes().partition(b"\n")[0])
    import hashlib

    header |= {"bytes": len(state), "sha256": hashlib.sha256(state).hexdigest()}
    path.write_bytes(json.dumps(header).encode() + b"\n" + state)
    assert prepare(folder, tiny_gguf)[0] == size
