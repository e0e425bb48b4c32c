"""Accept and Accept-Encoding: one type or coding, yes or no."""

import pytest

from couchreg.wire.accept import accepts_coding, accepts_type, qualities

HTML = "text/html"


def test_the_quality_of_each_name() -> None:
    assert qualities("gzip;q=0.5, *") == [("gzip", 0.5), ("*", 1.0)]
    assert qualities("GZIP ; Q=0") == [("gzip", 0.0)]
    assert qualities("gzip;q=high") is None
    assert qualities("") == []


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, True),
        ("*/*", True),
        ("text/*", True),
        ("text/html", True),
        ("application/json, text/html;q=0.1", True),
        ("application/json", False),
        ("", False),
        ("text/html;q=0", False),
        ("*/*, text/html;q=0", False),
        ("*/*, text/*;q=0", False),
        ("text/html;q=x", False),
    ],
)
def test_a_type_is_accepted_or_not(header: str | None, accepted: bool) -> None:
    assert accepts_type(header, HTML) is accepted


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("*", True),
        ("deflate", False),
        ("gzip;q=0", False),
        ("*;q=0, gzip", True),
        ("gzip;q=0, *", False),
        ("gzip;q=x", False),
    ],
)
def test_a_coding_is_accepted_or_not(header: str | None, accepted: bool) -> None:
    assert accepts_coding(header, "gzip") is accepted
