"""What a line says, and what never stands in one."""

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
    for _ in range(1000):
        audit.write(Asked("couch", {}, None), "login.refused", {})
    audit.write(Asked("couch", {}, None), "publish", {})
    now[0] = 120.0
    audit.write(Asked("couch", {}, None), "login.refused", {})
    assert len(kept.kept) == 600 + 1 + 2
    assert json.loads(kept.kept[-2])["not_shown"] == 400
