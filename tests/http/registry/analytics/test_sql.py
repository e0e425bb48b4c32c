"""SQL at the registry door: which tables a statement may ask, in which formats it is answered, how it is
refused."""

import csv
import io
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pytest_asyncio

from couchreg.analytics import answering
from couchreg.sandbox.ending import Cause, Stopped
from couchreg.sandbox.session import ChildSession, Note
from tests.packages import Package, small
from tests.served import ADMIN, ANNA, BOB, Served, serving

pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="module")]
COUNT = 'SELECT word, count(*) AS n FROM "small@1.0.0".words GROUP BY word ORDER BY word'


def package(name: str, rows: list[dict[str, Any]], *fields: tuple[str, str]) -> Package:
    schema = {"fields": [{"name": field, "type": type} for field, type in fields]}
    return Package({"name": name, "resources": [{"name": "t", "data": rows, "schema": schema}]}, {})


async def sql(served: Served, text: str, **more: Any) -> tuple[int, Any]:
    auth = more.pop("auth", None)
    return await served.ask("GET", "/-/sql", params={"q": text, **more}, auth=auth)


async def rows(served: Served, text: str, **more: Any) -> Any:
    status, answer = await sql(served, text, **more)
    assert status == 200, answer
    return answer["rows"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """One registry for all, since nobody changes anything in it."""
    async with serving(tmp_path_factory.mktemp("sql")) as serve:
        served = await serve(with_tables=True, validation="off")
        words = "".join(f"{n},w{n % 3}\n" for n in range(3000))
        prices = [{"w": "w0", "price": "1.5"}, {"w": "w1", "price": "2.25"}]
        packages = (
            (small(text="id,word\n" + words), "1.0.0"),
            (small(), "2.0.0"),
            (package("prices", prices, ("w", "string"), ("price", "number")), "1"),
        )
        for one, version in packages:
            assert (await served.put(one, version))[0] == 201
        for one, version in packages:
            await served.made(one.name, version)
        yield served


async def test_tables_are_asked_by_package_version_and_resource(served: Served) -> None:
    status, answer = await sql(served, COUNT)
    assert (status, answer) == (
        200,
        {
            "ok": True,
            "columns": [{"name": "word", "type": "string"}, {"name": "n", "type": "int64"}],
            "rows": [{"word": f"w{n}", "n": 1000} for n in range(3)],
            "truncated": False,
            "next": None,
        },
    )
    assert await rows(served, "SELECT count(*) AS n FROM small.words") == [{"n": 2}]
    assert await rows(served, 'SELECT count(*) AS n FROM "small@latest"."WORDS"') == [{"n": 2}]
    assert await rows(served, 'SELECT count(*) AS n FROM "small@^1".words') == [{"n": 3000}]
    joined = 'SELECT price * count(*) AS sum FROM "small@1.0.0".words JOIN prices.t ON w = word'
    joined += " GROUP BY price ORDER BY 1"
    assert await rows(served, joined) == [{"sum": 1500}, {"sum": 2250}]
    named = "WITH words AS (SELECT 7 AS id) SELECT * FROM words"
    assert await rows(served, named) == [{"id": 7}]
    status, answer = await served.get("/-/sql.json?sql=SELECT+1+AS+one&_shape=arrays")
    assert (status, answer["rows"]) == (200, [[1]])


async def test_parameters_are_bound_and_never_text_of_the_statement(served: Served) -> None:
    asked = "SELECT count(*) AS n FROM small.words WHERE word = $w"
    assert await rows(served, asked, w="one") == [{"n": 1}]
    assert await rows(served, asked, w="x' OR true --") == [{"n": 0}]
    body = {"q": "SELECT $a + 1 AS a, $b AS b", "parameters": {"a": 41, "b": None}}
    status, answer = await served.ask("POST", "/-/sql", json=body)
    assert (status, answer["rows"]) == (200, [{"a": 42, "b": None}])
    status, answer = await served.ask("POST", "/-/sql", json={"q": "SELECT ? AS a", "parameters": ["x"]})
    assert (status, answer["rows"]) == (200, [{"a": "x"}])
    assert (await sql(served, asked))[0] == 400


async def test_pages_say_where_to_go_on(served: Served) -> None:
    asked = 'SELECT id FROM "small@1.0.0".words ORDER BY id'
    _, first = await sql(served, asked, _size="2")
    assert ([row["id"] for row in first["rows"]], first["truncated"], first["next"]) == ([0, 1], True, "2")
    _, later = await sql(served, asked, _size="2", _next="2998")
    assert ([row["id"] for row in later["rows"]], later["truncated"], later["next"]) == (
        [2998, 2999],
        False,
        None,
    )
    assert len(await rows(served, asked)) == 1000
    assert len(await rows(served, asked, _size="max")) == 3000


async def test_every_format(served: Served) -> None:
    async def body(format: str) -> tuple[Mapping[str, str], bytes]:
        async with served.client.get(
            served.url + "/-/sql", params={"q": COUNT, "format": format}
        ) as response:
            assert response.status == 200
            return response.headers, await response.read()

    wanted = [{"word": f"w{n}", "n": 1000} for n in range(3)]
    assert json.loads((await body("array"))[1]) == wanted
    assert json.loads((await body("objects"))[1])["rows"] == wanted
    assert json.loads((await body("arrays"))[1])["rows"] == [[row["word"], 1000] for row in wanted]
    assert [json.loads(line) for line in (await body("ndjson"))[1].splitlines()] == wanted
    headers, text = await body("csv")
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert list(csv.DictReader(io.StringIO(text.decode()))) == [{**row, "n": "1000"} for row in wanted]
    assert pq.read_table(io.BytesIO((await body("parquet"))[1])).to_pylist() == wanted
    assert pa.ipc.open_stream((await body("arrow"))[1]).read_all().to_pylist() == wanted
    assert (await sql(served, COUNT, format="xml"))[0] == 400


async def test_values_of_every_type_in_json_and_csv(served: Served) -> None:
    asked = """SELECT 1.10::decimal(5,2) AS d, 'nan'::double AS nan, date '2024-02-29' AS day, [1, 2] AS list,
        {'a': 'x'} AS struct, timestamptz '2024-01-01 00:00:00+01' AS moment, 'é"' AS text, null AS nothing,
        12345678901234567890123 AS huge, 'ab'::blob AS bytes, time '10:11:12' AS clock, true AS flag,
        date '12024-01-01' AS far, interval 1 month AS month, 1 AS d"""
    [row] = await rows(served, asked)
    assert row | {"moment": "", "month": ""} == {
        "d": 1.1,
        "nan": None,
        "day": "2024-02-29",
        "list": [1, 2],
        "struct": {"a": "x"},
        "moment": "",
        "text": 'é"',
        "nothing": None,
        "huge": 12345678901234567890123,
        "bytes": "YWI=",
        "clock": "10:11:12",
        "flag": True,
        "far": "12024-01-01",
        "month": "",
        "d_2": 1,
    }
    assert row["moment"].startswith("2023-12-31T23:00:00")
    _, _, text = await served.fetch("/-/sql?format=csv&q=" + asked.replace("\n", " ").replace("+", "%2B"))
    [_, cells] = csv.reader(io.StringIO(text.decode()))
    assert (cells[0], cells[2], cells[3], cells[6], cells[11]) == (
        "1.10",
        "2024-02-29",
        "[1,2]",
        'é"',
        "true",
    )
    assert Decimal(cells[8]) == 12345678901234567890123


async def test_answers_over_versions_are_kept_for_good(served: Served) -> None:
    _, headers, _ = await served.fetch("/-/sql?q=" + COUNT)
    assert "immutable" in headers["Cache-Control"]
    tag = headers["ETag"]
    assert (await served.fetch("/-/sql?q=" + COUNT, If_None_Match=tag))[0] == 304
    _, headers, _ = await served.fetch("/-/sql?q=" + COUNT + "&format=csv")
    assert headers["ETag"] != tag
    _, headers, _ = await served.fetch("/-/sql?q=SELECT * FROM small.words")
    assert "immutable" not in headers["Cache-Control"]
    assert "ETag" in headers
    for volatile in ("random()", "now()", "current_date", "gen_random_uuid()"):
        _, headers, _ = await served.fetch(f"/-/sql?q=SELECT {volatile} AS x")
        assert ("ETag" in headers, headers["Cache-Control"]) == (False, "no-cache")
    async with served.client.head(served.url + "/-/sql", params={"q": COUNT}) as response:
        assert (response.status, response.headers["ETag"]) == (200, tag)


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("SELEC 1", 1, 1, "yntax error"),
        ("SELECT *\nFROM small.words\nWHERE", 3, 1, "yntax error"),
        ("SELECT *\nFROM small.absent", 2, 6, "no table 'absent'"),
        ("SELECT * FROM nothing.words", 1, 15, "nothing"),
        ("SELECT * FROM words", 1, 15, "package.table"),
        ("SELECT nope FROM small.words", 1, 8, "nope"),
        ("SELECT 1; SELECT 2", None, None, "one statement"),
        ("SELECT 'a'::integer", None, None, "Could not convert"),
        ("", None, None, "what you ask"),
    ],
)
async def test_what_is_wrong_has_a_place(
    served: Served, text: str, line: int | None, column: int | None, says: str
) -> None:
    status, answer = await sql(served, text)
    assert (status, answer.get("line"), answer.get("column")) == (400, line, column), answer
    assert says in answer["reason"]


