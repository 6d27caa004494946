"""What this program trusts, and tools that try to change it: its own folders, repositories, the undo store, memory."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import hostile_tools
import pytest
from boxes import LEVELS
from field import LIMITS, TOOLS, Field

from alpha_umi.errors import UmiError
from alpha_umi.runtime.paths import Paths
from alpha_umi.tools.audit import AuditLog
from alpha_umi.tools.builtin.undo import UndoStore
from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.context import UNDO
from alpha_umi.tools.policy import Policies
from alpha_umi.tools.redact import redact
from alpha_umi.tools.spec import Observation, ToolCall


def call(catalogue: Catalogue, tool: str, **arguments: object) -> Observation:
    return catalogue.call(ToolCall(tool=tool, arguments=arguments))


Inner: TypeAlias = tuple[Catalogue, Paths]


@pytest.fixture(scope="module", params=LEVELS)
def inner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inner]:
    """The built-in tools and hostile ones in a workspace that holds the folder of UMI_HOME."""
    box = tmp_path_factory.mktemp("box").resolve()
    (box / "a.txt").write_text("mine", encoding="utf-8")
    paths = Paths.find({"UMI_HOME": str(box / ".umi")})
    private = (paths.config, paths.data, paths.state)
    with Catalogue(
        box, paths.notebook, limits=LIMITS, audit=AuditLog(paths.audit), private=private, levels=[request.param]
    ) as catalogue:
        for tool in (hostile_tools.shell, hostile_tools.evaluate):
            catalogue.register(tool)
        yield catalogue, paths


def test_tools_work_where_the_workspace_holds_the_home_of_umi(inner: Inner) -> None:
    catalogue, _ = inner
    catalogue.start()
    assert call(catalogue, "read_file", path="a.txt").content == "mine"
    assert call(catalogue, "write_file", path="b.txt", text="x").content == "created b.txt"
    assert call(catalogue, "run_command", command="cat a.txt b.txt").content == "minex"
    assert call(catalogue, "add_note", text="milk").status == "ok"
    assert "milk" in call(catalogue, "list_notes").content


def test_the_home_of_umi_in_the_workspace_stays_closed(inner: Inner) -> None:
    catalogue, paths = inner
    paths.policy_file.parent.mkdir(parents=True, exist_ok=True)
    paths.policy_file.write_text("# policy of the user\n", encoding="utf-8")
    paths.sessions_db.parent.mkdir(parents=True, exist_ok=True)
    paths.sessions_db.write_text("what was said", encoding="utf-8")
    call(catalogue, "add_note", text="a note")
    for file in (paths.policy_file, paths.sessions_db, paths.audit / "audit.jsonl", paths.notebook / "notebook.db"):
        before = file.read_bytes()
        for command in (f"cat {file}", f"echo x >> {file}", f"rm -f {file}; test ! -e {file}", f"cp a.txt {file}"):
            seen = call(catalogue, "shell", command=command).content
            assert before.decode("latin-1")[:20] not in seen and file.read_bytes().startswith(before), command
        assert call(catalogue, "evaluate", code=f"result = open({str(file)!r}).read()").status == "error"
        assert call(catalogue, "read_file", path=str(file)).status == "error"
    assert paths.policy_file.read_text(encoding="utf-8") == "# policy of the user\n"


def test_the_home_of_umi_in_the_workspace_is_not_moved_away(inner: Inner) -> None:
    catalogue, paths = inner
    home = paths.config.parent
    call(
        catalogue, "shell", command="mv .umi gone; mkdir -p .umi/config; echo '[tools]' > .umi/config/policy.toml; true"
    )
    call(catalogue, "evaluate", code="import os\nresult = os.rename('.umi', 'gone')")
    assert home.is_dir() and not home.with_name("gone").exists()
    assert not paths.policy_file.exists() or "[tools]" not in paths.policy_file.read_text(encoding="utf-8")


@pytest.mark.parametrize("tool", ["python", "evaluate"])
@pytest.mark.parametrize("place", ["sub/.git", "sub/a/b/.vscode"])
def test_a_protected_name_is_not_planted_deeper_either(field: Field, tool: str, place: str) -> None:
    code = f"import os\nos.makedirs({place!r})\nopen({place + '/config'!r}, 'w').write('evil')\nresult = 1"
    observation = field.call(tool, code=code)
    assert observation.status == "killed" and "set aside" in observation.content, observation
    assert not (field.box / place).exists()
    field.shell("rm -rf sub/* || true")


def test_a_repository_deeper_down_is_not_moved_away_and_made_anew(field: Field) -> None:
    config = field.box / "sub" / "lib" / ".git" / "config"
    config.parent.mkdir(parents=True)
    config.write_text("[core]\n", encoding="utf-8")
    field.shell("mv sub/lib sub/old; mkdir -p sub/lib/.git; echo evil > sub/lib/.git/config")
    field.shell("echo evil > sub/lib/.git/config; rm -rf sub/lib")
    assert config.read_text(encoding="utf-8") == "[core]\n"
    for path in sorted((field.box / "sub").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def test_what_was_replaced_is_out_of_reach_of_own_tools(tmp_path: Path) -> None:
    """A record of a change names a file that `umi undo` reads and one that it writes."""
    (tmp_path / "box").mkdir()
    notebook = tmp_path / "notebook"
    UndoStore(notebook / UNDO).keep(tmp_path / "box" / "a", b"before", "2026-01-01T00:00:00+00:00")
    before = (notebook / UNDO / "log.jsonl").read_bytes()
    policies = Policies.load(_policy(tmp_path, '[tools.evaluate]\nwrite = ["$NOTEBOOK"]\n'))
    for level in LEVELS:
        with Catalogue(tmp_path / "box", notebook, TOOLS, LIMITS, policies=policies, levels=[level]) as catalogue:
            log = notebook / UNDO / "log.jsonl"
            assert call(catalogue, "evaluate", code=f"result = open({str(log)!r}, 'w').write('x')").status == "error"
            assert call(catalogue, "evaluate", code=f"result = open({str(log)!r}).read()").status == "error"
            mine = notebook / f"mine {level}"
            code = f"import os\nresult = open({str(mine)!r}, 'w').write('x')"
            written = call(catalogue, "evaluate", code=code).status
            assert (written, mine.exists()) == (("error", False) if level == "B2" else ("ok", True))
    assert (notebook / UNDO / "log.jsonl").read_bytes() == before


@pytest.mark.parametrize("digest", ["/etc/passwd", "../../key", "x" * 64])
def test_a_forged_record_of_a_change_is_told_and_not_followed(tmp_path: Path, digest: str) -> None:
    store = UndoStore(tmp_path)
    store.keep(tmp_path / "a", b"before")
    with (tmp_path / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"time": "2026-01-01", "path": str(tmp_path / "a"), "digest": digest}) + "\n")
    with pytest.raises(UmiError, match="a line that is no change"):
        store.records()


FINDER = """
import ctypes, os, re
word = re.compile(rb"(?:{word}){{100}}")
reader, writer = os.pipe()
os.set_blocking(writer, False)
libc = ctypes.CDLL(None)
libc.write.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
libc.sbrk.restype = ctypes.c_void_p
middle, top = id(object()) & ~0xFFF, libc.sbrk(0) & ~0xFFF
result = 0
for start in (*range(middle - (8 << 20), middle + (8 << 20), 4096), *range(top - (12 << 20), top, 4096)):
    if libc.write(writer, start, 4096) == 4096:
        result += bool(word.search(os.read(reader, 4096)))
