"""A run: its stages in order, each of which can be taken up again where it stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from accelerate import PartialState
from transformers.utils.logging import disable_progress_bar

from ...convert.gguf_writer import replacing
from ...errors import StorageError, UsageError
from ...runtime.dialects import load_dialect
from ...runtime.history import Role
from .base import MADE, base_folder, identity
from .config import Config, StageName
from .corpus import Corpus, Say, read_corpus
from .curves import draw
from .stage import StageRun
from .tokens import Encoder

_RUN = "run.json"
_MAY_CHANGE = ("output", "saving", "export", "machine")


class Run:
    """A run in its folder: `run.json`, `base/` for random weights, one folder for each stage, `losses.png`.

    pulled: where checkpoints of the hub are kept.
    """

    def __init__(self, config: Config, pulled: Path, say: Say) -> None:
        disable_progress_bar()
        self.config, self._pulled = config, pulled
        self.state = PartialState(cpu=config.machine.device == "cpu")
        self.say: Say = say if self.state.is_main_process else lambda _: None
        self.base = Path()
        self.corpus = Corpus()

    @property
    def folder(self) -> Path:
        return self.config.output

    def all(self, resume: bool) -> None:
        """Every stage that is not finished; `resume` goes on with an earlier run of the same configuration.

        Raises UsageError for a folder that holds another run, StorageError where it cannot be written, DivergedError
        where a loss is no number.
        """
        try:
            self._begin(resume)
            for name in self.config.stages:
                stage = self.stage(name)
                if stage.outcome():
                    self.say(f"{name}  finished before")
                    continue
                role: Role | None = None if name == "stage1" else name
                stage.train(self.corpus.of(role), resume, self.say, lambda: draw(self.folder, list(self.config.stages)))
        except OSError as error:
            if error.errno is None:
                raise
            raise StorageError(
                f"{error.filename or self.folder} cannot be used ({error.strerror}): mend that and go on with --resume"
            ) from error

    def stage(self, name: StageName) -> StageRun:
        """A stage of the run, finished or not."""
        config = self.config
        from_base = name == "stage1" or config.mode == "one_stage"
        start = self.base if from_base else self.stage("stage1").model
        stage, keep = config.stages[name], config.export.adapters and name != "stage1"
        return StageRun(name, config, stage, start, self.folder / name, keep, self.state.num_processes)

    def of_role(self, role: Role) -> StageRun:
        """The stage that makes a role's model."""
        return self.stage("stage1" if self.config.mode == "single" else role)

    def _begin(self, resume: bool) -> None:
        earlier = self._earlier()
        if earlier is not None and not resume and self.state.is_main_process:
            raise UsageError(
                f"{self.folder} holds an earlier run: go on with --resume or name another folder with --out"
            )
        if earlier is not None:
            self._same_config(earlier["config"])
        with self.state.main_process_first():
            if earlier is None and self.state.is_main_process:
                self.folder.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(self.folder / MADE, ignore_errors=True)
            self.base = base_folder(self.config, self._pulled)
        base = identity(self.base)
        if earlier is not None and earlier["base"] != base:
            raise UsageError(f"{self.folder} {_other_base(earlier['base'], base)}: name another folder with --out")
        self.corpus = read_corpus(self.config, Encoder(self.base, load_dialect(self.config.dialect)), self.say)
        now = {"config": self.config.model_dump(mode="json"), "base": base, "data": self.corpus.digest()}
        if earlier is not None and earlier["data"] != now["data"]:
            raise UsageError(
                f"the data is not what the run in {self.folder} began with: name another folder with --out"
            )
        self.state.wait_for_everyone()
        if self.state.is_main_process and earlier is None:
            with replacing(self.folder / _RUN) as part:
                part.write_text(json.dumps(now, indent=1), encoding="utf-8")

    def _earlier(self) -> dict[str, Any] | None:
        file = self.folder / _RUN
        if not file.exists():
            return None
        try:
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return {key: found[key] for key in ("config", "base", "data")}
        except (ValueError, LookupError, TypeError) as error:
            raise UsageError(f"{file} is damaged ({error!r}): name another folder with --out") from error

    def _same_config(self, earlier: dict[str, Any]) -> None:
        now = self.config.model_dump(mode="json")
        for key, value in now.items():
            if key not in _MAY_CHANGE and earlier.get(key) != value:
                raise UsageError(
                    f"{key} is not what the run in {self.folder} began with: put it back, or name another folder with "
                    "--out"
                )


def _other_base(earlier: dict[str, Any], now: dict[str, Any]) -> str:
    """In which way two bases differ, in words."""
    for key in ("architecture", "shape"):
        if earlier[key] != now[key]:
            return f"was begun with a model of another {key} ({_told(earlier[key])}, now {_told(now[key])})"
    return "was begun with another tokenizer"


def _told(value: Any) -> str:
    return ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else str(value)
