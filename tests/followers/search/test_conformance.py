"""Both engines: what people type finds the packages they mean, and the index follows the database."""

import asyncio
from typing import Any

import pytest

from couchreg.errors import BadRequest
from tests.followers.conftest import package, put
from tests.followers.search.conftest import GDP, POPULATION, Databases, Searching


async def test_every_part_of_a_package_is_found(searching: Searching, database: Databases) -> None:
    await put(database(), "gdp@2026", GDP)
    for words in (
        ["gdp"],
        ["regional"],
        ["dollars"],
        ["economics"],
        ["country", "code"],
        ["countrycode"],
        ["usd"],
        ["gdp-data"],
        ["GDP"],
    ):
        assert await searching.names(*words) == ["gdp"], words


async def test_all_words_must_match(searching: Searching, database: Databases) -> None:
    await put(database(), "gdp@1", GDP)
    await put(database(), "population@1", POPULATION)
    assert set(await searching.names("world")) == {"gdp", "population"}
    assert await searching.names("world", "people") == ["population"]
    assert await searching.names("dollars", "people") == []


async def test_beginnings_endings_and_accents(searching: Searching, database: Databases) -> None:
    await put(database(), "gdp@1", GDP)
    await put(database(), "population@1", POPULATION)
    assert await searching.names("regions") == ["gdp"]
    assert await searching.names("econ") == ["gdp"]
    assert await searching.names("dollar") == ["gdp"]
    assert await searching.names("populations") == ["population"]
    assert await searching.names("etats") == ["population"]
    assert await searching.names("ÉTAT") == ["population"]


async def test_the_name_weighs_more_than_the_description(searching: Searching, database: Databases) -> None:
    await put(database(), "other@1", package("Other", description="unlike airports in other ways"))
    await put(database(), "airports@1", package("A", description="codes"))
    assert await searching.names("airports") == ["airports", "other"]


async def test_pages_and_the_total(searching: Searching, database: Databases) -> None:
    for number in range(7):
        await put(database(), f"p{number}@1", package("Weather"))
    assert len(await searching.names("weather")) == 7
    page = await searching.follower.search(["weather"], limit=3, offset=5)
    assert (page.total, len(page.hits)) == (7, 2)
    page = await searching.follower.search(["weather"], limit=0)
    assert (page.total, page.hits) == (7, [])
    assert await searching.names(limit=2, offset=1) == ["p1", "p2"]


async def test_the_latest_version_is_what_is_found(searching: Searching, database: Databases) -> None:
    await put(database(), "a@2", package("Newer"))
    await put(database(), "a@10", package("Newest"))
    await put(database(), "a@1", package("Old"))
    assert await searching.names("newest") == ["a"]
    assert await searching.names("old") == await searching.names("newer") == []
    [hit] = (await searching.follower.search(["newest"])).hits
    assert (hit.version, hit.title) == ("10", "Newest")


async def test_deleted_versions_are_followed(searching: Searching, database: Databases) -> None:
    await put(database(), "a@1", package("Old"))
    rev = await put(database(), "a@2", package("New"))
    assert await searching.names("new") == ["a"]
    await put(database(), "a@2", {}, rev=rev, deleted=True)
    assert (await searching.names("new"), await searching.names("old")) == ([], ["a"])
    first = (await database().revision("a@1")).rev
    await put(database(), "a@1", {}, rev=first, deleted=True)
    assert await searching.names("old") == await searching.names() == []


async def test_purged_versions_are_forgotten(searching: Searching, database: Databases) -> None:
    rev = await put(database(), "gdp@1", package("first"))
    assert await searching.names("first") == ["gdp"]
    await database().purge({"gdp@1": [rev]})
    while await searching.names("first"):
        await asyncio.sleep(0.01)


async def test_packages_whose_names_begin_alike_are_kept_apart(
    searching: Searching, database: Databases
) -> None:
    await put(database(), "a@1", package("Alpha"))
    await put(database(), "a-b@1", package("Beta"))
    await put(database(), "ab@1", package("Gamma"))
    assert await searching.names() == ["a", "a-b", "ab"]
    assert await searching.names("alpha") == ["a"]


