"""The trios with what they need, and real conversions with progress and cancel."""

import shutil
import sys
import threading
from pathlib import Path

import pytest
from checkpoint import make_checkpoint
from stage import CALCULATE, make_home, play, staged
from textual.widgets import Input, OptionList

from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.convert.gguf_reader import read_header
from alpha_umi.convert.store import ModelStore
from alpha_umi.tui.jobs import Job
from alpha_umi.tui.memory import cache_bytes, quantisation
from alpha_umi.tui.screens.models import ModelsScreen

sys.path.append(str(Path(__file__).parent.parent / "convert"))
from fake_hub import FakeHub, Repo, serving

TRIO = 'description = "three of a kind"\ndialect = "nano"\n' + "".join(
    f'[roles.{role}]\nmodel = "model.gguf"\ncontext = 256\nmax_tokens = 64\n'
    for role in ("planner", "caller", "summarizer")
)


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """A checkpoint, and a GGUF file that was made from it."""
    folder = tmp_path_factory.mktemp("models")
    source = make_checkpoint(folder / "tiny")
    convert_checkpoint(source, folder / "tiny.gguf", type="q8_0", name="tiny")
    return source, folder / "tiny.gguf"


def add_trio(tmp_path, name, model):
    folder = make_home(tmp_path / "home").paths.data / "trios" / name
    folder.mkdir()
    shutil.copy(model, folder / "model.gguf")
    (folder / "trio.toml").write_text(TRIO, encoding="utf-8")


async def opened(stage):
    await stage.pilot.press("f2")
    await stage.until(lambda: isinstance(stage.app.screen, ModelsScreen))
    rows = stage.app.screen.query_one(OptionList)
    await stage.until(lambda: rows.option_count > 0)
    return rows


async def fill(stage, *values):
    for value, field in zip(values, stage.app.screen.query(Input), strict=True):
        field.value = str(value)
        await stage.pilot.press("enter")


def test_a_header_tells_quantisation_and_cache(converted):
    header = read_header(converted[1])
    assert quantisation(header) == "Q8_0"
    assert cache_bytes(header, 256) == 256 * 1 * (64 + 64) * 2


def test_every_trio_says_what_it_needs_and_can_be_used(tmp_path, converted):
    make_home(tmp_path / "home")
    add_trio(tmp_path, "small", converted[1])

    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            await opened(stage)
            await stage.sees("nano (in use)  cannot be used", "small  fits: needs ", " free")
            await stage.pilot.press("down")
            await stage.sees("three of a kind", "planner     model.gguf  Q8_0 ", "context 256")
            await stage.pilot.press("enter")
            await stage.ready()
            await stage.sees("alpha-umi · small")
            await stage.ask("What is 12.5% of 360?")
            await stage.sees("12.5% of 360 is 45.")
            assert stage.app.bridge.desk.session.trio == "small"

    play(run())


