"""The Python packages that umi needs, as wheels for machines like this one."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..errors import UmiError

PACKAGE = "alpha-umi"


def gather_wheels(folder: Path, package: str = PACKAGE) -> list[Path]:
    """Let pip bring or build wheels of an installed package and all that it needs, in the versions installed here.

    pip's settings hold (index, cache); compiled packages fit this system and processor only. Raises UmiError with
    pip's last word where that fails.
    """
    pins = folder / "pins.txt"
    pins.write_text("\n".join(_pin(found) for found in distributions() if found.name != package), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder), "--constraint", str(pins)]
    done = subprocess.run([*command, _requirement(package)], capture_output=True, text=True, check=False)
    pins.unlink()
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UmiError(f"pip could not bring the Python packages ({said}): check the network, or leave --wheels away")
    return sorted(folder.glob("*.whl"))


def _pin(found: Distribution) -> str:
    return f"{found.name}=={found.version}"


def _requirement(package: str) -> str:
    """The folder that the package was installed from, where there is one, else its version."""
    found = distribution(package)
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    folder = Path(unquote(urlsplit(origin.get("url", "")).path))
    return str(folder) if (folder / "pyproject.toml").is_file() else _pin(found)
