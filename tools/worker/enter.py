"""Confine this process, then become another program.

Started as `python -I -m alpha_umi.tools.worker.enter FOLDER STATUS PROGRAM...` inside the outer box. FOLDER holds
`box.json`, a `Box`, and is where the program has its temporary files. Why the program could not be started is written
to the descriptor STATUS, which closes without a word when it was.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ...errors import SandboxError
from .confine import confine
from .job import Box


def main() -> None:
    folder, status, *program = sys.argv[1:]
    os.set_inheritable(int(status), False)
    try:
        description = Path(folder, "box.json")
        box = Box.model_validate_json(description.read_bytes())
        description.unlink()
        confine(box, Path(folder), trusted=False)
        os.execvp(program[0], program)
    except (OSError, SandboxError) as error:
        os.write(int(status), str(error).encode())
        os._exit(126)


if __name__ == "__main__":
    main()
