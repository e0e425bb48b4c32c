"""Names of databases, packages and versions; the order of versions and the ranges among them."""

import pytest

from couchreg.errors import BadRequest, IllegalDatabaseName
from couchreg.model import names


@pytest.mark.parametrize(
    "name",
    ["a", "db", "a9", "a_$()+-/z", "a/b/c", "_users", "_replicator", "_global_changes", "team/_users", "a/"],
)
def test_legal_database_names(name: str) -> None:
    names.check_database_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "A", "Abc", "1abc", "_x", "-x", "a b", "a.b", "a*", "a,b", "a!b", "/a", " x", 'a"', "_users2", "é"],
)
def test_illegal_database_names(name: str) -> None:
    with pytest.raises(IllegalDatabaseName) as caught:
        names.check_database_name(name)
    assert caught.value.reason == (
        f"Name: '{name}'. Only lowercase characters (a-z), digits (0-9), and any of the characters "
        "_, $, (, ), +, -, and / are allowed. Must begin with a letter."
    )


def test_long_database_names() -> None:
    names.check_database_name("a" * 238)
    names.check_database_name("b" * 255 + "/" + "a" * 238)
    for name in ("a" * 239, "b" * 256 + "/a"):
        with pytest.raises(BadRequest) as caught:
            names.check_database_name(name)
        assert caught.value.error == "database_name_too_long"
        assert caught.value.reason == f"At least one path segment of `{name}` is too long."


def test_package_names() -> None:
    for name in ("gdp", "co2-ppm", "a.b_c", "0", "x" * 150):
        names.check_package_name(name)
    for name in ("", "A", "-a", ".a", "_a", "a/b", "a b", "é", "a@b", "x" * 151, "a\n"):
        with pytest.raises(BadRequest, match="cannot be called"):
            names.check_package_name(name)
    for name in ("search", "adduser", "owner", "latest"):
        assert not names.is_package_name(name)
        with pytest.raises(BadRequest, match="reserved"):
            names.check_package_name(name)


def test_version_names() -> None:
    for version in ("1.0.0", "2026", "2023-03-30", "v2.1-beta+build_7", "draft"):
        names.check_version(version)
    for version in ("", "-1", "1/2", "1 2", ".1", "é", "1" * 151, "1\n"):
        with pytest.raises(BadRequest, match="cannot be"):
            names.check_version(version)
    with pytest.raises(BadRequest, match="reserved"):
        names.check_version("latest")


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
    assert names.sort_versions(ordered[::-1]) == ordered


def test_latest_is_a_pre_release_only_when_there_is_nothing_else() -> None:
    assert names.latest(["0.9.0", "1.0.0-rc.1", "0.10.0"]) == "0.10.0"
    assert names.latest(["1.0.0-rc.1", "1.0.0-rc.2"]) == "1.0.0-rc.2"
    assert names.latest(["2023-03-30", "2023-04-01", "2022"]) == "2023-04-01"
    assert names.latest(["1", "1.0.0"]) == "1.0.0"


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
        assert names.satisfies(version, range), version
    for version in outside.split():
        assert not names.satisfies(version, range), version


@pytest.mark.parametrize("range", ["hello", "1..2", "^", ">>1", "a.b.c", "1.0.0 || nope", "1" * 300])
def test_what_is_no_range(range: str) -> None:
    with pytest.raises(BadRequest):
        names.satisfies("1.0.0", range)


def test_choosing() -> None:
    versions = ["1.0.0", "1.2.0", "1.3.0-rc", "2026", "draft"]
    assert names.choose(versions, "^1") == "1.2.0"
    assert names.choose(versions, "latest") == "2026"
    assert names.choose(versions, "draft") == "draft"
    assert names.choose(versions, "1.3.0-rc") == "1.3.0-rc"
    assert names.choose(versions, "^7") is None
    assert names.choose([], "latest") is None
