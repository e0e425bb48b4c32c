"""What a request of a stranger may cost is decided before anything is made of its body."""

import asyncio
import io
import json
from typing import Any

import aiohttp
import pytest

from couchreg.app import App
from tests.conftest import ADMIN

JSON = {"Content-Type": "application/json"}
CHECKPOINT = "registry/_local/x"


async def answered(app: App, method: str, path: str, value: Any, **headers: str) -> tuple[int, Any]:
    data = io.BytesIO(value if isinstance(value, bytes) else json.dumps(value).encode())
    async with (
        aiohttp.ClientSession(headers={**JSON, **headers}) as stranger,
        stranger.request(method, f"{app.couch_url}/{path}", data=data) as answer,
    ):
        return answer.status, await answer.json()


@pytest.mark.parametrize("login", [True, False])
async def test_a_local_document_takes_no_parts(app: App, login: bool) -> None:
    who = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)} if login else {}
    part = (
        b'--b\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n--b\r\n\r\n' + b"x" * 100_000 + b"\r\n--b--"
    )
    kind = {"Content-Type": "multipart/related; boundary=b"}
    assert (await answered(app, "PUT", CHECKPOINT, part, **kind, **who))[0] == 400
    assert (await answered(app, "GET", CHECKPOINT, b""))[0] == 404
    assert [path for path in app.settings.data_dir.rglob("spool/*") if path.is_file()] == []


async def test_a_large_checkpoint_is_refused_before_it_is_sent(app: App) -> None:
    host, _, port = app.couch_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"PUT /{CHECKPOINT} HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()
    assert (await answered(app, "PUT", CHECKPOINT, {"a": "x" * 60_000}))[0] == 201
    assert (await answered(app, "PUT", CHECKPOINT, {"a": [[]] * 15_000}))[0] == 413


QUESTIONS = {
    "_bulk_get": {"docs": [{}] * 30_000},
    "_revs_diff": {"a": ["1-a"] * 30_000},
    "_missing_revs": {"a": ["1-a"] * 30_000},
    "_all_docs": {"keys": [1] * 30_000},
    "_all_docs/queries": {"queries": [{}] * 101},
    "_design_docs/queries": {"queries": [{}] * 101},
    "_design/registry/_view/by_date/queries": {"queries": [{}] * 101},
    "_changes?filter=_selector": {"selector": {"a": {"$in": list(range(30_000))}}},
    "_changes?filter=_doc_ids": {"doc_ids": ["a"] * 30_000},
    "_find": {"selector": {"a": {"$in": list(range(30_000))}}},
}


@pytest.mark.parametrize("path", QUESTIONS)
async def test_a_question_with_too_many_values_is_refused(app: App, path: str) -> None:
    if path.startswith("_design/"):  # the document is looked for first
        design = {"views": {"by_date": {"map": "function(doc) {}"}}}
        who = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
        assert (await answered(app, "PUT", "registry/_design/registry", design, **who))[0] == 201
    status, found = await answered(app, "POST", f"registry/{path}", QUESTIONS[path])
    assert (status, found["error"]) == (413, "too_large")


async def test_commas_in_texts_are_no_values(app: App) -> None:
    status, _ = await answered(app, "POST", "registry/_revs_diff", {"a" + ",[{" * 20_000: ["1-a"]})
    assert status == 200


async def test_what_needs_the_slow_reader_is_read(app: App) -> None:
    odd = b'{"keys":["x",1e-400,' + b"1" * 30 + b"]}" + b" " * 70_000
    status, found = await answered(app, "POST", "registry/_all_docs", odd)
    assert (status, [row["key"] for row in found["rows"]]) == (200, ["x", 0.0, int("1" * 30)])


async def test_what_is_deep_is_not_long(app: App) -> None:
    """Who has an account may send more than a guest, but for what only the slow ways read and write."""
    admin = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    user = {"_id": "org.couchdb.user:anna", "name": "anna", "type": "user", "roles": [], "password": "secret"}
    assert (await answered(app, "PUT", f"_users/{user['_id']}", user, **admin))[0] == 201
    assert (await answered(app, "PUT", "open", None, **admin))[0] == 201
    security = {"members": {"names": ["anna"], "roles": []}}
    assert (await answered(app, "PUT", "open/_security", security, **admin))[0] == 200
    anna = {"Authorization": aiohttp.encode_basic_auth("anna", "secret")}
    deep, long = b"[" * 400_000 + b"]" * 400_000, b"[" + b"1," * 400_000 + b"1e-400]"
    for path, member in (("_all_docs", b"keys"), ("_find", b"selector"), ("_bulk_docs", b"docs")):
        status, found = await answered(app, "POST", f"open/{path}", b'{"%b":[%b]}' % (member, deep), **anna)
        assert (status, found["error"]) == (413, "too_large")
        assert "500 levels" in found["reason"]
    some = b"[" * 20_000 + b"]" * 20_000
    status, _ = await answered(app, "POST", "open/_bulk_docs", b'{"docs":[{"a":%b,"b":1}]}' % some, **anna)
    assert status == 201
    assert (await answered(app, "POST", "open", b'{"a":%b}' % long, **anna))[0] == 201


