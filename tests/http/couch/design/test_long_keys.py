"""Keys in a query of a view: each is made ready once, and where they are many or long, beside the loop."""

import threading
from typing import Any
from urllib.parse import quote

import pytest

from couchreg.designdocs.views import definition
from couchreg.model.collation import sort_key
from tests.http.couch.conftest import Couch

VIEW = "/_design/d/_view/v"


@pytest.fixture
async def made(couch: Couch, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each key that is made ready: whether that keeps the loop."""
    view = {"map": "function(doc) { emit(['k', doc.n], doc.n); }", "reduce": "_sum"}
    assert (await couch("PUT", "/_design/d", {"views": {"v": view}})).status == 201
    for number in range(3):
        await couch.rev(f"doc{number}", {"n": number})
    assert (await couch("GET", VIEW)).status == 200
    kept: list[bool] = []

    def recorded(key: Any) -> bytes:
        kept.append(threading.current_thread() is threading.main_thread())
        return sort_key(key)

    monkeypatch.setattr(definition, "sort_key", recorded)
    return kept


@pytest.mark.parametrize("query", ["?reduce=false", "?group=true"])
async def test_many_keys(couch: Couch, made: list[bool], query: str) -> None:
    keys = [["k", number] for number in range(3_000)]
    reply = await couch("POST", VIEW + query, {"keys": keys})
    assert [row["value"] for row in reply.json["rows"]] == [0, 1, 2]
    assert made == [False] * 3_000


async def test_many_keys_of_several_queries(couch: Couch, made: list[bool]) -> None:
    keys = [["k", number] for number in range(3_000)]
    queries = [{"keys": keys, "reduce": False}, {"keys": keys, "reduce": False, "descending": True}]
    reply = await couch("POST", f"{VIEW}/queries", {"queries": queries})
    found = [[row["value"] for row in result["rows"]] for result in reply.json["results"]]
    assert found == [[0, 1, 2], [2, 1, 0]]
    assert made == [False] * 6_000


@pytest.mark.parametrize("member", ["key", "start_key", "end_key"])
async def test_a_long_key(couch: Couch, made: list[bool], member: str) -> None:
    long = ["k", *range(5_000)]
    reply = await couch("POST", f"{VIEW}?reduce=false", {member: long})
    assert len(reply.json["rows"]) == {"key": 0, "start_key": 2, "end_key": 1}[member]
    assert made[0] is False
    assert True not in made[1:] if member == "key" else made


async def test_a_long_key_in_the_address(couch: Couch, made: list[bool]) -> None:
    long = quote('["k",' + "0," * 5_000 + "0]", safe="[],")
    reply = await couch("GET", f"{VIEW}?reduce=false&start_key={long}&end_key=[%22k%22,1]")
    assert [row["value"] for row in reply.json["rows"]] == [1]
    assert made == [False, False]


async def test_a_short_key_is_made_once_and_at_once(couch: Couch, made: list[bool]) -> None:
    reply = await couch("GET", f"{VIEW}?reduce=false&key=[%22k%22,1]")
    assert [row["value"] for row in reply.json["rows"]] == [1]
    assert made == [True]  # for both ends
    reply = await couch("GET", f"{VIEW}?reduce=false&start_key=9&end_key=1")
    assert (reply.status, reply.json["error"]) == (400, "query_parse_error")
