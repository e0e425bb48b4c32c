"""What of a folder or a zip file is published, what is left out, and what is said of what is no package."""

import gc
import json
import shutil
import unicodedata
import zipfile
from pathlib import Path

import frictionless
import pytest

from couchreg.client import Folder
from couchreg.client.errors import Invalid, UsageError
from couchreg.package.descriptor import PLACEHOLDER
from tests.cli.conftest import Couchreg

CASE = Path(__file__).parents[1] / "data" / "cases" / "files-left-out-silently"


def whole(folder: Path, name: str) -> Path:
    """A package whose descriptor names images, licences and sources, and that has more files than those."""
    shutil.copytree(CASE, folder)
    descriptor = folder / "datapackage.json"
    members = json.loads(descriptor.read_text()) | {"name": name, "version": "1.0.0"}
    descriptor.write_text(json.dumps(members))
    return folder


def archived(folder: Path, target: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, prefix + path.relative_to(folder).as_posix())
    return target


def test_a_folder_and_its_zip_file_are_one_version(couchreg: Couchreg, tmp_path: Path) -> None:
    folder = whole(tmp_path / "whole", "whole-package")
    done = couchreg("publish", str(folder))
    assert done.status == 0, done.err
    assert "left out, since datapackage.json does not name them: docs/codebook.pdf" in done.out
    again = couchreg("publish", str(archived(folder, tmp_path / "whole.zip", "whole-main/")), "--json")
    assert (again.status, again.json["new"], again.json["left_out"]) == (0, False, ["docs/codebook.pdf"])
    installed = couchreg("install", "whole-package", "--into", "copy")
    assert installed.status == 0, installed.err
    expected = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    found = {path.relative_to(tmp_path / "copy") for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert found == expected - {Path("docs/codebook.pdf")}


def test_what_a_zip_file_was_unpacked_to_goes_with_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = archived(whole(tmp_path / "whole", "x"), tmp_path / "whole.zip")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    package = Folder.read(archive)
    assert package.files[0].source.is_relative_to(tmp_path / "temporary")
    del package
    gc.collect()
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_zip_file_is_checked_like_a_folder(couchreg: Couchreg, tmp_path: Path) -> None:
    folder = whole(tmp_path / "whole", "whole-package")
    (folder / "t.csv").write_bytes("id,name\n1,Größe\n".encode("windows-1252"))
    done = couchreg("validate", str(archived(folder, tmp_path / "whole.zip")))
    assert done.status == 0, done.err
    assert 'found out, and better stated: encoding "windows-1252" of t' in done.out


def test_a_package_with_a_profile_of_its_own_can_be_opened_where_it_is_installed(
    couchreg: Couchreg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = whole(tmp_path / "whole", "profiled")
    members = json.loads((folder / "datapackage.json").read_text())
    (folder / "datapackage.json").write_text(json.dumps({**members, "profile": "rules/p.json"}))
    (folder / "rules").mkdir()
    (folder / "rules" / "p.json").write_text(json.dumps({"type": "object", "required": ["name"]}))
    assert couchreg("publish", str(folder)).status == 0
    assert couchreg("install", "profiled", "--into", "copy").status == 0
    monkeypatch.chdir(tmp_path / "copy")  # from where frictionless looks for a profile
    opened = frictionless.Package("datapackage.json")
    assert opened.profile == "rules/p.json"
    assert [len(resource.read_rows()) for resource in opened.resources] == [2]


def test_what_nobody_looks_into_is_said_in_a_line(couchreg: Couchreg, tmp_path: Path) -> None:
    folder = whole(tmp_path / "whole", "illustrated")
    members = json.loads((folder / "datapackage.json").read_text())
    members["description"] = PLACEHOLDER
    members["resources"] += [{"name": name, "path": f"{name}.png"} for name in ("one", "two")]
    members["resources"].append({"name": "map", "path": "map.geojson"})
    (folder / "datapackage.json").write_text(json.dumps(members))
    for name in ("one.png", "two.png", "map.geojson"):
        (folder / name).write_bytes(b"{}")
    lines = [
        "not looked into, since they are elsewhere or no tables that are read: one, two, map",
        "not checked: description of the package: it is still the one that couchreg init has written",
        "not checked: path of map: 'map.geojson' is not GeoJSON: it is not an object with a type",
    ]
    for command in ("validate", "publish"):
        for given in (folder, archived(folder, tmp_path / "whole.zip")):
            done = couchreg(command, str(given))
            assert done.status == 0, done.err
            assert [line.strip() for line in done.out.splitlines() if "  not " in line] == lines
    assert couchreg("publish", str(folder), "--json").json["skipped"] == ["one", "two", "map"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "the folder is empty: put data into it and run `couchreg init"),
        ({"t.csv": "id\n"}, "write one with `couchreg init"),
        ({"datapackage.yaml": "name: x"}, "datapackage.yaml is YAML"),
        ({"datapackage.yml": "name: x"}, "Package('datapackage.yml').to_json('datapackage.json')"),
        ({"inner/datapackage.json": "{}"}, "inner/datapackage.json: name that folder"),
    ],
)
def test_a_folder_without_a_descriptor_leads_on(tmp_path: Path, files: dict[str, str], words: str) -> None:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    with pytest.raises(UsageError) as caught:
        Folder.read(tmp_path)
    assert words in caught.value.reason
    assert "datapackage.json" in caught.value.reason


