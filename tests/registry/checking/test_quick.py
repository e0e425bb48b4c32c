"""What is said to be right without frictionless is right for frictionless."""

import asyncio
import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from couchreg.registry.checking import checks, quick
from couchreg.sandbox.forks import ForkServer
from tests.packages import small
from tests.served import Served

CELLS = {
    "integer": ["1", "-5", "+7", "007", "123456789012345678", "1.0", "1e3", " 1", "x", "１"],
    "number": ["1", "-5.5", "+7", "0.0", "1.", "1e5", ".5", "NaN", " 2", "1,5"],
    "date": ["2026-03-01", "2024-02-29", "0001-01-01", "9999-12-31", "2023-02-29", "2026-3-1", "10000-01-01"],
    "datetime": ["2026-03-01T10:00:00", "0001-01-01T00:00:00Z", "2026-03-01T24:00:00", "2026-03-01 10:00:00"],
    "year": ["2026", "1000", "9999", "0999", "10000", "-5"],
    "boolean": ["true", "False", "1", "0", "yes"],
    "string": ["a", "b c", " lead", "é", "x;y", "x|y", "x\ty", "'q'", "NULL", "#c", "\u2028z", "a\x0bb"],
}
MEMBERS = {
    "version": "1.0",
    "title": "",
    "description": "d",
    "keywords": ["a", "a"],
    "$schema": quick._VERSION_2,
}
OF_RESOURCE = {"format": "csv", "mediatype": "text/csv", "encoding": "utf-8", "title": "t", "bytes": 5}
FIELDS = [{"name": "id", "type": "integer"}, {"name": "word", "type": "string"}]
RIGHT = b"id,word\n1,one\n2,two\n"


def package(schema: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    resource = {
        "name": "words",
        "path": "words.csv",
        "schema": {"fields": FIELDS, **(schema or {})},
        **members,
    }
    return {"name": "small", "resources": [resource]}


def generated(chosen: random.Random) -> tuple[dict[str, Any], bytes]:
    """A package and its table, most of them right."""
    kinds = [chosen.choice(sorted(CELLS)) for _ in range(chosen.randint(1, 4))]
    fields = [
        {"name": f"f{at}", "type": kind, "constraints": {"required": True}} for at, kind in enumerate(kinds)
    ]
    schema = {"missingValues": chosen.choice([[""], ["", "NULL"], ["-"], []])}
    rows = [[f"f{at}" for at in range(len(kinds))]]
    rows += [
        [chosen.choice(CELLS[kind][: chosen.choice([3, 3, 3, 20])]) for kind in kinds]
        for _ in range(chosen.choice([1, 2, 120]))
    ]
    end = chosen.choice(["\n", "\r\n"])
    of_resource = {key: OF_RESOURCE[key] for key in chosen.sample(sorted(OF_RESOURCE), 2)}
    members = package({"fields": fields, **schema}, **of_resource)
    members |= {key: MEMBERS[key] for key in chosen.sample(sorted(MEMBERS), 2)}
    return members, end.join(map(",".join, rows)).encode() + chosen.choice([b"", end.encode()])


def assert_right(members: dict[str, Any], data: bytes, folder: Path) -> None:
    (folder / "words.csv").write_bytes(data)
    report = checks.check(str(folder), json.loads(json.dumps(members)))
    assert (report.pop("valid"), report.pop("complete")) == (True, True), (members, data)
    assert not any(report.values()), (members, data, report)


def test_frictionless_agrees_with_what_is_said_to_be_right(tmp_path: Path) -> None:
    chosen = random.Random(11)
    found = [generated(chosen) for _ in range(150)]
    right = [(members, data) for members, data in found if quick.is_right(members, {"words.csv": data})]
    assert len(right) > 10
    for members, data in right[:20]:
        assert_right(members, data, tmp_path)


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        ({}, RIGHT),
        ({"primaryKey": "id"}, RIGHT),
        ({"primaryKey": ["id", "word"]}, b"id,word\n1,a\n1,b\n2,a\n"),
        ({"missingValues": ["", "NA"]}, b"id,word\r\n,x\r\nNA,y"),
        ({"fields": [{**FIELDS[0], "constraints": {"unique": True, "required": True}}, FIELDS[1]]}, RIGHT),
    ],
)
def test_simple_tables_are_known(schema: dict[str, Any], data: bytes, tmp_path: Path) -> None:
    assert quick.is_right(package(schema), {"words.csv": data})
    assert_right(package(schema), data, tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"id,word\n",
        b"id;word\n1;one\n",
        b"word,id\none,1\n",
        b"id,word\n1\n",
        b"id,word\n1,one,more\n",
        b"id,word\n1,one\n\n",
        b"id,word\n,\n",
        b"id,word\nx,one\n",
        b'id,word\n1,"one"\n',
        b"id,word\r1,one\r",
        b"id,word\n1,o\x00ne\n",
        b"\xef\xbb\xbfid,word\n1,one\n",
        b"id,word\n1,\xff\n",
        b"id, word\n1, one\n2, two\n",
    ],
)
def test_of_other_texts_nothing_is_known(data: bytes) -> None:
    assert not quick.is_right(package(), {"words.csv": data})


