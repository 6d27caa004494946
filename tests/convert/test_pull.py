"""Pulling from a hub: the real client, a local server, and everything that a connection can do."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import FakeHub, Repo, serving

from alpha_umi.convert import download
from alpha_umi.convert.pull import forget_pulled, pull, read_pulled
from alpha_umi.errors import HubError, ModelFileError, StorageError, UsageError

BIG = bytes(range(256)) * 12_000
CHECKPOINT = {
    "config.json": b'{"architectures": ["LlamaForCausalLM"]}',
    "tokenizer.json": b"{}" * 2000,
    "model-00001-of-00002.safetensors": BIG,
    "model-00002-of-00002.safetensors": BIG[::-1],
    "model.safetensors.index.json": b"{}",
    "README.md": b"# A model",
    "modeling_mine.py": b"print('never fetched')",
    "pytorch_model.bin": b"never fetched",
    "consolidated.safetensors": b"the same weights once more",
    "onnx/model.onnx": b"never fetched",
    ".gitattributes": b"",
}
FETCHED = {
    "config.json", "tokenizer.json", "README.md", "model.safetensors.index.json",
    "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
}  # fmt: skip
PULL = """
import sys
from pathlib import Path
from alpha_umi.convert.pull import pull
pull("owner/model", Path(sys.argv[1]))
"""
FIRST = "model-00001-of-00002.safetensors"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    found = FakeHub({"owner/model": Repo(dict(CHECKPOINT))})
    with serving(found):
        monkeypatch.setenv("HF_ENDPOINT", found.address)
        monkeypatch.setattr(download, "PATIENCE", (0.0, 0.0))
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield found


def test_fetches_only_what_a_model_needs(hub: FakeHub, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    folder = pull("owner/model", tmp_path, progress=lambda done, total: seen.append((done, total)))
    pulled = read_pulled(folder)
    assert {path.name for path in folder.iterdir()} == FETCHED | {"pull.json"} and set(hub.downloads) == FETCHED
    assert all((folder / name).read_bytes() == CHECKPOINT[name] for name in FETCHED)
    assert (pulled.commit, pulled.licence) == (hub.repos["owner/model"].commit, "apache-2.0")
    assert folder.name == f"owner--model@{pulled.commit}"
    assert [done for done, _ in seen] == sorted(done for done, _ in seen) and seen[-1][0] == seen[-1][1]
    assert all("alpha-umi/" in agent and "torch" not in agent for agent in hub.agents)
    assert not any("agent-harnesses" in line for line in hub.asked)


def test_a_commit_that_is_here_is_verified_without_the_hub(hub: FakeHub, tmp_path: Path) -> None:
    folder = pull("owner/model", tmp_path)
    commit, asked = hub.repos["owner/model"].commit, len(hub.asked)
    assert pull("owner/model", tmp_path, revision=commit) == folder and len(hub.asked) == asked
    assert pull("owner/model", tmp_path) == folder
    assert len(hub.downloads) == len(FETCHED), "what is there is not fetched again"


def test_offline(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pull("owner/model", tmp_path)
    asked = len(hub.asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert pull("owner/model", tmp_path) == folder
    with pytest.raises(HubError, match="owner/other@main was not pulled yet and HF_HUB_OFFLINE is set"):
        pull("owner/other", tmp_path)
    (folder / FIRST).write_bytes(BIG[:-1] + b"!")
    with pytest.raises(ModelFileError, match=f"{FIRST} was damaged.* pull again"):
        pull("owner/model", tmp_path)
    assert len(hub.asked) == asked


def test_a_broken_connection_goes_on_where_it_broke(hub: FakeHub, tmp_path: Path) -> None:
    hub.cuts[FIRST] = [1_000_000, 1_500_000, 0]
    folder = pull("owner/model", tmp_path)
    assert (folder / FIRST).read_bytes() == BIG
    assert hub.ranges == ["bytes=1000000-", *["bytes=2500000-"] * 2] and hub.sent[FIRST] == len(BIG)


def test_a_hub_that_ignores_ranges(hub: FakeHub, tmp_path: Path) -> None:
    hub.cuts[FIRST], hub.honours_ranges = [1_000_000], False
    folder = pull("owner/model", tmp_path)
    assert (folder / FIRST).read_bytes() == BIG


def test_a_busy_hub_is_asked_again_and_then_given_up(hub: FakeHub, tmp_path: Path) -> None:
    hub.busy = 2
    pull("owner/model", tmp_path / "patient")
    hub.busy = 3
    with pytest.raises(
        HubError, match=r"broke at 0 of 9 bytes of README.md \(.*503\): pull again, it goes on from there"
    ):
        pull("owner/model", tmp_path / "tired")


def test_a_hub_that_says_how_long_to_wait(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(download.time, "sleep", slept.append)
    hub.limits = ["3", "soon"]
    pull("owner/model", tmp_path / "patient")
    assert slept == [3.0, 0.0], "what is no number is left to our own patience"
    hub.limits = ["3600"]
    with pytest.raises(HubError, match=r"wait 3600 s .*: pull again then, it goes on from there"):
        pull("owner/model", tmp_path / "told")
    assert slept == [3.0, 0.0]


def test_a_file_that_is_shorter_than_listed(hub: FakeHub, tmp_path: Path) -> None:
    hub.damage[FIRST] = BIG[:1_000_000]
    with pytest.raises(HubError, match=f"{FIRST} is shorter than the hub lists: pull again"):
        pull("owner/model", tmp_path)
    assert not list(tmp_path.rglob(FIRST)) and hub.ranges[-1] == "bytes=1000000-"
    del hub.damage[FIRST]
    assert (pull("owner/model", tmp_path) / FIRST).read_bytes() == BIG


def test_headers_of_other_ways_change_nothing(hub: FakeHub, tmp_path: Path) -> None:
    """Xet's hash offers another way to fetch; an entity tag may be anything: the listing's hashes decide."""
    hub.headers = {
        "X-Xet-Hash": "0" * 64,
        "X-Xet-Refresh-Route": "/api/nowhere",
        "ETag": '"wrong"',
        "X-Linked-Etag": "no",
    }
    folder = pull("owner/model", tmp_path)
    assert (folder / FIRST).read_bytes() == BIG and all("xet" not in line for line in hub.asked)


@pytest.mark.parametrize("keep", [True, False])
def test_a_branch_that_moves_while_it_is_pulled(hub: FakeHub, tmp_path: Path, keep: bool) -> None:
    repo = hub.repos["owner/model"]
    listed = repo.commit
    hub.at_start = lambda: repo.replace(CHECKPOINT | {FIRST: b"other weights"}, keep=keep)
    if not keep:
        with pytest.raises(HubError, match=f"owner/model has no commit, branch or tag {listed}"):
            pull("owner/model", tmp_path)
        assert not list(tmp_path.rglob("pull.json"))
        return
    folder = pull("owner/model", tmp_path)
    assert read_pulled(folder).commit == listed and (folder / FIRST).read_bytes() == BIG


def test_the_next_process_takes_up_what_a_dead_one_left(hub: FakeHub, tmp_path: Path) -> None:
    hub.cuts[FIRST] = [1_000_000, 0, 0]
    with pytest.raises(HubError, match="broke at 1000000 of 3072000 bytes"):
        pull("owner/model", tmp_path)
    part = next(tmp_path.rglob("*.part"))
    assert part.stat().st_size == 1_000_000 and not list(tmp_path.rglob("pull.json"))
    subprocess.run([sys.executable, "-c", PULL, tmp_path], check=True)
    assert hub.ranges[-1] == "bytes=1000000-" and hub.sent[FIRST] == len(BIG)
    assert not list(tmp_path.rglob("*.part"))


def test_killed_in_the_middle(hub: FakeHub, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from alpha_umi.convert.pull import pull\n"
        "def kill(done, total):\n    done > 2_000_000 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "pull('owner/model', Path(sys.argv[1]), progress=kill)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not list(tmp_path.rglob("pull.json")) and not list(tmp_path.rglob(FIRST))
    folder = pull("owner/model", tmp_path)
    assert (folder / FIRST).read_bytes() == BIG and hub.ranges and not list(tmp_path.rglob("*.part"))


def test_a_damaged_part_is_found_and_dropped(hub: FakeHub, tmp_path: Path) -> None:
    hub.cuts[FIRST] = [1_000_000, 0, 0]
    with pytest.raises(HubError):
        pull("owner/model", tmp_path)
    part = next(tmp_path.rglob("*.part"))
    part.write_bytes(b"!" + part.read_bytes()[1:])
    with pytest.raises(ModelFileError, match=f"{FIRST} has another hash than the hub announces"):
        pull("owner/model", tmp_path)
    assert not list(tmp_path.rglob(f"{FIRST}*"))
    assert (pull("owner/model", tmp_path) / FIRST).read_bytes() == BIG


@pytest.mark.parametrize("name", [FIRST, "config.json"])
@pytest.mark.parametrize("damage", ["flipped", "longer"])
def test_wrong_bytes_are_never_taken(hub: FakeHub, tmp_path: Path, name: str, damage: str) -> None:
    data = CHECKPOINT[name]
    hub.damage[name] = bytes([data[0] ^ 1]) + data[1:] if damage == "flipped" else data + b"more"
    with pytest.raises((ModelFileError, HubError), match=f"{name} (has another hash|is longer than the hub lists)"):
        pull("owner/model", tmp_path)
    assert not list(tmp_path.rglob(name)) and not list(tmp_path.rglob("pull.json"))


@pytest.mark.parametrize(
    ("repo", "revision", "refused", "says"),
    [
        ("owner/none", None, "", "the hub has no repository owner/none for you: check the name"),
        ("owner/model", None, "private", "the hub has no repository owner/model for you"),
        ("owner/model", None, "gated", "owner/model is gated: accept its terms at http.*/owner/model and set HF_TOKEN"),
        (
            "owner/model",
            None,
            "closed",
            "owner/model is gated: accept its terms at http.*/owner/model and set HF_TOKEN",
        ),
        ("owner/model", "v9", "", "owner/model has no commit, branch or tag v9"),
        ("owner/model", "0" * 40, "", "owner/model has no commit, branch or tag 0000"),
    ],
)
def test_what_the_hub_refuses_is_explained(
    hub: FakeHub, tmp_path: Path, repo: str, revision: str | None, refused: str, says: str
) -> None:
    hub.repos["owner/model"].refused = refused
    with pytest.raises(HubError, match=says) as raised:
        pull(repo, tmp_path, revision=revision)
    assert "\n" not in str(raised.value)


def test_a_gated_repository_with_a_token(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repos["owner/model"].refused = "gated"
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    pull("owner/model", tmp_path)
    assert hub.tokens == {"Bearer hf_mine"}


def test_large_files_of_another_host_come_without_the_key(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    with serving(FakeHub(hub.repos)) as content:
        hub.content = content.address
        content.cuts[FIRST] = [1_000_000]
        folder = pull("owner/model", tmp_path)
    assert (folder / FIRST).read_bytes() == BIG
    assert (hub.tokens, content.tokens) == ({"Bearer hf_mine"}, {""})
    assert content.ranges == ["bytes=1000000-"] and content.sent[FIRST] == len(BIG)


def test_no_hub_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"the hub at http://127.0.0.1:9 cannot be reached \(.*\): check the network"):
        pull("owner/model", tmp_path)


@pytest.mark.parametrize("name", ["", "../x", "a/b/c", "owner/na me", "-x", "owner/../.."])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a repository: write OWNER/NAME"):
        pull(name, tmp_path)


def test_pickles_only_where_allowed(hub: FakeHub, tmp_path: Path) -> None:
    files = {"config.json": b"{}", "pytorch_model-00001-of-00001.bin": BIG, "pytorch_model.bin.index.json": b"{}"}
    hub.repos["owner/old"] = Repo(dict(files))
    with pytest.raises(ModelFileError, match=r"holds only pickled weights .* with --allow-pickle"):
        pull("owner/old", tmp_path)
    assert hub.downloads == []
    folder = pull("owner/old", tmp_path, allow_pickle=True)
    assert {path.name for path in folder.iterdir()} == {*files, "pull.json"}
    assert not any(path.suffix == ".bin" for path in pull("owner/model", tmp_path, allow_pickle=True).iterdir())


def test_names_in_a_repository_that_would_leave_the_folder(hub: FakeHub, tmp_path: Path) -> None:
    hub.repos["owner/evil"] = Repo({"../../model.safetensors": BIG, "/etc/config.json": b"{}", "a.gguf": b"GGUF"})
    folder = pull("owner/evil", tmp_path)
    assert [path.name for path in sorted(folder.iterdir())] == ["a.gguf", "pull.json"]


def test_which_gguf_file(hub: FakeHub, tmp_path: Path) -> None:
    hub.repos["owner/ready"] = Repo({"q4.gguf": b"GGUF4", "sub/q8.gguf": b"GGUF8", "x-00001-of-00002.gguf": b"GGUF"})
    with pytest.raises(ModelFileError, match=r"several GGUF files, name one with --file: q4.gguf, sub/q8.gguf, x-"):
        pull("owner/ready", tmp_path)
    with pytest.raises(ModelFileError, match=r"has no GGUF file q5.gguf; it has: q4.gguf"):
        pull("owner/ready", tmp_path, file="q5.gguf")
    with pytest.raises(ModelFileError, match="one part of a split model"):
        pull("owner/ready", tmp_path, file="x-00001-of-00002.gguf")
    assert (pull("owner/ready", tmp_path, file="sub/q8.gguf") / "sub/q8.gguf").read_bytes() == b"GGUF8"
    hub.repos["owner/empty"] = Repo({"README.md": b"nothing"})
    with pytest.raises(ModelFileError, match="holds neither safetensors weights nor a GGUF file"):
        pull("owner/empty", tmp_path)


def test_room_on_the_disk_is_looked_at_first(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alpha_umi.convert.files.SPARE", 1 << 62)
    with pytest.raises(StorageError, match="free some space or set UMI_HOME"):
        pull("owner/model", tmp_path)
    assert hub.downloads == []


def test_a_disk_that_is_full_in_the_middle(hub: FakeHub, tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from pathlib import Path; from alpha_umi.convert.pull import pull\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000,) * 2)\n"
        "from alpha_umi.errors import StorageError\n"
        "try: pull('owner/model', Path(sys.argv[1]))\nexcept StorageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert "cannot be written" in done.stdout and "it goes on where it stopped" in done.stdout
    assert not list(tmp_path.rglob(FIRST))
    assert (pull("owner/model", tmp_path) / FIRST).read_bytes() == BIG
    assert hub.ranges, "what was on the disk is not fetched again"


def test_two_at_once(hub: FakeHub, tmp_path: Path) -> None:
    both = [subprocess.Popen([sys.executable, "-c", PULL, tmp_path]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert sorted(hub.downloads) == sorted(FETCHED), "the second one waits and finds the files"


def test_forgetting(hub: FakeHub, tmp_path: Path) -> None:
    pull("owner/model", tmp_path)
    assert forget_pulled(tmp_path) > 2 * len(BIG)
    assert not list(tmp_path.glob("[!.]*")) and forget_pulled(tmp_path / "none") == 0
