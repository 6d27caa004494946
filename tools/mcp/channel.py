"""The lines between a server and the SDK's session: strict JSON within bounds, every pipe drained all the time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

from ...text import one_line
from ..values import read_json
from ..worker.program import Program

Streams: TypeAlias = tuple[
    MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]
]

_TAIL = 2048


class Bounds(BaseModel):
    """What a server may do.

    start_seconds: until it has said what it is. line_bytes: of one message. messages, bytes: between two requests of
    ours. tools, pages: of its list of tools.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_seconds: PositiveFloat = 30.0
    line_bytes: PositiveInt = 4 * 1024 * 1024
    messages: PositiveInt = 1000
    bytes: PositiveInt = 16 * 1024 * 1024
    tools: PositiveInt = 256
    pages: PositiveInt = 64


class Channel:
    """Carries messages both ways until one side ends or the server breaks a rule; then `fault` says which."""

    def __init__(self, bounds: Bounds) -> None:
        self.fault = ""
        self.bounds = bounds
        self._asked: set[types.RequestId] = set()
        self._messages = self._bytes = 0
        self._errors = b""

    def begin(self) -> None:
        """A request of ours begins: the server may write a full measure again."""
        self._messages = self._bytes = 0

    @property
    def last_words(self) -> str:
        """The last line that the server wrote to its standard error."""
        lines = self._errors.decode("utf-8", "replace").strip().splitlines()
        return one_line(lines[-1], 300) if lines else ""

    async def read(
        self, lines: asyncio.StreamReader, inbox: MemoryObjectSendStream[SessionMessage | Exception]
    ) -> None:
        """Pass on what the server writes; ends with it, and at the first line that it may not write."""
        async with inbox:
            with suppress(anyio.BrokenResourceError, ConnectionError):
                while (message := self._message(await self._line(lines))) is not None:
                    await inbox.send(SessionMessage(message))
            self.fault = self.fault or "it ended"

    async def write(self, outbox: MemoryObjectReceiveStream[SessionMessage], pipe: asyncio.StreamWriter) -> None:
        """Hand over what the session says; a server that does not read makes its request run out of time."""
        with suppress(ConnectionError):
            async for item in outbox:
                if isinstance(item.message, types.JSONRPCRequest):
                    self._asked.add(item.message.id)
                pipe.write(item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
                await pipe.drain()

    async def listen(self, errors: asyncio.StreamReader) -> None:
        """Drain standard error and keep its end."""
        with suppress(ConnectionError):
            while chunk := await errors.read(1 << 16):
                self._errors = (self._errors + chunk)[-_TAIL:]

    async def _line(self, lines: asyncio.StreamReader) -> bytes:
        try:
            line = await lines.readline()
        except ValueError:
            self.fault = f"it wrote a line of more than {self.bounds.line_bytes} bytes"
            return b""
        self._messages += line.endswith(b"\n")
        self._bytes += len(line)
        if self._messages > self.bounds.messages or self._bytes > self.bounds.bytes:
            self.fault = f"it flooded umi with {self._messages} messages, {self._bytes} bytes"
            return b""
        return line

    def _message(self, line: bytes) -> types.JSONRPCMessage | None:
        if not line.endswith(b"\n"):
            return None
        try:
            message = types.jsonrpc_message_adapter.validate_python(read_json(line), by_name=False)
        except ValueError:
            self.fault = (
                f"it wrote what is no message of the protocol: {one_line(line[:200].decode(errors='replace'), 100)}"
            )
            return None
        if isinstance(message, types.JSONRPCResponse | types.JSONRPCError):
            if message.id not in self._asked:
                self.fault = "it answered what it was not asked"
                return None
            self._asked.discard(message.id)
        return message


@asynccontextmanager
async def opened(program: Program, channel: Channel) -> AsyncIterator[Streams]:
    """The session's two streams, joined to the program's pipes until the context ends."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=channel.bounds.line_bytes)
    errors = asyncio.StreamReader()
    reading, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), program.stdout)
    hearing, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(errors), program.stderr)
    writing, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, program.stdin)
    pipe = asyncio.StreamWriter(writing, protocol, None, loop)
    inbox, heard = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    said, outbox = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(channel.read, lines, inbox)
            tasks.start_soon(channel.listen, errors)
            tasks.start_soon(channel.write, outbox, pipe)
            yield heard, said
            tasks.cancel_scope.cancel()
    finally:
        for stream in (inbox, heard, said, outbox):
            stream.close()
        for transport in (writing, reading, hearing):
            transport.close()
        with anyio.CancelScope(shield=True):
            await asyncio.sleep(0)
