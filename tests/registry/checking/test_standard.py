"""Version 1 and 2 of the Data Package standard: what is checked, and what is said to be unchecked."""

import gzip
import io
import zipfile
from typing import Any

import pytest

from tests.packages import Package
from tests.served import Served

V2 = "https://datapackage.org/profiles/2.0/"
ID = {"name": "id", "type": "integer"}
WORD = {"name": "word", "type": "string"}
NESTED = b'{"here": [{"id": 1, "word": "a"}]}'
ROWS = b"id,word\n1,one\n2,two\n"


def package(data: bytes, path: str = "words.csv", **members: Any) -> Package:
    resource = {"name": "words", "path": path, "schema": {"fields": [ID, WORD]}, **members}
    return Package({"name": "standard", "resources": [resource]}, {path: data})


def second(**schema: Any) -> Package:
    """A package of version 2 with this schema."""
    found = package(ROWS, type="table", schema={"$schema": V2 + "tableschema.json", **schema})
    found.members["$schema"] = V2 + "datapackage.json"
    return found


def zipped_table() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("words.csv", ROWS)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "found",
    [
        package(ROWS, profile="tabular-data-resource"),
        package(b"id;word\n1;one\n", dialect={"delimiter": ";"}),
        package(b"# no header\n1,one\n", dialect={"header": False, "commentChar": "#"}),
        package(gzip.compress(ROWS), "words.csv.gz"),
        package(zipped_table(), "words.csv.zip"),
        package("id,word\n1,é\n".encode("cp1252"), encoding="windows-1252"),
        package(NESTED, "words.json", type="table", dialect={"property": "here"}),
        second(fields=[WORD, ID], fieldsMatch="equal"),
        second(fields=[WORD], fieldsMatch=["subset"]),
        second(fields=[{**ID, "constraints": {"exclusiveMinimum": 0}}, WORD]),
        second(fields=[ID, {**WORD, "missingValues": [{"value": "-", "label": "none"}]}]),
        second(fields=[ID, {**WORD, "categories": [{"value": "one"}, {"value": "two", "label": "2"}]}]),
        second(fields=[ID, WORD], uniqueKeys=[["id"], ["id", "word"]], primaryKey="id"),
        second(fields=[ID, WORD], foreignKeys=[{"fields": ["id"], "reference": {"fields": ["id"]}}]),
    ],
)
async def test_what_the_standard_allows_is_published_with_nothing_unchecked(
    served: Served, found: Package
) -> None:
    status, answer = await served.put(found, "1")
    assert status == 201, answer
    _, report = await served.get("/-/report/standard/1")
    assert (report["valid"], report["skipped"], report["unchecked"]) == (True, [], [])


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (second(fields=[{**ID, "constraints": {"exclusiveMinimum": 1}}, WORD]), "constraint-error"),
        (second(fields=[ID, {**WORD, "categories": ["one"]}]), "constraint-error"),
        (second(fields=[ID, WORD], uniqueKeys=[["number"]]), "schema-error"),
        (second(fields=[ID, WORD], uniqueKeys="id"), "schema-error"),
        (second(fields=[ID], fieldsMatch="equal"), "extra-label"),
        (package(b"id;word\n1;one\n", dialect={"delimiter": ","}), "missing-label"),
        (
            package(b"id,word\n1,\n", schema={"fields": [ID, {**WORD, "constraints": {"required": True}}]}),
            "constraint-error",
        ),
        (package(gzip.compress(b"id,word\nx,one\n"), "words.csv.gz"), "type-error"),
    ],
)
async def test_what_it_forbids_is_refused(served: Served, found: Package, kind: str) -> None:
    status, answer = await served.put(found, "1")
    assert (status, kind in {item["type"] for item in answer.get("problems", ())}) == (422, True), answer


async def test_a_schema_that_is_a_file_of_the_package_counts(served: Served) -> None:
    found = package(b"id,word\n1,one\n1,two\n", schema="schema.json")
    found.files["schema.json"] = b'{"fields": [{"name": "id"}, {"name": "word"}], "uniqueKeys": [["id"]]}'
    status, answer = await served.put(found, "1")
    assert (status, answer["problems"][0]["type"]) == (422, "unique-key")


async def test_text_in_the_descriptor_is_checked_as_the_table_it_is(served: Served) -> None:
    schema = {"fields": [ID, WORD]}
    resource = {"name": "words", "format": "csv", "schema": schema, "data": "id,word\n1,one\n"}
    assert (await served.put_json("/text/1", {"name": "text", "resources": [resource]}))[0] == 201
    assert (await served.fetch("/text/1/words"))[2] == b"id,word\n1,one\n"
    resource["data"] = "id,word\nx,one\n"
    status, answer = await served.put_json("/text/2", {"name": "text", "resources": [resource]})
    assert (status, answer["problems"][0]["type"]) == (422, "type-error")


async def test_rules_that_are_not_known_here_are_said_to_be_unchecked(served: Served) -> None:
    found = package(ROWS, profile="of-our-own")
    found.members["profile"] = "fiscal-data-package"
    assert (await served.put(found, "1"))[0] == 201
    _, report = await served.get("/-/report/standard/1")
    assert [(row["resource"], row["member"]) for row in report["unchecked"]] == [
        (None, "profile"),
        ("words", "profile"),
    ]
    assert "fiscal-data-package" in report["unchecked"][0]["reason"]


async def test_a_number_in_the_descriptor_that_is_too_long(served: Served) -> None:
    body = b'{"name": "standard", "resources": [{"name": "t", "data": [{"a": ' + b"9" * 5000 + b"}]}]}"
    status, answer = await served.send("/standard/1", body, {"Content-Type": "application/json"})
    [found] = answer["problems"]
    assert (status, found["resource"]) == (422, "t")
    assert "a number in it or in its schema has more than 4,300 digits: write it as text" in found["message"]
