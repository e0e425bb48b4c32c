"""What `couchreg init` sees in files: types, local dates and numbers, what came later, what is left out."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from couchreg.client.errors import UsageError
from couchreg.client.inferring import infer, update
from couchreg.registry.checking.local_forms import recognise
from tests.registry.checking.judging import judged


def fields(*columns: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"name": str(number), "type": "string"} for number in range(len(columns))]
    recognise(found, columns)
    for field in found:
        del field["name"]
    return found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["31.12.2024", "1.2.2024"], {"type": "date", "format": "%d.%m.%Y"}),
        (["31/12/2024", "01/02/2024"], {"type": "date", "format": "%d/%m/%Y"}),
        (["12/31/2024", "01/02/2024"], {"type": "date", "format": "%m/%d/%Y"}),
        (["01/02/2024", "03/04/2024"], {"type": "string"}),  # it may be either
        (["31/12/2024", "12/31/2024"], {"type": "string"}),
        (["31.12.2024", "yesterday"], {"type": "string"}),
        (["99.99.2024", "1.1.2024"], {"type": "string"}),
        (["1,5", "-2", "1000,25"], {"type": "number", "decimalChar": ","}),
        (["1.234,5", "2"], {"type": "number", "decimalChar": ",", "groupChar": "."}),
        (["1 234,5", "2 000"], {"type": "number", "decimalChar": ",", "groupChar": " "}),
        (["1.234,5", "1 234,5"], {"type": "string"}),
        (["12,5,6", "1,5"], {"type": "string"}),
        (["1.5.2", "1,5"], {"type": "string"}),
        (["1", "2"], {"type": "string"}),  # frictionless has its reasons
        # A comma before three digits is a thousand in America and a decimal in Germany, until a value tells.
        (["1,234", "12,000"], {"type": "string"}),
        (["1,234", "950"], {"type": "string"}),
        (["1,234", "12345"], {"type": "string"}),
        (["1,234", "1.234"], {"type": "string"}),
        (["1,234", "0,500"], {"type": "number", "decimalChar": ","}),
        (["1,234", "12345,678"], {"type": "number", "decimalChar": ","}),
        (["1,234", "-1,5"], {"type": "number", "decimalChar": ","}),
        (["1,234.50", "950"], {"type": "number", "groupChar": ","}),
        (["1,234", "2.5"], {"type": "number", "groupChar": ","}),
        (["1,234,567", "1,234"], {"type": "number", "groupChar": ","}),
        (["1'234", "1'000'234.5"], {"type": "number", "groupChar": "'"}),
        (["1\u202f234.5", "2"], {"type": "number", "groupChar": "\u202f"}),
        (["612 345 678", "1 234"], {"type": "string"}),  # a telephone number
        (["1.234.567", "1.234"], {"type": "string"}),  # a version
        (["01,5", "1,5"], {"type": "string"}),
        (["2020/12/31", "2021/1/2"], {"type": "date", "format": "%Y/%m/%d"}),
        (["31-12-2020", "01-02-2020"], {"type": "date", "format": "%d-%m-%Y"}),
        (["12-31-2020", "01-02-2020"], {"type": "date", "format": "%m-%d-%Y"}),
        (["01-02-2020", "03-04-2020"], {"type": "string"}),
        (["31-Dec-2020", "1-MAY-2020"], {"type": "date", "format": "%d-%b-%Y"}),
        (["31 Dec 2020", "1 Jan 2020"], {"type": "date", "format": "%d %b %Y"}),
        (["December 31, 2020", "May 1, 2020"], {"type": "date", "format": "%B %d, %Y"}),
        (["31-Dez-2020", "1-Jan-2020"], {"type": "string"}),
        (["31.02.2020", "1.1.2020"], {"type": "string"}),  # no such day
        (["31.12.2020", " 1.1.2020"], {"type": "string"}),  # a check takes no blank there
        (["31.12.2020 10:00", "1.1.2020 9:30"], {"type": "datetime", "format": "%d.%m.%Y %H:%M"}),
        (["12/31/2020 10:00:05", "1/2/2020 10:00:00"], {"type": "datetime", "format": "%m/%d/%Y %H:%M:%S"}),
        (["12/31/2020 10:00 PM", "1/2/2020 9:05 am"], {"type": "datetime", "format": "%m/%d/%Y %I:%M %p"}),
        (["1/2/2020 10:00", "3/4/2020 10:00"], {"type": "string"}),
        (["31.12.2020 25:00", "1.1.2020 9:30"], {"type": "string"}),
        (["2020-01-02 10:00", "2020-01-03 11:00"], {"type": "datetime", "format": "%Y-%m-%d %H:%M"}),
        (["2020-01-02T10:00", "2020-01-03T11:00"], {"type": "datetime", "format": "%Y-%m-%dT%H:%M"}),
        (["", "  "], {"type": "string"}),
    ],
)
def test_local_forms(values: list[str], found: dict[str, Any]) -> None:
    assert fields(values) == [found]


def test_types_that_are_known_stay() -> None:
    known: list[Any] = [{"name": "a", "type": "integer"}]
    recognise(known, [["15", "many", "1,5"]])
    assert known == [{"name": "a", "type": "integer"}]


@pytest.mark.parametrize("type", ["integer", "geopoint"])
def test_types_that_were_guessed_of_numbers_with_commas_go(type: str) -> None:
    known: list[Any] = [{"name": "a", "type": type}]
    recognise(known, [["950", "1,080"]])
    assert known == [{"name": "a", "type": "string"}]
    known = [{"name": "a", "type": type}]
    recognise(known, [["950", "1,080.5"]])
    assert known == [{"name": "a", "type": "number", "groupChar": ","}]


def test_local_forms_are_what_a_check_takes(tmp_path: Path) -> None:
    rows = {
        "american": ["1,234,567", "12,000.5", "950"],
        "doubtful": ["1,234", "12,000", "950"],
        "places": ["1,080", "2,010", "3,011"],
        "german": ["1.234,5", "2", " 3,5"],
        "swiss": ["1'234.5", "2", "3"],
        "ymd": ["2020/12/31", "2020/1/2", ""],
        "dmy": ["31-12-2020", "01-02-2020", "01-03-2020"],
        "named": ["31-Dec-2020", "1-May-2020", "01-Jan-2020"],
        "moment": ["12/31/2020 10:00", "1/2/2020 9:00", ""],
        "short": ["2020-01-02 10:00", "2020-01-02 11:00", ""],
    }
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[*rows], *zip(*rows.values(), strict=True)])
    [resource] = infer(tmp_path, name="local").descriptor["resources"]
    types = {field["name"]: field["type"] for field in resource["schema"]["fields"]}
    assert types == {
        **dict.fromkeys(("american", "german", "swiss"), "number"),
        **dict.fromkeys(("doubtful", "places"), "string"),
        **dict.fromkeys(("ymd", "dmy", "named"), "date"),
        **dict.fromkeys(("moment", "short"), "datetime"),
    }
    assert judged(tmp_path)["valid"]


def write(folder: Path, **files: bytes) -> None:
    for name, data in files.items():
        (folder / name.replace("__", ".")).write_bytes(data)


def by_path(descriptor: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {resource["path"]: resource for resource in descriptor["resources"]}


def test_a_folder_of_different_files(tmp_path: Path) -> None:
    german = "Tag;Wert\n" + "".join(f"{day}.01.2024;{day},5\n" for day in range(1, 29))
    point = {"type": "FeatureCollection", "features": []}
    write(
        tmp_path,
        werte__csv=german.encode(),
        tabs__tsv=b"a\tb\n1\t2\n",
        places__geojson=json.dumps(point).encode(),
        lines__ndjson=b'{"a": 1}\n{"a": 2}\n',
        README__md=b"# Read me",
        notes__docx=b"PK",
    )
    found = infer(tmp_path, name="mixed")
    resources = by_path(found.descriptor)
    assert {path: item["mediatype"] for path, item in resources.items()} == {
        "lines.ndjson": "application/x-ndjson",
        "places.geojson": "application/geo+json",
        "tabs.tsv": "text/tab-separated-values",
        "werte.csv": "text/csv",
    }
    assert resources["places.geojson"]["format"] == "geojson"
    assert "type" not in resources["places.geojson"]  # the standard has that of tables alone
    assert (resources["lines.ndjson"]["type"], resources["lines.ndjson"].get("dialect")) == ("table", None)
    types = [(field["name"], field["type"]) for field in resources["werte.csv"]["schema"]["fields"]]
    assert types == [("Tag", "date"), ("Wert", "number")]
    assert found.left_out == ("README.md", "notes.docx")


def test_an_encoding_is_the_one_that_publishing_finds(tmp_path: Path) -> None:
    texts = {
        "german": ("Straße;Betrag\nMüllerstr;1,5\n", "windows-1252"),
        "french": ("nom;ville\nx;Besançon\ny;Orléans\n", "windows-1252"),
        "russian": ("имя,город\nИван,Москва\nПётр,Казань\n", "cp1251"),
        "plain": ("id,x\n1,é\n", "utf-8"),
    }
    write(tmp_path, **{f"{name}__csv": text.encode(encoding) for name, (text, encoding) in texts.items()})
    resources = by_path(infer(tmp_path, name="mixed").descriptor)
    assert {path: item["encoding"] for path, item in resources.items()} == {
        f"{name}.csv": encoding for name, (_, encoding) in texts.items()
    }
    assert [item["name"] for item in resources["german.csv"]["schema"]["fields"]] == ["Straße", "Betrag"]


def test_digits_that_begin_with_a_zero_are_text(tmp_path: Path) -> None:
    write(tmp_path, a__csv=b"postcode,phone,count,share\n01234,004912,1,0.5\n98765,5,0,0\n")
    [resource] = infer(tmp_path, name="mixed").descriptor["resources"]
    assert [item["type"] for item in resource["schema"]["fields"]] == [
        "string",
        "string",
        "integer",
        "number",
    ]


def test_moments_are_of_the_type_that_a_check_takes(tmp_path: Path) -> None:
    write(tmp_path, a__csv=b"a,b,c\n2020-01-02 03:04:05,2020-1-2,2020-01-02\n")
    [resource] = infer(tmp_path, name="mixed").descriptor["resources"]
    assert [(item["type"], item.get("format")) for item in resource["schema"]["fields"]] == [
        ("datetime", None),
        ("string", None),
        ("date", None),
    ]


def test_binaries_have_no_encoding(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.active.append([1, 2])
    book.save(tmp_path / "book.xlsx")
    [resource] = infer(tmp_path, name="book").descriptor["resources"]
    assert "encoding" not in resource
    assert resource["mediatype"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def test_files_that_have_gone(tmp_path: Path) -> None:
    write(tmp_path, a__csv=b"n\n1\n", b__csv=b"n\n1\n")
    infer(tmp_path, name="gone")
    target = tmp_path / "datapackage.json"
    edited = json.loads(target.read_text()) | {"image": "logo.png", "homepage": "https://example.org/"}
    edited["resources"].append({"name": "away", "path": "https://example.org/c.csv"})
    target.write_text(json.dumps(edited))
    (tmp_path / "b.csv").unlink()
    assert update(tmp_path).gone == ("b.csv", "logo.png")
    write(tmp_path, b__csv=b"n\n1\n", logo__png=b"x")
    assert update(tmp_path).gone == ()


def test_files_that_came_later(tmp_path: Path) -> None:
    write(tmp_path, a__csv=b"n\n1\n")
    infer(tmp_path, name="later")
    target = tmp_path / "datapackage.json"
    edited = json.loads(target.read_text()) | {"title": "Mine", "contributors": [{"title": "Me"}]}
    edited["resources"][0]["title"] = "kept"
    target.write_text(json.dumps(edited))
    assert update(tmp_path).added == ()
    assert json.loads(target.read_text()) == edited
    write(tmp_path, b__csv=b"n\n2\n")
    (tmp_path / "more").mkdir()
    write(tmp_path / "more", a__csv=b"n\n3\n")
    found = update(tmp_path)
    assert [(item["name"], item["path"]) for item in found.added] == [("b", "b.csv"), ("a-2", "more/a.csv")]
    now = json.loads(target.read_text())
    assert now["resources"][0] == edited["resources"][0]
    assert {key: now[key] for key in now if key != "resources"} == {
        key: edited[key] for key in edited if key != "resources"
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv", "datapackage.json", "more"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"name": "x",\n "resources": [}', "line 2, column 16"),
        (b"[]", "not a JSON object"),
        (b'{"resources": {}}', "not a list"),
        (b"\xff\xfe{", "cannot be read"),
    ],
)
def test_a_descriptor_that_cannot_be_updated(tmp_path: Path, text: bytes, said: str) -> None:
    write(tmp_path, a__csv=b"n\n1\n", datapackage__json=text)
    with pytest.raises(UsageError, match=said):
        update(tmp_path)
    assert (tmp_path / "datapackage.json").read_bytes() == text


def test_files_that_nobody_could_publish_are_left_out_with_the_reason(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside.csv", tmp_path / "in"
    folder.mkdir()
    outside.write_text("secret\n1\n")
    for name in ("con.csv", "Plain.csv", "plain.csv", "q?.csv", "good.csv"):
        (folder / name).write_text("n\n1\n")
    for name, text in {
        "empty.csv": b"",
        "blank.tsv": b"\xef\xbb\xbf\r\n",
        "broken.json": b'{\n"a":}',
    }.items():
        (folder / name).write_bytes(text)
    (folder / "linked.csv").symlink_to(outside)
    (folder / "small.json.gz").write_bytes(gzip.compress(b"n\n1\n"))
    (folder / "packed.json.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    found = infer(folder, name="mixed")
    assert [item["path"] for item in found.added] == ["Plain.csv", "broken.json", "good.csv"]
    assert {path: reason.split(":")[0][:20] for path, reason in found.unfit} == {
        "blank.tsv": "is empty",
        "con.csv": "has the segment 'con",
        "small.json.gz": "is compressed",
        "empty.csv": "is empty",
        "linked.csv": "is a link to a file ",
        "packed.json.zip": "is compressed",
        "plain.csv": "differs from Plain.c",
        "q?.csv": "is not a name that e",
    }
    assert "secret" not in (folder / "datapackage.json").read_text()
    [(path, reason)] = found.unread
    assert (path, "line 2" in reason) == ("broken.json", True), reason
    assert found.left_out == ()
    assert update(folder).added == ()
    for name in ("con.csv", "linked.csv", "empty.csv", "plain.csv"):
        with pytest.raises(UsageError):
            update(folder, [name])
    assert update(folder, ["good.csv"]).added == ()
    for path, _ in found.unfit:
        (folder / path).unlink()
    assert judged(folder)["valid"]


def test_a_table_by_another_name(tmp_path: Path) -> None:
    (tmp_path / "a.tab").write_text("n\tday\n1\t31.12.2024\n")
    descriptor = infer(tmp_path, name="other").descriptor
    found = by_path(descriptor)
    assert (found["a.tab"]["format"], found["a.tab"]["mediatype"]) == ("tsv", "text/tab-separated-values")
    types = {path: [field["type"] for field in item["schema"]["fields"]] for path, item in found.items()}
    assert types == {"a.tab": ["integer", "date"]}
    report = judged(tmp_path)
    assert (report["problems"], report["skipped"]) == ([], [])


def test_there_is_nothing_to_update(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without --update"):
        update(tmp_path)
