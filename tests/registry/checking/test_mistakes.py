"""What publishers get wrong has its place and its remedy: no check fails over it."""

import json
from pathlib import Path
from typing import Any

import pytest

from couchreg.registry.checking import checks, quick, worker
from tests.registry.checking.judging import FIELDS, judged, kinds, laid, table

TEXT = "id,word\n1,one\n"
LONG = 10**5000
DEEP = '{"not":' * 3000 + "{}" + "}" * 3000


def only(report: dict[str, Any]) -> dict[str, Any]:
    [found] = report["problems"]
    return dict(found)


@pytest.mark.parametrize(
    "files",
    [
        {"p.json": '{"$ref":"#"}'},
        {"p.json": DEEP},
        {"p.json": '{"$ref":"q.json"}', "q.json": '{"$ref":"p.json"}'},
    ],
)
def test_a_profile_that_nobody_can_apply(tmp_path: Path, files: dict[str, str]) -> None:
    found = only(table(tmp_path, TEXT, package={"profile": "p.json"}, files=files))
    assert (found["type"], found["field"], found["file"]) == ("profile-error", "profile", "p.json")
    assert "refers to itself without end, or is nested too deeply" in found["message"]


def test_a_json_schema_without_end(tmp_path: Path) -> None:
    field = {"name": "id", "type": "object", "constraints": {"jsonSchema": {"$ref": "#"}}}
    found = only(table(tmp_path, TEXT, schema={"fields": [field, FIELDS[1]]}))
    assert (found["type"], found["field"]) == ("field-error", "id")
    assert "refers to itself without end" in found["message"]


class Silent:
    def note(self, _: bytes) -> None:
        pass


@pytest.mark.parametrize("place", ["package", "resource", "field"])
def test_integers_of_any_length(tmp_path: Path, place: str) -> None:
    long = {"x-long": "@"}
    field = {"name": "id", "type": "integer", **(long if place == "field" else {})}
    resource: dict[str, Any] = {"name": "t", "path": "t.csv", "schema": {"fields": [field]}}
    resource |= long if place == "resource" else {}
    members = {"name": "x", "resources": [resource], **(long if place == "package" else {})}
    text = json.dumps(members).replace('"@"', "9" * 5000)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "t.csv").write_text("id\n1\n")
    (tmp_path / "d.json").write_text(text)
    job = json.dumps({"folder": str(tmp_path / "package"), "descriptor": str(tmp_path / "d.json")})
    assert json.loads(worker.answer(job.encode(), Silent()))["problems"] == []  # type: ignore[arg-type]
    packed = quick.msgspec.msgpack.encode([(text.encode(), {"t.csv": b"id\n1\n"})])
    assert quick.answer(packed, Silent()) == quick.UNKNOWN  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "encoding",
    [
        *(
            "rot13",
            "hex",
            "zlib",
            "uu",
            "base64",
            "undefined",
            "punycode",
            "idna",
            "unicode_escape",
            "charmap",
        ),
        *("utf\0", "", "utf-9", "utf 8", "raw_unicode_escape", "mbcs"),
    ],
)
@pytest.mark.parametrize(("path", "text"), [("t.csv", TEXT), ("t.json", '[{"id": 1, "word": "one"}]')])
def test_what_is_no_encoding(tmp_path: Path, encoding: str, path: str, text: str) -> None:
    found = only(table(tmp_path, text, path, encoding=encoding))
    assert (found["type"], found["field"]) == ("encoding-error", "encoding")
    assert "state one such as utf-8" in found["message"]


@pytest.mark.parametrize(
    "encoding", ["UTF-8", "utf8", "latin1", "ISO-8859-15", "windows-1252", "ascii", "utf-8-sig", "cp1252"]
)
def test_encodings_as_people_write_them(tmp_path: Path, encoding: str) -> None:
    assert table(tmp_path, TEXT, encoding=encoding)["problems"] == []


@pytest.mark.parametrize(
    ("dialect", "words"),
    [
        ({"delimiter": ""}, "“delimiter” is empty"),
        ({"quoteChar": ""}, "“quoteChar” is empty"),
        ({"escapeChar": ""}, "“escapeChar” is empty"),
        ({"csv": {"delimiter": ""}}, "“delimiter” is empty"),
        ({"delimiter": "\n"}, "ends rows or begins quotes"),
        ({"delimiter": '"'}, "ends rows or begins quotes"),
    ],
)
def test_marks_by_which_nothing_can_be_read(tmp_path: Path, dialect: Any, words: str) -> None:
    found = only(table(tmp_path, TEXT, dialect=dialect))
    assert (found["type"], found["field"]) == ("dialect-error", "dialect")
    assert words in found["message"]