def test_what_is_no_folder_and_no_zip_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id\n")
    with pytest.raises(UsageError, match="is not a folder: name a folder with a data package, or a zip file"):
        Folder.read(tmp_path / "t.csv")
    (tmp_path / "t.zip").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(UsageError, match="is no zip file, or not all of one: make it again"):
        Folder.read(tmp_path / "t.zip")
    with pytest.raises(UsageError, match=r"There is no .*absent: name a folder"):
        Folder.read(tmp_path / "absent")
    (tmp_path / "datapackage.yaml").write_text("name: x")
    with pytest.raises(UsageError, match="is YAML"):
        Folder.read(tmp_path / "datapackage.yaml")


def test_a_zip_file_that_is_no_package(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("t.csv", "id\n")
    with pytest.raises(Invalid, match=r"x\.zip: The archive has no datapackage\.json"):
        Folder.read(tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("../t.csv", "id\n")
    with pytest.raises(Invalid, match="leaves the package's folder"):
        Folder.read(tmp_path / "y.zip")


def test_json_that_is_broken_has_a_line_and_a_column(tmp_path: Path) -> None:
    (tmp_path / "datapackage.json").write_text('{"name": "x",\n "resources": [}')
    with pytest.raises(Invalid, match="line 2, column 16"):
        Folder.read(tmp_path)
    (tmp_path / "datapackage.json").write_bytes(b'\xef\xbb\xbf{"name": "x", "version": "1"}')
    assert Folder.read(tmp_path).name == "x"


def test_files_of_other_packages_and_of_tools_are_not_told(tmp_path: Path) -> None:
    folder = whole(tmp_path / "whole", "x")
    for path in (
        ".git/config",
        "node_modules/x.js",
        "__pycache__/x.pyc",
        "inner/datapackage.json",
        "inner/t.csv",
    ):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text("x")
    assert Folder.read(folder).left_out == ("docs/codebook.pdf",)


def test_a_missing_image_is_no_reason_to_refuse_a_missing_schema_is(tmp_path: Path) -> None:
    folder = whole(tmp_path / "whole", "x")
    (folder / "img" / "cover.png").unlink()
    assert "img/cover.png" not in [file.path for file in Folder.read(folder).files]
    (folder / "schemas" / "t.json").unlink()
    with pytest.raises(Invalid, match=r"schemas/t\.json"):
        Folder.read(folder)


def test_what_a_profile_refers_to_and_accents_of_another_encoding(couchreg: Couchreg, tmp_path: Path) -> None:
    folder, stated = tmp_path / "rules", unicodedata.normalize("NFC", "é.csv")
    folder.mkdir()
    resources = [{"name": "t", "path": stated}]
    members = {"name": "rules", "version": "1.0.0", "title": "B", "profile": "p.json", "resources": resources}
    (folder / "datapackage.json").write_text(json.dumps(members))
    (folder / unicodedata.normalize("NFD", stated)).write_text("id\n1\n")
    (folder / "p.json").write_text(json.dumps({"properties": {"title": {"$ref": "title.json"}}}))
    (folder / "title.json").write_text(json.dumps({"pattern": "^A"}))
    (folder / "other.json").write_text("{}")
    done = couchreg("validate", str(folder))
    assert (done.status, "'B' does not match '^A'" in done.err) == (6, True), done.err
    (folder / "datapackage.json").write_text(json.dumps(members | {"title": "A"}))
    done = couchreg("validate", str(folder))
    assert done.status == 0, done.err
    done = couchreg("publish", str(folder), "--json")
    assert (done.status, done.json["left_out"]) == (0, ["other.json"]), done.err
    assert couchreg("install", "rules", "--into", "copy").status == 0
    listed = sorted(path.name for path in (tmp_path / "copy").iterdir())
    assert listed == sorted(["datapackage.json", "p.json", "title.json", stated])
