"""The process that runs tools, with tools that hang, lie, grow and break: each costs one call only."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import hostile_tools
import psutil
import pytest

from alpha_umi.errors import SandboxError
from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.decorator import Tool
from alpha_umi.tools.spec import Observation, ToolCall
from alpha_umi.tools.worker.client import Worker
from alpha_umi.tools.worker.limits import Limits

TOOLS = [value for value in vars(hostile_tools).values() if isinstance(value, Tool)]


def open_catalogue(folder: Path, **limits: float) -> Catalogue:
    (folder / "box").mkdir(exist_ok=True)
    return Catalogue(folder / "box", folder / "notebook", TOOLS, Limits.model_validate({"seconds": 5, **limits}))


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    with open_catalogue(tmp_path_factory.mktemp("worker")) as made:
        yield made


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    with open_catalogue(tmp_path_factory.mktemp("brief"), seconds=1, memory_mib=128) as made:
        yield made


def call(catalogue: Catalogue, tool: str, **arguments: object) -> Observation:
    return catalogue.call(ToolCall(tool=tool, arguments=arguments))


def assert_works(catalogue: Catalogue) -> None:
    assert call(catalogue, "add", a=2, b=3).content == "5"


def workers() -> list[psutil.Process]:
    """The processes of all open catalogues, the newest last."""
    found = [child for child in psutil.Process().children() if any("worker.zygote" in part for part in child.cmdline())]
    return sorted(found, key=psutil.Process.create_time)


def scratch_folder(catalogue: Catalogue) -> Path:
    return Path(json.loads(call(catalogue, "environment").content)["TMPDIR"]).parent


def running(argument: str) -> list[psutil.Process]:
    """The processes with this argument in their command line."""
    return [found for found in psutil.process_iter(["cmdline"]) if argument in (found.info["cmdline"] or ())]


def test_a_call_gives_the_result_its_size_and_its_time(catalogue: Catalogue) -> None:
    observation = call(catalogue, "add", a=41)
    assert (observation.status, observation.content, observation.size, observation.cut) == ("ok", "42", 2, False)
    assert 0 < observation.seconds < 5


@pytest.mark.parametrize(
    ("kind", "status", "content"),
    [
        ("none", "ok", "null"),
        ("unicode", "ok", '{"é":"😀"}'),
        ("surrogate", "ok", "a?b"),
        ("failure", "error", "there is no such thing"),
        ("error", "error", "KeyError: 'gone'"),
        ("exit", "error", "SystemExit: 3"),
        ("nan", "invalid", "the tool returned a float that is not JSON"),
        ("nested nan", "invalid", "the tool returned a dict that is not JSON"),
        ("set", "invalid", "the tool returned a set that is not JSON"),
        ("bytes", "invalid", "the tool returned a bytes that is not JSON"),
        ("object", "invalid", "the tool returned a object that is not JSON"),
    ],
)
def test_what_a_tool_returns_or_raises_is_told(catalogue: Catalogue, kind: str, status: str, content: str) -> None:
    observation = call(catalogue, "result", kind=kind)
    assert observation.status == status
    assert observation.content.startswith(content)


@pytest.mark.parametrize(("kind", "size"), [("huge", 3_000_000), ("huge list", 588_891)])
def test_a_long_result_is_cut_and_says_so(catalogue: Catalogue, kind: str, size: int) -> None:
    observation = call(catalogue, "result", kind=kind)
    assert (observation.status, observation.cut, observation.size) == ("ok", True, size)
    assert observation.content.endswith(f"\n[cut: the first 65536 of {size} characters]")
    assert len(observation.content) < 65536 + 100


@pytest.mark.parametrize("what", ["hang", "spin", "ignore signals", "pause"])
def test_a_tool_that_does_not_end_is_stopped_at_the_wall_limit(brief: Catalogue, what: str) -> None:
    observation = call(brief, "act", what=what)
    assert (observation.status, observation.content) == ("timeout", "the tool was stopped after 1 s")
    assert 1 <= observation.seconds < 4
    assert_works(brief)


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("exit", "the tool ended without a result"),
        ("abort", "the tool ended without a result (SIGABRT)"),
        ("segfault", "the tool ended without a result (SIGSEGV)"),
        ("close everything", "the tool ended without a result"),
        ("forge", "the tool disturbed its own result"),
        ("flood", "the tool wrote more than it may"),
        ("allocate", "the tool used more than 128 MiB of memory"),
    ],
)
def test_a_tool_that_breaks_its_process_is_one_failed_call(brief: Catalogue, what: str, content: str) -> None:
    observation = call(brief, "act", what=what)
    assert (observation.status, observation.content) == ("killed", content)
    assert_works(brief)


@pytest.mark.parametrize("what", ["fork", "descriptors", "threads", "kill worker", "stop worker", "unshare"])
def test_what_a_tool_may_not_do_fails_inside_it(catalogue: Catalogue, what: str) -> None:
    assert call(catalogue, "act", what="pair").status == "ok"
    before = workers()
    assert call(catalogue, "act", what=what).status in ("error", "killed")
    assert call(catalogue, "act", what="pair").status == "ok"
    assert workers() == before


def test_a_tool_cannot_change_the_limits_of_its_worker(catalogue: Catalogue) -> None:
    assert call(catalogue, "act", what="limits").content == "refused"


def test_printing_does_not_disturb_the_result(catalogue: Catalogue) -> None:
    assert call(catalogue, "act", what="print").content == "printed"


def test_a_file_grows_to_its_limit_only(tmp_path: Path) -> None:
    with open_catalogue(tmp_path, file_mib=2) as catalogue:
        assert "File too large" in call(catalogue, "act", what="big file", path="big").content
    assert (tmp_path / "box" / "big").stat().st_size == 2 * 1024 * 1024


def test_everything_that_a_command_started_ends_with_the_call(catalogue: Catalogue) -> None:
    command = "(setsid sleep 987654 >/dev/null 2>&1 &); nohup sleep 987654 >/dev/null 2>&1 & echo started"
    assert call(catalogue, "shell", command=command).content == "0 started\n"
    assert running("987654") == []


def test_a_daemon_that_forks_twice_ends_with_the_call(catalogue: Catalogue) -> None:
    code = (
        "import os, time\nos.dup2(os.open('/dev/null', os.O_RDWR), 1); os.dup2(1, 2)\n"
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.execvp('sleep', ['sleep', '876543'])\n"
        "    os._exit(0)\n"
        "time.sleep(0.2)"
    )
    assert call(catalogue, "python", code=code).content == "0 "
    assert running("876543") == []


def test_too_many_processes_are_killed(tmp_path: Path) -> None:
    with open_catalogue(tmp_path, processes=10) as catalogue:
        observation = call(catalogue, "shell", command="for i in $(seq 40); do sleep 60 & done; wait")
        assert (observation.status, observation.content) == ("killed", "the tool started more than 10 processes")
        assert_works(catalogue)


def test_programs_share_the_memory_limit(tmp_path: Path) -> None:
    code = "import time; kept = bytearray(b'x') * (200 * 1024 * 1024); time.sleep(60)"
    with open_catalogue(tmp_path, memory_mib=150) as catalogue:
        observation = call(catalogue, "python", code=code)
        assert (observation.status, observation.content) == ("killed", "the tool used more than 150 MiB of memory")
        assert_works(catalogue)


def test_a_call_is_cancelled_from_another_thread(catalogue: Catalogue) -> None:
    assert_works(catalogue)
    timer = threading.Timer(0.3, catalogue.cancel)
    timer.start()
    observation = call(catalogue, "act", what="hang")
    timer.join()
    assert (observation.status, observation.content) == ("killed", "cancelled")
    assert observation.seconds < 3
    assert_works(catalogue)


def test_a_cancelled_command_leaves_no_process(catalogue: Catalogue) -> None:
    timer = threading.Timer(0.5, catalogue.cancel)
    timer.start()
    assert call(catalogue, "shell", command="sleep 765432").content == "cancelled"
    timer.join()
    assert running("765432") == []


def test_cancel_without_a_call_changes_nothing(catalogue: Catalogue) -> None:
    catalogue.cancel()
    assert_works(catalogue)
    catalogue.cancel()
    assert_works(catalogue)


def test_calls_of_several_threads_wait_for_each_other(catalogue: Catalogue) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda a=a: found.append(call(catalogue, "add", a=a, b=0).content)) for a in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [str(number) for number in range(8)]


def test_a_worker_that_dies_between_calls_is_replaced(tmp_path: Path) -> None:
    with open_catalogue(tmp_path) as catalogue:
        assert_works(catalogue)
        before = workers()[-1]
        before.kill()
        before.wait()
        assert_works(catalogue)
        assert workers()[-1] != before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_dies_during_a_call_is_one_failed_call(tmp_path: Path, number: signal.Signals) -> None:
    with open_catalogue(tmp_path) as catalogue:
        assert_works(catalogue)
        folder = Path(call(catalogue, "shell", command="echo $TMPDIR").content.split()[1]).parent
        timer = threading.Timer(0.3, os.kill, (workers()[-1].pid, number))
        timer.start()
        observation = call(catalogue, "shell", command="sleep 654321")
        timer.join()
        assert observation.status == "killed"
        assert "was lost" in observation.content
        time.sleep(0.1)
        assert running("654321") == []
        assert not folder.exists()
        assert_works(catalogue)


def test_closing_ends_the_process_and_its_folder_and_a_later_call_starts_anew(tmp_path: Path) -> None:
    catalogue = open_catalogue(tmp_path)
    folder = scratch_folder(catalogue)
    process = workers()[-1]
    assert folder.exists()
    catalogue.close()
    catalogue.close()
    assert not process.is_running()
    assert not folder.exists()
    assert_works(catalogue)
    catalogue.close()


def test_the_private_folder_is_new_for_each_call(catalogue: Catalogue) -> None:
    first = call(catalogue, "scratch").content
    second = call(catalogue, "scratch").content
    assert first != second
    assert "left" not in second


def test_a_deep_tree_in_the_private_folder_is_removed(catalogue: Catalogue) -> None:
    code = (
        "import os\nos.chdir(os.environ['TMPDIR'])\nprint(os.getcwd())\n"
        "for _ in range(1200): os.mkdir('d'); os.chdir('d')"
    )
    status, folder = call(catalogue, "python", code=code).content.split()
    assert status == "0"
    assert call(catalogue, "act", what="pair").status == "ok"
    assert not Path(folder).exists()


def test_a_process_that_cannot_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such interpreter >&2\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(broken))
    with open_catalogue(tmp_path) as catalogue, pytest.raises(SandboxError, match=r"cannot start: .*python"):
        call(catalogue, "add", a=1)


def test_the_worker_loads_nothing_heavy(catalogue: Catalogue) -> None:
    loaded = set(json.loads(call(catalogue, "act", what="modules").content.replace("'", '"')))
    assert "alpha_umi.tools.context" in loaded
    assert loaded.isdisjoint({"llama_cpp", "torch", "textual", "llguidance", "numpy", "alpha_umi.runtime"})


def test_start_does_not_wait() -> None:
    worker = Worker()
    worker.start()
    worker.close()
