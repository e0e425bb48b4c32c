"""How long answers may be kept, in which coding they come, and what is read for them."""

import gzip
from typing import Any

import brotli
import pytest
import zstandard

from couchreg.http.registry.frame import codings
from couchreg.http.registry.frame.codings import Codings
from tests.packages import Package, small
from tests.served import ADMIN, Serve, Served

ROWS = "id,word\n" + "".join(f"{number},word\n" for number in range(1000))
FOREVER = "public, max-age=31536000, immutable"
DECODED = {"br": brotli.decompress, "gzip": gzip.decompress, "zstd": zstandard.ZstdDecompressor().decompress}


async def raw(served: Served, path: str, method: str = "GET", **headers: str) -> tuple[int, Any, bytes]:
    """The answer as it was sent, codings and all."""
    sent = {"Accept-Encoding": "identity"} | {name.replace("_", "-"): text for name, text in headers.items()}
    url = served.url + path
    async with served.client.request(method, url, headers=sent, auto_decompress=False) as response:
        return response.status, response.headers, await response.read()


def words_of() -> Package:
    return small(text=ROWS, description="A word a line. " * 100)


@pytest.fixture
async def words(serve: Serve) -> Served:
    served = await serve(validation="off")
    for version in ("1.0.0", "1.1.0"):
        assert (await served.put(words_of(), version))[0] == 201
    return served


async def test_what_names_its_version_is_kept_for_good_and_what_moves_for_a_moment(words: Served) -> None:
    assert (await words.ask("PUT", "/-/dist-tags/small/stable", auth=ADMIN, json={"version": "1.0.0"}))[
        0
    ] == 200
    for path in ("", "/words", "/data/words.csv", "/datapackage.json"):
        assert (await raw(words, f"/small/1.0.0{path}"))[1]["Cache-Control"] == FOREVER
        for moving in ("latest", "stable"):
            assert (await raw(words, f"/small/{moving}{path}"))[1]["Cache-Control"] == "public, max-age=60"
    for path in ("/small", "/small?range=1.0.0", "/small/latest/words?range=^1"):
        _, headers, _ = await raw(words, path)
        assert headers["Cache-Control"] == "public, max-age=60"
        status, again, _ = await raw(words, path, If_None_Match=headers["ETag"])
        assert (status, again["ETag"], again["Cache-Control"]) == (304, headers["ETag"], "public, max-age=60")


async def test_a_message_of_deprecation_is_not_kept_for_good(words: Served) -> None:
    before = (await raw(words, "/small/1.0.0"))[1]["ETag"]
    await words.ask("PUT", "/-/deprecated/small/1.0.0", auth=ADMIN, json={"message": "use 1.1.0"})
    _, headers, _ = await raw(words, "/small/1.0.0")
    assert headers["Cache-Control"] == "public, max-age=60"
    assert headers["ETag"] != before
    assert (await raw(words, "/small/1.1.0"))[1]["Cache-Control"] == FOREVER


async def test_where_only_some_may_read_nothing_is_for_everybody(serve: Serve) -> None:
    security: dict[str, Any] = {"members": {"names": [], "roles": []}}
    required = [False]

    async def stored() -> dict[str, Any]:
        return security

    served = await serve(
        validation="off", services={"security": stored, "user_required": lambda: required[0]}
    )
    assert (await served.put(words_of(), "1.0.0"))[0] == 201
    paths = ("/small/1.0.0", "/small/1.0.0/words", "/small/latest/words", "/small")

    async def told() -> set[str]:
        found = [await raw(served, path, Authorization=ADMIN) for path in paths]
        assert {status for status, _, _ in found} == {200}
        return {headers["Cache-Control"] for _, headers, _ in found}

    assert await told() == {FOREVER, "public, max-age=60"}
    security["members"]["names"] = ["anna"]
    assert await told() == {"private, no-cache"}
    security["members"]["names"] = []
    required[0] = True
    assert await told() == {"private, no-cache"}


@pytest.mark.parametrize("coding", list(DECODED))
async def test_text_comes_in_the_coding_that_the_client_takes(words: Served, coding: str) -> None:
    for path in ("/small/1.0.0/words", "/small/1.0.0/data/words.csv", "/small/1.0.0"):
        _, identity, plain = await raw(words, path)
        assert "Content-Encoding" not in identity
        status, headers, body = await raw(words, path, Accept_Encoding=f"{coding}, deflate;q=0.5")
        assert (status, headers["Content-Encoding"]) == (200, coding)
        assert int(headers["Content-Length"]) == len(body) < len(plain)
        assert DECODED[coding](body) == plain
        assert headers["ETag"] != identity["ETag"]
        assert "Accept-Encoding" in headers["Vary"]
        assert "Accept-Encoding" in identity["Vary"]
        assert (await raw(words, path, Accept_Encoding=coding))[2] == body
        _, head, nothing = await raw(words, path, "HEAD", Accept_Encoding=coding)
        assert (head["ETag"], head["Content-Length"], nothing) == (headers["ETag"], str(len(body)), b"")
        status, _, _ = await raw(words, path, Accept_Encoding=coding, If_None_Match=headers["ETag"])
        assert status == 304


