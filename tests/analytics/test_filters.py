"""Conditions of addresses as SQL: what they mean, and that nothing gets through as it came."""

import duckdb
import pytest

from couchreg.analytics.filters import condition, order
from couchreg.errors import BadRequest

COLUMNS = ["age", "First name", "on", 'qu"ote', "été"]
ROWS = [(30, "Simone", True, "a", 1), (40, "O'Hara", False, "b", 2), (None, "x%y", None, None, None)]


def matching(text: str, by: str = "") -> list[int | None]:
    """The ages of the rows that meet a condition."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            'CREATE TABLE t (age INTEGER, "First name" TEXT, "on" BOOLEAN, "qu""ote" TEXT, "été" INTEGER)'
        )
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", ROWS)
        ordered = f" ORDER BY {order(by, COLUMNS)}" if by else ""
        where = condition(text, COLUMNS)
        found = connection.execute(f"SELECT age FROM t WHERE {where}{ordered}").fetchall()
    return [row[0] for row in found]


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        ("age>30", [40]),
        ("AGE >= 30 and age<=30", [30]),
        ("age<>30", [40]),
        ("age!=30 OR age=30", [30, 40]),
        ("age>-5 AND (\"First name\"='Simone' OR été=2)", [30, 40]),
        ("\"First name\"='O''Hara'", [40]),
        ("NOT (age=30 OR age=40) OR age IS NULL", [None]),
        ('age IS NOT NULL AND "on"=false', [40]),
        ('"on" IS TRUE', [30]),
        ("age IN (30, 41)", [30]),
        ("age NOT IN (30)", [40]),
        ("age BETWEEN 35 AND 4.5e1", [40]),
        ("\"First name\" LIKE 'S%'", [30]),
        ("\"First name\" NOT LIKE '%''%'", [30, None]),
        ("\"First name\" ILIKE 's%'", [30]),
        ("\"First name\" GLOB 'x*'", [None]),
        ("\"First name\" SIMILAR TO 'S[a-z]+'", [30]),
        ("\"First name\" ~ '^O'", [40]),
        ('"qu""ote"=\'b\'', [40]),
        ("\"First name\"='--' OR \"First name\"='/* ; */'", []),
    ],
)
def test_conditions_mean_what_they_say(text: str, ages: list[int | None]) -> None:
    assert matching(text) == ages


def test_orders() -> None:
    assert matching("NOT age IS NULL OR age IS NULL", 'age DESC, "First name"') == [40, 30, None]
    assert matching("age>0", "age") == [30, 40]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", 1),
        ("age", 4),
        ("age>", 5),
        ("nope=1", 1),
        ("age=1 age=2", 7),
        ("(age=1", 7),
        ("age=1)", 6),
        ("age=1; DROP TABLE t", 6),
        ("age=1 -- x", 7),
        ("age=1 /* x */", 7),
        ("age='x", 5),
        ("age=now()", 5),
        ("length(age)=1", 1),
        ("age=(SELECT 1)", 5),
        ("age=1 UNION SELECT 2", 7),
        ("age IS 5", 8),
        ("age LIKE 5", 10),
        ("age IN ()", 9),
        ("age NOT 5", 5),
        ("1=1", 1),
        ('"t"."age"=1', 4),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(text: str, place: int) -> None:
    with pytest.raises(BadRequest) as refused:
        condition(text, COLUMNS)
    assert f"At character {place} " in refused.value.reason


def test_what_is_too_much_is_refused() -> None:
    for text in ("(" * 2000, "NOT " * 2000, "age=1 OR " * 500 + "age=1", "age=" + "1" * 10_000, "age='\0'"):
        with pytest.raises(BadRequest):
            condition(text, COLUMNS)
    for text in ("", "nope", "age DOWN", "age,", "random()"):
        with pytest.raises(BadRequest):
            order(text, COLUMNS)
