"""The standard's own words where frictionless has others: types, names of fields, dialects, references."""

import json
from pathlib import Path
from typing import Any

import pytest

from couchreg.package.recording import filled_in
from tests.registry.checking.judging import FIELDS, judged, kinds, laid, table

V2 = "https://datapackage.org/profiles/2.0/datapackage.json"
ELSEWHERE = "https://example.org/x.json"


def one(folder: Path, cells: list[str], **field: Any) -> dict[str, Any]:
    """The report on a column of cells."""
    text = "id\n" + "".join(f"{cell}\n" for cell in cells)
    return table(folder, text, schema={"fields": [{"name": "id", **field}]}, package={"$schema": V2})


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        (
            {"type": "year"},
            ["2024", "-0044", "12024", "0000", "2024Z", "-12024"],
            ["24", "02024", "x", "+2024"],
        ),
        ({"type": "yearmonth"}, ["2024-01", "-0044-03", "12024-12"], ["2024-13", "12024-00", "2024"]),
        (
            {"type": "date"},
            ["2024-02-29", "-0044-03-15", "12024-12-31", "0000-02-29"],
            ["-0001-02-29", "2023-02-29"],
        ),
        ({"type": "datetime"}, ["2024-01-01T00:00:00Z", "12024-01-01T00:00:00Z"], ["12024-01-01T25:00:00Z"]),
        ({"type": "integer", "groupChar": ","}, ['"1,000"', '"-1,000,000"', "5"], ["1.5", "1_000"]),
        ({"type": "integer", "groupChar": " "}, ["1 000"], ['"1,000"']),
        ({"type": "integer", "bareNumber": False}, ["95%", "EUR 5", "$-5", "-$5", "5"], ["x", "%"]),
        ({"type": "integer", "bareNumber": False, "groupChar": "."}, ["€ 1.000"], ["€"]),
        ({"type": "number", "groupChar": ".", "decimalChar": ","}, ['"1.000,5"', "7"], ["1.000x"]),
        ({"type": "number", "bareNumber": False}, ["€ 5.5", "5.5 kg", "-€5", "1e3"], ["kg"]),
        (
            {"type": "number", "bareNumber": False, "decimalChar": ",", "constraints": {"maximum": "0,6"}},
            ['",5 kg"'],
            ['"5 kg"'],
        ),
        ({"type": "year", "constraints": {"minimum": "-0044"}}, ["-0044", "12024"], ["-0045"]),
        (
            {"type": "date", "constraints": {"minimum": "-0044-03-15"}},
            ["2024-01-01", "12024-01-01"],
            ["-0045-01-01"],
        ),
        ({"type": "date", "constraints": {"maximum": "2024-01-01"}}, ["-0044-03-15"], ["12024-01-01"]),
        ({"type": "string", "constraints": {"pattern": "[a-z-[aeiou]]+"}}, ["bcd"], ["bad"]),
        (
            {"type": "object", "constraints": {"jsonSchema": {"required": ["a"]}}},
            ['"{""a"": 1}"'],
            ['"{""b"": 1}"', "x"],
        ),
        (
            {"type": "array", "constraints": {"jsonSchema": {"items": {"type": "integer"}}}},
            ['"[1, 2]"'],
            ['"[1, ""x""]"'],
        ),
        ({"type": "date"}, ["2020-01-02"], ["2020-1-2", "2020-01-2", "20200102", "٢٠٢٠-٠١-٠٢"]),
        ({"type": "date", "format": "%Y-%m-%d"}, ["2020-01-02", "2020-1-2"], ["2020"]),
        ({"type": "yearmonth"}, ["2020-01"], ["2020-1", "2020-13"]),
        (
            {"type": "datetime"},
            [
                "2020-01-02T03:04:05",
                "2020-01-02T03:04:05Z",
                "2020-01-02T03:04:05.5+01:00",
                "2020-01-02 03:04:05",
            ],
            ["2020-1-2T3:4:5Z", "2020-01-02t03:04:05z", "2020-01-02"],
        ),
        ({"type": "datetime", "format": "%Y-%m-%d %H:%M:%S"}, ["2020-01-02 03:04:05"], ["2020"]),
        ({"type": "number"}, ["1", "-1.5e3", "NaN"], ["٣", "１", "1_0"]),
        ({"type": "geopoint"}, ['"1,2"', '"1, 2"'], ['"٣,1"']),
        (
            {"type": "duration", "constraints": {"minimum": "P1M"}},
            ["P1M", "P31D", "P1Y", "P1Y6M", "P9999Y"],
            ["P30D", "P28D", "P1D", "-P1Y", "x"],  # February is shorter, and March is not
        ),
        ({"type": "duration", "constraints": {"maximum": "PT1H"}}, ["PT60M", "PT1S"], ["PT3601S", "P7D"]),
    ],
)
def test_types(tmp_path: Path, field: dict[str, Any], right: list[str], wrong: list[str]) -> None:
    report = one(tmp_path, [*right, *wrong], **field)
    found = sorted(item["row"] for item in report["problems"])
    assert found == list(range(len(right) + 2, len(right) + len(wrong) + 2))


