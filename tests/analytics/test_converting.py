"""Tables as Parquet files: values as frictionless reads them, types by the schema, failures with a place."""

import json
import shutil
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from frictionless import Package

from couchreg.analytics.inside.converting import Failed, convert

PACKAGES = Path(__file__).parents[1] / "data" / "packages"
# Those that frictionless alone reads as the registry does, and also after the checks have changed it, as
# they do for the whole of a process.
ODD = ("files-left-out-silently", "underscore-member")
NOTHING: dict[str, str] = {}


def made(folder: Path, resource: dict[str, Any], **package: Any) -> tuple[dict[str, Any], pa.Table]:
    """What is said of a table, and the table itself."""
    output = folder / "made.parquet"
    members = {"name": "table", **package, "resources": [{"name": "table", **resource}]}
    found = convert(str(folder), members, str(output), {"package": "p"})
    return found, pq.read_table(output)


def column(folder: Path, text: str, type: str = "string", **field: Any) -> pa.ChunkedArray:
    """A column of one field, whose header is `a`, read from CSV."""
    (folder / "t.csv").write_text("a\n" + text, "utf-8")
    schema = {"fields": [{"name": "a", "type": type, **field}], "missingValues": ["", "NA"]}
    return made(folder, {"path": "t.csv", "schema": schema})[1].column("a")


def same(expected: Any, found: Any, type: str) -> bool:
    """Whether a value of frictionless is kept in a value of the file."""
    if expected is None:
        return found is None
    if type == "number" and isinstance(found, float):
        return float(expected) == found
    if type in ("object", "array", "geojson", "list"):
        return bool(json.loads(found) == expected)
    if type == "yearmonth":
        return bool(found == f"{expected[0]:04d}-{expected[1]:02d}")
    if type == "geopoint":
        return bool([Decimal(part) for part in found.split(",")] == [expected.lon, expected.lat])
    if type in ("any", "duration"):
        return isinstance(found, str)
    return bool(expected == found)


@pytest.mark.parametrize("name", sorted(path.name for path in PACKAGES.iterdir()))
def test_values_are_those_that_frictionless_reads(name: str, tmp_path: Path) -> None:
    assert compared(PACKAGES / name, tmp_path)


@pytest.mark.parametrize("name", ODD)
def test_so_are_those_of_packages_with_something_odd_about_them(name: str, tmp_path: Path) -> None:
    assert compared(PACKAGES.parent / "cases" / name, tmp_path)


def compared(folder: Path, tmp_path: Path) -> int:
    """How many cells are the same; of tables that frictionless refuses none is made."""
    shutil.copytree(folder, tmp_path / "package")
    package = Package(str(tmp_path / "package" / "datapackage.json"))
    compared = 0
    for resource in package.resources:
        members = {**resource.to_descriptor(), "name": "table"}
        if not resource.validate().valid:  # one of these packages has rows that are too long
            with pytest.raises(Failed):
                made(tmp_path / "package", members)
            continue
        found, table = made(tmp_path / "package", members)
        types = [item["type"] for item in found["columns"]]
        rows = resource.read_rows()
        assert found["rows"] == table.num_rows == len(rows)
        for expected, own in zip(rows, table.to_pylist(), strict=True):
            for type, one, other in zip(types, expected.values(), own.values(), strict=True):
                assert same(one, other, type), (type, one, other)
                compared += 1
    return compared


TYPES = {
    "string": ["a", "NA", "", "ä“"],
    "integer": ["1", "-7", "NA", "9223372036854775807"],
    "number": ["1.50", "-2", "1e3", "", "0.001"],
    "boolean": ["true", "False", "", "1"],
    "date": ["2024-02-29", "", "0001-01-01", "9999-12-31"],
    "time": ["10:11:12", "", "23:59:59"],
    "datetime": ["2024-02-29T10:11:12Z", "", "1969-12-31T23:59:59Z"],
    "year": ["2024", "", "1899"],
    "yearmonth": ["2024-05", "", "0980-12"],
    "duration": ["P1Y2M", "", "PT36H"],
    "geojson": ['{"type":"Point","coordinates":[1,2]}', ""],
    "list": ["a,b", "", "c"],
    "geopoint": ["90.5, 45", "", "-1,2.25"],
    "object": ['{"a":[1,{"b":null}]}', ""],
    "array": ["[1,[2]]", ""],
    "any": ["1", "", "x"],
}


