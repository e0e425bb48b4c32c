"""Names of databases."""

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