def test_a_bound_that_is_no_duration(tmp_path: Path) -> None:
    [found] = one(tmp_path, ["P1D"], type="duration", constraints={"minimum": "a day"})["problems"]
    assert (found["type"], found["field"]) == ("field-error", "id")


def test_a_moment_that_is_written_otherwise_has_a_remedy(tmp_path: Path) -> None:
    [found] = one(tmp_path, ["2020-01-02 3:04"], type="datetime")["problems"]
    assert "is written as 2024-12-31T23:59:59" in found["message"]


@pytest.mark.parametrize("shape", [5, {"type": "nonsense"}, {"$ref": "shapes/x.json"}])
def test_a_json_schema_that_cannot_be_applied(tmp_path: Path, shape: Any) -> None:
    report = one(tmp_path, ["{}"], type="object", constraints={"jsonSchema": shape})
    assert [(item["type"], item["field"]) for item in report["problems"]] == [("field-error", "id")]
    assert "“jsonSchema” cannot be applied" in report["problems"][0]["message"] or shape == 5


@pytest.mark.parametrize(
    ("shape", "address"),
    [
        ({"required": ["a"], "properties": {"a": {"$ref": ELSEWHERE}}}, ELSEWHERE),
        ({"required": ["a"], "$defs": {"b": {"items": {"$ref": f"{ELSEWHERE}#/c"}}}}, f"{ELSEWHERE}#/c"),
        (
            {"$id": "https://example.org/a/", "allOf": [{"required": ["a"]}, {"$ref": "b"}]},
            "https://example.org/a/b",
        ),
    ],
)
def test_of_a_json_schema_that_refers_to_what_is_elsewhere_the_rest_is_applied(
    tmp_path: Path, shape: Any, address: str
) -> None:
    cells = ['"{""a"": 1}"', '"{""b"": 1}"']
    report = one(tmp_path, cells, type="object", constraints={"jsonSchema": shape})
    [found] = report["problems"]
    assert (found["type"], found["row"]) == ("constraint-error", 3)
    [left] = report["unchecked"]
    assert (left["resource"], left["member"]) == ("t", "jsonSchema")
    assert f"refers to '{address}', which is elsewhere" in left["reason"]


def test_a_json_schema_that_refers_to_itself_and_to_json_schema_is_applied(tmp_path: Path) -> None:
    own = {"$id": "https://example.org/a.json", "$ref": "#/$defs/b", "$defs": {"b": {"required": ["type"]}}}
    meta = {"$ref": "https://json-schema.org/draft/2020-12/schema"}
    for shape in (own, meta):
        cells = ['"{""type"": ""object""}"', "{}" if shape is own else '"{""type"": 1}"']
        report = one(tmp_path, cells, type="object", constraints={"jsonSchema": shape})
        assert (report["unchecked"], [item["row"] for item in report["problems"]]) == ([], [3])


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ({"delimiter": "\x01"}, "id\x01word\n1\x01a\n{}\x01b\n"),
        ({"delimiter": "\x1f", "lineTerminator": "\x1e"}, "id\x1fword\x1e1\x1fa\x1e{}\x1fb\x1e"),
        ({"quoteChar": "\x02"}, "id,word\n1,\x02a,b\x02\n{},\x02c\x02\n"),
    ],
)
def test_control_characters_that_a_dialect_names_make_no_binary_file(
    tmp_path: Path, dialect: dict[str, str], text: str
) -> None:
    assert table(tmp_path, text.format(2), dialect=dialect)["problems"] == []
    assert kinds(table(tmp_path, text.format("x"), dialect=dialect)) == ["type-error"]
    assert kinds(table(tmp_path, text.format(2))) == ["format-error"]


