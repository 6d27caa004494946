"""Confine this process, then become another program.

Started as `python -I -m alpha_umi.tools.worker.enter FOLDER STATUS PROGRAM...` inside the outer box. FOLDER holds
`box.json`, a `Box`, and is where the program has its temporary files. Why the program could not be started is written
to the descriptor STATUS, which closes without a word when it was.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from ...errors import SandboxError
from . import kernel
from .confine import confine
from .job import Box


def main() -> None:
    folder, status, *program = sys.argv[1:]
    os.set_inheritable(int(status), False)
    if sys.platform == "linux":
        above = os.getpid()
        if child := os.fork():
            _look_after(child)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != above:
            os._exit(126)
    try:
        description = Path(folder, "box.json")
        box = Box.model_validate_json(description.read_bytes())
        description.unlink()
        confine(box, Path(folder), trusted=False)
        os.execvp(program[0], program)
    except (OSError, SandboxError) as error:
        os.write(int(status), str(error).encode())
        os._exit(126)


def _look_after(child: int) -> NoReturn:
    """Wait for `child` and all that it leaves behind, and end as it ended. Memory closed to them, pipes left to them.

    Where this is the first process of the box they end with it. Elsewhere they are in its group, and when the process
    that started it is gone, it ends the group.
    """
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    if os.getpid() != 1:
        signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    while True:
        process, ending = os.wait()
        if process == child:
            code = os.waitstatus_to_exitcode(ending)
            os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
