"""Packages that are not for everybody, to an index that everybody asks."""

from tests.followers.conftest import package, put
from tests.followers.search.conftest import Databases, Searching


async def test_a_restricted_package_is_not_searched_whoever_follows_it(
    searching: Searching, database: Databases
) -> None:
    words = package("Bees of the valley")
    rev = await put(database(), "bees", {"name": "bees", "owners": ["anna"]})
    await put(database(), "bees@1.0.0", words)
    assert await searching.names("bees") == ["bees"]
    closed = {"name": "bees", "owners": ["anna"], "access": {"restricted": True}}
    rev = await put(database(), "bees", closed, rev=rev)
    assert await searching.names("bees") == []
    await put(database(), "bees", {**closed, "access": {"restricted": False}}, rev=rev)
    assert await searching.names("bees") == ["bees"]