@pytest.mark.parametrize(
    ("text", "names", "members"),
    [
        ("id,word \n1,one\n", ["id", "word "], {}),
        (" id,word\n1,one\n", ["id", " word"], {}),
        ("a,a\n1,one\n", ["a", "a"], {}),
        ("a,b,a,b,a\n1,x,2,y,3\n", ["a", "b", "a", "b", "a"], {}),
        (",word\n1,one\n", ["", "word"], {}),
        ("id,\n1,one\n", ["id", " "], {}),
        (",\n1,one\n", ["", ""], {}),
        ("1,one\n", ["a", "a"], {"dialect": {"header": False}}),
        ("id ,word\n1,one\n", ["id ", "word"], {"primaryKey": "id "}),
        ("id ,word\n1,one\n", ["id ", "word"], {"primaryKey": ["id "]}),
        ("id,id\n1,one\n", ["id", "id"], {"primaryKey": "id"}),
        ("id ,word\n1,one\n", ["id ", "word"], {"uniqueKeys": [["id "]]}),
        (
            "id ,word\n1,one\n",
            ["id ", "word"],
            {"foreignKeys": [{"fields": "id ", "reference": {"resource": "", "fields": "id "}}]},
        ),
    ],
)
def test_names_of_fields(tmp_path: Path, text: str, names: list[str], members: dict[str, Any]) -> None:
    dialect = members.pop("dialect", {})
    schema = {"fields": [{"name": name} for name in names], **members}
    assert table(tmp_path, text, schema=schema, dialect=dialect)["problems"] == []


@pytest.mark.parametrize(
    ("text", "names", "kind", "field"),
    [
        ("id,wort\n1,one\n", ["id", "word "], "incorrect-label", "word "),
        ("a,b\n1,one\n", ["a", "a"], "incorrect-label", "a"),
        ("id,\n1,one\n", ["id", "word"], "blank-label", "word"),
        ("id,id\n1,one\n", ["id", "word"], "duplicate-label", "word"),
    ],
)
def test_labels_that_are_wrong(tmp_path: Path, text: str, names: list[str], kind: str, field: str) -> None:
    report = table(tmp_path, text, schema={"fields": [{"name": name} for name in names]})
    assert kind in kinds(report)
    assert field in {item["field"] for item in report["problems"]}


def test_a_key_of_fields_of_equal_names_still_counts(tmp_path: Path) -> None:
    schema = {"fields": [{"name": "id "}, {"name": "id "}], "primaryKey": "id "}
    report = table(tmp_path, "id,id\n1,a\n1,b\n", schema=schema)
    assert kinds(report) == ["primary-key"]


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("id,word\n\\N,x\n", {"nullSequence": "\\N"}),
        ("id,word\nNULL,x\n", {"nullSequence": "NULL"}),
        ("id,word\nNULL,x\n", {"csv": {"nullSequence": "NULL"}}),
        ("id,word;1,one;2,two", {"lineTerminator": ";"}),
        ("id,word;1,one;2,two;", {"lineTerminator": ";"}),
        ('id,word|1,"a|b"|2,c|', {"lineTerminator": "|"}),
        ("id,word\r1,one\r", {"lineTerminator": "\r"}),
        ("id,word\r\n1,one\r\n", {"lineTerminator": "\r\n"}),
        ("id,word\n1,one\n", {"lineTerminator": "\r\n"}),
        ("id,word<br>1,one<br>", {"lineTerminator": "<br>"}),
        ("id;word\n1;one\n", {"delimiter": ";"}),
        ("id,word\n1,'a,b'\n", {"quoteChar": "'"}),
        ('id,word\n1,"a\\"b"\n', {"escapeChar": "\\", "doubleQuote": False}),
        ("id, word\n1, one\n", {"skipInitialSpace": True}),
        ("id,word\n#no\n1,one\n", {"commentChar": "#"}),
        ("junk\nid,word\n1,one\n", {"headerRows": [2]}),
        ("1,one\n", {"header": False}),
    ],
)
def test_dialects(tmp_path: Path, text: str, dialect: dict[str, Any]) -> None:
    assert table(tmp_path, text, dialect=dialect)["problems"] == []
    assert table(tmp_path, text, dialect="d.json", files={"d.json": json.dumps(dialect)})["valid"]


