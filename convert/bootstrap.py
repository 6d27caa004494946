"""Install umi from this bundle on a machine without internet: `python BUNDLE FOLDER [--sha256 HASH]`.

The folder becomes a virtual environment. Needs Python and its venv module, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path


def main() -> None:
    """Verify the packages, install them into the folder, and let the installed umi install the rest."""
    if len(sys.argv) < 2:
        sys.exit(f"usage: python {sys.argv[0]} FOLDER [--sha256 HASH]")
    bundle, folder, rest = Path(sys.argv[0]), Path(sys.argv[1]), sys.argv[2:]
    with zipfile.ZipFile(bundle) as archive, tempfile.TemporaryDirectory() as place:
        listed = archive.read("bundle.json")
        if "--sha256" in rest and hashlib.sha256(listed).hexdigest() != rest[rest.index("--sha256") + 1]:
            sys.exit(f"{bundle} is not the bundle with that hash: nothing was installed")
        contents = json.loads(listed)
        for name, member in contents["members"].items():
            if name.startswith("wheels/"):
                data = archive.read(name)
                if hashlib.sha256(data).hexdigest() != member["sha256"]:
                    sys.exit(f"{bundle} is damaged: {name} has another hash than its list says; nothing was installed")
                (Path(place) / Path(name).name).write_bytes(data)
        venv.create(folder, with_pip=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-index", "--find-links", place]
        if subprocess.run([*pip, f"alpha-umi=={contents['made_with']['alpha-umi']}"], check=False).returncode:
            made = contents["made_with"]
            sys.exit(f"the packages do not fit this machine; they are for Python {made['python']} on {made['machine']}")
    done = subprocess.run([str(folder / "bin" / "umi"), "bundle", "install", str(bundle), *rest], check=False)
    print(f"umi is {folder / 'bin' / 'umi'}")
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
