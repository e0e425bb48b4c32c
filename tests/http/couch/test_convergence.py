"""Three databases edited apart and replicated in any order come to hold the same, attachments included."""

import random
from base64 import b64encode
from typing import Any

import pytest

from tests.http.couch.conftest import Couch

PLACES = ("x", "y", "z")
IDS = ("a", "b", "c")
TEXTS = ("Two words", "A longer text, of several words.", "", "\u20ac\0")


async def leafs(couch: Couch, place: str, doc_id: str) -> list[dict[str, Any]]:
    """Every leaf with its history and the data of its attachments, in the order of their revisions."""
    asked = "open_revs=all&revs=true&attachments=true"
    reply = await couch("GET", f"//{place}/{doc_id}?{asked}")
    found = [one["ok"] for one in reply.json] if reply.status == 200 else []
    return sorted(found, key=lambda leaf: str(leaf["_rev"]))


def text_of(chance: random.Random) -> dict[str, Any]:
    kind = chance.choice(["text/plain", "image/png"])
    return {"content_type": kind, "data": b64encode(chance.choice(TEXTS).encode() * 5).decode()}


async def edit(couch: Couch, place: str, chance: random.Random, number: int) -> None:
    """One edit of some leaf or none: new attachments, stubs of old ones, or a deletion."""
    doc_id = chance.choice(IDS)
    known = await leafs(couch, place, doc_id)
    parent = chance.choice(known) if known and chance.random() < 0.9 else None
    body: dict[str, Any] = {"v": number}
    if parent is not None:
        body["_rev"] = parent["_rev"]
        kept = [name for name in parent.get("_attachments", {}) if chance.random() < 0.6]
        body["_attachments"] = {name: {"stub": True} for name in kept}
    if chance.random() < 0.25:
        body["_deleted"] = True
    elif chance.random() < 0.6:
        body.setdefault("_attachments", {})[chance.choice("fgh")] = text_of(chance)
    reply = await couch("PUT", f"//{place}/{doc_id}", body)
    assert reply.status in (200, 201, 409), reply.body


async def replicate(couch: Couch, source: str, target: str) -> None:
    feed = (await couch("GET", f"//{source}/_changes?style=all_docs")).json["results"]
    revs = {row["id"]: [change["rev"] for change in row["changes"]] for row in feed}
    missing = (await couch("POST", f"//{target}/_revs_diff", revs)).json
    wanted = [{"id": doc_id, "rev": rev} for doc_id, row in missing.items() for rev in row["missing"]]
    if not wanted:
        return
    asked = {"docs": wanted}
    results = (await couch("POST", f"//{source}/_bulk_get?revs=true&attachments=true", asked)).json["results"]
    docs = [one["ok"] for result in results for one in result["docs"] if "ok" in one]
    reply = await couch("POST", f"//{target}/_bulk_docs", {"docs": docs, "new_edits": False})
    assert (reply.status, reply.json) == (201, [])


@pytest.mark.parametrize("seed", range(5))
async def test_three_databases_converge(couch: Couch, seed: int) -> None:
    chance = random.Random(seed)
    for place in PLACES:
        await couch("PUT", f"//{place}")
    for number in range(45):
        await edit(couch, chance.choice(PLACES), chance, number)
        if chance.random() < 0.25:
            await replicate(couch, *chance.sample(PLACES, 2))
    for _ in range(2):
        for source in chance.sample(PLACES, 3):
            for target in chance.sample(PLACES, 3):
                await replicate(couch, source, target)
    states = []
    for place in PLACES:
        asked = "conflicts=true&deleted=true"
        winners = [(await couch("GET", f"//{place}/{doc_id}?{asked}")).body for doc_id in IDS]
        states.append(([await leafs(couch, place, doc_id) for doc_id in IDS], winners))
        assert await (await couch.store.open(place)).check() == []
    assert states[0] == states[1] == states[2]
    assert any(leaf.get("_attachments") for doc in states[0][0] for leaf in doc)
