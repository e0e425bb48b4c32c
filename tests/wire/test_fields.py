"""Header values are read as RFC 9110 has them, each character once."""

import pytest

from couchreg.errors import BadRequest
from couchreg.wire import accept, fields, headers


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a/b, c/d", ["a/b", "c/d"]),
        (",, a ,,", ["a"]),
        ('a;b="x,y", c', ['a;b="x,y"', "c"]),
        ('a;b="x\\",y", c', ['a;b="x\\",y"', "c"]),
        ('"open, and on', ['"open, and on']),
        ('"open\\', ['"open\\']),
        ("", []),
    ],
)
def test_members(value: str, found: list[str]) -> None:
    assert list(fields.members(value)) == found


@pytest.mark.parametrize(
    ("value", "name", "parameters"),
    [
        ('Text/CSV; Charset="utf-8" ;q=0.5', "text/csv", {"charset": "utf-8", "q": "0.5"}),
        ('a;b="x;\\"y"; b=2', "a", {"b": 'x;"y'}),
        (";a=b", "", {"a": "b"}),
        ("a; ;=b;c;d=", "a", {"d": ""}),
        ('a;b="open', "a", {"b": '"open'}),
    ],
)
def test_item(value: str, name: str, parameters: dict[str, str]) -> None:
    assert fields.item(value) == (name, parameters)


@pytest.mark.parametrize("unit", ['"', '"\\', ";", ";a=", ';a="', ",", '\\"', "a;b=c,", " ", "; "])
def test_what_is_read_of_a_value_has_an_end(unit: str) -> None:
    value = unit * 2_000_000  # with what grows faster than this the test has no end either
    assert sum(map(len, fields.members(value))) <= fields.LONGEST
    assert len(fields.item(value).parameters) < 5
    assert not accept.accepts_type(value, "application/json")
    with pytest.raises(BadRequest):
        headers.boundary_of(f"multipart/related{value}")