def test_a_null_sequence_is_no_value(tmp_path: Path) -> None:
    fields = [{**FIELDS[0], "constraints": {"required": True}}, FIELDS[1]]
    report = table(tmp_path, "id,word\n-,x\n", schema={"fields": fields}, dialect={"nullSequence": "-"})
    assert kinds(report) == ["constraint-error"]


def test_a_delimiter_of_several_characters_is_not_read(tmp_path: Path) -> None:
    report = table(tmp_path, "id||word\n1||one\n", dialect={"delimiter": "||"})
    assert (report["problems"], report["skipped"]) == ([], ["t"])
    assert report["unchecked"][0]["member"] == "dialect.delimiter"


def test_a_guess_of_the_delimiter_is_recorded(tmp_path: Path) -> None:
    report = table(tmp_path, "id;word\n1;one\n")
    assert report["recorded"] == [{"resource": "t", "member": "dialect", "value": {"delimiter": ";"}}]
    assert table(tmp_path, "id;word\n1;one\n", dialect={"delimiter": ";"})["recorded"] == []
    assert table(tmp_path, "id,word\n1,one\n")["recorded"] == []


@pytest.mark.parametrize(
    "dialect",
    [
        *({}, {"quoteChar": '"'}, {"header": True}, {"headerRows": [1]}, {"commentChar": "#"}),
        *(
            {"doubleQuote": True},
            {"lineTerminator": "\n"},
            {"skipInitialSpace": False},
            {"csv": {"quoteChar": '"'}},
        ),
    ],
)
def test_a_guess_is_recorded_beside_what_is_stated(tmp_path: Path, dialect: dict[str, Any]) -> None:
    report = table(tmp_path, "id;word\n1;one\n", dialect=dialect)
    assert report["recorded"] == [{"resource": "t", "member": "dialect", "value": {"delimiter": ";"}}]
    [served] = filled_in({"resources": [{"name": "t", "dialect": dialect}]}, report["recorded"])["resources"]
    assert served["dialect"] == {**dialect, "delimiter": ";"}
    again = filled_in({"resources": [served]}, report["recorded"])["resources"]
    assert json.dumps(again) == json.dumps([served])


def test_a_dialect_in_a_file_has_to_say_all(tmp_path: Path) -> None:
    files = {"d.json": '{"quoteChar": "\\""}'}
    [found] = table(tmp_path, "id;word\n1;one\n", dialect="d.json", files=files)["problems"]
    assert (found["type"], found["field"], found["file"]) == ("dialect-error", "dialect", "d.json")
    assert '"delimiter":";"' in found["message"]
    report = table(tmp_path, "id;word\n1;one\n", dialect="d.json", files={"d.json": '{"delimiter": ";"}'})
    assert (report["problems"], report["recorded"]) == ([], [])
    assert table(tmp_path, "id,word\n1,one\n", dialect="d.json", files=files)["problems"] == []


def test_a_delimiter_that_does_not_part_the_header_is_none(tmp_path: Path) -> None:
    fields = {"fields": [{"name": "a;b", "type": "string"}]}
    report = table(tmp_path, '"a;b"\nx;y\nz;w\n', schema=fields)
    assert (report["problems"], report["recorded"]) == ([], [])


@pytest.mark.parametrize(
    ("members", "unchecked", "skipped"),
    [
        ({"profile": ELSEWHERE}, ["profile"], []),
        ({"$schema": ELSEWHERE}, ["$schema"], []),
        ({"profile": "of-our-own"}, ["profile"], []),
        ({"schema": ELSEWHERE}, ["schema"], ["t"]),
        ({"dialect": ELSEWHERE}, ["dialect"], ["t"]),
        ({"schema": {"fields": FIELDS, "$schema": ELSEWHERE}}, ["schema.$schema"], []),
        ({"schema": {"fields": FIELDS, "profile": ELSEWHERE}}, ["schema.profile"], []),
        ({"dialect": {"$schema": ELSEWHERE}}, ["dialect.$schema"], []),
        ({"profile": "tabular-data-resource", "schema": ELSEWHERE}, ["schema"], ["t"]),
        ({"profile": "tabular-data-resource"}, [], []),
        ({"$schema": V2.replace("datapackage.json", "dataresource.json")}, [], []),
    ],
)
def test_rules_that_are_elsewhere(
    tmp_path: Path, members: dict[str, Any], unchecked: list[str], skipped: list[str]
) -> None:
    report = table(tmp_path, "id,word\n1,one\n", **members)
    assert report["problems"] == []
    assert [(item["resource"], item["member"]) for item in report["unchecked"]] == [
        ("t", m) for m in unchecked
    ]
    assert report["skipped"] == skipped


