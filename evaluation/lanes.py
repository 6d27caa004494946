"""Several samples at a time: each lane is a thread with an engine of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import TypeAlias

from ..errors import EngineError
from ..runtime.roles import Cancelled
from .bench import Bench
from .samples import Outcome, Sample

Done: TypeAlias = tuple[Sample, Outcome | EngineError]

_IN_A_ROW = 5
"""Samples that may fail one after the other before the engine is taken for broken."""

_AGAIN = 0.1
"""Seconds after which a lane is cancelled once more: an engine that was just about to begin did not hear it."""


def try_all(
    groups: Iterable[Sequence[Sample]], lanes: int, bench: Callable[[], Bench]
) -> Generator[tuple[Sample, Outcome], None, None]:
    """Every sample with its outcome, in the order in which they are done; samples of a group follow each other.

    To be closed: what the lanes are doing is broken off then, and their engines end.

    A sample at which the engine fails counts as failed if the engine goes on to do others; EngineError if it does not.
    """
    failed: list[tuple[Sample, EngineError]] = []
    any_done = False
    with closing(_run(groups, lanes, bench)) as found:
        for sample, outcome in found:
            if isinstance(outcome, EngineError):
                failed.append((sample, outcome))
                if len(failed) >= _IN_A_ROW:
                    raise outcome
                continue
            yield from _given_up(failed)
            failed, any_done = [], True
            yield sample, outcome
    if failed and not any_done:
        raise failed[0][1]
    yield from _given_up(failed)


def _given_up(failed: Sequence[tuple[Sample, EngineError]]) -> Iterator[tuple[Sample, Outcome]]:
    return ((sample, sample.attempt.failed(str(error))) for sample, error in failed)


def _run(groups: Iterable[Sequence[Sample]], lanes: int, bench: Callable[[], Bench]) -> Generator[Done, None, None]:
    waiting: SimpleQueue[Sequence[Sample]] = SimpleQueue()
    for group in groups:
        waiting.put(group)
    results: SimpleQueue[Done | BaseException | None] = SimpleQueue()
    stop = threading.Event()
    benches = [bench() for _ in range(lanes)]
    threads = [threading.Thread(target=_lane, args=(one, waiting, results, stop), daemon=True) for one in benches]
    try:
        for thread in threads:
            thread.start()
        running = lanes
        while running:
            found = results.get()
            if isinstance(found, BaseException):
                raise found
            if found is None:
                running -= 1
            else:
                yield found
    finally:
        stop.set()
        while alive := [thread for thread in threads if thread.is_alive()]:
            for one in benches:
                one.cancel()
            for thread in alive:
                thread.join(_AGAIN)
        for one in benches:
            one.close()


def _lane(
    bench: Bench,
    waiting: SimpleQueue[Sequence[Sample]],
    results: SimpleQueue[Done | BaseException | None],
    stop: threading.Event,
) -> None:
    """Do group after group until there are no more; None says that the lane has ended."""
    try:
        while not stop.is_set():
            for sample in waiting.get_nowait():
                if stop.is_set():
                    break
                try:
                    results.put((sample, sample.attempt.tried(bench)))
                except EngineError as error:
                    results.put((sample, error))
    except (Empty, Cancelled):
        pass
    except BaseException as error:
        results.put(error)
    results.put(None)
