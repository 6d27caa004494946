"""A server on loopback that says what it is told, well or badly, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers from the list of its server; each path is written down with its body."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: Any) -> None:
        self.server.asked.append((self.path, body, dict(self.headers)))
        paths = self.server.paths
        answer = paths[self.path] if self.path in paths else self.server.answers.pop(0)
        self.close_connection = True
        try:
            answer(self)
        except (BrokenPipeError, ConnectionResetError):
            self.server.left.set()

    def start(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def event(self, event: Any) -> None:
        self.raw(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n")

    def raw(self, text: str) -> None:
        self.wfile.write(text.encode())
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass


def says(text: str, *, reason: str | None = "stop", done: bool = True, usage: dict[str, Any] | None = None) -> Answer:
    """Streams a text in pieces of three characters."""

    def answer(handler: Handler) -> None:
        handler.start()
        for at in range(0, len(text), 3):
            handler.event({"choices": [{"index": 0, "delta": {"content": text[at : at + 3]}, "finish_reason": None}]})
        if reason:
            handler.event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if usage:
            handler.event({"choices": [], "usage": usage})
        if done:
            handler.event("[DONE]")

    return answer


def gives(value: Any, status: int = 200, **headers: str) -> Answer:
    """One JSON value."""

    def answer(handler: Handler) -> None:
        handler.start(status, "application/json", **headers)
        handler.raw(value if isinstance(value, str) else json.dumps(value))

    return answer


def stalls(after: str = "") -> Answer:
    """Some text, then nothing until the server is closed."""

    def answer(handler: Handler) -> None:
        if after:
            handler.start()
            handler.event({"choices": [{"delta": {"content": after}}]})
        handler.server.closing.wait()

    return answer


def writes_on(handler: Handler) -> None:
    """Never stops."""
    handler.start()
    while not handler.server.closing.is_set():
        handler.event({"choices": [{"delta": {"content": "and on " * 100}}]})


class FakeServer(ThreadingHTTPServer):
    """answers: what completions get, in order. paths: what other paths get. left: set when a client went away."""

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.paths: dict[str, Answer] = {"/v1/models": gives({"data": [{"id": "big"}, {"id": "other"}]})}
        self.asked: list[tuple[str, Any, dict[str, str]]] = []
        self.closing, self.left = threading.Event(), threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def completions(self) -> list[dict[str, Any]]:
        return [body for path, body, _ in self.asked if path.endswith("completions")]


@contextmanager
def serving(*answers: Answer) -> Iterator[FakeServer]:
    server = FakeServer(list(answers))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
