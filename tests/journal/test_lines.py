"""Lines that go to a file while nobody waits for them."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from couchreg.journal.lines import Lines


def lost(count: int) -> bytes:
    return b"lost %d\n" % count


async def written(path: Path, *expected: bytes) -> None:
    """Wait until the file has exactly these lines."""
    while not path.exists() or path.read_bytes() != b"".join(expected):
        await asyncio.sleep(0.01)


async def test_lines_are_in_the_file_in_their_order(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "log", lost)
    for number in range(3):
        lines.write(b"%d\n" % number)
    await lines.close()
    lines.write(b"behind the end\n")
    assert (tmp_path / "log").read_bytes() == b"0\n1\n2\n"
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


async def test_a_file_that_was_moved_away_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = Lines(path, lost, pause=0.01)
    lines.write(b"before\n")
    await written(path, b"before\n")
    path.rename(tmp_path / "log.1")
    lines.reopen()
    await written(path)
    lines.write(b"after\n")
    await lines.close()
    assert (tmp_path / "log.1").read_bytes() + path.read_bytes() == b"before\nafter\n"


async def test_where_no_new_file_can_be_had_lines_go_on_in_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, moved = tmp_path / "logs" / "log", tmp_path / "moved"
    path.parent.mkdir()
    lines = Lines(path, lost, pause=0.01)
    lines.write(b"before\n")
    await written(path, b"before\n")
    path.parent.rename(moved)
    lines.reopen()
    for number in (1, 2):
        lines.write(b"meanwhile %d\n" % number)
        expected = [b"meanwhile %d\n" % one for one in range(1, number + 1)]
        await written(moved / "log", b"before\n", *expected)
    path.parent.mkdir()
    lines.write(b"after\n")
    await written(path, b"after\n")
    await lines.close()
    assert (moved / "log").read_bytes() == b"before\nmeanwhile 1\nmeanwhile 2\n"
    [line] = caplog.messages
    assert line.startswith(f"{path} cannot be used (No such file or directory): put it back")


async def test_no_more_waits_than_may_and_what_is_lost_is_told(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    lines = Lines(pipe, lost, most=300_000, pause=0.01)
    for _ in range(1000):  # a pipe holds 64 KiB: the thread stands still, and we do not
        lines.write(b"x" * 999 + b"\n")
    await asyncio.sleep(0.05)
    for _ in range(1000):
        lines.write(b"y" * 999 + b"\n")
    found = bytearray()
    closing = asyncio.create_task(lines.close())
    while not closing.done():
        await asyncio.sleep(0)
        try:
            found += os.read(reader, 1 << 20)
        except BlockingIOError:
            continue
    os.close(reader)
    rows = bytes(found).splitlines()
    told = sum(int(row.split()[1]) for row in rows if row.startswith(b"lost"))
    assert len([row for row in rows if row[:1] in b"xy"]) + told == 2000
    assert told >= 1400


async def test_a_full_disk_loses_lines_and_no_line_is_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write = tmp_path / "log", os.write
    lines = Lines(path, lost, pause=0.01)

    def full(file: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", failing)
        return write(file, data[:3])

    def failing(file: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    lines.write(b"first line\n")
    await written(path, b"fir")
    while os.write is full or lines._writing is None or not lines._writing.done():
        await asyncio.sleep(0.01)
    monkeypatch.setattr(os, "write", write)
    lines.write(b"second line\n")
    await lines.close()
    assert path.read_bytes() == b"fir\nsecond line\nlost 1\n"


async def test_what_fails_once_does_not_stop_the_lines(tmp_path: Path) -> None:
    path, rows = tmp_path / "log", [b"again\n"]
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failed.set())
    failed, lines = asyncio.Event(), Lines(path, lost, pause=0.01)

    def fill() -> None:
        if not failed.is_set():
            raise ValueError("no line")
        while rows:
            lines.write(rows.pop())

    lines.made_by(fill)
    lines.wake()
    async with asyncio.timeout(60):
        await failed.wait()
        lines.wake()
        await written(path, b"again\n")
    await lines.close()
