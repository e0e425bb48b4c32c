"""SQL by the client and the command, with answers as programs and people want them."""

import io
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from couchreg import Client
from couchreg.client.errors import UsageError
from tests.cli.conftest import run
from tests.processes import Server

ASKED = 'SELECT "Country Code" AS code, count(*) AS n FROM gdp.gdp GROUP BY 1 ORDER BY n DESC, 1 LIMIT 2'


def test_an_answer_has_the_form_that_is_asked_for(client: Client) -> None:
    rows = client.sql(ASKED)
    assert [sorted(row) for row in rows] == [["code", "n"]] * 2
    table = client.sql(ASKED, form="arrow")
    assert isinstance(table, pa.Table)
    assert table.to_pylist() == rows
    frame = client.sql(ASKED, form="pandas")
    assert isinstance(frame, pd.DataFrame)
    assert frame.to_dict("records") == rows
    assert client.sql("SELECT $a AS x", {"a": "b"}) == [{"x": "b"}]
    with pytest.raises(UsageError, match="line 1, column 8"):
        client.sql("SELECT nope FROM gdp.gdp")
    with pytest.raises(UsageError, match="not 'lists'"):
        client.sql(ASKED, form="lists")


def test_the_command_prints_a_table_or_writes_a_file(live: Server, client: Client, tmp_path: Path) -> None:
    rows = client.sql(ASKED)
    shown = run("sql", ASKED, cwd=tmp_path, registry=live.registry_url)
    assert shown.status == 0, shown.err
    head, line, *body = shown.out.splitlines()
    assert head.split() == ["code", "n"]
    assert set(line) == {"-", " "}
    assert [text.split() for text in body] == [[row["code"], str(row["n"])] for row in rows]
    as_json = run("sql", ASKED, "--json", cwd=tmp_path, registry=live.registry_url)
    assert json.loads(as_json.out) == rows
    as_csv = run("sql", ASKED, "--csv", cwd=tmp_path, registry=live.registry_url)
    assert as_csv.out.splitlines()[0] == "code,n"
    flags = ("--parquet", "--output", "a.parquet", "--param", "year=1990")
    counted = 'SELECT count(*) AS n FROM gdp.gdp WHERE "Year" < $year'
    assert run("sql", counted, *flags, cwd=tmp_path, registry=live.registry_url).status == 0
    written = pq.read_table(io.BytesIO((tmp_path / "a.parquet").read_bytes())).to_pylist()
    assert written == client.sql(counted, {"year": 1990})
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    wrong = run("sql", "SELEC 1", cwd=tmp_path, registry=live.registry_url)
    assert (wrong.status, wrong.out) == (2, "")
    assert "line 1, column 1" in wrong.err
