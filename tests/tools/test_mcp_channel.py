"""The channel to a server bears any bytes: they are a message, or the end with a reason."""

from __future__ import annotations

import asyncio
import json

import anyio
import mcp_types as types
from hypothesis import example, given
from hypothesis import strategies as st
from mcp.shared.message import SessionMessage

from alpha_umi.tools.mcp.channel import Bounds, Channel

BOUNDS = Bounds(line_bytes=400, messages=20, bytes=2000)
NOTE = b'{"jsonrpc":"2.0","method":"notifications/message","params":{}}\n'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
)


def heard(data: bytes) -> tuple[Channel, list[types.JSONRPCMessage]]:
    """What comes through of the bytes that a server writes before it ends."""

    async def run() -> tuple[Channel, list[types.JSONRPCMessage]]:
        channel, lines = Channel(BOUNDS), asyncio.StreamReader(limit=BOUNDS.line_bytes)
        lines.feed_data(data)
        lines.feed_eof()
        send, receive = anyio.create_memory_object_stream[SessionMessage | Exception](100)
        await channel.read(lines, send)
        async with receive:
            found = [item.message async for item in receive if isinstance(item, SessionMessage)]
        return channel, found

    return asyncio.run(run())


@given(st.binary() | st.lists(JSON.map(lambda value: json.dumps(value).encode() + b"\n")).map(b"".join))
@example(b"\xff\n")
@example(b'{"jsonrpc":"2.0","id":1,"result":{}}\n')
@example(b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}\n')
def test_bytes_that_are_no_message_end_the_channel_with_a_reason(data: bytes) -> None:
    channel, messages = heard(data)
    assert channel.fault
    assert messages == []


def test_messages_pass_until_one_bound_is_reached() -> None:
    assert [len(heard(NOTE * count)[1]) for count in (1, 20, 21)] == [1, 20, 20]
    assert "flooded" in heard(NOTE * 21)[0].fault and heard(NOTE * 20)[0].fault == "it ended"
    long = NOTE.replace(b"{}", b'{"x":"' + b"x" * 300 + b'"}')
    assert "flooded" in heard(long * 8)[0].fault
    assert "more than 400 bytes" in heard(NOTE + long.replace(b"x" * 300, b"x" * 900))[0].fault


def test_a_line_without_its_end_is_no_message() -> None:
    channel, messages = heard(NOTE + NOTE.rstrip())
    assert (len(messages), channel.fault) == (1, "it ended")