def test_a_trio_that_cannot_be_used_says_why(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            await opened(stage)
            await stage.pilot.press("enter")
            await stage.sees("is not a GGUF file")
            assert isinstance(stage.app.screen, ModelsScreen)

    play(run())


def test_a_checkpoint_is_converted_and_the_result_is_told(tmp_path, converted):
    made = tmp_path / "made.gguf"

    async def run():
        async with staged(tmp_path, CALCULATE, size=(100, 30)) as stage:
            await opened(stage)
            await stage.pilot.press("f3")
            await stage.sees("Convert a checkpoint")
            await fill(stage, converted[0], made, "f16", "no")
            await stage.sees("convert tiny [done]", "the same model as its source")
            await stage.notified("convert tiny [done]")
            assert quantisation(read_header(made)) == "F16"

    play(run())


def test_values_that_will_not_do_are_refused_before_anything_starts(tmp_path, converted):
    async def run():
        async with staged(tmp_path, CALCULATE, size=(160, 30)) as stage:
            await opened(stage)
            await stage.pilot.press("f3")
            for values, said in (
                ((tmp_path / "nothing", "x.gguf", "f16", "no"), "is not a folder"),
                ((converted[0], converted[1], "f16", "no"), "exists already"),
                ((converted[0], tmp_path / "y.gguf", "q9", "no"), "choose f32, f16, bf16, q8_0"),
                ((converted[0], "", "f16", "no"), "destination is missing"),
            ):
                stage.app.screen.query(Input).first().focus()
                await fill(stage, *values)
                await stage.sees(said)
            assert not list(stage.app.jobs)
            await stage.pilot.press("escape")
            assert not stage.app.screen.query(Input) and isinstance(stage.app.screen, ModelsScreen)

    play(run())


def test_cancel_leaves_no_half_file_and_leaving_asks_while_work_runs(tmp_path, converted):
    made = tmp_path / "made.gguf"

    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            job = Job("convert tiny", lambda progress: str(convert(progress)))

            def convert(progress):
                def wait(done, total):
                    progress(done, total)
                    while not job._stop.wait(0.01):
                        pass

                return convert_checkpoint(converted[0], made, type="f16", name="tiny", progress=wait)

            stage.app.jobs.start(job)
            await stage.pilot.press("ctrl+q")
            await stage.notified("convert tiny still runs; once more cancels it and quits")
            await opened(stage)
            await stage.sees("convert tiny [running] ", " %, ")
            await stage.sees("F8 cancel")
            await stage.pilot.press("f8")
            await stage.sees("convert tiny [cancelled]")
            await stage.until(lambda: "F8 cancel" not in stage.text)
            await stage.pilot.press("f8")
            await stage.sees("no model is being made")
            assert not made.exists() and not [path for path in Path(tmp_path).iterdir() if "part" in path.name]

    play(run())


def test_a_file_is_quantised_and_the_loss_is_told(tmp_path, converted):
    source, made = tmp_path / "tiny-f16.gguf", tmp_path / "tiny-q8.gguf"
    convert_checkpoint(converted[0], source, type="f16", name="tiny")

    async def run():
        async with staged(tmp_path, CALCULATE, size=(160, 30)) as stage:
            await opened(stage)
            await stage.pilot.press("f4")
            await stage.sees("Quantise a model file")
            await fill(stage, tmp_path / "nothing.gguf", made, "Q8_0")
            await stage.sees("is not a file")
            stage.app.screen.query(Input).first().focus()
            await fill(stage, source, made, "Q8_0")
            await stage.sees("quantise tiny-f16.gguf [done]", "Q8_0", "same")
            assert quantisation(read_header(made)) == "Q8_0"

    play(run())


@pytest.fixture
def hub(converted, monkeypatch):
    """A hub with the checkpoint and with the file made from it."""
    repo, ready = Repo.of(converted[0]), Repo({"tiny.gguf": converted[1].read_bytes()})
    with serving(FakeHub({"owner/tiny": repo, "owner/ready": ready})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield hub


async def pull(stage, source, *more):
    await stage.pilot.press("f5")
    await stage.sees("Pull a model or a released trio")
    await fill(stage, source, *(more or ("",)), "no")


def test_models_are_pulled_into_the_store_and_checkpoints_into_a_folder(tmp_path, hub):
    paths = make_home(tmp_path / "home").paths

    async def run():
        async with staged(tmp_path, CALCULATE, size=(200, 30)) as stage:
            await opened(stage)
            await stage.pilot.press("f5", *"tiny", "enter", "enter", "enter")
            await stage.sees("neither OWNER/NAME of a repository nor a released trio (alpha-umi-")
            await pull(stage, "owner/ready", "tiny.gguf")
            await stage.sees("pull owner/ready [done] tiny is in the store: qwen2")
            assert [model.name for model in ModelStore(paths.models).list()] == ["tiny"]
            await pull(stage, "owner/tiny")
            await stage.sees("pull owner/tiny [done]", "holds the checkpoint")
            await pull(stage, "owner/nothing")
            await stage.sees("pull owner/nothing [failed]")

    play(run())


def test_a_pull_that_was_cancelled_goes_on_where_it_stopped(tmp_path, hub, monkeypatch):
    told, go_on = threading.Event(), threading.Event()
    count = Job.__call__

    def hold(job, done, total):
        count(job, done, total)
        if done and not told.is_set():
            told.set()
            assert go_on.wait(60)

    monkeypatch.setattr(Job, "__call__", hold)

    async def run():
        async with staged(tmp_path, CALCULATE, size=(200, 30)) as stage:
            await opened(stage)
            await pull(stage, "owner/ready", "tiny.gguf")
            await stage.until(told.is_set)
            await stage.sees("pull owner/ready [running] pulling owner/ready", "F8 cancel")
            await stage.pilot.press("f8")
            await stage.sees("is being cancelled")
            go_on.set()
            await stage.sees("pull owner/ready [cancelled]")
            await pull(stage, "owner/ready", "tiny.gguf")
            await stage.sees("pull owner/ready [done]")
            assert hub.sent["tiny.gguf"] < 2 * len(hub.repos["owner/ready"].files["tiny.gguf"])

    play(run())
