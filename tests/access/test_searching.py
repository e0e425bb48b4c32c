"""The search as those ask it who may read some restricted packages and not others."""

from typing import Any
from urllib.parse import quote

from tests.access.conftest import ADMIN, ANNA, BOB, HIDDEN, SHARED, Door, filled, secret

EVERY = {"open", *HIDDEN, SHARED}


async def found(door: Door, auth: str | None, asked: str = "q=") -> set[str]:
    status, body = await door.ask("GET", f"/-/search?{asked}&limit=100", auth)
    assert status == 200, body
    names = {hit["name"] for hit in body["hits"]}
    assert len(names) == body["total"] == len(body["hits"])
    return names


async def test_everybody_finds_what_they_may_read(door: Door) -> None:
    await filled(door)
    await door.settled()
    for asked in (
        "q=",
        "q=text",
        "q=tex*",
        "license=CC0-1.0",
        "sort=date",
        "q=title&sort=name",
        "in=resources",
    ):
        assert await found(door, None, asked) == {"open"}, asked
        assert await found(door, BOB, asked) == {"open", SHARED}, asked
        assert await found(door, ANNA, asked) == await found(door, ADMIN, asked) == EVERY, asked
    await in_other_forms(door)
    await as_a_token_may(door)
    await with_the_rights_of_now(door)


async def in_other_forms(door: Door) -> None:
    for who, expected in ((None, 1), (BOB, 2), (ANNA, 4)):
        counted = (await door.ask("GET", "/-/search?facet=license,keywords", who))[1]["facets"]
        assert [value["count"] for value in counted["license"]] == [expected]
        assert len(counted["keywords"]) == expected
        assert (await door.ask("GET", "/-/v1/search?text=text", who))[1]["total"] == expected
        assert (await door.raw("GET", "/-/search.atom?q=text", who))[2].count("<entry>") == expected
        assert (await door.ask("GET", '/search?keys=["text"]', who))[1]["total"] == expected
        assert (await door.ask("GET", "/-/dependents/open", who))[1]["total"] == expected - 1
        page = (await door.raw("GET", "/-/search?q=text&rest=1", who, headers={"Accept": "text/html"}))[2]
        assert (SHARED in page, HIDDEN[0] in page) == (expected > 1, expected > 2)
    word = f"w{HIDDEN[0]}w"
    [hit] = (await door.ask("GET", f"/-/search?q={word}", ANNA))[1]["hits"]
    assert hit["highlights"]
    for asked in (word, word[:-1] + "*", word[:-2] + "vw"):
        for who in (None, BOB):
            body = (await door.ask("GET", f"/-/search?q={quote(asked)}", who))[1]
            assert (body["total"], body.get("suggestion")) == (0, None), asked


async def as_a_token_may(door: Door) -> None:
    wanted = {"scope": "read", "packages": [SHARED, "open"]}
    status, made = await door.ask("POST", "/-/tokens", ANNA, json=wanted)
    assert status == 201, made
    assert await found(door, f"Bearer {made['token']}") == {"open", SHARED}


async def with_the_rights_of_now(door: Door) -> None:
    path = f"/-/package/{SHARED}/collaborators/bob"
    assert (await door.ask("DELETE", path, ANNA))[0] == 200
    assert await found(door, BOB) == {"open"}
    await door.restrict(SHARED, access="public")
    assert await found(door, None) == await found(door, BOB) == {"open", SHARED}
    await door.restrict(SHARED)
    assert await found(door, None) == await found(door, BOB) == {"open"}
    assert await found(door, ANNA) == EVERY
    package: Any = secret(SHARED)
    package.members["title"] = "Renamed"
    assert (await door.publish(package, "1.1.0"))[0] == 201
    await door.settled()
    assert await found(door, ANNA, "q=renamed") == {SHARED}
    assert await found(door, None, "q=renamed") == set()
