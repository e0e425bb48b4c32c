"""What `couchreg init` sees in files: types, local dates and numbers, what came later, what is left out."""

import json
from pathlib import Path
from typing import Any

import pytest

from couchreg.client.errors import UsageError
from couchreg.client.inferring import infer, update
from couchreg.registry.checking.local_forms import recognise


def fields(*columns: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"name": str(number), "type": "string"} for number in range(len(columns))]
    recognise(found, [list(row) for row in zip(*columns, strict=True)])
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
        (["", "  "], {"type": "string"}),
    ],
)
def test_local_forms(values: list[str], found: dict[str, Any]) -> None:
    assert fields(values) == [found]


def test_types_that_are_known_stay() -> None:
    known: list[Any] = [{"name": "a", "type": "integer"}]
    recognise(known, [["1,5"]])
    assert known == [{"name": "a", "type": "integer"}]


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
        README__md=b"# Read me",
        notes__docx=b"PK",
    )
    found = infer(tmp_path, name="mixed")
    resources = by_path(found.descriptor)
    assert {path: item["mediatype"] for path, item in resources.items()} == {
        "places.geojson": "application/geo+json",
        "tabs.tsv": "text/tab-separated-values",
        "werte.csv": "text/csv",
    }
    assert resources["places.geojson"]["format"] == "geojson"
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


def test_there_is_nothing_to_update(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without --update"):
        update(tmp_path)
