"""A running server and the SDK's session with it, which lives in a thread of its own and is asked from any other."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from importlib.metadata import version
from typing import Any, TypeVar

import mcp_types as types
from mcp.client.session import ClientSession
from mcp.shared.exceptions import MCPError

from ..protected import told
from ..worker.program import Program
from .channel import Bounds, Channel, opened
from .definitions import Definition
from .fault import ServerFault

Answer = TypeVar("Answer")

_GRACE_SECONDS = 5.0
_SILENT = ("mcp", "client")
"""Loggers of the SDK that would write text of a server to the terminal."""


class Connection:
    """A session with a program that has just been started; both end with `close`.

    Nothing that a server may ask of a client is granted: sampling, elicitation and roots are refused by the session.
    """

    def __init__(self, program: Program, bounds: Bounds) -> None:
        self.changed = False
        self._program, self._bounds = program, bounds
        self._channel = Channel(bounds)
        self._session: Future[ClientSession] = Future()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="mcp", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return not self._channel.fault and self._thread.is_alive()

    def definitions(self) -> tuple[Definition, ...]:
        """All tools that the server has; raises ServerFault."""
        found: list[Definition] = []
        cursor = None
        until = time.monotonic() + self._bounds.start_seconds
        for _ in range(self._bounds.pages):
            page = self._list(cursor, max(until - time.monotonic(), 0.0))
            found += [
                Definition.model_validate(tool.model_dump(by_alias=True, mode="json", exclude_none=True))
                for tool in page.tools
            ]
            cursor = page.next_cursor
            if len(found) > self._bounds.tools:
                raise ServerFault("killed", f"it has more than {self._bounds.tools} tools")
            if cursor is None:
                self.changed = False
                return tuple(found)
        raise ServerFault("killed", f"its list of tools has more than {self._bounds.pages} pages")

    def call(self, tool: str, arguments: dict[str, Any], seconds: float) -> types.CallToolResult:
        """What the tool gives; raises ServerFault."""
        request = types.CallToolRequest(params=types.CallToolRequestParams(name=tool, arguments=arguments))
        result = self._ask(lambda session: session.send_request(request, types.CallToolResult), seconds)
        self._program.set_planted_aside()
        if self._program.planted:
            raise self._ended()
        return result

    def close(self) -> None:
        """End the session and the program; idempotent, from any thread."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_GRACE_SECONDS)
        self._program.close()

    def _list(self, cursor: str | None, seconds: float) -> types.ListToolsResult:
        request = types.ListToolsRequest(params=types.PaginatedRequestParams(cursor=cursor))
        return self._ask(lambda session: session.send_request(request, types.ListToolsResult), seconds)

    def _ask(self, question: Callable[[ClientSession], Awaitable[Answer]], seconds: float) -> Answer:
        session = self._waited(self._session, self._bounds.start_seconds)
        asked = self._bounded(lambda: question(session), seconds)
        try:
            answer = asyncio.run_coroutine_threadsafe(asked, self._loop)
        except RuntimeError as error:  # closed meanwhile from another thread
            asked.close()
            raise self._ended(error) from None
        return self._waited(answer, seconds)

    def _waited(self, answer: Future[Answer], seconds: float) -> Answer:
        try:
            return answer.result(seconds + _GRACE_SECONDS)
        except TimeoutError:
            raise ServerFault("timeout", f"it did not answer within {seconds:.3g} s") from None
        except MCPError as error:
            if self._channel.fault:
                raise self._ended() from None
            raise ServerFault("error", error.error.message) from None
        except (Exception, CancelledError) as error:
            raise self._ended(error) from None

    async def _bounded(self, question: Callable[[], Awaitable[Answer]], seconds: float) -> Answer:
        self._channel.begin()
        async with asyncio.timeout(seconds):
            return await question()

    def _ended(self, error: BaseException | None = None) -> ServerFault:
        reason = self._channel.fault or f"its answer cannot be used ({type(error).__name__})"
        if self._program.exceeded is not None:
            reason = f"it used more {self._program.exceeded} than it may"
        if self._program.planted:
            reason = told(self._program.planted)
        words = self._channel.last_words
        return ServerFault("killed", f"{reason}{f'; its last words: {words}' if words else ''}")

    def _run(self) -> None:
        for name in _SILENT:
            logging.getLogger(name).propagate = False
            logging.getLogger(name).addHandler(logging.NullHandler())
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            if not self._session.done():
                self._session.set_exception(error)
        finally:
            self._drain()
            self._loop.close()

    def _drain(self) -> None:
        """Cancel what was asked in the last moment, so that nobody waits for it."""
        self._loop.run_until_complete(asyncio.sleep(0))
        while left := asyncio.all_tasks(self._loop):
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.wait(left))

    async def _serve(self) -> None:
        info = types.Implementation(name="alpha-umi", version=version("alpha-umi"))
        async with (
            opened(self._program, self._channel) as (heard, said),
            ClientSession(heard, said, message_handler=self._heard, client_info=info) as session,
        ):
            try:
                await self._bounded(session.initialize, self._bounds.start_seconds)
            except Exception as error:
                self._session.set_exception(error)
                return
            self._session.set_result(session)
            await self._stop.wait()

    async def _heard(self, message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self.changed = True