@pytest.mark.parametrize(
    "members",
    [
        package({"primaryKey": "id", "foreignKeys": []}),
        package({"primaryKey": "other"}),
        package({"fields": [*FIELDS, FIELDS[0]]}),
        package({"fields": [{"name": "id", "type": "integer", "bareNumber": False}, FIELDS[1]]}),
        package({"fields": [{"name": "id", "type": "integer", "constraints": {"minimum": 0}}, FIELDS[1]]}),
        package({"fields": [{"name": "id", "type": "integer", "format": "other"}, FIELDS[1]]}),
        package({"fields": "schema.json"}),
        package(dialect={"delimiter": ","}),
        package(encoding="windows-1252"),
        package(path=["words.csv"]),
        package(path="absent.csv"),
        package(profile="some.json"),
        package(data=[]),
        {**package(), "profile": "own.json"},
        {**package(), "title": 5},
        {**package(), "title": "Untitled"},
        {**package(), "description": "TODO"},
        package(description="Add a description"),
        {**package(), "resources": [package()["resources"][0]] * 2},
        {"name": "small"},
    ],
)
def test_of_other_descriptors_nothing_is_known(members: dict[str, Any]) -> None:
    assert not quick.is_right(members, {"words.csv": RIGHT})


@pytest.mark.parametrize(("key", "data"), [("id", b"id,word\n1,a\n01,b\n"), ("word", b"id,word\n1,\n2,b\n")])
def test_keys_that_repeat_or_are_not_there_are_left_to_frictionless(key: str, data: bytes) -> None:
    assert not quick.is_right(package({"primaryKey": key}), {"words.csv": data})


async def test_a_small_table_is_published_without_a_process_of_its_own(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    check = served.registry.checker.check

    async def noted(folder: Path, *rest: Any, **options: Any) -> dict[str, Any]:
        asked.append(folder.name)
        return await check(folder, *rest, **options)

    monkeypatch.setattr(served.registry.checker, "check", noted)
    assert (await served.put(small(), "1"))[0] == 201
    assert (await served.get("/-/report/small/1"))[1]["valid"] is True
    assert asked == []
    status, answer = await served.put(small(text="id,word\nx,one\n"), "2")
    assert (status, answer["problems"][0]["row"], len(asked)) == (422, 2, 1)


async def test_a_child_that_ends_is_no_harm(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[int] = []
    fork = ForkServer.fork

    async def noted(forks: ForkServer, module: str) -> Any:
        child = await fork(forks, module)
        children.append(child.process)
        return child

    monkeypatch.setattr(ForkServer, "fork", noted)
    assert (await served.put(small(), "1"))[0] == 201
    os.kill(children[0], signal.SIGKILL)
    await asyncio.sleep(0)
    for version in ("2", "3"):
        assert (await served.put(small(), version))[0] == 201
        assert (await served.get(f"/-/report/small/{version}"))[1]["valid"] is True
