"""The Range header as CouchDB reads it: wide, and never beyond the file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchreg.errors import RangeNotSatisfiable
from couchreg.wire.ranges import LONGEST, MOST_RANGES, content_range, parse_ranges

LENGTH = 100


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bits=0-1",
        "bytes 0-1",
        "bytes=x-1",
        "bytes=1-x",
        "bytes=1-2-3",
        "bytes=٣-٤",
        "bytes=0-",
        f"bytes=1-{'9' * (LONGEST + 1)}",
        "bytes=" + ",".join(["1-2"] * (MOST_RANGES + 1)),
    ],
)
def test_what_cannot_be_read_or_means_all_is_the_whole(header: str | None) -> None:
    assert parse_ranges(header, LENGTH) is None


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-0", [(0, 0)]),
        ("bytes=5-9", [(5, 9)]),
        ("bytes=5--9", [(5, 9)]),
        ("bytes=5-", [(5, 99)]),
        ("bytes=5-1000", [(5, 99)]),
        ("bytes=-5", [(95, 99)]),
        ("bytes=-1000", [(1, 99)]),  # the count is clipped before it is taken from the end
        ("bytes=1-2, 4-5", [(1, 2), (4, 5)]),
        ("bytes=", []),
        ("bytes=1-2,,", [(1, 2)]),
    ],
)
def test_ranges_are_bytes_from_the_first_to_the_last(header: str, wanted: list[tuple[int, int]]) -> None:
    assert parse_ranges(header, LENGTH) == wanted


@pytest.mark.parametrize("header", ["bytes=9-5", "bytes=100-", "bytes=200-300", "bytes=300-200", "bytes=-0"])
def test_a_range_of_no_bytes_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_ranges(header, LENGTH)


@given(st.text(alphabet="0123456789-+, x"), st.integers(1, 1000))
def test_whatever_is_asked_for_lies_in_the_file(text: str, length: int) -> None:
    try:
        found = parse_ranges(f"bytes={text}", length)
    except RangeNotSatisfiable:
        return
    for first, last in found or []:
        assert first <= last < length


def test_what_is_sent_is_named() -> None:
    assert content_range(5, 9, 100) == "bytes 5-9/100"