async def test_other_documents_and_odd_members_do_no_harm(searching: Searching, database: Databases) -> None:
    odd: dict[str, Any] = {
        "title": 1,
        "description": ["x"],
        "keywords": "many",
        "resources": [
            1,
            {"name": 2, "schema": "s"},
            {"schema": {"fields": [None, {"name": {}}, {"name": "kept"}]}},
        ],
    }
    for doc_id in ("_design/x", "a", "A@1", "a@", "@checkpoint"):
        await put(database(), doc_id, package("Nothing"))
    await put(database(), "odd@1", odd)
    assert await searching.names() == ["odd"]
    assert await searching.names("kept") == ["odd"]
    assert (await searching.loop.status()).problems == ()


@pytest.mark.parametrize(
    "word",
    [
        "*",
        "a*",
        "(",
        '"',
        "title:x",
        "NOT",
        "OR gdp",
        "gdp~9",
        "[a TO z]",
        "\0",
        "\ud800",
        "🎈",
        "-",
        "'; --",
        "x" * 100_000,
        "{}",
        "\\",
        "ﷺ",
        "%s",
    ],
)
async def test_no_word_is_an_operator_or_does_harm(
    searching: Searching, database: Databases, word: str
) -> None:
    await put(database(), "gdp@1", GDP)
    assert await searching.names(word) in ([], ["gdp"])
    assert await searching.names("gdp") == ["gdp"]


async def test_operators_are_plain_words(searching: Searching, database: Databases) -> None:
    await put(database(), "gdp@1", GDP)
    assert await searching.names("gdp OR population") == []
    assert await searching.names("*") == []


async def test_too_many_words_are_refused(searching: Searching) -> None:
    with pytest.raises(BadRequest):
        await searching.names(*["a b"] * 20)


async def test_packages_are_found_by_their_json_ld_types(searching: Searching, database: Databases) -> None:
    lexicon = {"name": "a", "@context": {"ex": "http://example.org/ns#"}, "@type": "ex:Lexicon"}
    field = {"name": "height", "@type": "https://qudt.org/schema/Quantity"}
    tall = {"name": "b", "@context": "https://schema.org/", "@type": ["Map"], "schema": {"fields": [field]}}
    await put(database(), "lexicon@1", package("Words", resources=[lexicon]))
    await put(database(), "both@1", package("World", resources=[lexicon, tall]))
    await put(database(), "gdp@1", GDP)
    for written in ("Lexicon", "lexicon", "ex:Lexicon", "http://example.org/ns#Lexicon"):
        assert await searching.names(types=[written]) == ["both", "lexicon"], written
    for written in ("Map", "http://schema.org/Map", "Quantity", "https://qudt.org/schema/Quantity"):
        assert await searching.names(types=[written]) == ["both"], written
    assert await searching.names("words", types=["Lexicon"]) == ["lexicon"]
    assert await searching.names("words", types=["Map"]) == []
    assert await searching.names(types=["Lexicon", "Map"]) == ["both"]
    assert await searching.names(types=["Lex"]) == await searching.names(types=["http"]) == []


async def test_odd_types_do_no_harm(searching: Searching, database: Databases) -> None:
    loop = {"a": "b", "b": "a", "p": {"@id": 5}, "@vocab": 7}
    types = ["a", "p:x", 5, None, {"x": 1}, "y" * 5000, ":", "http://x/ y"]
    resources = [{"name": "r", "@context": [loop, 5, "http://127.0.0.1:1/c"], "@type": types}, "no", None]
    await put(database(), "odd@1", package("Odd", resources=resources))
    assert await searching.names(types=["p:x"]) == ["odd"]
    assert (await searching.loop.status()).problems == ()


async def test_a_package_is_found_at_the_version_its_tag_latest_leads_to(
    searching: Searching, database: Databases
) -> None:
    await put(database(), "gdp@1", package("Old"))
    await put(database(), "gdp@2", package("New"))
    assert await searching.names("old") == []
    await put(database(), "gdp", {"dist-tags": {"latest": "1"}})
    assert (await searching.names("old"), await searching.names("new")) == (["gdp"], [])
