"""`couchreg publish --direct`: the same outcome, on another way."""

import json
from pathlib import Path

from tests.cli.conftest import Couchreg

IMAGE = bytes(range(256)) * 4000


def folder(root: Path, name: str, rows: str = "1,2\n") -> Path:
    (root / name / "data").mkdir(parents=True, exist_ok=True)
    fields = [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}]
    resources = [
        {"name": "t", "path": "data/t.csv", "schema": {"fields": fields}},
        {"name": "image", "path": "data/image.tif"},
    ]
    members = {"name": name, "version": "1.0.0", "resources": resources}
    (root / name / "datapackage.json").write_text(json.dumps(members))
    (root / name / "data" / "t.csv").write_text("a,b\n" + rows)
    (root / name / "data" / "image.tif").write_bytes(IMAGE)
    (root / name / "README.md").write_text("")
    return root / name


def test_a_package_is_published_and_can_be_read(couchreg: Couchreg, tmp_path: Path) -> None:
    package = folder(tmp_path, "straight")
    done = couchreg("publish", "--direct", str(package), "--json")
    assert (done.status, done.json["new"]) == (0, True), done.err
    again = couchreg("publish", "--direct", str(package), "--json")
    assert (again.status, again.json["new"]) == (0, False), again.err
    assert couchreg("cat", "straight/t").out == "a,b\n1,2\n"


def test_what_is_refused_is_said_as_without_it(couchreg: Couchreg, tmp_path: Path) -> None:
    assert couchreg("publish", "--direct", str(folder(tmp_path, "refused", "1,two\n"))).status == 6
    assert couchreg("publish", "--direct", str(folder(tmp_path, "changed"))).status == 0
    changed = couchreg("publish", "--direct", str(folder(tmp_path, "changed", "3,4\n")))
    assert changed.status == 5, changed.err
    assert "new version" in changed.err
    stranger = couchreg("publish", "--direct", str(folder(tmp_path, "other")), password="wrong")
    assert stranger.status == 4
