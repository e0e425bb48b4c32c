"""What anybody may send without being known: no request that fills the memory."""

import gzip
import io

import aiohttp
import pytest

from couchreg.app import App
from couchreg.docstore.base import Edit
from couchreg.model.user import SYSTEM
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


async def test_many_large_documents_are_read_a_few_at_a_time(app: App) -> None:
    database = await app.store.open("registry")
    text = "x" * (3 << 20)
    edits = [Edit(f"d{n}", None, False, {"text": text}) for n in range(4)]
    await database.update(edits, new_edits=True, user=SYSTEM)
    ids = ["d0", "none", "d1", "d2", "d3", "d0"]
    assert 0 < len(await database.open_revs([(one, None) for one in ids])) < len(ids)
    async with (
        aiohttp.ClientSession() as stranger,
        stranger.post(
            f"{app.couch_url}/registry/_bulk_get", json={"docs": [{"id": one} for one in [*ids, "", "d1"]]}
        ) as answer,
    ):
        results = (await answer.json())["results"]
    assert [row["id"] for row in results] == [*ids, "", "d1"]
    found = [len(row["docs"][0].get("ok", {}).get("text", "")) >> 20 for row in results]
    assert found == [3, 0, 3, 3, 3, 3, 0, 3]
