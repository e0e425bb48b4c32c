"""Statements that look for files, the network, the server, others' tables, or a processor of their own.

None finds anything, and the next asker is answered; what is refused, and by what, may change.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from couchreg.analytics.answering import AskingLimits
from tests.packages import small
from tests.served import ANNA, BOB, Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECRET = "a secret of the server"
LIMITS = AskingLimits(cpu_seconds=1, data=128 << 20, memory=2 << 30)

READING = [
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM read_csv_auto('{file}', delim='|', header=false)",
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM read_blob('{file}')",
    "SELECT * FROM read_json('{file}')",
    "SELECT * FROM read_json_objects('{file}')",
    "SELECT * FROM read_ndjson_auto('{file}')",
    "SELECT * FROM read_parquet('{parquet}')",
    "SELECT * FROM parquet_scan('{parquet}')",
    "SELECT * FROM parquet_metadata('{parquet}')",
    "SELECT * FROM parquet_kv_metadata('{parquet}')",
    "SELECT * FROM '{file}'",
    'SELECT * FROM "{file}"',
    "SELECT * FROM '{parquet}'",
    "FROM '{file}'",
    'SELECT * FROM "main"."{parquet}"',
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM sniff_csv('{file}')",
    "SELECT * FROM small.words, read_text('{file}')",
    "SELECT (SELECT content FROM read_text('{file}'))",
    "WITH t AS (SELECT * FROM read_text('{file}')) SELECT * FROM t",
    "SELECT * FROM (SELECT 1) WHERE EXISTS (FROM read_text('{file}'))",
    "SELECT * FROM query('SELECT * FROM read_text(''{file}'')')",
    "SELECT * FROM query_table('{file}')",
    "SELECT * FROM read_duckdb('{file}')",
    "SELECT getenv('HOME')",
    "SELECT 'x'.getenv()",
    "EXPLAIN ANALYZE SELECT * FROM read_text('{file}')",
    "EXPLAIN COPY (SELECT 1) TO '{written}'",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
]
CHANGING = [
    "COPY (SELECT 1) TO '{written}'",
    "COPY small.words FROM '{file}'",
    "ATTACH '{written}' AS other",
    "ATTACH '{file}'",
    "EXPORT DATABASE '{written}'",
    "IMPORT DATABASE '{folder}'",
    "CREATE TABLE t AS SELECT 1",
    "CREATE VIEW v AS SELECT * FROM read_text('{file}')",
    "CREATE MACRO m() AS TABLE SELECT * FROM read_text('{file}')",
    "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "INSERT INTO small.words VALUES (1, 'x')",
    "UPDATE small.words SET id = 1",
    "DELETE FROM small.words",
    "DROP VIEW small.words",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{file}'",
    "SET enable_external_access = true",
    "SET allowed_paths = ['{file}']",
    "RESET lock_configuration",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "SET VARIABLE x = 1",
    "CREATE TEMP TABLE t AS SELECT 1",
    "ATTACH ':memory:' AS other",
    "ATTACH '{parquet}' AS other",
    "DETACH small",
    "RESET allowed_paths",
    "SET lock_configuration = false",
    "SET python_enable_replacements = true",
    "SET memory_limit = '100GB'",
    "SET threads = 64",
    "SET temp_directory = '{folder}'",
    "SET profiling_output = '{written}'",
    "SET log_query_path = '{written}'",
    "CALL enable_logging(storage_path = '{written}')",
    "SELECT * FROM enable_logging('QueryLog')",
    "SELECT write_log('x')",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "BEGIN TRANSACTION",
    "VACUUM",
    "CHECKPOINT",
    "USE small",
    "SHOW TABLES",
    "DESCRIBE SELECT 1",
    "SELECT 1; COPY (SELECT 1) TO '{written}'",
    "SELECT 1; SELECT 2",
    "/* SELECT 1 */ COPY (SELECT 1) TO '{written}'",
    "-- SELECT 1\nATTACH '{written}'",
    "EXPLAIN EXPLAIN SELECT 1; DROP VIEW small.words",
]
TELLING = [
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_views()",
    "SELECT * FROM duckdb_views",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM information_schema.views",
    "SELECT * FROM pg_catalog.pg_views",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM system.main.duckdb_views",
    "SELECT current_setting('allowed_paths')",
    "SELECT list_transform(['allowed_paths'], x -> current_setting(x))",
    "SELECT * FROM duckdb_views, (WITH duckdb_views AS (SELECT 1) SELECT * FROM duckdb_views)",
    "SELECT * FROM which_secret('s3://x', 's3')",
    "SELECT * FROM pragma_database_size()",
    "SELECT * FROM python_map_function()",
    "SELECT * FROM served",
    "SELECT * FROM 'https://127.0.0.1:{port}/x.parquet'",
    "SELECT * FROM read_parquet('http://127.0.0.1:{port}/x.parquet')",
    "SELECT * FROM read_csv('s3://bucket/x.csv')",
    "SELECT sleep_ms(100000)",
]
GREEDY = [
    "PIVOT (SELECT range AS a, range % 9973 AS b FROM range(30000000)) ON b USING count(*)",
    "SELECT repeat('x', 2000000000)",
    "SELECT list(i) FROM range(1000000000) t(i)",
    "SELECT count(*) FROM range(10000000) a, range(10000000) b",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
    "SELECT count(DISTINCT hash(range)) FROM range(10000000000)",
    "SELECT * FROM range(1000000000) ORDER BY hash(range)",
    "SELECT max(regexp_replace(repeat('a', 9999 + range % 2), 'a', 'bc', 'g')) FROM range(10000000)",
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "SELECT " + "1+" * 20000 + "1",
    "SELECT " + "[" * 3000 + "]" * 3000,
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("sql")) as serve:
        served = await serve(with_tables=True, validation="off", asking_limits=LIMITS)
        for name in ("small", "other"):
            assert (await served.put(small(name), "1.0.0"))[0] == 201
            await served.made(name, "1.0.0")
        (served.datastore.parent / "secret.csv").write_text(f"a|b\n{SECRET}|2\n", "utf-8")
        yield served


def places(served: Served) -> dict[str, str]:
    folder = served.datastore.parent
    parquet = served.datastore / "_parquet/other/1.0.0/words.parquet"
    return {
        "file": str(folder / "secret.csv"),
        "folder": str(folder),
        "parquet": str(parquet),
        "written": str(folder / "written"),
        "port": served.url.rpartition(":")[2],
    }


async def ask(served: Served, text: str) -> tuple[int, Any]:
    for name, value in places(served).items():
        text = text.replace("{" + name + "}", value)
    return await served.ask("POST", "/-/sql", json={"q": text})


async def test_no_statement_reads_a_file_or_changes_anything(served: Served) -> None:
    passed = []
    for text in READING + CHANGING + TELLING:
        status, answer = await ask(served, text)
        told = str(answer)
        if status != 400 or SECRET in told or (answer["error"] != "bad_statement"):
            passed.append((text, status, told[:300]))
        assert str(served.datastore) not in told.replace(text, "") or places(served)["parquet"] in told
    assert passed == []
    assert len({*READING, *CHANGING, *TELLING}) > 80
    assert not Path(places(served)["written"]).exists()
    assert (await ask(served, "SELECT count(*) AS n FROM small.words"))[1]["rows"] == [{"n": 2}]


async def test_no_statement_keeps_a_processor_or_the_memory(served: Served) -> None:
    """Everybody else is answered meanwhile, whenever they ask."""
    passed, answered = [], 0
    for text in GREEDY:
        asked = asyncio.create_task(ask(served, text))
        while not asked.done():
            assert (await served.get("/-/packages"))[0] == 200
            answered += 1
            await asyncio.sleep(0.02)
        status, answer = await asked
        if status != 400:
            passed.append((text[:80], status, str(answer)[:200]))
    assert passed == []
    assert answered > len(GREEDY)
    assert (await ask(served, "SELECT count(*) AS n FROM small.words"))[1]["rows"] == [{"n": 2}]


async def test_who_asks_much_keeps_nobody_from_asking(served: Served) -> None:
    """One statement of an asker is answered at a time, a few wait, and the others have turns of their own."""

    async def of(user: str, text: str) -> tuple[int, Any]:
        return await served.ask("POST", "/-/sql", json={"q": text}, auth=user)

    endless = GREEDY[3]
    many = [asyncio.create_task(of(ANNA, endless)) for _ in range(LIMITS.waiting_of_one + 3)]
    refused, _ = await asyncio.wait(many, return_when=asyncio.FIRST_COMPLETED)
    assert {task.result()[0] for task in refused} == {429}
    status, answer = await of(BOB, "SELECT count(*) AS n FROM small.words")
    assert (status, answer["rows"]) == (200, [{"n": 2}])
    assert not all(task.done() for task in many)
    statuses = [status for status, _ in await asyncio.gather(*many)]
    assert sorted(statuses) == [400] * (LIMITS.waiting_of_one + 1) + [429] * 2