@pytest.mark.parametrize("member", ["profile", "$schema", "schema", "dialect"])
def test_rules_of_the_package_that_are_elsewhere(tmp_path: Path, member: str) -> None:
    report = table(tmp_path, "id,word\n1,one\n", package={member: ELSEWHERE})
    assert report["problems"] == []
    assert [(item["resource"], item["member"]) for item in report["unchecked"]] == [(None, member)]


def test_a_type_of_resource(tmp_path: Path) -> None:
    assert table(tmp_path, "id,word\n1,one\n", type="table")["problems"] == []
    report = table(tmp_path, "id,word\n1,one\n", type="spreadsheet")
    assert (report["problems"], [item["member"] for item in report["unchecked"]]) == ([], ["type"])
    report = table(tmp_path, "id,word\n1,one\n", type="spreadsheet", package={"$schema": V2})
    assert [(item["resource"], item["field"]) for item in report["problems"]] == [("t", "type")]


def test_a_tabular_package(tmp_path: Path) -> None:
    package = {"profile": "tabular-data-package"}
    assert (
        table(tmp_path, "id,word\n1,one\n", package=package, profile="tabular-data-resource")["problems"]
        == []
    )
    for profile in ("data-resource", None):
        [found] = table(tmp_path, "id,word\n1,one\n", package=package, profile=profile)["problems"]
        assert (found["type"], found["resource"], found["field"]) == ("resource-error", "t", "profile")


@pytest.mark.parametrize("scheme", ["http", "https", "ftp", "ftps"])
def test_data_that_is_elsewhere(tmp_path: Path, scheme: str) -> None:
    for member in ("path", "url"):
        resource = {"name": "t", member: f"{scheme}://example.org/t.csv", "schema": {"fields": FIELDS}}
        report = judged(laid(tmp_path, {"resources": [resource]}))
        assert (report["problems"], report["skipped"]) == ([], ["t"])


@pytest.mark.parametrize(
    "reference",
    [
        {"package": ELSEWHERE, "resource": "u", "fields": ["id"]},
        {"package": "other", "resource": "u", "fields": "id"},
        {"datapackage": ELSEWHERE, "resource": "u", "fields": "id"},
        {"resource": "https://example.org/u.csv", "fields": "id"},
        "https://example.org/u.csv",
    ],
)
def test_keys_into_what_is_elsewhere(tmp_path: Path, reference: Any) -> None:
    schema = {"fields": FIELDS, "foreignKeys": [{"fields": "id", "reference": reference}]}
    report = table(tmp_path, "id,word\n1,one\n", schema=schema)
    assert report["problems"] == []
    assert [(item["resource"], item["member"]) for item in report["unchecked"]] == [("t", "foreignKeys")]


@pytest.mark.parametrize("path", ["./t.csv", "././t.csv", "./data/./t.csv", "data/t.csv"])
def test_paths_with_dots(tmp_path: Path, path: str) -> None:
    file = "data/t.csv" if "data" in path else "t.csv"
    for value in (path, [path]):
        resource = {"name": "t", "path": value, "schema": "./s.json"}
        files = {file: "id,word\nx,one\n", "s.json": json.dumps({"fields": FIELDS})}
        report = judged(laid(tmp_path, {"resources": [resource]}, **files))
        assert [(item["type"], item["file"]) for item in report["problems"]] == [("type-error", file)]


def test_files_that_are_named_and_absent_are_said(tmp_path: Path) -> None:
    members = {"image": "cover.png", "licenses": [{"name": "x", "path": "terms.txt"}]}
    report = table(
        tmp_path, "id,word\n1,one\n", package=members, sources=[{"title": "x", "path": "raw/x.pdf"}]
    )
    assert report["problems"] == []
    assert [(item["resource"], item["member"]) for item in report["unchecked"]] == [
        (None, "image"),
        (None, "licenses[0].path"),
        ("t", "sources[0].path"),
    ]


def test_categories_that_are_no_list_are_named(tmp_path: Path) -> None:
    report = one(tmp_path, ["a"], type="string", categories={"a": "A"})
    assert report["problems"] == []
    assert [(item["resource"], item["member"]) for item in report["unchecked"]] == [("t", "categories")]
    assert report["unchecked"][0]["reason"] == """those of the field 'id' are {"a":"A"}, and no list"""
