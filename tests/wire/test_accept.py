"""Accept and Accept-Encoding: one type or coding, yes or no."""

import pytest

from couchreg.wire.accept import accepts_coding, accepts_type, qualities, wanted_coding

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


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("gzip, deflate, br", "br"),
        ("GZIP;q=1, br;q=0.9", "gzip"),
        ("*", "br"),
        ("*, br;q=0", "gzip"),
        ("br;q=0, gzip;q=0", "identity"),
        ("gzip;q=0.5, identity", "identity"),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("identity;q=0", "identity"),
        ("*;q=0", "identity"),
        ("gzip;q=nan, br;q=inf", "identity"),
        ("deflate, compress", "identity"),
    ],
)
def test_the_coding_that_is_wanted_most(header: str | None, coding: str) -> None:
    assert wanted_coding(header, ("br", "gzip")) == coding
