"""Confine this process, then become another program.

Started as `python -I -m alpha_umi.tools.worker.enter FOLDER STATUS PROGRAM...` inside the outer box. FOLDER holds
`box.json`, a `Box`, and is where the program has its temporary files. Why the program could not be started is written
to the descriptor STATUS, which closes without a word when it was.
"""

from __future__ import annotations

import os
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
    if os.getpid() == 1 and (child := os.fork()):
        os.close(int(status))
        _look_after(child)
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
    """As the first process of the box: wait for all others, and end with `child`, as it ended. Memory closed to them,
    pipes left to them."""
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    while True:
        process, ending = os.wait()
        if process == child:
            code = os.waitstatus_to_exitcode(ending)
            os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
