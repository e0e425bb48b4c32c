"""The indexes of views at the couch door: one of what is public is made only where something is not."""

import json
from pathlib import Path
from typing import Any

from tests.access.conftest import ADMIN, BOB, Door, secret

VIEW = "/registry/_design/d/_view/v"


async def ask(door: Door, method: str, path: str, auth: str, value: Any = None) -> Any:
    status, _, text = await door.raw(method, path, auth, couch=True, json=value)
    assert status < 300, text
    return json.loads(text)


async def test_an_index_of_what_is_public_comes_with_the_first_restricted_package_and_is_cleaned_up(
    door: Door,
) -> None:
    def indexes() -> list[Path]:
        return list(door.app.settings.data_dir.rglob("*.view"))

    assert (await door.publish(secret("open")))[0] == 201
    assert (await door.publish(secret("closed")))[0] == 201
    await door.grant("open", "bob", "read-write")
    body = {"views": {"v": {"map": "function (doc) { emit(doc._id); }"}}}
    made = await ask(door, "PUT", "/registry/_design/d", ADMIN, body)
    for auth in (ADMIN, BOB):
        assert (await ask(door, "GET", VIEW, auth))["total_rows"] == 4
    assert len(indexes()) == 1
    _, headers, _ = await door.raw("GET", "/open", BOB)
    assert "private" not in headers.get("Cache-Control", "")
    await door.restrict("closed")
    assert (await ask(door, "GET", VIEW, BOB))["total_rows"] == 2
    assert len(indexes()) == 2
    _, headers, _ = await door.raw("GET", "/open", BOB)
    assert "private" in headers["Cache-Control"]
    await ask(door, "POST", "/registry/_view_cleanup", ADMIN, {})
    assert len(indexes()) == 2  # both are needed
    await ask(door, "DELETE", f"/registry/_design/d?rev={made['rev']}", ADMIN)
    await ask(door, "POST", "/registry/_view_cleanup", ADMIN, {})
    assert indexes() == []
