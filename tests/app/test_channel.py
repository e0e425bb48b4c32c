"""Messages between processes: whole, in order, with their handles, and never waited for."""

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest

from couchreg.app.channel import PIECE, HandleChannel
from couchreg.app.messages import Message, Topic, pieces

LONG = 60.0  # seconds


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield one, other
    for end in (one, other):
        end.close()


async def test_messages_come_in_order_with_their_handles(ends: tuple[socket.socket, socket.socket]) -> None:
    found: list[tuple[Message, int | None]] = []
    ended = asyncio.Event()
    one = HandleChannel(ends[0], lambda data, handle: None, lambda: None)
    text = os.urandom(1 << 20)
    sent = [
        Message(Topic.HANDED_ON, "couch", 1 << 40, pieces(text)[0]),
        *(Message(Topic.MORE, "couch", 1 << 40, piece) for piece in pieces(text)[1:]),
        *(Message(Topic.CLOSED, "registry", number) for number in range(5000)),
    ]
    reader, writer = os.pipe()
    one.send(sent[0].encode(), reader)
    for message in sent[1:]:
        one.send(message.encode())
    assert not one.is_full
    other = HandleChannel(
        ends[1], lambda data, handle: found.append((Message.decode(data), handle)), ended.set
    )
    async with asyncio.timeout(LONG):
        while len(found) < len(sent):
            await asyncio.sleep(0.01)
    assert [message for message, _ in found] == sent
    assert b"".join(message.data for message, _ in found) == text
    handle = found[0][1]
    assert handle is not None
    assert [one for _, one in found[1:] if one is not None] == []
    os.write(writer, b"through")
    assert os.read(handle, 10) == b"through"
    os.close(handle)
    os.close(writer)
    one.close()
    async with asyncio.timeout(LONG):
        await ended.wait()
    other.send(Message(Topic.UP).encode())  # to nobody
    assert not other.is_open


async def test_what_waits_is_bounded_and_closed(ends: tuple[socket.socket, socket.socket]) -> None:
    one = HandleChannel(ends[0], lambda data, handle: None, lambda: None)
    before = len(os.listdir("/proc/self/fd"))
    while not one.is_full:
        one.send(b"x" * PIECE, os.dup(0))
    one.close()
    ends[1].close()  # with the handles that were under way
    assert len(os.listdir("/proc/self/fd")) <= before
