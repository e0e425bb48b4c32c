"""Who closes a package and waits for nobody: it is gone from the next question on, wherever it was."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest

from couchreg.app import closing
from couchreg.followers.search.follower import SearchFollower
from couchreg.graphs.following import GraphsFollower
from tests.access.conftest import ADMIN, ANNA, BOB, Door, opened, secret
from tests.conftest import ServerFactory

WORD = "wlatew"
TRIPLES = "/-/sparql?query=" + quote("SELECT * WHERE { ?a ?b ?c }")


async def told(door: Door, who: str | None) -> list[Any]:
    """What a search tells of a package."""
    found = [
        (await door.ask("GET", f"/-/search?q={words}&facet=keywords", who))[1]
        for words in (WORD, "", "wlatxw")
    ]
    return [(one["total"], one["hits"], one["facets"]["keywords"], one.get("suggestion")) for one in found]


async def test_between_a_write_and_its_followers_nothing_is_told(
    server: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "TIMEOUT", 0.05)
    goes_on = asyncio.Event()
    app = await server(validation="off", analytics="on")
    async for door in opened(app):
        before = await told(door, None)
        await door.publish(secret("late"))
        await door.ask("GET", TRIPLES, ADMIN)
        await door.settled()
        assert (await told(door, None))[0][0] == 1
        assert WORD in (await door.raw("GET", TRIPLES, None))[2]
        for follower in (SearchFollower, GraphsFollower):
            apply = follower.apply

            async def late(self: Any, *changes: Any, apply: Any = apply) -> None:
                if self.name != "restricted":
                    await goes_on.wait()
                await apply(self, *changes)

            monkeypatch.setattr(follower, "apply", late)
        document = (await door.ask("GET", "/registry/late", ADMIN, couch=True))[1]
        closed = {**document, "access": {"restricted": True, "grants": {}}}
        assert (await door.ask("PUT", "/registry/late", ADMIN, couch=True, json=closed))[0] == 201
        for who in (None, BOB):
            assert await told(door, who) == before
            status, _, text = await door.raw("GET", TRIPLES, who)
            assert (status, WORD in text) == (503, False)
        goes_on.set()
        await door.settled()
        for who in (None, BOB):
            assert await told(door, who) == before
            status, _, text = await door.raw("GET", TRIPLES, who)
            assert (status, WORD in text) == (200, False)
        assert json.dumps(await told(door, ANNA)).count('"late"') == 2
