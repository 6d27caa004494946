"""A trio that others released comes with one command, from pickled checkpoints on a hub to three bound roles."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MakeCheckpoint
from fake_hub import FakeHub, Repo, serving
from test_pickled import pickle_weights
from umi_command import Umi

from alpha_umi.convert import download
from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.convert.making import read_reports
from alpha_umi.convert.release import read_release, releases
from alpha_umi.convert.trio import DIALECTS, ROLES, find_trio
from alpha_umi.errors import UsageError


@pytest.fixture
def umi(tmp_path: Path) -> Umi:
    return Umi(tmp_path / "home")


@pytest.fixture(scope="module")
def paper(make_checkpoint: MakeCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Repo]:
    """Repositories with the names that the paper's authors chose, pickled as they are."""
    made = {}
    for seed, role in enumerate(ROLES):
        folder = tmp_path_factory.mktemp("paper") / role
        shutil.copytree(make_checkpoint("llama", "spm", seed=seed), folder)
        pickle_weights(folder, 2)
        made[f"shenwzh3/alpha-umi-{role}-7b"] = Repo.of(folder, licence="llama2")
    return made


@pytest.fixture
def hub(paper: dict[str, Repo], monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving(FakeHub(dict(paper))) as found:
        monkeypatch.setenv("HF_ENDPOINT", found.address)
        monkeypatch.setattr(download, "PATIENCE", ())
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield found


def test_the_papers_trio(umi: Umi, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "holds only pickled weights" in umi.refused("trio", "pull", "alpha-umi-7b")
    hub.cuts["pytorch_model-00001-of-00002.bin"] = [1 << 30, 100_000]
    broken = umi.refused("trio", "pull", "alpha-umi-7b", "--allow-pickle")
    assert "broke at 100000 of" in broken and "pull again, it goes on from there" in broken
    assert [line.split()[0] for line in umi("models", "list").splitlines()] == ["alpha-umi-7b-planner-q4_k_m"]
    fetched = len(hub.downloads)
    shown = umi("trio", "pull", "alpha-umi-7b", "--allow-pickle")
    assert "bytes=100000-" in hub.ranges and "README" not in shown
    assert not any("planner" in line for line in hub.asked[-(len(hub.downloads) - fetched) :])
    trio = find_trio("alpha-umi-7b", (umi.trios,))
    assert trio.dialect == "paper" and {trio.roles[role].context for role in ROLES} == {4096}
    assert len(trio.files) == 3 and "caller      alpha-umi-7b-caller-q4_k_m\n" in shown
    manifest = json.loads(umi("models", "show", "alpha-umi-7b-caller-q4_k_m", "--json"))
    repo = hub.repos["shenwzh3/alpha-umi-caller-7b"]
    assert (manifest["source"]["repo"], manifest["source"]["commit"], manifest["source"]["licence"]) == (
        "shenwzh3/alpha-umi-caller-7b", repo.commit, "llama2"
    )  # fmt: skip
    assert manifest["source"]["files"].keys() == repo.files.keys()
    assert manifest["steps"] == ["convert --type f16", "quantise --type Q4_K_M"]
    assert manifest["checks"]["convert"]["proof"]["tokens"] > 1000 and 0 < manifest["checks"]["quantise"]["kl"] < 1
    assert manifest["checks"]["quantise"]["source_sha256"] == manifest["checks"]["convert"]["sha256"]
    assert not list((umi.models / "pulled").glob("[!.]*")) and not list(umi.models.glob(".making-*"))
    assert "there is a trio alpha-umi-7b already" in umi.refused("trio", "pull", "alpha-umi-7b", status=2)
    asked = len(hub.asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    umi("trio", "pull", "alpha-umi-7b", "--name", "alpha-umi-7b", "--force")
    assert len(hub.asked) == asked, "what is made is not pulled again"


def test_a_name_that_is_taken_is_found_before_anything_is_pulled(
    umi: Umi, hub: FakeHub, make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    convert_checkpoint(make_checkpoint("qwen2"), tmp_path / "a.gguf", type="q8_0", name="a", verify=False)
    umi("models", "import", tmp_path / "a.gguf", "--name", "mine-planner-q8_0")
    refused = umi.refused("trio", "pull", "alpha-umi-7b", "--name", "mine", "--type", "q8_0", status=2)
    assert "there is another model mine-planner-q8_0 in the store" in refused and not hub.asked


def test_releases_are_whole() -> None:
    assert {"alpha-umi-7b", "alpha-umi-13b"} <= set(releases())
    for name in releases():
        assert read_release(name).dialect in DIALECTS


def test_what_is_not_known(umi: Umi) -> None:
    assert "no released trio 'none' known; there are: alpha-umi-13b" in umi.refused("trio", "pull", "none", status=2)
    assert "there is no type Q9" in umi.refused("trio", "pull", "alpha-umi-7b", "--type", "Q9", status=2)


def test_reports_of_the_steps_go_into_the_manifest(umi: Umi, make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    master, small = tmp_path / "master.gguf", tmp_path / "small.gguf"
    umi("models", "convert", make_checkpoint("llama", "spm"), master, "--report", tmp_path / "1.json")
    umi("models", "quantise", master, small, "--type", "Q8_0", "--report", tmp_path / "2.json")
    reports = [word for number in (1, 2) for word in ("--report", tmp_path / f"{number}.json")]
    umi("models", "import", small, *reports)
    manifest = json.loads(umi("models", "show", "small", "--json"))
    assert manifest["steps"] == ["convert --type f16", "quantise --type Q8_0"]
    assert manifest["checks"]["quantise"]["top1"] > 0.9
    assert "top1 0.9" in umi("models", "show", "small")
    assert "tells of another file" in umi.refused("models", "import", small, *reversed_pairs(reports), status=2)
    assert "tells of another file" in umi.refused("models", "import", master, *reports, status=2)


def reversed_pairs(words: list[object]) -> list[object]:
    return [*words[2:], *words[:2]]


@pytest.mark.parametrize("text", ["", "[1]", "{}"])
def test_what_is_no_report(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(UsageError, match="is not a report of `umi models convert` or `quantise`"):
        read_reports([tmp_path / "r.json"], "0" * 64)