@pytest.mark.parametrize("type", sorted(TYPES))
def test_every_type_keeps_its_values(type: str, tmp_path: Path) -> None:
    rows = "".join('"' + cell.replace('"', '""') + '"\n' for cell in TYPES[type])
    found = column(tmp_path, rows, type).to_pylist()
    fields = [{"name": "a", "type": type}]
    schema = {"fields": fields, "missingValues": ["", "NA"]}
    source = Package(
        {"resources": [{"name": "t", "path": "t.csv", "schema": schema}]}, basepath=str(tmp_path)
    )
    expected = [row["a"] for row in source.get_table_resource("t").read_rows()]
    assert len(found) == len(expected) == len(TYPES[type])
    assert all(same(one, other, type) for one, other in zip(expected, found, strict=True)), found


def test_options_of_fields_are_heeded(tmp_path: Path) -> None:
    yes_no = column(tmp_path, "yes\nno\n", "boolean", trueValues=["yes"], falseValues=["no"])
    assert yes_no.to_pylist() == [True, False]
    assert column(tmp_path, "1/2/24\n", "date", format="%d/%m/%y").to_pylist() == [date(2024, 2, 1)]
    numbers = column(tmp_path, '"1.234,5"\n', "number", decimalChar=",", groupChar=".")
    assert numbers.to_pylist() == [Decimal("1234.5")]
    assert column(tmp_path, "12 %\n", "integer", bareNumber=False).to_pylist() == [12]
    assert column(tmp_path, "1;2\n", "list", itemType="integer", delimiter=";").to_pylist() == ["[1,2]"]
    assert column(tmp_path, '"90.5, 45"\n', "geopoint").to_pylist() == ["90.5,45"]


def test_numbers_are_exact_as_long_as_they_can_be(tmp_path: Path) -> None:
    assert column(tmp_path, "1.5\n22.25\n", "number").type == pa.decimal128(18, 2)
    assert column(tmp_path, "1.5\n12345678901234567890.25\n", "number").type == pa.decimal128(38, 2)
    doubles = column(tmp_path, "1e-30\n1e30\nINF\n", "number")
    assert doubles.type == pa.float64()
    assert doubles.to_pylist() == [1e-30, 1e30, float("inf")]
    assert column(tmp_path, "9223372036854775808\n", "integer").to_pylist() == [Decimal(9223372036854775808)]


def test_plain_numbers_are_read_as_the_others_are(tmp_path: Path) -> None:
    """Digits alone are looked at as a whole column; what else there is comes in chunks of its own."""
    texts = ["+007.50", "-0.5", "0", "NA", "00", "", "1234567890123456.25"]
    values = [None if text in ("NA", "") else Decimal(text) for text in texts]
    found = column(tmp_path, "".join(f'"{text}"\n' for text in texts), "number")
    assert (found.to_pylist(), found.type) == (values, pa.decimal128(18, 2))
    assert column(tmp_path, "-12345678901234567.25\n", "number").type == pa.decimal128(38, 2)
    assert column(tmp_path, "1.5\n" * 9_000 + "INF\n", "number").to_pylist()[8_999:] == [1.5, float("inf")]
    assert column(tmp_path, "1.5\n" * 9_000 + "2.5e1\n", "number").to_pylist()[8_999:] == [
        Decimal("1.5"),
        Decimal(25),
    ]
    whole = column(tmp_path, "NA\n007\n-0\n999999999999999999\n", "integer")
    assert (whole.to_pylist(), whole.type) == ([None, 7, 0, 999999999999999999], pa.int64())
    assert column(tmp_path, "5\n" * 9_000 + "+5\n-9223372036854775808\n", "integer").to_pylist()[8_999:] == [
        5,
        5,
        -9223372036854775808,
    ]
    long = column(tmp_path, "5\n" * 9_000 + "9223372036854775808\n", "integer")
    assert (long.type, long.to_pylist()[8_999:]) == (pa.decimal128(38, 0), [5, 9223372036854775808])
    assert column(tmp_path, "5\n" * 9_000 + f"1{'0' * 50}\n", "integer").to_pylist()[8_999:] == [5.0, 1e50]


def test_types_that_only_the_last_rows_need(tmp_path: Path) -> None:
    found = column(tmp_path, "1\n" * 70_000 + "0.125\n", "number")
    assert found.type == pa.decimal128(18, 3)
    assert len(found) == 70_001
    assert found[-1].as_py() == Decimal("0.125")
    moments = column(tmp_path, "2024-01-01T00:00:00\n" * 9_000 + "2024-01-01T01:00:00+01:00\n", "datetime")
    assert set(moments.to_pylist()) == {datetime(2024, 1, 1, tzinfo=UTC)}
    times = column(tmp_path, "10:00:00\n10:00:00Z\n", "time")
    assert times.to_pylist() == ["10:00:00", "10:00:00+00:00"]
    assert column(tmp_path, "10:00:00\n", "time").to_pylist() == [time(10)]


