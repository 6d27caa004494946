"""What the engine process gives up; each attempt is made by the same code outside first."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from engine_help import ask, start

from alpha_umi.tools.worker import landlock, seccomp

pytestmark = pytest.mark.skipif(
    not (landlock.version() and seccomp.supported()), reason="this system cannot confine a process"
)

PROBE = """
import json, os, socket, sys
from pathlib import Path
from alpha_umi.runtime.engine import confinement

folder, port, parent, how = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
if how != "open":
    confinement.uses_drivers = lambda: how == "drivers"
    confinement.confine([folder / "model"], folder / "cache")
attempts = {
    "connect": lambda: socket.create_connection(("127.0.0.1", port), 2),
    "local socket": lambda: socket.socket(socket.AF_UNIX),
    "fork": lambda: os.fork() or os._exit(0),
    "program": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "read": lambda: (folder / "key").read_bytes(),
    "write": lambda: (folder / "new").write_bytes(b"x"),
    "change the model": lambda: (folder / "model").open("ab"),
    "signal": lambda: os.kill(parent, 0),
    "read the model": lambda: (folder / "model").read_bytes(),
    "use the cache": lambda: (folder / "cache" / "new").write_bytes(b"x"),
}
done = []
for name, attempt in attempts.items():
    try:
        attempt()
        done.append(name)
    except OSError:
        pass
print(json.dumps([done, confinement.breaches()]))
"""


def probed(folder, how):
    folder.mkdir()
    (folder / "cache").mkdir()
    for name in ("model", "key"):
        (folder / name).write_bytes(b"x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = [str(folder), str(server.getsockname()[1]), str(os.getpid()), how]
        run = subprocess.run([sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    done, found = json.loads(run.stdout.splitlines()[-1])
    return set(done), set(found)


def test_the_confined_process_reads_its_models_writes_its_cache_and_nothing_else(tmp_path):
    done, found = probed(tmp_path / "open", "open")
    assert len(done) == 10
    assert found == {"open a network", "start programs", "write files", "read files"}
    done, found = probed(tmp_path / "confined", "confined")
    assert (done, found) == ({"read the model", "use the cache"}, set())


def test_where_a_driver_needs_files_all_may_be_read_and_the_rest_holds(tmp_path):
    done, found = probed(tmp_path / "confined", "drivers")
    if landlock.version() < 6:
        done -= {"signal"}
    assert (done, found) == ({"read", "read the model", "use the cache"}, set())


def test_the_engine_is_confined_and_keeps_its_cache(tiny_gguf, tmp_path):
    with start(tiny_gguf, cache=tmp_path / "cache") as engine:
        assert ask(engine, "<|user|>text", max_tokens=3).text
        (fact,) = [fact for fact in engine.describe() if fact["kind"] == "confined"]
        assert fact == {"kind": "confined", "layers": ["landlock", "seccomp"], "open": []}
        filtered = [mode for mode in map(_filter_mode, _children()) if mode]
    assert filtered == ["2"]


def _children():
    import psutil

    return [child.pid for child in psutil.Process().children() if "engine.child" in " ".join(child.cmdline())]


def _filter_mode(pid):
    """What the kernel says of a process: 2 where its system calls are filtered."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(line.split()[1] for line in lines if line.startswith("Seccomp:"))


def test_a_confined_process_still_dies_of_its_own_faults():
    """A crash in llama.cpp ends in abort(3), which signals the process itself."""
    code = "import os; from alpha_umi.runtime.engine.confinement import confine; confine([], None); os.abort()"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGABRT
