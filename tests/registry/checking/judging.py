"""Judging a package as a publish does, without a server: form, files and data, in this process."""

import json
from pathlib import Path
from typing import Any

from couchreg.blobstore.digests import digests_of_file
from couchreg.errors import InvalidPackage
from couchreg.package.descriptor import examine
from couchreg.package.text import read_json
from couchreg.registry.checking import checks
from couchreg.registry.publishing import integrity

FIELDS = [{"name": "id", "type": "integer"}, {"name": "word", "type": "string"}]
V2 = "https://datapackage.org/profiles/2.0/datapackage.json"


def judged(folder: Path) -> dict[str, Any]:
    """The report on the package in a folder."""
    members = read_json((folder / "datapackage.json").read_bytes())
    name, version = members.get("name", "x"), members.get("version", "1")
    try:
        descriptor = examine(members, name, version)
        paths = [path for path in folder.rglob("*") if path.is_file()]
        files = {
            path.relative_to(folder).as_posix(): digests_of_file(path).spooled(path) for path in sorted(paths)
        }
        known = integrity.digests(integrity.wanted(descriptor, files), lambda: False)
        found = integrity.check_files(descriptor, files, known)
    except InvalidPackage as error:
        return dict(error.report)
    if not found.valid:
        return found.to_json()
    return checks.check(str(folder), json.loads(json.dumps({**descriptor.members, "name": name})))


def laid(folder: Path, members: dict[str, Any], **files: bytes | str) -> Path:
    """A folder with a descriptor and files; `__` in the name of one is a slash, `_` before a suffix a dot."""
    everything = {"datapackage.json": json.dumps({"name": "x", **members}), **files}
    for name, content in everything.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def table(folder: Path, text: bytes | str, path: str = "t.csv", /, **members: Any) -> dict[str, Any]:
    """The report on a package of one table in one file; `package` are members of the package."""
    package = members.pop("package", {})
    files = members.pop("files", {})
    resource = {"name": "t", "path": path, "schema": {"fields": FIELDS}, **members}
    resource = {key: value for key, value in resource.items() if value is not None}
    return judged(laid(folder, {**package, "resources": [resource]}, **{path: text, **files}))


def kinds(report: dict[str, Any]) -> list[str]:
    return sorted({item["type"] for item in report["problems"]})
