"""A bundle carries everything in one file, and installs all of what was signed off or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import MakeCheckpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_lora import make_adapter
from umi_command import Umi

from alpha_umi.convert.bundle import Contents, Wanted, create_bundle
from alpha_umi.convert.bundle_file import Bundle
from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.convert.lora import convert_adapter
from alpha_umi.convert.manifest import parse_manifest
from alpha_umi.convert.store import ModelStore
from alpha_umi.convert.trio import ROLES, find_trio
from alpha_umi.errors import ModelFileError, UmiError

SETTINGS = 'trio = "mine"\napprove = "ask"\n'
OWN_TOOL = """from alpha_umi.tools.decorator import tool


@tool
def double(number: float) -> float:
    \"\"\"Twice a number.

    number: what is doubled
    \"\"\"
    return 2 * number
"""
TOOL = '"""Tools of mine."""\n'


@pytest.fixture(scope="module")
def here(make_checkpoint: MakeCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Umi:
    """A home with a model, an adapter, two trios that share them, a trio in a folder, settings and a tool."""
    umi, made = Umi(tmp_path_factory.mktemp("here")), tmp_path_factory.mktemp("made")
    base = make_checkpoint("qwen2")
    convert_checkpoint(base, made / "tiny.gguf", type="q8_0", name="tiny", verify=False)
    make_adapter(base, made / "peft")
    convert_adapter(made / "peft", base, made / "tiny-lora.gguf", name="tiny-lora")
    umi("models", "import", made / "tiny.gguf")
    umi("models", "import", made / "tiny-lora.gguf", "--base", "tiny")
    (made / "card.md").write_text("# Mine")
    umi("trio", "create", "mine", "--model", "tiny", "--adapter", "caller=tiny-lora", "--dialect", "nano",
        "--context", "planner=512", "--card", made / "card.md", "--description", "shared")  # fmt: skip
    umi("trio", "create", "plain", "--model", "tiny", "--dialect", "chat")
    folder = umi.trios / "folder"
    folder.mkdir()
    shutil.copy(made / "tiny.gguf", folder / "own.gguf")
    roles = "".join(f'[roles.{role}]\nmodel = "own.gguf"\n' for role in ROLES)
    (folder / "trio.toml").write_text(f'dialect = "nano"\n{roles}')
    (umi.home / "config").mkdir()
    (umi.home / "config" / "settings.toml").write_text(SETTINGS)
    (umi.home / "my_tools.py").write_text(TOOL)
    return umi


@pytest.fixture(scope="module")
def kit(here: Umi) -> Path:
    file = here.home / "kit.umi"
    here(
        "bundle", "create", file, "--trio", "mine", "--trio", "plain", "--settings", "--tool", here.home / "my_tools.py"
    )
    return file


@pytest.fixture
def there(tmp_path: Path) -> Umi:
    return Umi(tmp_path / "there")


def digest(file: Path) -> str:
    with Bundle(file) as bundle:
        return bundle.sha256


def whole(file: Path) -> Contents:
    with Bundle(file) as bundle:
        return bundle.contents


def untouched(umi: Umi) -> bool:
    return not [path for path in umi.home.rglob("*") if path.is_file()]


def test_from_one_machine_to_another(here: Umi, kit: Path, there: Umi) -> None:
    made = here(
        "bundle", "create", kit, "--trio", "mine", "--trio", "plain", "--settings", "--tool",
        here.home / "my_tools.py", "--force",
    )  # fmt: skip
    assert f"sha256  {digest(kit)}" in made and "trio    mine (nano): tiny  shared" in made
    installed = there("bundle", "install", kit, "--sha256", digest(kit))
    assert 'approve = "ask"' in installed, "settings are shown"
    for name in ("mine", "plain"):
        theirs, ours = find_trio(name, (there.trios,)), find_trio(name, (here.trios,))
        assert theirs.dialect == ours.dialect and theirs.description == ours.description
        for role in ROLES:
            new, old = theirs.roles[role], ours.roles[role]
            assert new.model.read_bytes() == old.model.read_bytes()
            assert new.model_dump(exclude={"model", "adapter"}) == old.model_dump(exclude={"model", "adapter"})
    assert (there.trios / "mine" / "README.md").read_text() == "# Mine"
    assert (there.home / "config" / "settings.toml").read_text() == SETTINGS
    assert (there.home / "data" / "tools" / "my_tools.py").read_text() == TOOL
    assert "umi tools add" in installed and "not offered before you accept them" in installed
    assert len(list((there.models / "blobs").iterdir())) == 2
    assert json.loads(there("models", "show", "tiny", "--json"))["source"] is not None
    assert "FAULT" not in there("models", "verify")
    again = there("bundle", "install", kit, "--sha256", digest(kit))
    assert "wrote" in again, "the same bundle may be installed twice"


def test_accepted_tools_and_servers_wait_for_consent(here: Umi, there: Umi, tmp_path: Path) -> None:
    server = Path(__file__).parent.parent / "tools" / "servers" / "good.py"
    tool = tmp_path / "doubling.py"
    tool.write_text(OWN_TOOL)
    here("tools", "add", tool, "--yes")
    here("mcp", "add", "good", "--yes", "--read", server.parent, "--", sys.executable, server)
    tool.write_text("changed after it was accepted")
    kit = tmp_path / "accepted.umi"
    assert "server  good" in here("bundle", "create", kit, "--trio", "mine", "--accepted")
    installed = there("bundle", "install", kit, "--sha256", digest(kit))
    assert "umi mcp add good" in installed and "umi tools add" in installed
    brought = there.home / "data" / "tools" / "doubling.py"
    assert brought.read_text() == OWN_TOOL
    offered = there("tools", "list")
    assert "double(" not in offered and "good__" not in offered and "good_" not in offered
    assert "came in a bundle, not offered" in there("mcp", "list")
    there("tools", "add", brought, "--yes")
    shown = there("mcp", "add", "good", "--yes")
    assert f"{sys.executable} {server}" in shown.replace("'", "") and "Its tools are as they were accepted." in shown
    assert "came in a bundle" not in there("mcp", "list") and "double(" in there("tools", "list")
    for umi, command in ((here, "mcp"), (here, "tools")):
        umi(command, "remove", "good" if command == "mcp" else "double")


def test_a_proposed_server_that_is_damaged(there: Umi) -> None:
    folder = there.home / "config" / "mcp-proposed"
    folder.mkdir(parents=True)
    (folder / "bad.json").write_text('{"name": "other", "command": ["true"], "binary": "/bin/true"}')
    assert "delete it, or install its bundle again" in there.refused("mcp", "list", status=2)


def test_a_trio_in_a_folder(here: Umi, there: Umi, tmp_path: Path) -> None:
    kit = tmp_path / "folder.umi"
    made = here("bundle", "create", kit, "--trio", "folder", "--trio", "nano")
    there("bundle", "install", kit, "--sha256", digest(kit))
    assert "nano-planner" in made and "nano-planner" in there("models", "list")
    assert find_trio("folder", (there.trios,)).files[0].read_bytes() == (here.trios / "folder/own.gguf").read_bytes()


def test_the_same_content_has_the_same_list(here: Umi, tmp_path: Path) -> None:
    for name in ("1", "2"):
        here("bundle", "create", tmp_path / name, "--trio", "mine")
    assert digest(tmp_path / "1") == digest(tmp_path / "2")


def test_signing_off(kit: Path, there: Umi) -> None:
    assert "is another bundle: the hash of its list is" in there.refused(
        "bundle", "install", kit, "--sha256", "0" * 64, status=2
    )
    asked = there.run("bundle", "install", kit, typed="n\n", fails=1)
    assert "Is this what was announced" in asked.stderr and untouched(there)
    there.run("bundle", "install", kit, fails=1)
    assert untouched(there), "nobody there to answer"
    there.run("bundle", "install", kit, typed="y\n")
    assert find_trio("mine", (there.trios,))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 1 << 40), bit=st.integers(0, 7), cut=st.booleans())
def test_no_damage_installs_anything(kit: Path, tmp_path: Path, place: int, bit: int, cut: bool) -> None:
    data = bytearray(kit.read_bytes())
    place %= len(data)
    data[place] ^= 1 << bit
    (tmp_path / "damaged").write_bytes(data[:place] if cut else data)
    try:
        with Bundle(tmp_path / "damaged") as bundle:
            bundle.verify()
            bundle.manifests()
            assert bundle.contents == whole(kit)
    except UmiError as error:
        assert "\n" not in str(error) and isinstance(error, ModelFileError)


@pytest.mark.parametrize("part", ["blobs/", "manifests/", "cards/", "tools/", "settings.toml", "bundle.json"])
def test_a_changed_byte_in_any_member(kit: Path, there: Umi, tmp_path: Path, part: str) -> None:
    data, bad = bytearray(kit.read_bytes()), tmp_path / "bad.umi"
    with zipfile.ZipFile(kit) as archive:
        entry = next(entry for entry in archive.infolist() if entry.filename.startswith(part))
        start = data.index(archive.read(entry)[:60], entry.header_offset)
    data[start + 3] ^= 1
    bad.write_bytes(data)
    words = () if part == "bundle.json" else ("--sha256", digest(kit))
    assert "is damaged: " in there.refused("bundle", "install", bad, *words)
    assert untouched(there)


def rewritten(kit: Path, bad: Path, edit: Callable[[dict[str, bytes]], None], compression: int = 0) -> None:
    """A bundle with other members, zipped anew."""
    with zipfile.ZipFile(kit) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    edit(members)
    with zipfile.ZipFile(bad, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def listed(members: dict[str, bytes], name: str, data: bytes) -> None:
    """Put in a member with its entry in the list."""
    contents = json.loads(members["bundle.json"])
    contents["members"][name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    members[name], members["bundle.json"] = data, json.dumps(contents).encode()


def without(members: dict[str, bytes], start: str) -> None:
    """Take members out, of the list too."""
    contents = json.loads(members["bundle.json"])
    for name in [name for name in members if name.startswith(start)]:
        del members[name], contents["members"][name]
    members["bundle.json"] = json.dumps(contents).encode()


def other_role(members: dict[str, bytes]) -> None:
    contents = json.loads(members["bundle.json"])
    contents["trios"][0]["roles"]["caller"]["adapter"] = "tiny-none"
    members["bundle.json"] = json.dumps(contents).encode()


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda members: members.pop("bundle.json"), "is not a bundle: it has no bundle.json"),
        (lambda members: members.update({"more.txt": b"x"}), "holds other files than its list says"),
        (lambda members: members.pop("settings.toml"), "holds other files than its list says"),
        (lambda members: members.update({"settings.toml": b"trio = 1"}), "is not stored as its list says"),
        (lambda members: members.update({"bundle.json": b"{"}), "its list is not sound"),
        (lambda members: members.update({"bundle.json": b"[]"}), "its list is not sound"),
        (lambda members: listed(members, "../evil.py", b"x"), "its list is not sound"),
        (lambda members: listed(members, "tools/../../evil.py", b"x"), "its list is not sound"),
        (lambda members: listed(members, "/etc/evil", b"x"), "its list is not sound"),
        (lambda members: listed(members, f"blobs/sha256-{'0' * 64}", b"x"), "is listed with another hash"),
        (lambda members: listed(members, "manifests/tony.json", members["manifests/tiny.json"]), "is the manifest of"),
        (lambda members: listed(members, "manifests/bad.json", b"{}"), "bad.json is not a sound manifest"),
        (lambda members: listed(members, "settings.toml", b"\xff"), "settings.toml is not UTF-8 text"),
        (lambda members: without(members, "blobs/"), "the file of .* is missing"),
        (other_role, "the trio mine needs tiny-none, which is missing"),
    ],
)
def test_made_up_bundles(
    kit: Path, there: Umi, tmp_path: Path, edit: Callable[[dict[str, bytes]], None], says: str
) -> None:
    rewritten(kit, tmp_path / "bad.umi", edit)
    failed = there.run("bundle", "install", tmp_path / "bad.umi", typed="y\n", fails=5).stderr
    assert re.search(says, failed) and failed.rstrip().count("umi: ") == 1, failed
    assert untouched(there)


def test_compressed_members_are_refused(kit: Path, there: Umi, tmp_path: Path) -> None:
    rewritten(kit, tmp_path / "bad.umi", lambda members: None, zipfile.ZIP_DEFLATED)
    assert "is not stored as its list says" in there.refused("bundle", "install", tmp_path / "bad.umi")


def test_a_hostile_model_in_a_well_formed_bundle(kit: Path, there: Umi, tmp_path: Path) -> None:
    def swap(members: dict[str, bytes]) -> None:
        manifest = parse_manifest(members["manifests/tiny.json"])
        data = members[f"blobs/sha256-{manifest.sha256}"].replace(b"qwen2.block_count", b"qwen2.block_coun_", 1)
        without(members, f"blobs/sha256-{manifest.sha256}")
        manifest = manifest.model_copy(update={"sha256": hashlib.sha256(data).hexdigest()})
        listed(members, f"blobs/sha256-{manifest.sha256}", data)
        listed(members, "manifests/tiny.json", manifest.json_text().encode())

    rewritten(kit, tmp_path / "bad.umi", swap)
    failed = there.run("bundle", "install", tmp_path / "bad.umi", typed="y\n", fails=5).stderr
    assert "block_count is missing" in failed
    assert there("models", "list").count("\n") <= 1 and not there.trios.exists()


def test_nothing_of_the_users_is_replaced_unasked(here: Umi, kit: Path, there: Umi) -> None:
    install = ("bundle", "install", kit, "--sha256", digest(kit))
    mine = there.home / "config" / "settings.toml"
    mine.parent.mkdir(parents=True)
    mine.write_text("# mine\n")
    assert "exists and differs; add --force" in there.refused(*install, status=2)
    assert not there.models.exists()
    there(*install, "--force")
    assert mine.read_text() == SETTINGS and mine.with_name("settings.toml.old").read_text() == "# mine\n"
    there("trio", "create", "plain", "--model", "tiny", "--dialect", "nano", "--force")
    assert "there is another trio plain" in there.refused(*install, status=2)
    there("models", "import", here.trios / "folder" / "own.gguf", "--name", "other")
    there("models", "export", "tiny-lora", there.home / "lora.gguf")
    there("models", "import", there.home / "lora.gguf", "--name", "tiny", "--force")
    assert "there is another model tiny in the store" in there.refused(*install, status=2)
    there(*install, "--force")
    assert find_trio("plain", (there.trios,)).dialect == "chat"


def test_killed_while_installing(kit: Path, there: Umi) -> None:
    code = (
        "import os, signal, sys; from alpha_umi.convert import store; from alpha_umi.cli import main\n"
        "store.write_text = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"sys.argv[1:] = ['bundle', 'install', {str(kit)!r}, '--sha256', {digest(kit)!r}]; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"UMI_HOME": str(there.home)}, check=False,
                          capture_output=True)  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    assert not there.trios.exists() and there("models", "list") == ""
    assert len(list(there.models.glob(".making-*"))) == 1
    there("models", "gc")
    assert not list(there.models.glob(".making-*"))
    there("bundle", "install", kit, "--sha256", digest(kit))
    assert "FAULT" not in there("models", "verify") and find_trio("mine", (there.trios,))


def test_what_cannot_be_bundled(here: Umi, there: Umi, kit: Path, tmp_path: Path) -> None:
    assert "add --force to replace it" in here.refused("bundle", "create", kit, "--trio", "mine", status=2)
    assert "there is no trio 'none'" in here.refused("bundle", "create", tmp_path / "k", "--trio", "none", status=2)
    (tmp_path / "a b.py").write_text(TOOL)
    refused = here.refused(
        "bundle", "create", tmp_path / "k", "--trio", "mine", "--tool", tmp_path / "a b.py", status=2
    )
    assert "cannot be put into a bundle" in refused
    twins = ("--trio", "mine", "--trio", here.trios / "mine")
    assert "have the same name" in here.refused("bundle", "create", tmp_path / "k", *twins, status=2)
    assert "there are no settings" in there.refused("bundle", "create", tmp_path / "k", "--trio", "nano", "--settings",
                                                    status=2)  # fmt: skip
    there("bundle", "install", kit, "--sha256", digest(kit))
    blob = next((there.models / "blobs").iterdir())
    blob.chmod(0o644)
    blob.write_bytes(b"!" + blob.read_bytes()[1:])
    assert "is damaged: pull or import" in there.refused("bundle", "create", tmp_path / "k", "--trio", "mine")
    assert not (tmp_path / "k").exists()


PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "alpha-umi"
version = "{version}"
scripts = {{ umi = "stand_in:main" }}
[tool.setuptools]
py-modules = ["stand_in"]
"""


