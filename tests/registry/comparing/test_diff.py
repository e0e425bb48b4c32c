"""What changed between two versions: members, schemas, rows; and what is too much to compare."""

import json
from typing import Any

import pytest

from couchreg.registry.comparing.diff import Differ, DiffLimits
from couchreg.registry.comparing.diff_rows import ComparedTable, compare
from tests.packages import Package, small
from tests.served import Served

KEY = {"fields": [{"name": "id", "type": "integer"}, {"name": "word", "type": "string"}], "primaryKey": "id"}


def keyed(text: str, **members: Any) -> Package:
    package = small(text=text, **members)
    package.members["resources"][0]["schema"] = KEY
    return package


async def changed(served: Served, *packages: Package) -> Any:
    """The difference of two packages, published as 1 and 2."""
    for number, package in enumerate(packages, 1):
        status, answer = await served.put(package, str(number))
        assert status == 201, answer
    status, found = await served.get("/-/diff/small/1/2")
    assert status == 200, found
    return found


async def test_rows_are_compared_by_their_key(served: Served) -> None:
    old = keyed("id,word\n1,one\n2,two\n3,three\n4,four\n")
    new = keyed("id,word\n4,four\n3,drei\n1,one\n5,five\n")
    rows = (await changed(served, old, new))["resources"]["changed"]["words"]["rows"]
    assert rows == {
        "key": ["id"],
        "columns": ["id", "word"],
        "added": 1,
        "removed": 1,
        "changed": 1,
        "unchanged": 2,
        "examples": {
            "added": [{"id": "5", "word": "five"}],
            "removed": [{"id": "2", "word": "two"}],
            "changed": [{"key": {"id": "3"}, "from": {"word": "three"}, "to": {"word": "drei"}}],
        },
    }


async def test_rows_without_a_key_are_compared_as_they_are(served: Served) -> None:
    found = await changed(served, small(text="id,word\n1,a\n1,a\n2,b\n"), small(text="id,word\n1,a\n3,c\n"))
    rows = found["resources"]["changed"]["words"]["rows"]
    assert (rows["key"], rows["added"], rows["removed"], rows["unchanged"]) == (None, 1, 2, 1)
    assert rows["examples"]["removed"][0] == {"id": "1", "word": "a"}


async def test_members_and_schemas_are_compared(served: Served) -> None:
    old = keyed("id,word\n1,one\n", title="Old", license="x", description="d" * 3000)
    new = keyed("id,word\n1,one\n", title="New", keywords=["k"], description="e" * 3000)
    resource = new.members["resources"][0]
    resource["title"] = "Words"
    resource["schema"] = {
        "fields": [{"name": "id", "type": "string"}, {"name": "word", "type": "string"}],
        "primaryKey": ["id"],
    }
    new.members["resources"].append({"name": "more", "data": [["a"], [1]]})
    found = await changed(served, old, new)
    assert found["descriptor"]["added"] == ["keywords"]
    assert found["descriptor"]["removed"] == ["license"]
    assert found["descriptor"]["changed"]["title"] == {"from": "Old", "to": "New"}
    assert found["descriptor"]["changed"]["description"]["to"] == {"omitted": "3002 bytes of JSON"}
    assert (found["resources"]["added"], found["resources"]["removed"]) == (["more"], [])
    words = found["resources"]["changed"]["words"]
    assert (words["members"]["added"], words["rows"]) == (["title"], None)
    fields = words["schema"]["fields"]["changed"]
    assert fields["id"]["from"]["type"] == "integer"
    assert words["schema"]["members"]["changed"] == {"primaryKey": {"from": "id", "to": ["id"]}}


async def test_a_new_column_leaves_the_rows_as_they_were(served: Served) -> None:
    new = keyed("id,word,more\n1,one,x\n2,two,y\n")
    new.members["resources"][0]["schema"] = {**KEY, "fields": [*KEY["fields"], {"name": "more"}]}
    found = await changed(served, keyed("id,word\n1,one\n2,two\n"), new)
    rows = found["resources"]["changed"]["words"]["rows"]
    assert (rows["columns"], rows["unchanged"], rows["changed"]) == (["id", "word"], 2, 0)


async def test_nothing_changed_is_nothing(served: Served) -> None:
    nothing = {"added": [], "removed": [], "changed": {}}
    found = await changed(served, small(), small())
    assert (found["descriptor"], found["resources"]) == (nothing, nothing)
    _, headers, _ = await served.fetch("/-/diff/small/1/latest")
    assert (await served.fetch("/-/diff/small/1/2", If_None_Match=headers["ETag"]))[0] == 304
    assert (await served.get("/-/diff/small/1/9"))[0] == 404
    assert (await served.get("/-/diff/nothing/1/2"))[0] == 404


async def test_inline_and_compressed_tables_and_other_files(served: Served) -> None:
    def package(value: int) -> Package:
        resources = [
            {"name": "inline", "data": [["id"], [value]]},
            {"name": "note", "path": "note.txt"},
            {"name": "json", "path": "rows.json"},
        ]
        rows = json.dumps([{"id": 7, "n": value}]).encode()
        files = {"note.txt": f"{value}".encode(), "rows.json": rows}
        return Package({"name": "small", "resources": resources}, files)

    found = (await changed(served, package(1), package(2)))["resources"]["changed"]
    assert (found["inline"]["rows"]["added"], found["inline"]["rows"]["removed"]) == (1, 1)
    assert (found["json"]["rows"]["added"], found["json"]["rows"]["columns"]) == (1, ["id", "n"])
    assert "skipped" in found["note"]["rows"]


async def test_what_is_too_much_says_so(served: Served) -> None:
    served.registry.differ = Differ(
        served.registry.catalog, served.registry.attachments, served.registry.forks, DiffLimits(bytes=50)
    )
    found = await changed(served, small(text="id,word\n" + "1,x\n" * 10), small())
    assert "68 bytes" in found["resources"]["changed"]["words"]["rows"]["skipped"]


async def test_a_comparison_that_takes_too_long_is_stopped(served: Served) -> None:
    served.registry.differ = Differ(
        served.registry.catalog, served.registry.attachments, served.registry.forks, DiffLimits(cpu_seconds=0)
    )
    found = await changed(served, small(text="id,word\n1,x\n"), small())
    assert "stopped" in found["resources"]["changed"]["words"]["rows"]["skipped"]
    assert not [name for name in served.blobs() if "diff-" in name]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ((["a"], []), (["b"], []), "in common"),
        ((["a", "a"], []), (["a"], []), "the same name"),
    ],
)
def test_tables_that_cannot_be_compared(old: Any, new: Any, reason: str) -> None:
    tables = [ComparedTable(columns, lambda rows=rows: iter(rows)) for columns, rows in (old, new)]
    with pytest.raises(ValueError, match=reason):
        compare(*tables, ["a"])


def test_a_key_that_is_not_unique_is_no_key() -> None:
    old = ComparedTable(["id", "x"], lambda: iter([["1", "a"], ["1", "b"], ["2"]]))
    new = ComparedTable(["x", "id"], lambda: iter([["b", "1"], ["", "2"], ["c", 3]]))
    found = compare(old, new, ["id"])
    assert (found["key"], found["added"], found["removed"], found["unchanged"]) == (None, 1, 1, 2)
    assert found["examples"]["added"] == [{"x": "c", "id": "3"}]
