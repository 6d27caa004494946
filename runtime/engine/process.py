"""The parent's end of the engine process: start it, talk to it, tell how it died."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import IO, Any, TypeAlias

from ...errors import EngineError

Message: TypeAlias = dict[str, Any]

_PATIENCE = 2.0
_GLANCE = 0.01
_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "GGML_NO_BACKTRACE": "1"}


class EngineProcess:
    """A child that runs `child`; messages are JSON objects, one per line, because they are few and mostly text.

    The child leads a process group, so that Ctrl-C reaches the parent only, and it ends when its input ends. layers:
    those on devices, as soon as the child has told.
    """

    def __init__(self, config: Message) -> None:
        command = [sys.executable, "-P", "-m", f"{__package__}.child"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_ENVIRONMENT | os.environ,
            process_group=0,
        )
        self._complaints: deque[str] = deque(maxlen=20)
        self._listener = threading.Thread(target=self._collect, args=(self._process.stderr,), daemon=True)
        self._listener.start()
        self._received = bytearray()
        self._writing = threading.Lock()
        self._last_id = 0
        self.layers = 0
        self.send(config)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def failed(self) -> bool:
        """Whether the child ended by itself, and not well."""
        return bool(self._process.poll())

    def memory(self) -> int:
        """Bytes of the child: its proportional set size where the system tells it, else its resident set."""
        import psutil

        facts = psutil.Process(self._process.pid).memory_full_info()
        return int(getattr(facts, "pss", facts.rss))

    def ask(self, action: str, **fields: Any) -> int:
        """Send a request; its number, under which the answers come."""
        self._last_id += 1
        self.send({"do": action, "id": self._last_id, **fields})
        return self._last_id

    def send(self, message: Message) -> None:
        """Write a message; to a dead child it is lost, which `receive` will tell."""
        assert self._process.stdin is not None
        with self._writing, contextlib.suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def receive(self, number: int, given_up: Callable[[], bool] = lambda: False) -> Message | None:
        """The next answer to a request, earlier ones' dropped; None once it is `given_up`, which is asked now and then.

        Raises EngineError if the child is dead.
        """
        while (line := self._line(given_up)) is not None:
            message: Message = json.loads(line)
            if message["id"] == number:
                return message
            self.layers = message.get("layers", self.layers)
        return None

    def _line(self, given_up: Callable[[], bool]) -> bytes | None:
        assert self._process.stdout is not None
        while (end := self._received.find(b"\n")) < 0:
            if given_up():
                return None
            with contextlib.suppress(ValueError):  # closed meanwhile by another thread
                if not select.select([self._process.stdout], [], [], _GLANCE)[0]:
                    continue
                self._received += (data := os.read(self._process.stdout.fileno(), 65536))
                if data:
                    continue
            raise EngineError(self._obituary())
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def _obituary(self) -> str:
        self.close()
        status = self._process.returncode
        if status == 0:
            return "The engine was closed while it worked."
        how = f"by signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        last = next((line for line in reversed(self._complaints) if line), "")
        return f"The engine process ended {how}{f' ({last})' if last else ''}. The next request starts a fresh one."

    def _collect(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._complaints.append(line.decode("utf-8", "replace").strip())

    def close(self) -> None:
        """End the child, by force if it lingers; idempotent."""
        process = self._process
        assert process.stdin and process.stdout and process.stderr
        with self._writing, contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._listener.join(_PATIENCE)
        process.stdout.close()
        process.stderr.close()
