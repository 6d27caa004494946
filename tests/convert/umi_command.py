"""The real `umi` command in a home of its own, in this process."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from alpha_umi.cli import main


class Umi:
    """Call it with the words of a command for its output; `refused` for one that must fail."""

    def __init__(self, home: Path) -> None:
        self.home, self.models, self.trios = home, home / "data" / "models", home / "data" / "trios"

    def run(self, *words: object, fails: int = 0, typed: str = "") -> Result:
        runner = CliRunner(env={"UMI_HOME": str(self.home)})
        result = runner.invoke(main, [str(word) for word in words], input=typed)
        assert result.exit_code == fails, result.output
        return result

    def __call__(self, *words: object) -> str:
        return self.run(*words).stdout

    def refused(self, *words: object, status: int = 5) -> str:
        return self.run(*words, fails=status).stderr
