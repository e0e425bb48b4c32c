"""What anybody may send without being known: no request that fills the memory."""

import gzip
import io

import aiohttp
import pytest

from couchreg.app import App
from tests.conftest import ADMIN

LARGE = b'{"name":"a","password":"b","docs":[' + b'{"id":"a"},' * 500_000 + b'{"id":"a"}]}'
JSON = {"Content-Type": "application/json"}
PATHS = ("_session", "registry/_bulk_get", "registry/_revs_diff", "registry/_all_docs")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("packed", [False, True])
async def test_a_large_question_of_a_stranger_is_not_read(app: App, path: str, *, packed: bool) -> None:
    data, headers = LARGE, JSON
    if packed:
        data, headers = gzip.compress(LARGE), {**JSON, "Content-Encoding": "gzip"}
    async with (
        aiohttp.ClientSession(headers=headers) as stranger,
        stranger.post(f"{app.couch_url}/{path}", data=io.BytesIO(data)) as answer,
    ):
        assert answer.status == 413
        assert (await answer.json())["error"] == "too_large"


async def test_admins_send_more(app: App) -> None:
    login = {"Authorization": aiohttp.encode_basic_auth(*ADMIN), **JSON}
    padded = io.BytesIO(b'{"a":["1-a"]}' + b" " * (5 << 20))
    async with (
        aiohttp.ClientSession(headers=login) as admin,
        admin.post(f"{app.couch_url}/registry/_revs_diff", data=padded) as answer,
    ):
        assert answer.status == 200
