"""The engine process from its first line on: it reads its configuration, confines itself, and serves."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .confinement import breaches, confine


def main() -> None:
    config = json.loads(sys.stdin.buffer.readline())
    bound = config["roles"].values()
    models = [Path(path) for role in bound for path in (role["path"], role["adapter"]) if path]
    cache = Path(config["cache"]) if config["cache"] and config["cache_bytes"] else None
    layers = confine(models, cache)

    from .server import serve

    serve(config, [{"kind": "confined", "layers": layers, "open": breaches()}])


if __name__ == "__main__":
    main()