def test_years_before_and_after_what_python_has(tmp_path: Path) -> None:
    found = column(tmp_path, "-0044-03-15\n12024-02-29\n1970-01-01\n", "date")
    days = found.cast(pa.int32()).to_pylist()
    ours = duckdb.sql(
        "select date '12024-02-29' - date '1970-01-01', date '1970-01-01' - date '0045-03-15 (BC)'"
    )
    assert [days[1], -days[0]] == [int(value) for value in ours.fetchall()[0]]


def test_dialects_encodings_parts_and_formats(tmp_path: Path) -> None:
    fields = {"fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "string"}]}
    wanted = {"a": [1, 2], "b": ["é", None]}
    (tmp_path / "l.csv").write_bytes("# c\na;b\n1;é\n2;\n".encode("latin-1"))
    dialect = {"delimiter": ";", "commentChar": "#"}
    latin = {"path": "l.csv", "schema": fields, "encoding": "latin-1", "dialect": dialect}
    (tmp_path / "1.csv").write_text("a,b\n1,é\n", "utf-8")
    (tmp_path / "2.csv").write_text("2,\n", "utf-8")
    (tmp_path / "s.json").write_text(json.dumps(fields), "utf-8")
    parts = {"path": ["1.csv", "2.csv"], "schema": "s.json"}
    inline = {"data": [{"a": 1, "b": "é"}, {"a": 2, "b": None}], "schema": fields}
    (tmp_path / "n.ndjson").write_text('{"a":1,"b":"é"}\n{"a":2,"b":null}\n', "utf-8")
    lines = {"path": "n.ndjson", "schema": fields}
    pq.write_table(pa.table(wanted), tmp_path / "p.parquet")
    parquet = {"path": "p.parquet", "schema": fields}
    for resource in (latin, parts, inline, lines, parquet):
        assert made(tmp_path, resource)[1].to_pydict() == wanted, resource


def test_without_a_schema_nothing_is_guessed(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,,A\n01,2024-01-01,true\n", "utf-8")
    found, table = made(tmp_path, {"path": "t.csv"})
    assert table.to_pylist() == [{"a": "01", "field2": "2024-01-01", "A (2)": "true"}]
    assert {item["type"] for item in found["columns"]} == {"any"}
    pq.write_table(pa.table({"n": [1.5, None]}), tmp_path / "p.parquet")
    assert made(tmp_path, {"path": "p.parquet"})[1].column("n").to_pylist() == [1.5, None]


@pytest.mark.parametrize(
    ("text", "row", "field", "reason"),
    [
        ("a,b\n1,x\ntwo,y\n", 3, "a", "not of type integer"),
        ("a,b\n1,x\n1\n", 3, None, "1 and 2 cells"),
        ("a,c\n1,x\n", 1, None, "header"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(
    text: str, row: int | None, field: str | None, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text(text, "utf-8")
    schema = {"fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "string"}]}
    with pytest.raises(Failed) as failed:
        made(tmp_path, {"path": "t.csv", "schema": schema})
    assert (failed.value.row, failed.value.field) == (row, field)
    assert reason in failed.value.reason


def test_numbers_that_no_file_can_hold_have_a_place(tmp_path: Path) -> None:
    with pytest.raises(Failed) as failed:
        column(tmp_path, "1\n1e400\n", "number")
    assert (failed.value.row, failed.value.field) == (3, "a")


def test_broken_and_strange_sources_fail_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no parquet PAR1")
    (tmp_path / "t.csv.gz").write_bytes(b"\x1f\x8bno gzip")
    (tmp_path / "t.xlsx").write_bytes(b"no zip")
    for path in ("t.parquet", "t.csv.gz", "t.xlsx", "absent.csv"):
        with pytest.raises(Failed) as failed:
            made(tmp_path, {"path": path, "schema": {"fields": [{"name": "a"}]}})
        assert failed.value.reason


def test_the_same_table_gives_the_same_bytes_and_says_what_it_is(tmp_path: Path) -> None:
    contents = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        column(folder, "1\n2.5\n" * 50_000, "number")
        contents.append((folder / "made.parquet").read_bytes())
    assert contents[0] == contents[1]
    file = pq.ParquetFile(tmp_path / "0" / "made.parquet")
    assert file.metadata.metadata[b"couchreg.package"] == b"p"
    assert file.metadata.num_row_groups == 4


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_numbers_of_any_type_are_written_as_json_has_them(tmp_path: Path, form: str) -> None:
    rows = [{"a": 0.1}, {"a": [0.5, {"b": 0.1}]}, {"a": "x"}, {"a": 1}]
    text = json.dumps(rows) if form == "json" else "\n".join(map(json.dumps, rows))
    (tmp_path / f"t.{form}").write_text(text)
    _, table = made(tmp_path, {"path": f"t.{form}", "schema": {"fields": [{"name": "a"}]}})
    assert table.column("a").to_pylist() == ["0.1", '[0.5,{"b":0.1}]', "x", "1"]