"""


@pytest.mark.parametrize("level", LEVELS)
def test_a_worker_keeps_nothing_of_one_author_for_another(
    tmp_path: Path, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What calls leave in the memory of the process that they are forked from: arguments, results, sources."""
    (tmp_path / "box").mkdir()
    other = tmp_path / "other_tool.py"
    other.write_text(
        "from alpha_umi.tools import tool\n\n\n@tool\ndef keep(text: str) -> str:\n"
        '    """Keep a text.\n\n    text: any\n    """\n    return text\n',
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    from other_tool import keep  # type: ignore[import-not-found]

    foreign = "Qx9" * 2000
    with Catalogue(tmp_path / "box", tmp_path / "n", [*TOOLS, keep], LIMITS, levels=[level]) as catalogue:  # type: ignore[list-item]
        for _ in range(3):
            assert call(catalogue, "keep", text=foreign).content == foreign
        found = call(catalogue, "evaluate", code="held = b''.join([b'Zk7'] * 2000)\n" + FINDER.format(word="Zk7"))
        assert found.status == "ok" and int(found.content) > 0, found
        assert call(catalogue, "evaluate", code=FINDER.format(word="Qx9")).content == "0"


@pytest.mark.parametrize("text", ["a", "-", "pass", "token ", "eyJ-", '"pwd":', "-----BEGIN ", "sk-", "bearer "])
def test_looking_for_secrets_takes_time_that_grows_with_the_length_only(text: str) -> None:
    """Text of a model or a file, up to the longest that arguments may have."""
    started = time.process_time()
    redact(text * (256 * 1024 // len(text)))
    assert time.process_time() - started < 10


@pytest.mark.parametrize("value", ["\ud800", "a\udfffb"])
def test_arguments_that_are_no_unicode_are_one_refused_call(field: Field, value: str) -> None:
    assert field.call("read", path=value).status == "invalid"


def test_a_result_that_was_forged_longer_than_it_may_be_is_cut(field: Field) -> None:
    code = (
        "import json, os\nline = json.dumps({'status': 'ok', 'content': 'x' * 400_000, 'cut': True})\n"
        "os.write(3, line.encode() + b'\\n')\nos._exit(0)"
    )
    observation = field.call("evaluate", code=code)
    assert len(observation.content) < LIMITS.result_chars + 100 and observation.cut


def _policy(folder: Path, text: str) -> Path:
    file = folder / "policy.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_tools_that_run_as_root_make_no_file_of_root(field: Field) -> None:
    field.shell("echo x > sub/owner")
    made = field.box / "sub" / "owner"
    assert made.stat().st_uid == (os.geteuid() or 62_731)
    made.unlink()
