"""Cuts as babbage has them, and what its users missed: what they ask for, in SQL."""

import duckdb
import pytest

from couchreg.analytics.cubes.cuts import condition, cuts_of
from couchreg.analytics.cubes.models import Column
from couchreg.errors import BadRequest

TYPES = {
    "n": ("integer", "int64", "BIGINT"),
    "x": ("number", "decimal128(18, 2)", "DECIMAL(18, 2)"),
    "s": ("string", "string", "VARCHAR"),
    "d": ("date", "date32[day]", "DATE"),
    "t": ("datetime", "timestamp[us]", "TIMESTAMP"),
    "m": ("yearmonth", "string", "VARCHAR"),
    "b": ("boolean", "bool", "BOOLEAN"),
}
ROWS = [
    (0, "1.50", "Booz Allen", "2015-01-04", "2015-01-04 00:00:00", "2015-01", True),
    (-7, "-2.25", "a|b;c", "2015-06-30", "2015-06-30 23:59:59", "2015-06", False),
    (40, "0.00", 'say "50%"', "2016-01-01", "2016-01-01 12:00:00", "2016-01", True),
    (41, None, None, None, None, None, None),
]


def chosen(text: str) -> list[int]:
    """The numbers of the rows that are left."""
    columns = {name: Column(name, type, arrow) for name, (type, arrow, _) in TYPES.items()}
    parts = [condition(columns[cut.ref], f'"{cut.ref}"', cut.values) for cut in cuts_of(text)]
    fields = ", ".join(f"{name} {sql}" for name, (*_, sql) in TYPES.items())
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"CREATE TABLE f ({fields})")
        connection.executemany("INSERT INTO f VALUES (?, ?, ?, ?, ?, ?, ?)", ROWS)
        rows = connection.execute("SELECT n FROM f WHERE " + " AND ".join(parts)).fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("n:40", [40]),
        ("n:0;40", [0, 40]),
        ('n:"40"', [40]),
        ("n:-7", [-7]),
        ("n:>0", [40, 41]),
        ("n:>=0|n:<41", [0, 40]),
        ("n:-10..0", [0, -7]),
        ("n:..-1", [-7]),
        ("n:41..", [41]),
        ("n:<0;41", [-7, 41]),
        ("x:1.5", [0]),
        ("x:-3..0", [-7, 40]),
        ("x:", [41]),
        ("s:Booz Allen", [0]),
        ('s:"a|b;c"', [-7]),
        ('s:"say \\"50%\\""', [40]),
        ("s:~booz*", [0]),
        ("s:~*50%*", [40]),
        ("s:~Booz", []),
        ('s:"~booz*"', []),
        ("s:>0", []),
        ("d:2015-01-04", [0]),
        ("d:2015-01-04;2016-01-01", [0, 40]),
        ("d:2015-01-01..2015-12-31", [0, -7]),
        ("d:>=2015-06-30", [-7, 40]),
        ("t:2015-06-30", [-7]),
        ("t:2015-01-04..2015-06-30", [0, -7]),
        ("t:>2015-06-30", [40]),
        ("t:<=2015-06-30", [0, -7]),
        ("t:2016-01-01T12:00:00", [40]),
        ("m:2015-01..2015-12", [0, -7]),
        ("b:true", [0, 40]),
        ("n:0|s:Booz Allen|b:true", [0]),
    ],
)
def test_cuts_leave_what_they_say(text: str, rows: list[int]) -> None:
    assert chosen(text) == rows


@pytest.mark.parametrize(
    "text",
    [
        *("n", "f oo:1", ":1", "n:x", "n:1)", "n:1;DROP TABLE f", "x:1..2..3", "n:>", "n:1e"),
        *("d:yesterday", "d:2015-02-30", "t:now()", "b:maybe", 's:"\\x"'),
        *("n:" + ";".join(["1"] * 500), "s:" + "x" * 10_000),
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        chosen(text)


def test_nothing_is_no_cut() -> None:
    assert cuts_of("") == []
    assert chosen("s:'; DROP TABLE f; --|n:0") == []
