"""A file of a publish on its way: in parts, after breaks, and verified."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from couchreg.app import App
from couchreg.errors import Unavailable
from couchreg.registry.publishing.arriving import Arrival
from tests.app.publishers import CSV, Client
from tests.conftest import ADMIN


@pytest.fixture
async def admin(app: App) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(app, session, aiohttp.encode_basic_auth(*ADMIN))


async def test_a_file_goes_on_where_it_broke_off(app: App, admin: Client) -> None:
    data = b"id\n" + b"1234567\n" * 50_000
    _, begun = await admin.begin("gdp", "1", {"t.csv": data})
    url, half = f"{begun['url']}/t.csv", len(data) // 2

    def part(start: int, end: int) -> dict[str, str]:
        return {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}

    status, answer = await admin("PUT", url, data[:half], headers=part(0, half))
    assert (status, answer["bytes"]) == (201, half)
    assert (await admin("GET", begun["url"]))[1]["partial"] == {"t.csv": half}
    assert (await admin("PUT", url, data[9:], headers=part(9, len(data))))[0] == 409
    assert (await admin("PUT", url, b"x", headers={"Content-Range": "bytes x"}))[0] == 400
    status, answer = await admin("PUT", url, data[half:], headers=part(half, len(data)))
    assert (status, answer["bytes"]) == (201, len(data))
    assert (await admin("POST", begun["url"]))[0] == 201


async def test_a_file_that_was_sent_whole_is_verified_without_sending_it_again(
    app: App, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a server was stopped between the last byte and the comparison of its hash."""
    data = b"id\n" + b"1234567\n" * 50_000
    _, begun = await admin.begin("gdp", "1", {"t.csv": data})
    url, all_sent = f"{begun['url']}/t.csv", {"Content-Range": f"bytes */{len(data)}"}
    assert (await admin("PUT", url, b"", headers=all_sent))[0] == 409

    async def stopped(self: Arrival) -> str:
        raise Unavailable("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(Arrival, "_verified", stopped)
        assert (await admin("PUT", url, data))[0] == 503
    _, now = await admin("GET", begun["url"])
    assert (now["missing"], now["partial"]) == (["t.csv"], {"t.csv": len(data)})
    assert (await admin("PUT", url, b"", headers=all_sent)) == (201, {"ok": True, "bytes": len(data)})
    assert (await admin("POST", begun["url"]))[0] == 201


async def test_other_bytes_than_announced_are_not_kept(app: App, admin: Client) -> None:
    _, begun = await admin.begin("gdp", "1", {"t.csv": CSV})
    url = f"{begun['url']}/t.csv"
    status, answer = await admin("PUT", url, CSV.replace(b"1", b"7"))
    assert (status, answer["error"]) == (400, "content_md5_mismatch")
    assert (await admin("PUT", url, CSV + b"3,three\n"))[0] == 413
    assert (await admin("PUT", f"{begun['url']}/other.csv", CSV))[0] == 404
    _, now = await admin("GET", begun["url"])
    assert (now["missing"], now["partial"]) == (["t.csv"], {})
