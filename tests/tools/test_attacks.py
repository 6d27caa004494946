"""Attacks through tools, each at every level that this machine has, with a control that succeeds without the box.

The tools of this file run inside; `control` runs the same program outside, as the same user.
"""

from __future__ import annotations

import os
import platform
import socket
import subprocess

import pytest
from boxes import refused
from field import Field, control, running

from alpha_umi.tools.spec import ToolCall
from alpha_umi.tools.worker.identity import TOOL_ID

SYSCALL = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(name, *arguments):
    if libc.syscall(NUMBERS[name], *arguments) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
NUMBERS = {}
""".replace(
    "{}",
    repr(
        {
            "mount": 165,
            "unshare": 272,
            "setns": 308,
            "ptrace": 101,
            "bpf": 321,
            "io_uring_setup": 425,
            "memfd_create": 319,
            "userfaultfd": 323,
            "keyctl": 250,
            "process_vm_readv": 310,
            "perf_event_open": 298,
            "clone3": 435,
        }
        if platform.machine() == "x86_64"
        else {
            "mount": 40,
            "unshare": 97,
            "setns": 268,
            "ptrace": 117,
            "bpf": 280,
            "io_uring_setup": 425,
            "memfd_create": 279,
            "userfaultfd": 282,
            "keyctl": 219,
            "process_vm_readv": 270,
            "perf_event_open": 241,
            "clone3": 435,
        }
    ),
)


def test_keys_of_the_user_are_neither_read_nor_listed(field: Field) -> None:
    key = field.home / ".ssh" / "id_ed25519"
    assert control(f"print(open({str(key)!r}).read())") == "PRIVATE\n"
    for command in (f"cat {key}", "cat ../.ssh/id_ed25519", f"cp -r {field.home} copied", f"tar cf - {field.home}"):
        assert "PRIVATE" not in field.shell(command).content
    assert "id_ed25519" not in field.shell(f"ls -a {key.parent} 2>/dev/null; ls -a {field.home} 2>/dev/null").content
    assert field.call("read", path=str(key)).status == "error"
    assert not list(field.box.rglob("id_ed25519"))


def test_existence_outside_shows_at_the_levels_without_namespaces_only(field: Field) -> None:
    key = field.home / ".ssh" / "id_ed25519"
    seen = field.python(f"import os; print(os.path.exists({str(key)!r}))").content
    assert seen == ("0 True\n" if field.level == "B2" else "0 False\n")


@pytest.mark.parametrize(
    "change",
    [
        "os.utime(p, (0, 0))",
        "os.chmod(p, 0o777)",
        "os.setxattr(p, 'user.x', b'y')",
        "os.truncate(p, 0)",
        "os.rename(p, 'moved')",
        "os.link(p, 'linked')",
        "os.remove(p)",
        "open(p, 'a').write('x')",
        "os.chown(p, -1, -1)",
    ],
)
def test_a_file_outside_stays_as_it_is(field: Field, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(field.deed.parent)
    field.deed.write_text("before", encoding="utf-8")
    before = field.deed.stat()
    code = f"import os; p = {str(field.deed)!r}; {change}"
    assert refused(field.python(code)), change
    after = field.deed.stat()
    assert (before.st_mode, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_mode,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )
    control(code)
    assert not field.deed.exists() or field.deed.stat().st_ctime_ns != before.st_ctime_ns
    for made in (field.deed, field.deed.with_name("moved"), field.deed.with_name("linked")):
        made.unlink(missing_ok=True)


def test_devices_are_out_of_reach(field: Field) -> None:
    for command in (
        "echo x > /dev/sda",
        "cat /dev/mem",
        "echo x > /dev/tty",
        "mknod dev b 8 0",
        "cat /dev/vda",
        "echo x > /dev/ptmx",
        "ls /dev/pts",
    ):
        assert field.shell(command).content[0] != "0", command
    assert field.shell("echo x > /dev/null && head -c 3 /dev/zero | wc -c").content == "0 3\n"


@pytest.mark.parametrize("request_number", [0x5412, 0x541C])
def test_keys_cannot_be_typed_into_a_terminal(field: Field, request_number: int) -> None:
    code = (
        "import os, fcntl\na, b = os.openpty() if {control} else (0, 0)\n"
        "try:\n    fcntl.ioctl(b, {number}, b'x'); print('typed')\n"
        "except OSError as error:\n    print(error.strerror)"
    )
    assert field.python(code.format(control=False, number=request_number)).content == "0 Operation not permitted\n"
    assert "Operation not permitted" not in control(code.format(control=False, number=0x5413))


def test_programs_with_set_user_id_gain_nothing(field: Field) -> None:
    said = field.shell("su -c id; sudo -n id; id -u").content
    user = TOOL_ID if os.geteuid() == 0 else os.geteuid()
    assert f" {user}\n" in said and "uid=0" not in said
    assert field.python("import ctypes; print(ctypes.CDLL(None).prctl(39, 0, 0, 0, 0))").content == "0 1\n"


@pytest.mark.parametrize(
    "way",
    [
        "os.execv('/bin/echo', ['echo', 'ran'])",
        "os.posix_spawn('/bin/echo', ['echo'], {})",
        "os.system('echo ran > ran')",
        "os.fork()",
        "pty.fork()",
        "os.execv('/lib64/ld-linux-x86-64.so.2', ['ld', '/bin/echo', 'ran'])",
        "os.memfd_create('x')",
        "multiprocessing.Process(target=print).start()",
    ],
)
def test_without_the_right_to_run_programs_no_way_leads_to_one(field: Field, way: str) -> None:
    observation = field.call("evaluate", code=f"import os, pty, multiprocessing\nresult = {way}")
    assert observation.status in ("error", "killed") or observation.content not in ("0", "ran"), observation
    assert not (field.box / "ran").exists()
    assert field.call("evaluate", code="result = 6 * 7").content == "42"


@pytest.mark.parametrize(
    "attempt",
    [
        "call('unshare', 0x10000000)",
        "call('unshare', 0x00020000)",
        "call('mount', b'x', b'/', b'tmpfs', 0, 0)",
        "call('mount', 0, b'/', 0, 4128 | 32, 0)",
        "call('bpf', 0, 0, 0)",
        "call('io_uring_setup', 1, ctypes.create_string_buffer(256))",
        "call('userfaultfd', 0)",
        "call('keyctl', 0, 0, 0)",
        "call('ptrace', 0, 0, 0, 0)",
        "call('memfd_create', b'x', 0)",
        "call('process_vm_readv', os.getppid(), 0, 0, 0, 0, 0)",
        "call('setns', 0, 0)",
        "call('clone3', 0, 0)",
        "call('perf_event_open', 0, 0, -1, -1, 0)",
    ],
)
def test_the_kernel_is_asked_for_nothing_special(field: Field, attempt: str) -> None:
    said = field.python(SYSCALL + attempt).content
    assert said[0] != "0" and ("not permitted" in said or "not implemented" in said), said


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other entries exist on x86-64 only")
@pytest.mark.parametrize("entry", [b"\xb8\x14\x00\x00\x00\xcd\x80\xc3", b"\xb8\x27\x00\x00\x40\x0f\x05\xc3"])
def test_other_entries_to_the_kernel_are_closed(field: Field, entry: bytes) -> None:
    """int 0x80 and the x32 numbers, both asking for the process id."""
    code = (
        "import ctypes, mmap; page = mmap.mmap(-1, 4096, prot=7); "
        f"page.write({entry!r}); "
        "print(ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))())"
    )
    assert field.python(code).content.startswith("-31 ")


@pytest.mark.parametrize(
    "way",
    [
        "s = socket.create_connection(A, 2)",
        "s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262); s.connect(A)",
        "s = socket.socket(); s.sendto(b'x', socket.MSG_FASTOPEN, A)",
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', A)",
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()",
    ],
)
def test_no_service_of_this_machine_is_reached(field: Field, way: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; A = {server.getsockname()!r}; {way}; print('reached')"
        assert "reached" in control(code) or "262" in way
        assert refused(field.python(code)), way


def test_local_sockets_are_out_of_reach(field: Field) -> None:
    for place in (field.home / "service", field.box / "service"):
        os.chdir(place.parent)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("service")
            server.listen()
            connect = "socket.socket(socket.AF_UNIX).connect('service'); print('reached')"
            code = f"import os, socket; os.chdir({str(place.parent)!r}); {connect}"
            assert control(code) == "reached\n"
            assert refused(field.python(code))
        place.unlink()
        os.chdir("/")


def test_a_handed_pair_of_sockets_cannot_be_aimed_elsewhere(field: Field) -> None:
    code = "import socket\na, b = socket.socketpair()\na.{0}\nprint('done')"
    for way in ("connect('x')", "sendto(b'x', 'x')", "sendmsg([b'x'])", "bind('x')", "listen()"):
        assert refused(field.python(code.format(way))), way
    assert field.python(code.format("sendall(b'x')")).content == "0 done\n"


def test_protected_names_are_not_changed(field: Field) -> None:
    hook, config = field.box / ".git" / "hooks" / "post-commit", field.box / ".git" / "config"
    for command in (
        f"echo evil > {hook}",
        f"echo evil >> {config}",
        "mv .git gone",
        "rm -rf .git",
        "ln -f inside.txt .git/x",
        "mkdir -p .git/new",
        "cp inside.txt .git/config",
        "mv inside.txt .git/x",
    ):
        assert field.shell(command).content[0] != "0", command
    assert field.call("write", path=".git/hooks/post-commit").status == "error"
    assert not hook.exists() and config.read_text(encoding="utf-8") == "[core]\n"
    assert sorted(entry.name for entry in (field.box / ".git").iterdir()) == ["config", "hooks"]
    assert field.shell("cat .git/config; echo kept > sub/file && cat sub/file").content == "0 [core]\nkept\n"


@pytest.mark.parametrize("name", [".envrc", ".vscode", ".mcp.json", ".bashrc", ".GIT"])
def test_a_protected_name_that_is_not_there_is_not_planted(field: Field, name: str) -> None:
    field.shell(f"mkdir {name} || true; echo evil > {name}/x; echo evil > {name}")
    assert not (field.box / name).exists()
    assert "evil" not in "".join(path.name for path in field.box.iterdir())


def test_a_protected_name_that_appears_later_is_protected(field: Field) -> None:
    assert field.shell("true").content == "0 "
    mine = field.box / ".envrc"
    mine.write_text("mine", encoding="utf-8")
    try:
        assert field.shell("echo evil > .envrc").content[0] != "0"
        mine.unlink()
        mine.write_text("new", encoding="utf-8")
        assert field.shell("echo evil > .envrc").content[0] != "0"
        assert mine.read_text(encoding="utf-8") == "new"
    finally:
        mine.unlink()


def test_a_call_leaves_nothing_for_the_next(field: Field) -> None:
    field.shell("echo 'evil() { :; }' > $HOME/.profile; export LD_PRELOAD=evil PYTHONPATH=. BASH_ENV=x GIT_DIR=x; env")
    assert field.shell("env | grep -E 'LD_|PYTHON|BASH_ENV|GIT_' || echo clean").content == "0 clean\n"


def test_planted_modules_are_not_loaded(field: Field) -> None:
    for name in ("sitecustomize.py", "usercustomize.py", "conftest.py", "json.py"):
        (field.box / name).write_text("raise SystemExit('planted')", encoding="utf-8")
    try:
        assert field.python("import json; print(json.dumps(1))").content == "0 1\n"
        assert field.call("add", a=1).content == "2"
    finally:
        for name in ("sitecustomize.py", "usercustomize.py", "conftest.py", "json.py"):
            (field.box / name).unlink()


@pytest.mark.parametrize(
    "name", ["$(touch x)", "; touch x", "a\nb", "-rf", "`id`", "&& id", "ｅ．．／x", "é", "e\u0301"]
)
def test_what_looks_like_shell_is_a_name(field: Field, name: str) -> None:
    assert field.call("write", path=field.free + name).content == "written"
    made = field.box / (field.free + name)
    assert made.read_text(encoding="utf-8") == "x"
    made.unlink()
    assert not (field.box / "x").exists() and not (field.box / "sub" / "x").exists()


@pytest.mark.parametrize(
    "path", ["a\0b", "../x", "sub/../../x", "/proc/self/root/etc/x", "inside.txt/../../x", "x" * 5000]
)
def test_a_path_that_leads_outside_fails(field: Field, path: str) -> None:
    assert field.call("write", path=path).status == "error"
    assert not (field.home / "x").exists()


def test_many_files_are_stopped_and_removed_with_the_call(field: Field) -> None:
    code = "import os; os.chdir(os.environ['TMPDIR'])\nfor n in range(10**6): open('x' * 240 + str(n), 'w').close()"
    with field.limited(disk_mib=2, seconds=60) as catalogue:
        observation = catalogue.call(ToolCall(tool="python", arguments={"code": code}))
        assert (observation.status, observation.content) == ("killed", "the tool wrote more than 2 MiB")


def test_a_deep_folder_is_no_trouble(field: Field) -> None:
    code = "import os\nos.chdir('sub')\nfor _ in range(500): os.mkdir('d'); os.chdir('d')\nprint('deep')"
    assert field.python(code).content == "0 deep\n"
    assert field.shell("echo on > sub/on").content == "0 "
    subprocess.run(["rm", "-rf", field.box / "sub" / "d"], check=True)


@pytest.mark.parametrize(
    "way",
    [
        "for n in range(999): open(str(n), 'wb').write(bytes(2**20))",
        "held = []\nfor n in range(200):\n    held.append(open('gone', 'wb')); os.unlink('gone')\n"
        "    held[-1].write(bytes(2**20)); held[-1].flush()",
    ],
)
def test_the_disk_is_not_filled(field: Field, way: str) -> None:
    observation = field.python(f"import os, time; os.chdir('sub')\n{way}\ntime.sleep(60)")
    assert (observation.status, observation.content) == ("killed", "the tool wrote more than 32 MiB")
    for path in (field.box / "sub").iterdir():
        path.unlink()


def test_a_flood_of_processes_is_stopped(field: Field) -> None:
    observation = field.shell("b() { b | b & }; b; sleep 987123")
    assert observation.status in ("killed", "timeout") or observation.content[0] != "0"
    assert running("987123") == []
    assert field.call("add", a=1).content == "2"


def test_nothing_outlives_its_call(field: Field) -> None:
    field.shell("(setsid nohup sleep 987124 &) >/dev/null 2>&1; (sleep 987124 & disown) >/dev/null 2>&1; true")
    field.python(
        "import os\nfor n in (1, 2): os.dup2(os.open('/dev/null', 2), n)\n"
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: os.execvp('sleep', ['sleep', '987124'])"
    )
    assert running("987124") == []


def test_a_program_that_resists_ends_at_the_limit(field: Field) -> None:
    with field.limited(seconds=1) as catalogue:
        call = ToolCall(tool="shell", arguments={"command": "trap '' TERM INT HUP; while :; do sleep 987125; done"})
        assert catalogue.call(call).status == "timeout"
    assert running("987125") == []


def test_the_worker_is_not_reached_from_a_call(field: Field) -> None:
    for code in (
        "os.kill(os.getppid(), 9)",
        "os.kill(os.getppid(), 19)",
        "open(f'/proc/{os.getppid()}/mem', 'r+b')",
        "open('/proc/1/mem', 'rb')",
        "os.kill(-1, 9)",
    ):
        observation = field.call("evaluate", code=f"import os\nresult = {code}")
        assert observation.status in ("error", "killed"), code
    code = "for p in (1, os.getppid()):\n    try: print(open(f'/proc/{p}/mem', 'r+b'))\n    except OSError: print('no')"
    assert field.python(f"import os\n{code}").content == "0 no\nno\n"
    field.shell("kill -9 -1; kill -STOP $PPID; kill -9 1")
    assert field.call("add", a=1).content == "2"


def test_jobs_for_later_are_not_left(field: Field) -> None:
    for command in (
        "echo x > /etc/cron.d/x",
        "echo '* * * * * id' | crontab -",
        "echo id | at now",
        f"mkdir -p {field.home}/.config/autostart",
        "systemctl --user start x",
        "echo x > /var/spool/cron/x",
    ):
        assert field.shell(command).content[0] != "0", command
    assert not (field.home / ".config").exists()


def test_nothing_of_this_process_is_inside(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    with (field.home / ".ssh" / "id_ed25519").open(encoding="utf-8") as secret:
        os.set_inheritable(secret.fileno(), True)
        monkeypatch.setenv("API_KEY", "leaked")
        listed = field.call("evaluate", code="import os\nresult = [n for n in range(256) if _open(n)]\n")
        assert listed.content == "[0,1,2,3]"
    assert "leaked" not in field.shell("env").content


def test_the_tools_of_a_box_do_not_run_as_root(field: Field) -> None:
    assert field.shell("id -u").content != "0 0\n"
    assert field.call("evaluate", code="import os\nresult = os.getuid()").content != "0"
