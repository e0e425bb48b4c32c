"""`jsonSchema` of a field that refers to other files of the package: they are there, and are applied."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.registry.checking.judging import V2, table

ELSEWHERE = "https://example.org/x.json"
SHAPE = {"required": ["a"], "properties": {"a": {"$ref": "more/b.json#/$defs/b"}}}


def referring(folder: Path, shape: Any, **files: str) -> dict[str, Any]:
    field = {"name": "id", "type": "object", "constraints": {"jsonSchema": shape}}
    text = 'id\n"{""a"": 1}"\n"{""a"": ""x""}"\n'
    schema: Any = {"fields": [field]}
    if "s" in files:
        schema = files.pop("s")
        files[schema] = json.dumps({"fields": [field]})
    return table(folder, text, schema=schema, package={"$schema": V2}, files=files)


@pytest.mark.parametrize("own", [{}, {"$id": "more/"}])
@pytest.mark.parametrize("file", ["", "s.json", "rules/s.json", "rules/s.yaml"])
def test_a_json_schema_may_refer_to_files_of_the_package(
    tmp_path: Path, file: str, own: dict[str, str]
) -> None:
    target = "b.json" if own else "more/b.json"
    shape = {**own, "required": ["a"], "properties": {"a": {"$ref": f"{target}#/$defs/b"}}}
    place = f"{file.rpartition('/')[0]}/more".lstrip("/")
    files = {
        f"{place}/b.json": '{"$defs": {"b": {"$ref": "c.json"}}}',
        f"{place}/c.json": '{"type": "integer"}',
    }
    report = referring(tmp_path, shape, **files, **({"s": file} if file else {}))
    assert [(item["type"], item["row"]) for item in report["problems"]] == [("constraint-error", 3)]
    assert report["unchecked"] == []


@pytest.mark.parametrize("files", [{}, {"more/b.json": '{"$defs": {"b": {"$ref": "c.json"}}}'}])
def test_files_that_a_json_schema_refers_to_are_there(tmp_path: Path, files: dict[str, str]) -> None:
    [found] = referring(tmp_path, SHAPE, **files)["problems"]
    assert (found["type"], found["field"]) == ("field-error", "id")
    absent = "more/c.json" if files else "more/b.json"
    assert (
        f"refers to '{absent}', which is not in the package. Put that file into the package"
        in found["message"]
    )


def test_of_files_that_refer_to_what_is_elsewhere_the_rest_is_applied(tmp_path: Path) -> None:
    part = json.dumps({"$defs": {"b": {"allOf": [{"type": "integer"}, {"$ref": ELSEWHERE}]}}})
    report = referring(tmp_path, SHAPE, **{"more/b.json": part})
    assert [(item["type"], item["row"]) for item in report["problems"]] == [("constraint-error", 3)]
    assert [item["member"] for item in report["unchecked"]] == ["jsonSchema"]
