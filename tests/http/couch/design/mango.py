"""Asking Mango, for tests."""

from typing import Any

from tests.http.couch.conftest import Couch, Reply


async def made(couch: Couch, name: str, *fields: str, **definition: Any) -> Reply:
    index = {"fields": list(fields), **definition}
    reply = await couch("POST", "/_index", {"index": index, "ddoc": name, "name": name})
    assert (reply.status, reply.json["result"]) == (200, "created"), reply.body
    return reply


async def find(couch: Couch, wanted: Any, **options: Any) -> Any:
    reply = await couch("POST", "/_find", {"selector": wanted, "execution_stats": True, **options})
    assert reply.status == 200, reply.body
    return reply.json


async def ids(couch: Couch, wanted: Any, **options: Any) -> list[str]:
    return [doc["_id"] for doc in (await find(couch, wanted, **options))["docs"]]


async def fill(couch: Couch, *docs: dict[str, Any]) -> None:
    assert (await couch("POST", "/_bulk_docs", {"docs": list(docs)})).status == 201


async def refused(couch: Couch, path: str, body: Any) -> tuple[int, str, str]:
    reply = await couch("POST", path, body)
    return reply.status, reply.json["error"], reply.json["reason"]