async def opened(app: App) -> None:
    """A database that everybody may read and write."""
    admin = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    assert (await answered(app, "PUT", "open", None, **admin))[0] == 201
    security: dict[str, Any] = {"members": {"names": [], "roles": []}}
    assert (await answered(app, "PUT", "open/_security", security, **admin))[0] == 200


def listed(value: bytes, count: int) -> bytes:
    return b"[" + b",".join([value] * count) + b"]"


async def test_long_numbers_have_few_digits_together(app: App) -> None:
    for path, text in (
        ("registry/_find", b'{"selector":{"a":{"$in":%b}}}'),
        ("registry/_bulk_get", b'{"docs":[{"id":%b}]}'),
        ("registry/_revs_diff", b'{"a":%b}'),
    ):
        status, found = await answered(app, "POST", path, text % listed(b"1" * 99_999, 10))
        assert (status, found["error"]) == (413, "too_large")
        assert "20000 digits" in found["reason"]
    some = b'{"keys":%b}' % listed(b"1" * 4_000, 5)
    status, found = await answered(app, "POST", "registry/_all_docs", some)
    assert (status, len(found["rows"])) == (200, 5)
    status, _ = await answered(app, "POST", "registry/_all_docs", {"keys": ["1" * 100_000]})
    assert status == 200


@pytest.mark.parametrize("path", [path for path in QUESTIONS if not path.startswith("_design/")])
async def test_a_guest_asks_of_an_open_database_as_of_any(app: App, path: str) -> None:
    await opened(app)
    status, found = await answered(app, "POST", f"open/{path}", QUESTIONS[path])
    assert (status, found["error"]) == (413, "too_large")
    long = {"selector": {}, "docs": [], "keys": [], "queries": [], "x": "y" * 1_100_000}
    assert (await answered(app, "POST", f"open/{path}", long))[0] == 413


async def test_an_id_of_a_guest_is_not_long(app: App) -> None:
    await opened(app)
    admin = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    for path, made in (("open", {"_id": "x" * 9_000}), ("open/_bulk_docs", {"docs": [{"_id": "x" * 9_000}]})):
        status, found = await answered(app, "POST", path, made)
        assert (status, found["error"]) == (400, "illegal_docid")
    made = {"docs": [{"_id": "x" * 8_000}]}
    assert (await answered(app, "POST", "open/_bulk_docs", made))[0] == 201
    made = {"docs": [{"_id": "x" * 9_000}]}
    assert (await answered(app, "POST", "open/_bulk_docs", made, **admin))[0] == 201


DOCUMENTS = {
    "escapes": b'{"a":"' + b"\\u0001" * 400_001 + b'"}',
    "digits": b'{"a":%b}' % listed(b"1" * 300, 70),
    "outside of strings": b'{"a":%b}' % listed(b"1" * 40, 30_000),
}


@pytest.mark.parametrize("what", DOCUMENTS)
async def test_a_document_of_a_guest_is_long_in_its_strings_alone(app: App, what: str) -> None:
    await opened(app)
    admin = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    for method, path, text in (
        ("PUT", "open/a", b"%b"),
        ("POST", "open", b"%b"),
        ("POST", "open/_bulk_docs", b'{"docs":[%b]}'),
    ):
        body = text % DOCUMENTS[what] + b" " * (1 << 20)
        status, found = await answered(app, method, path, body)
        assert (status, found["error"]) == (413, "too_large")
        assert what in found["reason"]
        assert (await answered(app, method, path, body, **admin))[0] == 201
    long = {"a": "x,[" * 2_000_000, "b": "1" * 100_000, "c": list(range(50_000))}
    assert (await answered(app, "PUT", "open/long", long))[0] == 201
