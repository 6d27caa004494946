"""The store: each file once under its hash, whole or not at all, and damage found before it is used."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import MakeCheckpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alpha_umi.convert import seal
from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.convert.files import hash_file
from alpha_umi.convert.importing import import_file
from alpha_umi.convert.manifest import Manifest, Source, describe, read_manifest
from alpha_umi.convert.seal import check_stored
from alpha_umi.convert.store import BrokenManifest, ModelStore, beside
from alpha_umi.errors import ModelFileError, StorageError, UsageError


@pytest.fixture(scope="module")
def model(make_checkpoint: MakeCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    convert_checkpoint(make_checkpoint("qwen2"), path, type="q8_0", name="tiny", verify=False)
    return path


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def kept(store: ModelStore, model: Path, name: str = "tiny") -> Manifest:
    """The model in the store, without the trial that an import makes."""
    return store.add(model, describe(model, name, "model", hash_file(model)))


def blobs(store: ModelStore) -> list[Path]:
    return sorted((store.folder / "blobs").iterdir())


def flip(path: Path, place: int) -> None:
    """Change one byte of a read-only file."""
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_an_import_is_checked_tried_and_described(store: ModelStore, model: Path) -> None:
    source = Source(repo="owner/model", commit="0" * 40, licence="mit")
    manifest = import_file(store, model, "tiny", source=source, steps=("made for a test",))
    assert (manifest.kind, manifest.architecture, manifest.size) == ("model", "qwen2", model.stat().st_size)
    assert manifest.types == {"F32": 11, "Q8_0": 16} and manifest.source == source
    assert manifest.checks["weights"] == "finite" and manifest.checks["chat template"] == "none"
    assert manifest.made_with.keys() == {"alpha-umi", "gguf", "llama-cpp-python", "numpy"}
    assert store.get("tiny") == manifest == store.list()[0]
    assert store.blob(manifest.sha256).read_bytes() == model.read_bytes()
    assert store.verify("tiny") == manifest


def test_what_is_no_sound_model_does_not_come_in(store: ModelStore, model: Path, tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("no model")
    (tmp_path / "cut.gguf").write_bytes(model.read_bytes()[:-100])
    for name, says in (("text", "is not a GGUF file"), ("cut", "cut short"), ("none", "there is no model file")):
        with pytest.raises(ModelFileError, match=says):
            import_file(store, tmp_path / f"{name}.gguf", "tiny")
    with pytest.raises(UsageError, match="cannot be the name of a model"):
        import_file(store, model, "../tiny")
    assert store.list() == [] and not store.folder.exists()


def test_one_file_under_two_names_lies_there_once(store: ModelStore, model: Path) -> None:
    kept(store, model)
    kept(store, model, "other")
    assert [path.name for path in blobs(store)] == [f"sha256-{store.get('tiny').sha256}"]
    store.remove("tiny")
    assert store.gc(()) == 0 and store.verify("other")
    store.remove("other")
    assert store.gc(()) == model.stat().st_size and blobs(store) == []


def test_a_name_is_not_given_away_silently(store: ModelStore, model: Path, tmp_path: Path) -> None:
    kept(store, model)
    other = tmp_path / "other.gguf"
    other.write_bytes(model.read_bytes().replace(b"tiny", b"tony", 1))
    with pytest.raises(UsageError, match="there is a model tiny already"):
        kept(store, other)
    kept(store, model)
    manifest = describe(other, "tiny", "model", hash_file(other))
    store.add(other, manifest, replace=True)
    assert store.get("tiny").sha256 == manifest.sha256


def test_what_is_known_of_a_file_is_not_lost_by_importing_it_again(store: ModelStore, model: Path) -> None:
    known = import_file(store, model, "tiny", source=Source(repo="owner/model"))
    assert kept(store, model) == known == store.get("tiny")
    replaced = store.add(model, describe(model, "tiny", "model", known.sha256), replace=True)
    assert store.get("tiny") == replaced != known


def test_moved_instead_of_copied(store: ModelStore, model: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        (copy := tmp_path / f"{number}.gguf").write_bytes(model.read_bytes())
        store.add(copy, describe(copy, "tiny", "model", hash_file(copy)), move=True)
        assert not copy.exists()
    assert store.verify("tiny").size == model.stat().st_size


def test_a_file_that_is_not_the_described_one(store: ModelStore, model: Path, tmp_path: Path) -> None:
    manifest = describe(model, "tiny", "model", "0" * 64)
    with pytest.raises(ModelFileError, match="its content has another hash"):
        store.add(model, manifest)
    (copy := tmp_path / "copy.gguf").write_bytes(model.read_bytes())
    with pytest.raises(ModelFileError, match="changed while it was stored"):
        store.add(copy, manifest, move=True)
    assert copy.exists() and store.list() == [] and not any(path for path in store.folder.rglob("sha256-*"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 1 << 30))
def test_damage_to_any_byte_is_found(tmp_path: Path, model: Path, place: int) -> None:
    store = ModelStore(tmp_path / "models")
    path = store.blob(kept(store, model).sha256)
    place %= model.stat().st_size
    flip(path, place)
    for check in (lambda: store.verify("tiny"), lambda: check_stored(path)):
        with pytest.raises(ModelFileError, match=r"damaged: its content no longer has the hash in its name; pull or"):
            check()
    kept(store, model)
    assert store.verify("tiny"), "importing it again mends it"


def test_cut_and_gone(store: ModelStore, model: Path, tmp_path: Path) -> None:
    path = store.blob(kept(store, model).sha256)
    path.chmod(0o644)
    os.truncate(path, 1000)
    with pytest.raises(ModelFileError, match=r"has not the \d+ bytes that it should have"):
        store.verify("tiny")
    with pytest.raises(ModelFileError, match="damaged"):
        check_stored(path)
    with pytest.raises(ModelFileError, match="damaged"):
        store.export("tiny", tmp_path / "out.gguf")
    assert not list(tmp_path.glob("out*"))
    path.unlink()
    with pytest.raises(ModelFileError, match="the file of tiny is gone"):
        store.verify("tiny")
    with pytest.raises(ModelFileError, match="cannot be read"):
        check_stored(path)


def test_a_large_file_is_hashed_again_only_where_it_was_touched(
    store: ModelStore, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[Path] = []
    real = seal.hash_file
    monkeypatch.setattr(seal, "hash_file", lambda path, progress=None: hashed.append(path) or real(path, progress))
    path = store.blob(kept(store, model).sha256)
    check_stored(path)
    assert hashed == [path], "a small one is hashed at every load"
    check_stored(path, hash_always_up_to=0)
    assert hashed == [path], "it was noted when it was stored"
    found = path.stat()
    flip(path, 5000)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    with pytest.raises(ModelFileError, match="damaged"):
        check_stored(path, hash_always_up_to=0)
    flip(path, 5000)
    check_stored(path, hash_always_up_to=0)
    check_stored(path, hash_always_up_to=0)
    assert hashed == [path] * 3, "a touched file that is sound is noted anew"
    next((store.folder / "seals").iterdir()).write_text("nonsense")
    check_stored(path, hash_always_up_to=0)
    assert len(hashed) == 4


def test_a_file_outside_a_store_is_not_judged(model: Path, tmp_path: Path) -> None:
    (tmp_path / f"sha256-{'0' * 64}").write_text("not in a folder of blobs")
    check_stored(model)
    check_stored(tmp_path / f"sha256-{'0' * 64}")


def test_exported_and_imported_with_all_that_is_known(store: ModelStore, model: Path, tmp_path: Path) -> None:
    manifest = import_file(store, model, "tiny", source=Source(repo="owner/model"), steps=("made",))
    out = store.export("tiny", tmp_path / "out" / "tiny.gguf")
    assert out.read_bytes() == model.read_bytes() and read_manifest(beside(out)) == manifest
    other = import_file(ModelStore(tmp_path / "elsewhere"), out, "again")
    assert (other.source, other.steps, other.sha256) == (manifest.source, manifest.steps, manifest.sha256)
    flip(out, 3000)
    assert import_file(ModelStore(tmp_path / "third"), out, "changed").source == Source()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a sound manifest"),
        ("{}", "not as umi writes it"),
        ("{}\n", "it was changed"),
        ("[1]", "not as umi writes it"),
        ('{"name": "other"', "not a sound manifest"),
    ],
)
def test_broken_manifests(store: ModelStore, model: Path, text: str, says: str) -> None:
    kept(store, model)
    kept(store, model, "other")
    (store.folder / "manifests" / "tiny.json").write_text(text)
    other, tiny = store.list()
    assert isinstance(other, Manifest) and isinstance(tiny, BrokenManifest)
    with pytest.raises(ModelFileError, match=says):
        store.verify("tiny")
    with pytest.raises(ModelFileError, match="or remove it with `umi models remove tiny`"):
        store.gc(())
    assert store.remove("tiny") is None
    assert store.gc(()) == 0


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_damage_to_any_byte_of_a_manifest_is_found(tmp_path: Path, model: Path, place: int, bit: int) -> None:
    data = bytearray(describe(model, "tiny", "model", "0" * 64).json_text().encode())
    data[place % len(data)] ^= 1 << bit
    (tmp_path / "m.json").write_bytes(data)
    with pytest.raises(ModelFileError, match="is not a sound manifest"):
        read_manifest(tmp_path / "m.json")


def test_a_manifest_of_a_newer_version(tmp_path: Path, model: Path) -> None:
    body = json.loads(describe(model, "tiny", "model", "0" * 64).json_text())
    del body["seal"]
    body["more"] = 1
    text = json.dumps(body, indent=2) + "\n"
    body["seal"] = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "m.json").write_text(json.dumps(body, indent=2) + "\n")
    with pytest.raises(ModelFileError, match="more: Extra inputs are not permitted"):
        read_manifest(tmp_path / "m.json")


def test_a_workshop_is_left_alone_while_it_is_used(store: ModelStore) -> None:
    with store.workshop() as place:
        (place / "half.gguf").write_bytes(b"x" * 1000)
        assert store.gc(()) == 0 and (place / "half.gguf").exists()
    assert not place.exists()


def test_a_manifest_under_another_name(store: ModelStore, model: Path) -> None:
    kept(store, model)
    file = store.folder / "manifests" / "tiny.json"
    file.rename(file.with_name("tony.json"))
    with pytest.raises(ModelFileError, match="is the manifest of tiny"):
        store.get("tony")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_manifest_raises_anything_else(tmp_path: Path, model: Path, data: st.DataObject) -> None:
    text = bytearray(describe(model, "tiny", "model", "0" * 64).json_text().encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + 1] = data.draw(st.binary(max_size=4))
    (tmp_path / "m.json").write_bytes(text)
    try:
        read_manifest(tmp_path / "m.json")
    except ModelFileError as error:
        assert "\n" not in str(error)


def test_unknown_names(store: ModelStore) -> None:
    for act in (store.get, store.verify, store.remove):
        with pytest.raises(ModelFileError, match="there is no model tiny in the store; there are: none"):
            act("tiny")
        with pytest.raises(UsageError):
            act("../tiny")


def in_a_child(model: Path, store: ModelStore, before: str) -> subprocess.CompletedProcess[str]:
    code = f"""
