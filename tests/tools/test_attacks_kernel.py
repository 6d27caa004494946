"""What programs could do through the kernel to files that they may only read, and to other processes of the user."""

from __future__ import annotations

import ctypes
import os
import platform
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from field import Field, control

X86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of these calls are those of x86-64")

CALL = """
import ctypes, fcntl, os, struct
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    if libc.syscall(ctypes.c_long(number), *words) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""


@pytest.fixture
def config(field: Field) -> Iterator[Path]:
    """A file that may be read and not changed, of the user that tools run as."""
    path = field.box / ".git" / "new"
    path.write_text("[core]\n", encoding="utf-8")
    yield path
    path.unlink()


@pytest.mark.parametrize(
    "change",
    [
        "os.fchmod(fd, 0o777)",
        "os.utime(fd, (0, 0))",
        "os.utime(fd)",
        "os.setxattr(fd, 'user.x', b'y')",
        "fcntl.ioctl(fd, 0x40086602, struct.pack('i', 0x40))",
    ],
)
@pytest.mark.parametrize("tool", ["python", "evaluate"])
def test_a_file_that_may_only_be_read_keeps_its_metadata(field: Field, config: Path, change: str, tool: str) -> None:
    code = f"{CALL}fd = os.open({str(config)!r}, os.O_RDONLY)\n{change}\nresult = 'done'"
    before = config.stat()
    field.call(tool, code=code)
    after = config.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_mode,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )
    control(code)
    assert config.stat().st_ctime_ns != before.st_ctime_ns or "0x40086602" in change


@pytest.mark.parametrize(
    "way",
    [
        "os.open('sub/made', os.O_CREAT | os.O_WRONLY, 0o4755)",
        "os.fchmod(os.open('sub/made', os.O_CREAT | os.O_WRONLY, 0o755), 0o2755)",
        "os.mknod('sub/made', 0o104755)",
        pytest.param("call(437, -100, b'sub/made', struct.pack('QQQ', 0o101, 0o4755, 0), 24)", marks=X86),
        pytest.param("call(85, b'sub/made', 0o6755)", marks=X86),
    ],
)
def test_no_program_with_set_user_id_is_left_behind(field: Field, way: str) -> None:
    made = field.box / "sub" / "made"
    assert field.python(f"{CALL}{way}").content[0] != "0"
    assert not made.exists() or not made.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)
    made.unlink(missing_ok=True)
    control(f"{CALL}os.chdir({str(field.box)!r})\n{way}")
    assert made.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)
    made.unlink()


@pytest.mark.parametrize(
    "way",
    [
        "os.sched_setaffinity({pid}, os.sched_getaffinity(0))",
        "os.sched_setscheduler({pid}, os.SCHED_OTHER, os.sched_param(0))",
        "os.setpriority(os.PRIO_PROCESS, {pid}, os.getpriority(os.PRIO_PROCESS, 0))",
        "os.setpriority(os.PRIO_USER, 0, os.getpriority(os.PRIO_USER, 0))",
        "fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, {pid})",
        pytest.param("call(251, 1, {pid}, 2 << 13 | 4)", marks=X86),
    ],
)
@pytest.mark.parametrize("tool", ["python", "evaluate"])
def test_other_processes_are_not_slowed_down_or_signalled(field: Field, way: str, tool: str) -> None:
    code = f"{CALL}{way.format(pid=os.getpid())}\nresult = 'done'\nprint(result)"
    assert control(code) == "done\n"
    assert "not permitted" in field.call(tool, code=code).content


@X86
def test_memory_that_other_processes_share_is_closed(field: Field) -> None:
    """System V segments have no names in the file system: whoever guesses the number and is the same user has them."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    segment = libc.shmget(0, 4096, 0o1666)
    assert segment >= 0
    try:
        ctypes.memmove(libc.shmat(segment, None, 0), b"the secret", 10)
        code = (
            f"{CALL}libc.shmat.restype = ctypes.c_void_p\naddress = libc.shmat({segment}, None, 0o10000)\n"
            "print(ctypes.string_at(address, 10) if address != 2**64 - 1 else 'closed')"
        )
        assert control(code) == "b'the secret'\n"
        assert field.python(code).content == "0 closed\n"
        assert field.python(f"{CALL}call(31, {segment}, 0, 0)").content[0] != "0"
    finally:
        libc.shmctl(segment, 0, None)


@pytest.mark.parametrize("number", [470, 999, 100_000])
def test_calls_that_are_newer_than_the_filter_are_closed(field: Field, number: int) -> None:
    assert "not implemented" in field.python(f"{CALL}call({number}, 0, 0, 0)").content


@X86
def test_folders_outside_are_not_watched(field: Field) -> None:
    code = f"{CALL}call(254, libc.inotify_init(), {str(field.home / '.ssh').encode()!r}, 0xFFF)\nprint('watching')"
    assert control(code) == "watching\n"
    assert field.python(code).content[0] != "0"


def test_the_kernels_switches_cannot_be_written(field: Field) -> None:
    for path in ("/proc/self/oom_score_adj", "/proc/self/coredump_filter", "/proc/sys/kernel/core_pattern"):
        assert field.shell(f"cat /proc/self/oom_score_adj > {path}").content[0] != "0", path
    assert control("open('/proc/self/oom_score_adj', 'w').write('1'); print('written')") == "written\n"
