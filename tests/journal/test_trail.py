"""What a line says, and what never stands in one."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from couchreg.journal import trail
from couchreg.journal.asking import UNDER_WAY, Asked, Over, record, request_name
from couchreg.journal.lines import Lines
from couchreg.journal.trail import TOGETHER, AccessLog, AuditTrail, json_line, lost_json, path_of, short_line


class Kept(Lines):
    """Lines in memory."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    def write(self, line: bytes) -> None:
        self.kept.append(line)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/gdp/2026?token=secret", "/gdp/2026"),
        ("http://bob:secret@host/gdp?x", "/gdp"),
        ("http://bob:secret@host", "/"),
        ("bob:secret@host:443", "-"),
        ("*", "-"),
        ("/#secret", "/"),
        ("/" + "x" * 5000, "/" + "x" * 1023),
    ],
)
def test_of_an_address_the_path_alone_is_shown(target: str, path: str) -> None:
    assert path_of(target) == path


@pytest.mark.parametrize("user", ["two words", "two\nlines", "ä", "\udc80", ""])
def test_a_short_line_is_one_line_of_so_many_words(user: str) -> None:
    asked = Asked("couch", {}, None)
    asked.user, asked.address = user, "127.0.0.1"
    over = Over(asked, "GET", f"/{user}", 200, 10, 0.5, 1.0)
    line = short_line(over, 0.0)
    assert len(line.split(b" ")) == 9
    assert line.count(b"\n") == 1
    read = json.loads(json_line(over, 60.0))
    assert (read["status"], read["bytes"], read["seconds"]) == (200, 10, 0.5)
    assert read["time"] == "1970-01-01T00:01:01.000Z"


async def test_requests_are_written_in_their_order_and_none_is_left_at_the_end(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "log", lost_json, pause=60)
    access = AccessLog(lines, json_line)
    asked, many = Asked("registry", {}, None), 2 * TOGETHER + 3
    for number in range(many):
        access.write(Over(asked, "GET", f"/{number}", 200, 1, 0.1, monotonic() - 60))
    await lines.close()
    found = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["path"] for line in found] == [f"/{number}" for number in range(many)]
    ago = datetime.now(UTC) - datetime.fromisoformat(found[-1]["time"])
    assert timedelta(seconds=59) < ago  # when it was over, not when it was written


async def test_a_line_that_cannot_be_made_takes_no_other_with_it(tmp_path: Path) -> None:
    def form(over: Over, late: float) -> bytes:
        if over.target == "/bad":
            raise ValueError("no line")
        return json_line(over, late)

    path = tmp_path / "log"
    lines = Lines(path, lost_json, pause=0.01)
    access = AccessLog(lines, form)
    for targets in (("/1", "/bad", "/2"), ("/3",)):
        for target in targets:
            access.write(Over(Asked("registry", {}, None), "GET", target, 200, 1, 0.1, monotonic()))
        async with asyncio.timeout(60):
            while f'"{targets[-1]}"' not in path.read_text():
                await asyncio.sleep(0.01)
    await lines.close()
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line.get("path", line.get("lines_lost")) for line in found] == ["/1", "/2", 1, "/3"]


async def test_who_comes_after_the_end_starts_nothing(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "log", lost_json, pause=0)
    access = AccessLog(lines, json_line)
    await lines.close()
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
    for number in range(TOGETHER + 1):
        access.write(Over(Asked("registry", {}, None), "GET", f"/{number}", 200, 1, 0.1, monotonic()))
    lines.reopen()
    await asyncio.sleep(0.05)
    assert problems == []
    assert (tmp_path / "log").read_bytes() == b""


@pytest.mark.parametrize("given", ["mine-1_A", "x" * 37, "two words", "a\nb"])
def test_a_request_has_the_name_its_client_gives_it_where_it_is_one(given: str) -> None:
    assert (request_name({"X-Request-ID": given}) == given) is (given == "mine-1_A")


def test_texts_of_the_trail_are_cut_and_there_is_none_without_one() -> None:
    kept = Kept()
    token = UNDER_WAY.set(Asked("registry", {}, AuditTrail(kept)))
    record("tag.set", tag="x" * 1000, owners=["y" * 1000] * 1000, by="anna", nothing=None)
    UNDER_WAY.set(Asked("registry", {}, None))
    record("tag.set", tag="unseen")
    UNDER_WAY.reset(token)
    [line] = [json.loads(line) for line in kept.kept]
    assert (line["user"], line["door"], line["tag"]) == ("anna", "registry", "x" * 200 + "…")
    assert len(line["owners"]) == 200
    assert "nothing" not in line


def test_strangers_write_so_many_lines_a_minute_and_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [60.0]
    monkeypatch.setattr(trail.time, "time", lambda: now[0])
    kept = Kept()
    audit = AuditTrail(kept)
    for number in range(1000):
        audit.write(Asked("couch", {}, None), ("login.refused", "trust.refused")[number % 2], {})
    audit.write(Asked("couch", {}, None), "publish", {})
    now[0] = 120.0
    audit.write(Asked("couch", {}, None), "login.refused", {})
    assert len(kept.kept) == 600 + 1 + 2
    assert json.loads(kept.kept[-2])["not_shown"] == 400