@pytest.mark.parametrize("data", [{}, {"rows": []}])
@pytest.mark.parametrize("members", [{"schema": {"fields": FIELDS}}, {"type": "table"}])
def test_an_object_is_no_table(tmp_path: Path, data: Any, members: Any) -> None:
    found = only(judged(laid(tmp_path, {"resources": [{"name": "t", "data": data, **members}]})))
    assert (found["type"], found["field"]) == ("resource-error", "data")
    assert "a table is a list of rows" in found["message"]


def test_no_rows_are_none_that_is_wrong(tmp_path: Path) -> None:
    resources = [{"name": "t", "data": [], "schema": {"fields": FIELDS}}]
    assert judged(laid(tmp_path, {"resources": resources}))["problems"] == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('id,word\n1,"a\n2,b\n', 2),
        ('id,word\n1,"a\n2,b', 2),
        ('id,word\n1,a\n2,"b', 3),
        ('id,word\n1,"a\nx","q\n2,b\n', 3),
        ('id,word\r\n1,"a\r\n2,b\r\n', 2),
        ('"id,word\n1,a\n', 1),
        ("id,word\n" + "1,a\n" * 20_000 + '1,"b\n2,c\n', 20_002),
    ],
)
def test_a_quote_that_is_not_closed(tmp_path: Path, text: str, place: int) -> None:
    found = only(table(tmp_path, text))
    assert (found["type"], found["file"], found["line"]) == ("source-error", "t.csv", place)
    assert f"opens in line {place:,} is not closed" in found["message"]


def test_a_quote_that_is_not_closed_in_a_later_part(tmp_path: Path) -> None:
    report = table(tmp_path, TEXT, "a.csv", path=["a.csv", "b.csv"], files={"b.csv": '2,x\n3,"b\n4,c\n'})
    assert (only(report)["file"], only(report)["line"]) == ("b.csv", 2)


@pytest.mark.parametrize(
    "text", ['id,word\n1,"a\nb"', 'id,word\n1,"a""\n"\n', 'id,word\n1,a"b\n', 'id,word\n1,""']
)
def test_quotes_that_are_closed(tmp_path: Path, text: str) -> None:
    assert table(tmp_path, text)["problems"] == []


def test_parts_of_two_encodings(tmp_path: Path) -> None:
    rows = {"b.csv": "2,é\n".encode("latin-1")}
    found = only(table(tmp_path, "id,word\n1,é\n", "a.csv", path=["a.csv", "b.csv"], files=rows))
    assert (found["type"], found["file"]) == ("encoding-error", "a.csv")
    assert "save all of them as UTF-8" in found["message"]
    report = table(tmp_path, "id,word\n1,e\n", "a.csv", path=["a.csv", "b.csv"], files=rows)
    assert (report["problems"], report["recorded"][0]["value"]) == ([], "windows-1252")


def test_a_type_of_package_may_mean_anything(tmp_path: Path) -> None:
    report = table(tmp_path, TEXT, package={"type": "dataset"})
    assert (report["problems"], report["unchecked"]) == ([], [])


LOGIN = "https://me:secret@example.org/x.json"


@pytest.mark.parametrize(
    "members",
    [
        *({member: LOGIN} for member in ("schema", "dialect", "profile", "$schema", "homepage")),
        *({member: [{"title": "x", "path": LOGIN}]} for member in ("licenses", "sources", "contributors")),
        {"image": "ftp://me@example.org/x.png"},
    ],
)
@pytest.mark.parametrize("where", ["package", "resource"])
def test_addresses_with_a_login(tmp_path: Path, members: dict[str, Any], where: str) -> None:
    report = table(tmp_path, TEXT, **({"package": members} if where == "package" else members))
    found = only(report)
    assert (found["type"], found["resource"]) == ("unsafe-path", None if where == "package" else "t")
    assert "contains a login" in found["message"]
    assert "secret" not in json.dumps(report)


def test_an_address_with_an_at_sign_elsewhere(tmp_path: Path) -> None:
    address = "https://example.org/@me/x.png?mail=me@example.org"
    assert table(tmp_path, TEXT, package={"image": address})["problems"] == []


@pytest.mark.parametrize(("path", "text"), [("t.csv", "id,word\nx,one\n"), ("t.txt", "id,word\nx,one\n")])
@pytest.mark.parametrize("form", ["CSV", ".csv", ".CSV"])
def test_formats_as_people_write_them(tmp_path: Path, path: str, text: str, form: str) -> None:
    assert only(table(tmp_path, text, path, format=form))["type"] == "type-error"


@pytest.mark.parametrize("form", ["json", "geojson", "topojson"])
def test_files_of_json_are_not_put_together(tmp_path: Path, form: str) -> None:
    paths = [f"a.{form}", f"b.{form}"]
    resource = {"name": "t", "path": paths}
    report = judged(laid(tmp_path, {"resources": [resource]}, **dict.fromkeys(paths, '{"type": "Topology"}')))
    assert (only(report)["type"], only(report)["field"]) == ("format-error", "path")


