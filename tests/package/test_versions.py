"""The order of versions and the ranges among them."""

import pytest

from couchreg.errors import BadRequest
from couchreg.package import versions


def test_the_order_of_versions() -> None:
    ordered = [
        "draft",
        "r2",
        "r10",
        "1.0.0-1",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.0+build",
        "1.2.3.4",
        "1.9.0",
        "1.10.0",
        "v2.1-beta",
        "v2.1",
        "2022.12.1",
        "2023-03-30-rc1",
        "2023-03-30",
        "2023-04",
        "2026",
        "2026-01",
        "20260101",
    ]
    assert versions.sort_versions(ordered[::-1]) == ordered


def test_latest_is_a_pre_release_only_when_there_is_nothing_else() -> None:
    assert versions.latest(["0.9.0", "1.0.0-rc.1", "0.10.0"]) == "0.10.0"
    assert versions.latest(["1.0.0-rc.1", "1.0.0-rc.2"]) == "1.0.0-rc.2"
    assert versions.latest(["2023-03-30", "2023-04-01", "2022"]) == "2023-04-01"
    assert versions.latest(["1", "1.0.0"]) == "1.0.0"


@pytest.mark.parametrize(
    ("range", "inside", "outside"),
    [
        ("*", "0.0.1 1.0.0 2026", "1.0.0-a draft"),
        ("", "1.0.0", "1.0.0-a"),
        ("x", "1.0.0", "1.0.0-a"),
        ("1", "1.0.0 1.9.9", "0.9.9 2.0.0 2.0.0-a"),
        ("1.x", "1.0.0 1.9.9", "2.0.0"),
        ("1.2.*", "1.2.0 1.2.9", "1.3.0 1.1.9"),
        ("1.2.3", "1.2.3 1.2.3+b v1.2.3", "1.2.4 1.2.3-a"),
        ("=1.2.3", "1.2.3", "1.2.4"),
        ("^1", "1.0.0 1.9.9", "2.0.0 2.0.0-a 0.9.0"),
        ("^1.2.3", "1.2.3 1.9.0", "1.2.2 2.0.0"),
        ("^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2"),
        ("^0.0.3", "0.0.3", "0.0.4"),
        ("^0.0", "0.0.9", "0.1.0"),
        ("^0", "0.5.0", "1.0.0"),
        ("~1.2", "1.2.0 1.2.9", "1.3.0"),
        ("~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0"),
        ("~1", "1.0.0 1.9.0", "2.0.0"),
        ("~>1.2", "1.2.5", "1.3.0"),
        (">=1 <2", "1.0.0 1.5.0", "0.9.0 2.0.0"),
        (">= 1.0.0 < 2", "1.5.0", "2.0.0"),
        (">1.2", "1.3.0", "1.2.9"),
        (">1.2.3", "1.2.4", "1.2.3"),
        ("<1.2", "1.1.9", "1.2.0 1.2.0-a"),
        ("<=1.2", "1.2.9", "1.3.0"),
        (">*", "", "1.0.0"),
        (">=*", "1.0.0", ""),
        ("1.2 - 1.4", "1.2.0 1.4.9", "1.1.9 1.5.0"),
        ("1.2.3 - 2.3.4", "1.2.3 2.3.4", "2.3.5"),
        ("^1 || ^3", "1.5.0 3.0.0", "2.0.0"),
        ("^1.2.3-beta.1", "1.2.3-beta.2 1.2.3 1.3.0", "1.2.4-beta.2 1.2.3-alpha"),
        ("2023", "2023-03-30 2023-12-01", "2024-01-01 2022-12-31"),
        ("~2023-03", "2023-03-30", "2023-04-01"),
        ("2023-03-30", "2023-03-30", "2023-03-31"),
        (">=2023-01-01 <2024", "2023-03-30", "2024-01-01"),
    ],
)
def test_ranges(range: str, inside: str, outside: str) -> None:
    for version in inside.split():
        assert versions.satisfies(version, range), version
    for version in outside.split():
        assert not versions.satisfies(version, range), version


@pytest.mark.parametrize("range", ["hello", "1..2", "^", ">>1", "a.b.c", "1.0.0 || nope", "1" * 300])
def test_what_is_no_range(range: str) -> None:
    with pytest.raises(BadRequest):
        versions.satisfies("1.0.0", range)


def test_choosing() -> None:
    known = ["1.0.0", "1.2.0", "1.3.0-rc", "2026", "draft"]
    assert versions.choose(known, "^1") == "1.2.0"
    assert versions.choose(known, "latest") == "2026"
    assert versions.choose(known, "draft") == "draft"
    assert versions.choose(known, "1.3.0-rc") == "1.3.0-rc"
    assert versions.choose(known, "^7") is None
    assert versions.choose([], "latest") is None
