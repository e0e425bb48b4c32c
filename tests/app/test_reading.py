"""Reads that another process answers than the one that writes: all that was written before is in them."""

import asyncio
import io
import os
from pathlib import Path

import aiohttp

from tests.app.readers import ROOT, Reading, head, publish, raw, until, workers_of


async def test_whatever_was_written_before_is_seen(reading: Reading) -> None:
    rev = None
    for number in range(100):
        made = await reading.write("/db/a", {"n": number} | ({"_rev": rev} if rev else {}))
        rev = made["rev"]
        status, body = await reading("/db/a")
        assert (status, f'"n":{number}'.encode() in body) == (200, True)
        if number % 10 == 0:
            await reading.write(f"/db/more-{number:03}", {})
            rows = (await reading("/db/_all_docs"))[1]
            assert f'"total_rows":{number // 10 + 2}'.encode() in rows
    before = reading.answered
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=8)) as many:  # that stay open

        async def one() -> None:
            async with many.get(f"{reading.app.couch_url}/db/a") as response:
                assert (await response.json())["n"] == 99

        await asyncio.gather(*[one() for _ in range(400)])
    await until(lambda: reading.answered >= before + 400)
    assert (await reading(f"/db/a?rev={rev}", "DELETE", admin=True))[0] == 200
    assert (await reading("/db/a"))[0] == 404
    assert (await reading("/db", "DELETE", admin=True))[0] == 200
    assert (await reading("/db/more-000"))[0] == 404
    await reading.write("/db")
    assert (await reading("/db/more-000"))[0] in (401, 403)  # it is the admins' again
    await reading.write("/db/_security", {})
    await reading.write("/db/more-000", {"again": True})
    assert b"again" in (await reading("/db/more-000"))[1]


async def test_what_is_taken_away_is_gone_at_once(reading: Reading) -> None:
    await publish(reading, "bees", "1.0.0")
    await reading.write("/db/a", {"x": 1})
    addresses = ("/bees", "/bees/1.0.0", "/bees/1.0.0/words", "/-/versions/bees")

    async def seen() -> set[int]:
        return {(await reading(path, registry=True))[0] for path in addresses}

    async def access(kind: str) -> None:
        path, body = "/-/package/bees/access", {"access": kind}
        assert (await reading(path, "POST", admin=True, registry=True, json=body))[0] == 200

    for _ in range(5):
        assert await seen() == {200}
        before = (await reading("/-/packages", registry=True))[1]
        await access("restricted")
        assert await seen() == {404}
        assert (await reading("/_couch/registry/bees@1.0.0", registry=True))[0] == 404
        assert b"bees" in before
        assert b"bees" not in (await reading("/-/packages", registry=True))[1]
        await access("public")
    await reading.write("/db/_security", {"members": {"names": ["anna"]}})
    assert (await reading("/db/a"))[0] == 401
    await reading.write("/db/_security", {})
    assert (await reading("/db/a"))[0] == 200
    assert (await reading("/bees/1.0.0", "DELETE", admin=True, registry=True))[0] == 200
    assert await seen() == {404}


async def test_settings_count_at_once(reading: Reading) -> None:
    await reading.write("/db/a", {"x": 1})
    await publish(reading, "bees", "1.0.0")
    setting = "/_node/_local/_config/chttpd/require_valid_user"
    for kept in ("true", "false"):
        assert (await reading("/db/a"))[0] == 200
        assert (await reading("/bees", registry=True))[0] == 200
        await reading.write(f"{setting}?persist={kept}", "true")
        assert (await reading("/db/a"))[0] == 401
        assert (await reading("/bees", registry=True))[0] == 401
        status, _ = await reading(f"{setting}?persist={kept}", "DELETE", admin=True)
        assert status == 200
    status, _ = await reading("/_node/_local/_config/_reload", "POST", admin=True, json={})
    assert status == 200

    async def allowed() -> str | None:
        url, origin = f"{reading.app.couch_url}/db/a", {"Origin": "https://a.example"}
        async with reading.guest.get(url, headers=origin) as response:
            assert response.status == 200
            return response.headers.get("Access-Control-Allow-Origin")

    before = reading.answered
    assert await allowed() is None
    await reading.write("/_node/_local/_config/chttpd/enable_cors", "true")
    await reading.write("/_node/_local/_config/cors/origins", "https://a.example")
    assert await allowed() == "https://a.example"
    await until(lambda: reading.answered > before)