async def test_a_tag_is_of_the_bytes_that_were_sent(words: Served) -> None:
    path = "/small/1.0.0/words"
    plain, coded = [(await raw(words, path, Accept_Encoding=one))[1]["ETag"] for one in ("identity", "gzip")]
    assert (await raw(words, path, Accept_Encoding="gzip", If_None_Match=plain))[0] == 200
    assert (await raw(words, path, If_None_Match=coded))[0] == 200
    assert (await raw(words, path, If_None_Match=f'"x", {plain}'))[0] == 304


async def test_a_range_is_always_one_of_the_plain_bytes(words: Served) -> None:
    path, ask = "/small/1.0.0/words", {"Accept_Encoding": "br, gzip"}
    _, identity, _ = await raw(words, path)
    coded = (await raw(words, path, **ask))[1]["ETag"]
    status, headers, body = await raw(words, path, Range="bytes=3-6", **ask)
    assert (status, body, headers["ETag"]) == (206, ROWS[3:7].encode(), identity["ETag"])
    assert "Content-Encoding" not in headers
    status, _, body = await raw(words, path, Range="bytes=3-6", If_Range=identity["ETag"], **ask)
    assert (status, body) == (206, ROWS[3:7].encode())
    status, headers, body = await raw(words, path, Range="bytes=3-6", If_Range=coded, **ask)
    assert (status, body, headers["ETag"]) == (200, ROWS.encode(), identity["ETag"])
    assert (await raw(words, path, Range="bytes=999999-", **ask))[0] == 416


async def test_small_files_and_what_is_no_text_stay_as_they_are(served: Served) -> None:
    package = small()
    package.files["big.bin"] = bytes(5000)
    package.members["resources"].append({"name": "big", "path": "big.bin", "mediatype": "application/zip"})
    assert (await served.put(package, "1"))[0] == 201
    for path in ("/small/1/words", "/small/1/data/words.csv"):
        assert "Content-Encoding" not in (await raw(served, path, Accept_Encoding="gzip"))[1]


async def test_nothing_is_coded_for_head(words: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(data: bytes) -> bytes:
        raise AssertionError("coded")

    monkeypatch.setattr(codings, "CODINGS", {"br": never})
    status, headers, _ = await raw(words, "/small/1.0.0/words", "HEAD", Accept_Encoding="br")
    assert (status, headers["Content-Encoding"]) == (200, "br")
    assert "Content-Length" not in headers


async def test_what_has_not_changed_is_told_without_reading_the_document(
    words: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = (await raw(words, "/small/1.0.0"))[1]["ETag"]
    words.registry.catalog.forget()

    async def never(*asked: object) -> None:
        raise AssertionError(f"{asked} was read")

    monkeypatch.setattr(type(words.database), "revision", never)
    assert (await raw(words, "/small/1.0.0", If_None_Match=tag))[0] == 304


async def test_what_is_remembered_is_what_is_there(words: Served) -> None:
    assert (await words.get("/small"))[1]["version"] == "1.1.0"
    assert (await words.put(words_of(), "2.0.0"))[0] == 201
    assert (await words.get("/small"))[1]["version"] == "2.0.0"
    assert (await words.ask("DELETE", "/small/1.0.0", auth=ADMIN))[0] == 200
    assert (await words.get("/small/1.0.0"))[0] == 404
    assert (await raw(words, "/small/1.0.0/words"))[0] == 404
    assert (await words.get("/small/1.1.0"))[1]["version"] == "1.1.0"
    assert (await words.put(words_of(), "1.0.0"))[0] == 201
    assert (await words.get("/small/1.0.0"))[1]["version"] == "1.0.0"


async def test_coded_bodies_take_so_much_memory_and_no_more() -> None:
    text = b"0123456789" * 200
    size = len(gzip.compress(text, 6))
    kept = Codings(kept=4 * size)

    async def read() -> bytes:
        return text

    for number in range(6):
        assert await kept.body(f"tag {number}", "gzip", read)
    there = [kept.kept(f"tag {number}", "gzip") is not None for number in range(6)]
    assert there == [False, False, True, True, True, True]


async def test_a_file_that_cannot_be_read_is_tried_again() -> None:
    kept, answers = Codings(), [OSError("away"), b"x" * 2000]

    async def read() -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    with pytest.raises(OSError, match="away"):
        await kept.body("tag", "gzip", read)
    body = await kept.body("tag", "gzip", read)
    assert gzip.decompress(body or b"") == b"x" * 2000
