"""What `umi models` and `umi trio` do with the store, through the real command line."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MakeCheckpoint
from fake_hub import FakeHub, Repo, serving
from test_lora import make_adapter
from umi_command import Umi

from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.convert.lora import convert_adapter
from alpha_umi.convert.trio import DIALECTS, find_trio
from alpha_umi.runtime.dialects import dialect_names
from alpha_umi.runtime.settings import Settings


@pytest.fixture
def umi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Umi:
    for name in ("UMI_TRIO", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return Umi(tmp_path / "home")


@pytest.fixture(scope="module")
def tiny(make_checkpoint: MakeCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "tiny.gguf"
    convert_checkpoint(make_checkpoint("qwen2"), path, type="q8_0", name="tiny", verify=False)
    return path


@pytest.fixture(scope="module")
def lora(make_checkpoint: MakeCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, base = tmp_path_factory.mktemp("lora"), make_checkpoint("qwen2")
    make_adapter(base, folder / "peft")
    convert_adapter(folder / "peft", base, folder / "tiny-lora.gguf", name="tiny-lora")
    return folder / "tiny-lora.gguf"


@pytest.fixture(scope="module")
def large(make_checkpoint: MakeCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "large.gguf"
    convert_checkpoint(make_checkpoint("qwen2", hidden_size=128), path, type="f16", name="large", verify=False)
    return path


@pytest.fixture(scope="module")
def shelf(tiny: Path, lora: Path, large: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose store holds the three files."""
    umi = Umi(tmp_path_factory.mktemp("shelf"))
    umi("models", "import", tiny)
    umi("models", "import", large)
    assert "checked   trial: on tiny" in umi("models", "import", lora, "--base", "tiny")
    return umi.home


@pytest.fixture
def stocked(umi: Umi, shelf: Path) -> Umi:
    """The command in a home that holds the three files."""
    shutil.copytree(shelf, umi.home)
    return umi


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving(FakeHub()) as found:
        monkeypatch.setenv("HF_ENDPOINT", found.address)
        yield found


def test_from_a_file_to_a_trio_that_answers(stocked: Umi) -> None:
    made = stocked(
        "trio", "create", "mine", "--model", "tiny", "--adapter", "caller=tiny-lora", "--dialect", "nano",
        "--context", "512", "--context", "planner=256", "--max-tokens", "100", "--temperature", "summarizer=0.5",
        "--seed", "3", "--description", "three in one",
    )  # fmt: skip
    assert made == stocked("trio", "show", "mine")
    assert made.splitlines() == [
        "mine: three in one",
        "dialect nano",
        "planner     tiny",
        "            context 256 tokens, output up to 100, greedy",
        "caller      tiny with adapter tiny-lora",
        "            context 512 tokens, output up to 100, greedy",
        "summarizer  tiny",
        "            context 512 tokens, output up to 100, temperature 0.5, seed 3",
        "2 files, " + made.splitlines()[-1].partition(", ")[2],
    ]
    assert "mine  three in one\n" in stocked("trio", "list")
    stocked("trio", "use", "mine")
    assert Settings.load(stocked.home / "config" / "settings.toml").trio == "mine"
    listed = stocked("models", "list").splitlines()
    assert re.fullmatch(r"tiny  qwen2 Q8_0  [\d.]+ kB  licence unknown  used by mine", listed[1])
    assert re.fullmatch(r"tiny-lora  qwen2 LoRA F\d+  [\d.]+ kB  licence unknown  used by mine", listed[2])


def test_trios_share_files(umi: Umi, tiny: Path) -> None:
    umi("models", "import", tiny)
    umi("models", "import", tiny, "--name", "same")
    for name, model in (("one", "tiny"), ("two", "same")):
        umi("trio", "create", name, "--model", model, "--dialect", "chat")
    one, two = (find_trio(name, (umi.trios,)) for name in ("one", "two"))
    assert [file.resolve() for file in one.files] == [file.resolve() for file in two.files]
    assert len(list((umi.models / "blobs").iterdir())) == 1


def test_a_home_that_moved(stocked: Umi, tmp_path: Path) -> None:
    stocked("trio", "create", "mine", "--model", "tiny", "--dialect", "nano")
    moved = Umi(stocked.home.rename(tmp_path / "moved"))
    assert moved("trio", "show", "mine").splitlines()[2] == "planner     tiny"
    assert find_trio("mine", (moved.trios,)).files[0].parent == moved.models / "blobs"


def test_what_a_trio_uses_stays(stocked: Umi) -> None:
    stocked("trio", "create", "mine", "--model", "tiny", "--dialect", "chat")
    assert "its file stays, used by the trio mine" in stocked("models", "remove", "tiny")
    assert "freed 0 bytes" in stocked("models", "gc")
    assert find_trio("mine", (stocked.trios,)).files[0].is_file()
    stocked("trio", "remove", "mine")
    assert "sha256-" in stocked("models", "gc", "--dry-run")
    assert "kB" in stocked("models", "gc") and len(list((stocked.models / "blobs").iterdir())) == 2