@pytest.mark.slow
def test_a_bundle_with_wheels_installs_itself(here: Umi, tmp_path: Path) -> None:
    """The packages come from a project that stands in for umi, so that pip needs no index."""
    project, wheels = tmp_path / "project", tmp_path / "wheels"
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT.format(version=version("alpha-umi")))
    (project / "stand_in.py").write_text("import sys\ndef main(): print('umi was called with', sys.argv[1:])\n")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), str(project)]
    subprocess.run(pip, check=True)
    kit = tmp_path / "kit.umi"
    trio = find_trio("mine", (here.trios,))
    _, sha256 = create_bundle(kit, ModelStore(here.models), [trio], Wanted(wheels=sorted(wheels.iterdir())))
    run = [sys.executable, str(kit), str(tmp_path / "venv")]
    done = subprocess.run([*run, "--sha256", sha256], capture_output=True, text=True, check=True)
    assert f"umi was called with ['bundle', 'install', '{kit}', '--sha256', '{sha256}']" in done.stdout
    shutil.rmtree(tmp_path / "venv")
    data = bytearray(kit.read_bytes())
    data[data.index(b"stand_in.py") + 20] ^= 1
    kit.write_bytes(data)
    for words in (("--sha256", "0" * 64), ()):
        bad = subprocess.run([*run, *words], capture_output=True, text=True, check=False)
        assert bad.returncode and "nothing was installed" in bad.stderr + "nothing was installed" * (not words)
        assert not (tmp_path / "venv").exists()