def test_what_is_shown_is_what_was_written(tmp_path: Path) -> None:
    field = {"name": "id", "constraints": {"pattern": r"\p{Xx}"}}
    message = only(table(tmp_path, TEXT, schema={"fields": [field, FIELDS[1]]}))["message"]
    assert r"'\p{Xx}'" in message
    assert "character 7" not in message
    twins = {"fields": [{"name": "a", "type": "string"}, {"name": "a", "type": "integer"}]}
    assert 'field "a" at position "2"' in only(table(tmp_path, "a,a\nx,y\n", schema=twins))["message"]


@pytest.mark.parametrize(
    "members",
    [
        {"schema": {"fields": [{"name": "id", "type": "integer", "constraints": {"minimum": LONG}}]}},
        {"schema": {"fields": [{"name": "id", "type": "integer", "constraints": {"enum": [LONG]}}]}},
        {"schema": {"fields": [{"name": "id", "missingValues": [LONG]}]}},
        {"encoding": LONG},
        {"dialect": {"delimiter": LONG}},
    ],
    ids=["minimum", "enum", "missing", "encoding", "delimiter"],
)
def test_an_integer_that_is_too_long_for_what_it_is_for(tmp_path: Path, members: dict[str, Any]) -> None:
    (tmp_path / "t.csv").write_text("id\n1\n")
    resource = {"name": "t", "path": "t.csv", **members}
    found = only(checks.check(str(tmp_path), {"name": "x", "resources": [resource]}))
    assert found["resource"] == "t"
    said = found["message"]
    assert "4,300 digits" in said or "Exceeds the limit" in said or found["type"] == "dialect-error"


def test_rows_with_integers_of_any_length(tmp_path: Path) -> None:
    schema = {"fields": [{"name": "id", "type": "integer"}]}
    resource = {"name": "t", "data": [{"id": LONG}], "schema": schema}
    report = checks.check(str(tmp_path), {"name": "x", "resources": [resource]})
    assert all(item["resource"] == "t" for item in report["problems"])


@pytest.mark.parametrize("member", ["schema", "dialect"])
@pytest.mark.parametrize(("value", "words"), [(None, "is null"), ("", "is empty")])
def test_what_nobody_can_read_by_is_no_reason_to_look_away(
    tmp_path: Path, member: str, value: Any, words: str
) -> None:
    resource = {"name": "t", "path": "t.csv", "schema": {"fields": FIELDS}, member: value}
    report = judged(laid(tmp_path, {"resources": [resource]}, **{"t.csv": "id,word\n1,a\n"}))
    [found] = report["problems"]
    assert (found["type"], found["resource"], found["field"]) == (f"{member}-error", "t", member)
    assert f"“{member}” {words}: give an object" in found["message"]


@pytest.mark.parametrize(
    ("path", "text", "members"),
    [
        ("t.csv", "id,word\nx,a\n", {"format": "text/csv"}),
        ("t.txt", "id,word\nx,a\n", {"mediatype": "text/csv"}),
        ("t.tab", "id\tword\nx\ta\n", {"mediatype": "text/tab-separated-values; charset=utf-8"}),
        ("t.dat", '[{"id": "x", "word": "a"}]', {"mediatype": "application/json"}),
    ],
)
def test_a_media_type_says_what_a_table_is(
    tmp_path: Path, path: str, text: str, members: dict[str, str]
) -> None:
    assert kinds(table(tmp_path, text, path, **members)) == ["type-error"]
    report = table(tmp_path, text.replace("x", "1"), path, **members)
    assert (report["problems"], report["skipped"]) == ([], [])


def test_cells_of_binary_are_base64(tmp_path: Path) -> None:
    fields = [{"name": "id", "type": "integer"}, {"name": "word", "type": "string", "format": "binary"}]
    text = 'id,word\n1,aGVsbG8=\n2,"aGVs\nbG8="\n'
    assert table(tmp_path, text, schema={"fields": fields})["problems"] == []
    assert kinds(table(tmp_path, "id,word\n1,***\n", schema={"fields": fields})) == ["type-error"]


def test_categories_of_numbers_are_numbers(tmp_path: Path) -> None:
    fields = [{"name": "id", "type": "number", "categories": [0.1, 2]}]
    assert table(tmp_path, "id\n0.1\n0.10\n2.0\n", schema={"fields": fields})["problems"] == []
    assert kinds(table(tmp_path, "id\n0.2\n", schema={"fields": fields})) == ["constraint-error"]


@pytest.mark.parametrize(("value", "found"), [(False, []), (True, ["incorrect-label"])])
def test_the_case_of_the_header_by_version_1s_word(tmp_path: Path, value: bool, found: list[str]) -> None:
    assert kinds(table(tmp_path, "ID,Word\n1,a\n", dialect={"caseSensitiveHeader": value})) == found
