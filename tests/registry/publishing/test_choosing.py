"""What an archive and a form bring beside what the descriptor names in so many letters."""

import json
from typing import Any
from unicodedata import normalize

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry as Schemas
from referencing.jsonschema import DRAFT202012

from tests.packages import Package, zipped
from tests.registry.checking.test_whole_packages import ZIP, form_of
from tests.served import Served

PROFILE = {"allOf": [{"$ref": "parts/a.json"}]}
A = {"properties": {"title": {"$ref": "../b.json#/$defs/title"}}}
B = {"$defs": {"title": {"type": "string", "pattern": "^A"}}}
FILES = {"t.csv": b"id\n1\n", "other.json": b"{}"} | {
    path: json.dumps(value).encode()
    for path, value in {"rules/p.json": PROFILE, "rules/parts/a.json": A, "rules/b.json": B}.items()
}


def profiled(title: str, *without: str) -> Package:
    resources = [{"name": "t", "path": "t.csv"}]
    members = {"name": "profiled", "title": title, "profile": "rules/p.json", "resources": resources}
    return Package(members, {path: data for path, data in FILES.items() if path not in without})


def sent(way: str, package: Package) -> tuple[bytes, dict[str, str]]:
    return (zipped(package), ZIP) if way == "archive" else form_of(package)


@pytest.mark.parametrize("way", ["archive", "form"])
async def test_what_a_profile_refers_to_is_published_applied_and_served(served: Served, way: str) -> None:
    status, answer = await served.send("/profiled/1", *sent(way, profiled("Banana")))
    assert status == 422
    assert "'Banana' does not match '^A' at title" in answer["problems"][0]["message"]
    status, answer = await served.send("/profiled/1", *sent(way, profiled("Apple")))
    assert (status, answer["left_out"], answer.get("unchecked", [])) == (201, ["other.json"], [])
    _, descriptor = await served.get("/profiled/1")

    def retrieve(address: str) -> Any:
        return DRAFT202012.create_resource(fetched[address])

    fetched: dict[str, Any] = {}
    for path in ("p.json", "parts/a.json", "b.json"):
        address = descriptor["profile"].replace("p.json", path)
        fetched[address] = json.loads((await served.fetch(address.removeprefix(served.url)))[2])
    schemas: Any = Schemas(retrieve=retrieve)  # type: ignore[call-arg]
    asked = Draft202012Validator({"$ref": descriptor["profile"]}, registry=schemas)
    assert [error.message for error in asked.iter_errors({"title": "B"})] == ["'B' does not match '^A'"]


@pytest.mark.parametrize("way", ["archive", "form"])
async def test_what_a_json_schema_of_a_field_refers_to_is_published(served: Served, way: str) -> None:
    shape = {"properties": {"a": {"$ref": "shapes/a.json"}}}
    field = {"name": "n", "type": "object", "constraints": {"jsonSchema": shape}}
    members = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "shaped",
        "resources": [{"name": "t", "path": "t.csv", "schema": {"fields": [field]}}],
    }
    files = {"shapes/a.json": b'{"type": "integer"}', "other.json": b"{}"}
    for cell, wanted in ((b'"x"', 422), (b"1", 201)):
        files["t.csv"] = b'n\n"{""a"": ' + cell.replace(b'"', b'""') + b'}"\n'
        status, answer = await served.send("/shaped/1", *sent(way, Package(members, files)))
        assert status == wanted, answer
    assert (answer["left_out"], answer.get("unchecked", [])) == (["other.json"], [])
    assert json.loads((await served.fetch("/shaped/1/shapes/a.json"))[2]) == {"type": "integer"}


async def test_what_is_referred_to_and_absent_is_told(served: Served) -> None:
    status, answer = await served.send("/profiled/1", *sent("archive", profiled("Apple", "rules/b.json")))
    assert status == 422
    [told] = answer["problems"]
    assert "which is not in the package. Put that file into the package" in told["message"]


@pytest.mark.parametrize("way", ["archive", "form"])
async def test_a_file_is_called_what_the_descriptor_calls_it(served: Served, way: str) -> None:
    stated, there = (normalize(form, "été/é.csv") for form in ("NFC", "NFD"))
    members = {"name": "accents", "resources": [{"name": "t", "path": stated}]}
    status, answer = await served.send("/accents/1", *sent(way, Package(members, {there: b"id\n1\n"})))
    assert status == 201, answer
    _, descriptor = await served.get("/accents/1")
    assert [file["path"] for file in descriptor["couchreg"]["files"]] == ["datapackage.json", stated]
    assert (await served.fetch("/accents/1/t"))[2] == b"id\n1\n"
