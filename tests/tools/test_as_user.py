"""The attacks again as an ordinary user, where the tests run as root.

Folders that only root may enter, such as the one where this Python may be, are opened in a mount namespace of the
test's own; nothing outside it changes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

USER = 12_345
HERE = Path(__file__).parent
FILES = "test_attacks.py test_attacks_kernel.py test_attacks_trust.py test_mcp_grants.py test_levels.py"


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="these tests run as an ordinary user already")
def test_the_attacks_fail_for_an_ordinary_user_too() -> None:
    base = Path("/tmp") / f"umi-user-{os.getpid()}"
    base.mkdir(mode=0o700)
    os.chown(base, USER, USER)
    run = f"cd {HERE} && HOME={base} exec setpriv --reuid {USER} --regid {USER} --clear-groups --inh-caps=-all "
    run += f"{sys.executable} -m pytest -q -p no:cacheprovider --basetemp {base}/t {FILES}"
    try:
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-ec", f"{_opened(Path(sys.base_prefix))}\n{run}"],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        )
    finally:
        shutil.rmtree(base, ignore_errors=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) > 250


def _opened(place: Path) -> str:
    """Shell lines that put an open folder in the place of the outermost closed one above `place`."""
    for folder in reversed(place.parents):
        if folder != Path("/") and not folder.stat().st_mode & 0o001:
            below = folder / place.relative_to(folder).parts[0]
            hold = f"/tmp/umi-hold-{os.getpid()}"
            return (
                f"mkdir {hold}; mount --bind {below} {hold}; mount -t tmpfs -o mode=755 none {folder}\n"
                f"mkdir {below}; mount --move {hold} {below}; rmdir {hold}"
            )
    return ""