DIFFERENT = (b"date:", b"x-couch-request-id:", b"x-request-id:")


def same(answer: bytes) -> tuple[list[bytes], bytes]:
    start, _, body = answer.partition(b"\r\n\r\n")
    return [line for line in start.split(b"\r\n") if not line.lower().startswith(DIFFERENT)], body


async def test_the_answers_are_those_of_the_other_process(reading: Reading) -> None:
    first = await reading.write("/db/a", {"x": 1, "_attachments": {"t.txt": {"data": "aGVsbG8="}}})
    await reading.write("/db/a", {"x": 2, "_rev": first["rev"], "_attachments": {"t.txt": {"stub": True}}})
    await reading.write("/db/%C3%A9%2Fb", {"word": "é"})
    await publish(reading, "bees", "1.0.0", "id,word\n" + "1,one\n" * 1000)
    couch = [
        *(f"/db/a{query}" for query in ("", "?revs=true", "?revs_info=true", "?attachments=true")),
        *(f"/db/a?{query}" for query in ('open_revs=["all"]', "open_revs=all", "rev=" + first["rev"])),
        *("/db/a?conflicts=true&meta=true", "/db/a?rev=nonsense", "/db/none", "/nowhere/a", "/db/a/none"),
        *(
            "/db/a/t.txt",
            "/db/%C3%A9%2Fb",
            "/db/%C3%A9%2Fb?local_seq=true",
            "/db/_design/none",
            "/db/a?x=%FF",
        ),
        *("/db/_all_docs", "/db/_all_docs?include_docs=true&descending=true", '/db/_all_docs?keys=["a"]'),
        *("/db/_all_docs?key=1x", "/db/_all_docs?limit=1&skip=1", "/registry/bees@1.0.0", "/registry/bees"),
        *("/db", "/_all_dbs", "/_up", "/", "/db/_changes", "/registry/bees@1.0.0/data/words.csv", "/db//a"),
    ]
    registry = [
        *("/bees", "/bees/1.0.0", "/bees/latest", "/bees?range=^1", "/bees/1.0.0/words", "/bees/2.0.0"),
        *("/bees/1.0.0/data/words.csv", "/bees/1.0.0/datapackage.json", "/bees/1.0.0/words?meta=true"),
        *("/-/packages", "/-/versions/bees", "/-/dist-tags/bees", "/-/deprecated/bees", "/-/yanked/bees"),
        *("/search?keys=[%22bees%22]", "/none", "/-/health", "/bees?profile=dcat-ap", "/_couch/db/a"),
        *("/bees/1.0.0/none", "/-/packages?order=name", "/-/packages?limit=x", "/robots.txt"),
    ]
    lines = [(), ("Accept-Encoding: gzip",), ("Range: bytes=2-3",), ("Origin: https://a.example",)]
    lines += [("Accept: text/html",), ("Accept: application/ld+json",), ('If-None-Match: "x", *',)]
    for url, paths in ((reading.app.couch_url, couch), (reading.app.registry_url, registry)):
        for path in paths:
            for more in lines if path in (couch[0], "/db/a/t.txt", *registry[:8]) else lines[:1]:
                for method in ("GET", "HEAD"):
                    asked = [
                        head(path, *more, *own, "Connection: close", method=method) for own in ((), ("X: 1",))
                    ]
                    one, other = [same(await raw(url, text)) for text in asked]
                    if b"multipart" in b"".join(one[0]):  # whose boundary is made up
                        one, other = (one[0][:1], b""), (other[0][:1], b"")
                    if any(b"text/html" in line for line in one[0]):  # of which parts are made meanwhile
                        one, other = (one[0][:1], b""), (other[0][:1], b"")
                    assert one == other, (method, path, more)
    await until(lambda: reading.answered > 50)


