import os

import pytest

from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.worker.levels import SandboxState
from alpha_umi.tui.desk import Desk


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """Colours as they are by default, whatever the caller's terminal wants."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    for name in [name for name in os.environ if name.startswith("UMI_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def no_early_worker(monkeypatch):
    """The process that runs tools starts with the first call instead of with the screen: most tests need none.

    How it confines is not tested then; the tests at a real terminal do that.
    """
    monkeypatch.setattr(Catalogue, "start", lambda catalogue: None)
    monkeypatch.setattr(Desk, "confinement", lambda desk: SandboxState("A", ("bubblewrap", "seccomp")))