def test_gc_does_not_guess_what_a_broken_trio_uses(stocked: Umi) -> None:
    stocked("models", "remove", "tiny")
    (stocked.trios / "broken").mkdir(parents=True)
    (stocked.trios / "broken" / "trio.toml").write_text("dialect =")
    assert "the trio broken cannot be read, so what it uses is not known" in stocked.refused("models", "gc")
    assert len(list((stocked.models / "blobs").iterdir())) == 3


def test_damage_is_found_and_refused_at_load(umi: Umi, tiny: Path) -> None:
    umi("models", "import", tiny)
    umi("models", "import", tiny, "--name", "same")
    umi("trio", "create", "mine", "--model", "tiny", "--dialect", "nano")
    assert re.fullmatch(r"(ok     (same|tiny)  [\d.]+ kB  sha256 [0-9a-f]{64}\n){2}", umi("models", "verify"))
    (blob,) = (umi.models / "blobs").iterdir()
    blob.chmod(0o644)
    data = bytearray(blob.read_bytes())
    data[-1000] ^= 1
    blob.write_bytes(data)
    verified = umi.run("models", "verify", fails=5).stdout
    assert len(re.findall(r"^FAULT  (?:same|tiny)  .* is damaged: its content no longer has", verified, re.M)) == 2
    failed = umi.refused("run", "--trio", "mine", "hello")
    assert failed.startswith("umi: the stored model file") and "pull or import the model again" in failed
    assert failed.count("\n") == 1
    umi("models", "import", tiny, "--force")
    assert "FAULT" not in umi("models", "verify", "tiny")


def test_show_and_export(stocked: Umi, tiny: Path, tmp_path: Path) -> None:
    manifest = json.loads(stocked("models", "show", "tiny", "--json"))
    assert manifest["name"] == "tiny" and manifest["schema_version"] == 1
    shown = stocked("models", "show", "tiny")
    assert f"sha256    {manifest['sha256']}" in shown and "checked   weights: finite" in shown
    stocked("models", "export", "tiny", tmp_path)
    assert (tmp_path / "tiny.gguf").read_bytes() == tiny.read_bytes()
    assert json.loads((tmp_path / "tiny.gguf.json").read_text()) == manifest
    assert "add --force" in stocked.run("models", "export", "tiny", tmp_path, fails=2).output
    stocked("models", "export", "tiny", tmp_path, "--force")


@pytest.mark.parametrize(
    ("words", "says", "status"),
    [
        (("--dialect", "chat"), "Missing option '--model'", 2),
        (("--model", "planner=tiny", "--dialect", "chat"), "the caller has no model; add --model caller=NAME", 2),
        (("--model", "judge=tiny", "--dialect", "chat"), "judge is no role; the roles are planner", 2),
        (("--model", "none", "--dialect", "chat"), "there is no model none in the store; there are: large, tiny", 5),
        (("--model", "./tiny.gguf", "--dialect", "chat"), "is a file: add it to the store with `umi models import`", 2),
        (("--model", "tiny-lora", "--dialect", "chat"), "tiny-lora is an adapter; a role needs models here", 2),
        (("--model", "tiny", "--adapter", "tiny", "--dialect", "chat"), "tiny is a model; a role needs adapters", 2),
        (
            ("--model", "large", "--adapter", "tiny-lora", "--dialect", "chat"),
            "the model's is 160×128; use the base it was trained on",
            5,
        ),
        (("--model", "tiny", "--context", "9", "--dialect", "chat"), "roles.planner.context: ", 2),
        (("--model", "tiny", "--context", "many", "--dialect", "chat"), "--context many: that is not a number", 2),
        (("--model", "tiny", "--max-tokens", "4096", "--dialect", "chat"), "max_tokens 4096 must be below context", 2),
        (("--model", "tiny", "--dialect", "poem"), "Invalid value for '--dialect'", 2),
    ],
)
def test_trios_that_cannot_be(stocked: Umi, words: tuple[str, ...], says: str, status: int) -> None:
    assert says in stocked.refused("trio", "create", "mine", *words, status=status)
    assert not stocked.trios.exists()


def test_trios_by_other_names(stocked: Umi) -> None:
    stocked("trio", "create", "mine", "--model", "tiny", "--dialect", "chat")
    assert "there is a trio mine already" in stocked.refused(
        "trio", "create", "mine", "--model", "tiny", "--dialect", "nano", status=2
    )
    stocked("trio", "create", "mine", "--model", "tiny", "--dialect", "nano", "--force")
    assert find_trio("mine", (stocked.trios,)).dialect == "nano"
    for name in ("../mine", ".mine", "a/b"):
        assert "cannot be the name of a trio" in stocked.refused(
            "trio", "create", name, "--model", "tiny", "--dialect", "nano", status=2
        )
    assert "name: " in stocked.refused("trio", "create", "a b", "--model", "tiny", "--dialect", "nano", status=2)