async def test_a_plan_is_explained(served: Served) -> None:
    for word in ("EXPLAIN", "explain /* how */ analyze"):
        [row] = await rows(served, f"{word} {COUNT}")
        assert "words" in json.dumps(row) or "PARQUET" in json.dumps(row).upper()


async def test_a_token_asks_what_it_reads(served: Served) -> None:
    user = await served.people.auth.user("anna")
    assert user is not None
    text, token = await served.people.tokens.create(user, scope="read", packages=["sm*"])
    auth = f"Bearer {text}"
    assert (await served.ask("GET", "/prices/1", auth=auth))[0] == 200
    assert (await sql(served, "SELECT * FROM small.words, prices.t", auth=auth))[0] == 200
    await served.people.tokens.revoke("anna", token.id)
    assert (await sql(served, COUNT, auth=auth))[0] == 401


async def test_those_who_may_not_read_may_not_ask(tmp_path: Path) -> None:
    async def members() -> Any:
        return {"admins": {"names": [], "roles": []}, "members": {"names": ["anna"], "roles": []}}

    async with serving(tmp_path) as serve:
        served = await serve(with_tables=True, services={"security": members})
        assert (await sql(served, "SELECT 1"))[0] == 401
        assert (await sql(served, "SELECT 1", auth=ADMIN))[0] == 200
        assert (await served.put(small(), "1"))[0] == 201
        await served.made("small", "1", auth=ADMIN)
        asked = ("/-/sql?q=SELECT * FROM small.words", "/-/viewer/rows?dataset=small")
        for path in (
            *asked,
            "/-/viewer/splits?dataset=small",
            "/api/3/cubes/small:words/facts",
            "/api/3/cubes",
        ):
            # a member who is no administrator, somebody else, nobody
            statuses = [(await served.ask("GET", path, auth=auth))[0] for auth in (ANNA, BOB, None)]
            assert statuses == [200, 403, 401], path
        headers = {"Authorization": ADMIN}
        async with served.client.get(served.url + "/-/sql?q=SELECT 1", headers=headers) as response:
            assert response.headers["Cache-Control"] == "private, no-cache"


async def test_large_packages_are_asked_together(served: Served) -> None:
    """A request has one place among those about large descriptors, and does not wait for another."""
    for name in ("large1", "large2"):
        data = [{"a": number} for number in range(20_000)]
        resource = {"name": "t", "data": data, "type": "table"}
        assert (await served.put(Package({"name": name, "resources": [resource]}, {}), "1"))[0] == 201
        await served.made(name, "1")
    joined = "SELECT count(*) AS n FROM large1.t JOIN large2.t USING (a)"
    assert await rows(served, joined) == [{"n": 20_000}]


async def test_a_full_disk_is_told_as_one(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = ChildSession.stream

    async def full(self: ChildSession, job: bytes, note: Note | None = None) -> AsyncGenerator[bytes, None]:
        if self._kind.module == answering.WORKER:
            raise Stopped(Cause.DISK, "questions")
        async for part in stream(self, job, note):  # it is read by another child
            yield part

    monkeypatch.setattr(ChildSession, "stream", full)
    status, answer = await sql(served, COUNT)
    assert (status, answer["error"], answer["reason"]) == (500, "insufficient_storage", "The disk is full.")
