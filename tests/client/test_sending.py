"""A file's bytes on their way to a registry."""

from pathlib import Path

import pytest

from couchreg.client.errors import UsageError
from couchreg.client.folder import Folder, FolderFile
from couchreg.client.sending import FileBody


def file_of(folder: Path, data: bytes) -> FolderFile:
    descriptor = '{"name": "a", "version": "1", "resources": [{"name": "b", "path": "b.csv"}]}'
    (folder / "datapackage.json").write_text(descriptor)
    (folder / "b.csv").write_bytes(data)
    return next(file for file in Folder.read(folder).files if file.path == "b.csv")


async def sent(body: FileBody) -> bytes:
    return b"".join([chunk async for chunk in body])


@pytest.mark.parametrize("start", [0, 3, 8])
async def test_a_body_begins_where_it_is_told_to(tmp_path: Path, start: int) -> None:
    seen: list[int] = []
    body = FileBody(file_of(tmp_path, b"id\n1\n2\n3"), seen.append, start)
    assert await sent(body) == b"id\n1\n2\n3"[start:]
    assert body.sent == sum(seen) == 8 - start


@pytest.mark.parametrize("now", [b"id\n1", b"id\n1\n2\n3\n4"])
async def test_a_file_that_changes_is_no_whole_one(tmp_path: Path, now: bytes) -> None:
    body = FileBody(file_of(tmp_path, b"id\n1\n2\n3"), lambda count: None)
    (tmp_path / "b.csv").write_bytes(now)
    with pytest.raises(UsageError, match="changed while it was being sent") as raised:
        await sent(body)
    assert body.fault is raised.value


async def test_a_file_that_is_gone_cannot_be_read(tmp_path: Path) -> None:
    body = FileBody(file_of(tmp_path, b"id\n1\n"), lambda count: None)
    (tmp_path / "b.csv").unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        await sent(body)
