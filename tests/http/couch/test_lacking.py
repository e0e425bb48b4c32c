"""A store that can do only what every store can: the door says 501 where that is not enough, and goes on."""

import pytest

from tests.docstore.stores import core_of
from tests.http.couch.conftest import Couch


@pytest.fixture
async def lacking(couch: Couch, monkeypatch: pytest.MonkeyPatch) -> Couch:
    for doc_id in "abc":
        await couch.rev(doc_id, {})
    opened = couch.store.open

    async def core(name: str) -> object:
        return core_of(await opened(name))

    monkeypatch.setattr(couch.store, "open", core)
    return couch


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/_purge", {"a": ["1-x"]}),
        ("GET", "/_purged_infos", None),
        ("POST", "/_compact", {}),
        ("GET", "/_local_docs", None),
    ],
)
async def test_what_it_cannot_do_is_not_implemented(
    lacking: Couch, method: str, path: str, body: object
) -> None:
    reply = await lacking(method, path, body)
    assert (reply.status, reply.json["error"]) == (501, "not_implemented")
    assert "The document store behind this server cannot" in reply.json["reason"]


async def test_what_it_does_not_know_is_null(lacking: Couch) -> None:
    answer = (await lacking("GET", '/_all_docs?startkey="b"')).json
    assert (answer["total_rows"], answer["offset"]) == (3, None)
    assert [row["id"] for row in answer["rows"]] == ["b", "c"]


async def test_everything_else_goes_on(lacking: Couch) -> None:
    rev = (await lacking("PUT", "/d", {})).json["rev"]
    assert (await lacking("GET", f"/d?rev={rev}&revs=true&local_seq=true&conflicts=true")).status == 200
    assert (await lacking("PUT", "/_local/x", {})).status == 201
    assert len((await lacking("GET", "/_changes")).json["results"]) == 4
    assert (await lacking("GET", "")).json["doc_count"] == 4
