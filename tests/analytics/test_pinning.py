"""A statement is written with the versions that it was about."""

import pytest

from couchreg.analytics.inside.statements import read
from couchreg.analytics.pinning import MOST, PinnedPlace, pinned


def of(sql: str, **versions: str) -> str | None:
    """Pinned as the child reads it."""
    found = read(sql)
    places = [
        PinnedPlace(place, schema, name, versions.get(schema.partition("@")[0].lower(), schema))
        for schema, name, place in found["named"]
    ]
    return pinned(found["inner"], places)


@pytest.mark.parametrize(
    ("sql", "lasting"),
    [
        ("SELECT * FROM gdp.gdp", 'SELECT * FROM "gdp@2".gdp'),
        ("SELECT 'é gdp.gdp' FROM GDP . gdp AS gdp", "SELECT 'é gdp.gdp' FROM \"gdp@2\" . gdp AS gdp"),
        (
            'SELECT 1 FROM "gdp@^1"."a b" JOIN a.b USING (x)',
            'SELECT 1 FROM "gdp@2"."a b" JOIN "a@3".b USING (x)',
        ),
        (
            "WITH t AS (SELECT * FROM a.b) SELECT * FROM t, a.b, (SELECT max(x) FROM gdp.gdp)",
            'WITH t AS (SELECT * FROM "a@3".b) SELECT * FROM t, "a@3".b, (SELECT max(x) FROM "gdp@2".gdp)',
        ),
        ('SELECT * FROM "gdp@2".gdp', 'SELECT * FROM "gdp@2".gdp'),
        ("SELECT gdp.year FROM gdp.gdp", 'SELECT gdp.year FROM "gdp@2".gdp'),
        ("SELECT 1", "SELECT 1"),
        ("SELECT gdp.gdp.year FROM gdp.gdp", None),
        ('SELECT gdp."gdp" .year FROM "gdp".gdp', None),
        ("SELECT 1 FROM " + ", ".join(f"a.b AS b{n}" for n in range(MOST + 1)), None),
    ],
)
def test_each_table_gets_its_version(sql: str, lasting: str | None) -> None:
    assert of(sql, gdp="gdp@2", a="a@3") == lasting


def test_what_stands_elsewhere_is_not_touched() -> None:
    assert pinned("SELECT 1 FROM a.b", [PinnedPlace(3, "a", "b", "a@1")]) is None
    assert pinned("SELECT 1 FROM a.b", [PinnedPlace(None, "a", "b", "a@1")]) is None
    assert pinned("a.b", [PinnedPlace(99, "a", "b", "a@1")]) is None
