"""Data packages for tests, and how a client sends them."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "data" / "packages"


@dataclass
class Package:
    """A package as a client has it: the descriptor's members, and bytes by path."""

    members: dict[str, Any]
    files: dict[str, bytes]

    @property
    def name(self) -> str:
        return str(self.members["name"])

    @classmethod
    def shipped(cls, name: str) -> "Package":
        """One of the real packages, `datapackage.json` among its files."""
        root = FOLDER / name
        files = {
            str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }
        return cls(json.loads(files["datapackage.json"]), files)


def small(name: str = "small", text: str = "id,word\n1,one\n2,two\n", **members: Any) -> Package:
    """A valid package of one table."""
    fields = [{"name": "id", "type": "integer"}, {"name": "word", "type": "string"}]
    resource = {"name": "words", "path": "data/words.csv", "schema": {"fields": fields}}
    return Package({"name": name, "resources": [resource], **members}, {"data/words.csv": text.encode()})


def related(package: Package, boundary: str = "b0undary") -> tuple[bytes, dict[str, str]]:
    """Body and headers of a `multipart/related` publish, with lengths and file names."""
    listed = {
        path: {"follows": True, "content_type": "text/csv", "length": len(data)}
        for path, data in package.files.items()
    }
    document = json.dumps({**package.members, "_attachments": listed})
    parts = [f"Content-Type: application/json\r\n\r\n{document}".encode()]
    for path, data in package.files.items():
        parts.append(f'Content-Disposition: attachment; filename="{path}"\r\n\r\n'.encode() + data)
    mark = f"--{boundary}".encode()
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--"
    return body, {"Content-Type": f'multipart/related; boundary="{boundary}"'}


def zipped(
    package: Package,
    *,
    prefix: str = "",
    extra: Mapping[str, bytes] | None = None,
    method: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """The package as a zip file, its descriptor first; `extra` files stand beside the prefix."""
    descriptor = {"datapackage.json": json.dumps(package.members).encode()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for path, data in {**descriptor, **package.files}.items():
            archive.writestr(prefix + path, data)
        for path, data in (extra or {}).items():
            archive.writestr(path, data)
    return buffer.getvalue()