import resource, signal, sys, os
from pathlib import Path
from alpha_umi.convert.files import hash_file
from alpha_umi.convert.manifest import describe
from alpha_umi.convert.store import ModelStore
from alpha_umi.errors import StorageError
model = Path(sys.argv[1])
manifest = describe(model, "tiny", "model", hash_file(model))
progress = None
{before}
try:
    ModelStore(Path(sys.argv[2])).add(model, manifest, progress=progress)
except StorageError as error:
    print(error)
"""
    command = [sys.executable, "-c", code, model, store.folder]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_full_disk_leaves_nothing(store: ModelStore, model: Path) -> None:
    limit = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (50_000,) * 2)"
    done = in_a_child(model, store, limit)
    assert done.returncode == 0 and "cannot be written" in done.stdout, done.stderr
    assert store.list() == [] and blobs(store) == []


def test_killed_in_the_middle_leaves_nothing_that_counts(store: ModelStore, model: Path) -> None:
    done = in_a_child(model, store, "progress = lambda done, total: os.kill(os.getpid(), signal.SIGKILL)")
    assert done.returncode == -signal.SIGKILL
    assert store.list() == [] and [path.suffix for path in blobs(store)] == [".part"]
    store.gc(())
    assert blobs(store) == []
    assert kept(store, model) and store.verify("tiny")


def test_no_room(store: ModelStore, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alpha_umi.convert.files.SPARE", 1 << 62)
    with pytest.raises(StorageError, match="free some space or set UMI_HOME"):
        kept(store, model)


def test_a_place_that_cannot_be_written(tmp_path: Path, model: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        kept(ModelStore(tmp_path / "file" / "models"), model)


def test_a_store_that_is_read_only_can_be_used(model: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        store = ModelStore(Path(place, "models"))
        path = store.blob(kept(store, model).sha256)
        next((store.folder / "seals").iterdir()).unlink()
        folders = [store.folder, *(folder for folder in store.folder.iterdir() if folder.is_dir())]
        for folder in (Path(place), *folders):
            folder.chmod(0o555)
        code = (
            "import os, sys; from pathlib import Path; from alpha_umi.convert.seal import check_stored\n"
            "os.geteuid() or os.seteuid(65534)\n"
            "check_stored(Path(sys.argv[1]), hash_always_up_to=0); print('sound')"
        )
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
        for folder in (Path(place), *folders):
            folder.chmod(0o755)
        assert done.stdout == "sound\n", done.stderr
        assert not list((store.folder / "seals").iterdir())
