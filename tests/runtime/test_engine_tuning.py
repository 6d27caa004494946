import json
import time

import pytest
from engine_help import ask, prompt, start
from lane_help import make_lane
from tiny_model import write_model

from alpha_umi.runtime.engine.costs import SIZES
from alpha_umi.runtime.engine.threads import PROMPT, Climber, Threads
from alpha_umi.runtime.engine.tuning import Tuning

SAID = "<|user|>you need milk, the garden path and milk<|plan|>"


def learn(tuning, lane):
    """How many steps were left to find out."""
    steps = list_of_steps(tuning, lane)
    return len(steps)


def list_of_steps(tuning, lane):
    done = []
    for step in tuning.steps(lane):
        step()
        done.append(step)
    return done


def test_costs_are_measured_once_and_remembered(tmp_path, tiny_gguf):
    folder = tmp_path / "costs"
    first, second = make_lane(tiny_gguf), make_lane(tiny_gguf)
    assert learn(Tuning(folder), first) > 2 * len(SIZES)
    assert learn(Tuning(folder), second) == 1
    assert first.costs.measured and second.costs.measured
    for size in SIZES:
        assert second.costs.of(size, 0) == pytest.approx(first.costs.of(size, 0))
        assert second.costs.of(size, size) == pytest.approx(first.costs.of(size, size))
    other = make_lane(write_model(tmp_path / "other.gguf", seed=3))
    assert learn(Tuning(folder), other) > 2 * len(SIZES)
    assert len(list(folder.iterdir())) == 2


def stored(**fields):
    """A file of costs, sound but for these fields."""
    sound = {"body": [1.0] * len(SIZES), "full": [1.0] * len(SIZES), "rounds": 3}
    return json.dumps(sound | fields).encode()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"7", b"\xff\xfe", b'{"body":[1],"full":[1]}', b'{"body":"0123456789","full":[]}']
    + [stored(full=[bad] * len(SIZES)) for bad in (0, -1, "x", None, float("nan"))]
    + [stored(rounds="many"), stored(body=[1.0])],
)
def test_a_damaged_file_is_measured_anew(tmp_path, tiny_gguf, content):
    lane = make_lane(tiny_gguf)
    learn(Tuning(tmp_path), lane)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    assert learn(Tuning(tmp_path), make_lane(tiny_gguf)) > 2 * len(SIZES)
    assert learn(Tuning(tmp_path), make_lane(tiny_gguf)) == 1


def test_a_program_that_asks_without_a_pause_learns_for_a_share_of_its_work(tmp_path, tiny_gguf):
    tuning, lane = Tuning(tmp_path), make_lane(tiny_gguf)
    evaluate = lane.time
    asked = []
    lane.time = lambda size, rows: asked.append((size, rows)) or evaluate(size, rows)
    tuning.apply(lane)
    tuning.beside(lane, 0.0)
    assert asked == []
    tuning.beside(lane, 1e-6)
    assert len(asked) == 1, "one step takes more than was earned"
    kept = list(lane.cached)
    tuning.beside(lane, 1e6)
    assert len(asked) == 2 * len(SIZES) and lane.cached == kept
    tuning.beside(lane, 1e6)
    assert len(asked) == 2 * len(SIZES)
    for known in (tuning, Tuning(tmp_path)):
        known.apply(lane)
        assert lane.costs.measured and lane.costs.rounds == 1
    assert learn(Tuning(tmp_path), make_lane(tiny_gguf)) > 2 * len(SIZES), "one round is refined when nothing is asked"
    assert learn(Tuning(tmp_path), make_lane(tiny_gguf)) == 1


@pytest.mark.parametrize("folder", [None, "file"])
def test_without_a_folder_costs_hold_for_this_start(tmp_path, tiny_gguf, folder):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    tuning = Tuning(folder and tmp_path / folder)
    lanes = [make_lane(tiny_gguf) for _ in range(2)]
    assert learn(tuning, lanes[0]) > 2 * len(SIZES)
    assert learn(tuning, lanes[1]) == 1
    assert lanes[1].costs is lanes[0].costs


def test_a_lane_without_room_is_left_alone(tiny_gguf):
    lane = make_lane(tiny_gguf, context=256)
    lane.evaluate(list(range(250)))
    assert learn(Tuning(None), lane) == 1
    assert not lane.costs.measured and len(lane.cached) == 250


def test_an_engine_that_learned_writes_the_same(tmp_path, tiny_gguf):
    with start(tiny_gguf) as engine:
        expected = ask(engine, SAID, max_tokens=80)
    costs = tmp_path / "costs"
    with start(tiny_gguf, cache=tmp_path) as engine:
        assert ask(engine, SAID, max_tokens=80).text == expected.text
        until_kept(costs)
        assert ask(engine, SAID, max_tokens=80).text == expected.text
    with start(tiny_gguf, cache=tmp_path) as engine:
        for _ in range(3):
            finished = ask(engine, SAID, max_tokens=80, pinned=prompt(SAID))
            assert finished.text == expected.text


def until_kept(folder, seconds=120.0):
    """Leave the engine alone, since every request interrupts its measuring, until it has kept what it measured."""
    end = time.monotonic() + seconds
    while not list(folder.glob("*.json")):
        assert time.monotonic() < end, "nothing was kept"
        time.sleep(0.05)


def feed(climber, seconds, times):
    """Let a climber run where so many threads take so many seconds."""
    for _ in range(times):
        climber.ran(seconds[climber.count])


def test_fewer_threads_are_found_under_load_and_more_when_it_ends():
    climber = Climber(4)
    alone, beside_work = {1: 4.0, 2: 2.1, 4: 1.2}, {1: 4.0, 2: 4.5, 4: 9.0}
    feed(climber, alone, 2000)
    assert climber.count == 4 or climber.count == 2
    counts = []
    for seconds in (alone, beside_work, alone):
        feed(climber, seconds, 3000)
        counts.append(climber._best)
    assert counts == [4, 1, 4]


def test_trials_are_rare_where_nothing_changes():
    climber = Climber(2)
    tried = 0
    for _ in range(5000):
        climber.ran({1: 2.0, 2: 1.0}[climber.count])
        tried += climber.count == 1
    assert 0 < tried < 60


def test_one_thread_leaves_nothing_to_try():
    climber = Climber(1)
    feed(climber, {1: 1.0}, 500)
    assert climber.count == 1 and climber.choices == (1,)


def test_rehearsal_finds_counts_for_tokens_and_prompts_apart():
    threads = Threads(4, tuned=True)

    def seconds(size, _rows):
        return {1: {1: 1.0, 2: 2.0, 4: 3.0}, PROMPT: {1: 4.0, 2: 2.0, 4: 1.5}}[size][
            threads.single.count if size == 1 else threads.batch.count
        ]

    for step in threads.rehearsal(seconds):
        step()
    assert (threads.single.count, threads.batch.count) == (1, 4)


def test_a_number_that_was_set_is_kept():
    threads = Threads(3)
    assert list(threads.rehearsal(lambda *_: 1.0)) == []
    for _ in range(500):
        threads.ran(1, 9.0)
    assert (threads.single.count, threads.batch.count) == (3, 3)


def test_the_number_of_threads_changes_no_text(tiny_gguf):
    from lane_help import write

    texts = set()
    for threads in (1, 2):
        texts.add(write(make_lane(tiny_gguf, threads=threads), SAID * 4).text)
    assert len(texts) == 1
