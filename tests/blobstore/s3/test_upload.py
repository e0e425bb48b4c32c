"""What a store has not kept as it was sent is removed, so that the right bytes can take its place."""

import hashlib
from pathlib import Path
from typing import Any, cast

import pytest

from couchreg.blobstore.base import Spooled
from couchreg.blobstore.s3 import upload
from couchreg.blobstore.s3.calls import S3Calls, S3Options
from couchreg.blobstore.s3.probe import Abilities
from couchreg.blobstore.s3.upload import Uploader
from couchreg.errors import Unavailable

DATA = b"id,word\n1,tree\n"


class GarblingStore:
    """Keeps other bytes than it is sent, the first so many times, and refuses to delete so many times."""

    def __init__(self, garbled: int, refused: int) -> None:
        self.options = S3Options("bucket", endpoint="http://127.0.0.1", attempts=3)
        self.garbled, self.refused = garbled, refused
        self.kept: bytes | None = None

    async def __call__(self, operation: str, /, *, body: bytes = b"", **arguments: Any) -> Any:
        if operation == "delete_object":
            self.refused -= 1
            if self.refused >= 0:
                raise Unavailable("The blob store denies access: InvalidAccessKeyId.")
            self.kept = None
            return {}
        assert operation == "put_object"
        assert self.kept is None, "what was garbled stands in the way"
        self.garbled -= 1
        self.kept = body[1:] if self.garbled >= 0 else body
        return {"ETag": f'"{hashlib.md5(self.kept, usedforsecurity=False).hexdigest()}"'}


async def put(store: GarblingStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def pause(failures: int) -> None: ...

    monkeypatch.setattr(upload, "pause", pause)
    md5 = hashlib.md5(DATA, usedforsecurity=False).digest()
    spooled = Spooled(tmp_path / "none", len(DATA), md5, hashlib.sha256(DATA).hexdigest(), data=DATA)
    uploader = Uploader(cast(S3Calls, store))
    try:
        await uploader.upload("p/1/t.csv", spooled, "text/csv", Abilities(True, True, md5_etags=True))
    finally:
        uploader.close()


@pytest.mark.parametrize(("garbled", "refused"), [(0, 0), (1, 0), (2, 0), (1, 1), (1, 2), (2, 2)])
async def test_garbled_bytes_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, garbled: int, refused: int
) -> None:
    store = GarblingStore(garbled, refused)
    await put(store, tmp_path, monkeypatch)
    assert store.kept == DATA


async def test_bytes_that_are_always_garbled_are_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = GarblingStore(9, 0)
    with pytest.raises(Unavailable, match="did not keep the bytes"):
        await put(store, tmp_path, monkeypatch)
    assert store.kept is None