def test_using_keeps_the_rest_of_the_settings(umi: Umi, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = umi.home / "config" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('# mine\napprove = "none"  # careful\n\n[limits]\nsteps = 5\n')
    umi("trio", "use", "nano")
    assert settings.read_text() == 'trio = "nano"\n# mine\napprove = "none"  # careful\n\n[limits]\nsteps = 5\n'
    monkeypatch.setenv("UMI_TRIO", "other")
    assert "UMI_TRIO still names other and wins" in umi.run("trio", "use", "nano").stderr
    monkeypatch.delenv("UMI_TRIO")
    assert "there is no trio 'none'" in umi.refused("trio", "use", "none", status=2)
    settings.write_text("approve = ")
    assert "cannot be changed" in umi.refused("trio", "use", "nano", status=2)
    assert settings.read_text() == "approve = "


def test_removing_trios(stocked: Umi) -> None:
    stocked("trio", "create", "mine", "--model", "tiny", "--dialect", "chat", "--card", Path(__file__))
    stocked("trio", "use", "mine")
    assert "is the trio that answers" in stocked.refused("trio", "remove", "mine", status=2)
    stocked("trio", "use", "nano")
    (stocked.trios / "mine" / "model.gguf").touch()
    assert "holds model.gguf and would lose it" in stocked.refused("trio", "remove", "mine", status=2)
    (stocked.trios / "mine" / "model.gguf").unlink()
    stocked("trio", "remove", "mine")
    assert not (stocked.trios / "mine").exists()
    assert "there is no trio nano2 of yours" in stocked.refused("trio", "remove", "nano2", status=2)


def test_pulling_a_gguf_file(umi: Umi, hub: FakeHub, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repos["owner/ready"] = Repo({"tiny-q8.gguf": tiny.read_bytes(), "README.md": b"hi"}, licence="mit")
    commit = hub.repos["owner/ready"].commit
    assert "tiny-q8: qwen2 model" in umi("models", "pull", "owner/ready")
    manifest = json.loads(umi("models", "show", "tiny-q8", "--json"))
    assert manifest["source"] == {
        "repo": "owner/ready", "commit": commit, "licence": "mit", "files": {"tiny-q8.gguf": manifest["sha256"]}
    }  # fmt: skip
    assert not list((umi.models / "pulled").glob("[!.]*"))
    asked = len(hub.asked)
    assert "is in the store already" in umi("models", "pull", f"owner/ready@{commit}")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "is in the store already" in umi("models", "pull", "owner/ready")
    assert "HF_HUB_OFFLINE is set" in umi.refused("models", "pull", "owner/ready", "--file", "other.gguf")
    assert len(hub.asked) == asked


def test_a_pulled_file_that_is_no_sound_model_stays_out(umi: Umi, hub: FakeHub, tiny: Path) -> None:
    hub.repos["owner/bad"] = Repo({"bad.gguf": tiny.read_bytes()[:-500]})
    assert "bad.gguf is damaged: it is cut short" in umi.refused("models", "pull", "owner/bad")
    assert umi("models", "list") == ""


def test_pulling_a_checkpoint_and_converting_it(
    umi: Umi, hub: FakeHub, make_checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repos["owner/tiny"] = Repo.of(make_checkpoint("qwen2"))
    pulled = umi("models", "pull", "owner/tiny")
    folder = Path(pulled.partition(":")[0])
    assert folder.parent == umi.models / "pulled" and "umi models convert" in pulled
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    umi("models", "convert", umi("models", "pull", "owner/tiny").partition(":")[0], tmp_path / "made.gguf")
    umi("models", "import", tmp_path / "made.gguf", "--source", folder)
    source = json.loads(umi("models", "show", "made", "--json"))["source"]
    assert source["repo"] == "owner/tiny" and source["files"].keys() == {
        path.name for path in make_checkpoint("qwen2").iterdir()
    }
    assert "kB" in umi("models", "gc", "--pulled") and not folder.exists()


def test_a_source_that_was_not_pulled(umi: Umi, tiny: Path, make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(make_checkpoint("qwen2"), tmp_path / "own"))
    names = {path.name for path in folder.iterdir()}
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Mine\n")
    (folder / "modeling.py").write_text("")
    umi("models", "import", tiny, "--source", folder)
    source = json.loads(umi("models", "show", tiny.stem, "--json"))["source"]
    assert (source["repo"], source["licence"], source["files"].keys()) == (None, "mit", names)
    assert "is no checkpoint: it has no config.json" in umi.refused("models", "import", tiny, "--source", tmp_path)


def test_the_dialects_are_those_of_the_runtime() -> None:
    assert set(DIALECTS) == set(dialect_names())