async def test_connections_are_handed_on_with_all_that_has_come(reading: Reading) -> None:
    await reading.write("/db/a", {"x": 1})
    couch, login = reading.app.couch_url, f"Authorization: {ROOT['Authorization']}"
    put = head("/db/put", login, "Content-Length: 7", method="PUT") + b'{"y":2}'
    last = head("/db/put", "Connection: close")
    answer = await raw(couch, head("/db/a") * 3 + put + head("/db/a") + last)  # at once
    assert answer.count(b'"x":1') == 4
    assert answer.count(b'"y":2') == 1
    assert answer.index(b"201 Created") < answer.index(b'"y":2')
    answer = await raw(couch, *[last[start : start + 9] for start in range(0, len(last), 9)])  # bit by bit
    assert answer.count(b'"y":2') == 1
    assert b"400 Bad Request" in await raw(couch, b"HEADWAY nonsense\r\n\r\n")
    behind = put.replace(b"/db/put", b"/db/behind")  # the last request: nobody is told what became of it
    for first in (head("/db/a", "Connection: close"), head("/db/a", "Host: b")):
        await raw(couch, first + behind)
    assert (await reading("/db/behind"))[0] == 404
    chunked = head("/db/c", login, "Transfer-Encoding: chunked", "Expect: 100-continue", method="PUT")
    answer = await raw(couch, chunked, b'4\r\n{"z"\r\n3\r\n:3}\r\n0\r\n\r\n' + last)
    assert answer.index(b"100 Continue") < answer.index(b"201 Created") < answer.index(b'"y":2')
    large = os.urandom(1 << 20) * 12
    sent = await reading(
        "/db/large/f", "PUT", admin=True, data=io.BytesIO(large), headers={"Content-Type": "x/y"}
    )
    assert sent[0] == 201
    assert await reading("/db/large/f") == (200, large)
    assert await reading("/db/large/f", admin=True) == (200, large)


async def test_clients_that_read_slowly_or_go_away(reading: Reading) -> None:
    large = os.urandom(1 << 20) * 24
    headers = {"Content-Type": "x/y"}
    assert (await reading("/db/large/f", "PUT", admin=True, data=io.BytesIO(large), headers=headers))[
        0
    ] == 201
    workers = workers_of(reading.app)
    [reader] = workers._readers.values()
    await until(lambda: len(reader.lent) == 0)  # the writer's was handed on
    host, port = reading.app.couch_url.removeprefix("http://").split(":")

    async def asked(text: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        stream, writer = await asyncio.open_connection(host, int(port), limit=1 << 16)
        writer.write(text)
        return stream, writer

    slow, slow_writer = await asked(head("/db/large/f", "Connection: close"))
    found = [await slow.read(1 << 16)]
    for text in (b"", b"GET /db", head("/db/large/f"), head("/db/large/f") + b"PUT /db/x HTTP/1.1\r\n"):
        _, writer = await asked(text)
        await until(lambda: len(reader.lent) == 2)
        writer.transport.abort()
        await until(lambda: len(reader.lent) == 1)
    assert (await reading("/db/large"))[0] == 200  # while others read slowly
    while piece := await slow.read(1 << 18):
        found.append(piece)
    slow_writer.close()
    assert b"".join(found).partition(b"\r\n\r\n")[2] == large
    text = (
        head("/db/large/f", *("Accept: */*",))
        + head(
            "/db/late",
            f"Authorization: {ROOT['Authorization']}",
            "Content-Length: 2",
            "Connection: close",
            method="PUT",
        )
        + b"{}"
    )
    behind, behind_writer = await asked(text)  # is handed on when the answer before it has gone
    await asyncio.sleep(0.5)
    parts = [await behind.read(1 << 16)]
    while piece := await behind.read(1 << 18):
        parts.append(piece)
    behind_writer.close()
    assert large in b"".join(parts)
    assert b"201 Created" in b"".join(parts)[-2000:]
    handles = Path(f"/proc/{reader.process.pid}/fd")
    before = len(list(handles.iterdir()))
    for _ in range(30):
        assert (await raw(reading.app.couch_url, head("/db/large", "Connection: close"))).startswith(
            b"HTTP/1.1 200"
        )
    await until(lambda: len(list(handles.iterdir())) <= before)
