"""Objects get another key within S3: what is asked of it, and that other bytes are noticed."""

import random

import pytest

from couchreg.blobstore.s3 import adopt as s3_adopt
from couchreg.blobstore.s3.store import S3BlobStore
from couchreg.errors import DigestMismatch
from tests.blobstore.test_conformance import LARGE, described, read


@pytest.fixture
def asked(s3: S3BlobStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the calls, as they are made."""
    names: list[str] = []
    ask = type(s3.calls).__call__

    async def noted(self: object, operation: str, /, **given: object) -> object:
        names.append(operation)
        return await ask(self, operation, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(type(s3.calls), "__call__", noted)
    return names


@pytest.mark.parametrize("size", [256 << 20, 5 << 20], ids=["one part", "two parts"])
async def test_large_objects_are_copied_where_they_lie(
    s3: S3BlobStore, asked: list[str], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(s3_adopt, "COPIED_AT_ONCE", size)
    await s3.probe()
    # As a client of a signed address puts it: in one request.
    await s3.calls("put_object", Key=s3.options.key("staged/0"), body=LARGE)
    asked.clear()
    assert await s3.adopt("staged/0", "a/b", described(LARGE), content_type="text/csv")
    assert asked.count("upload_part_copy") == -(-len(LARGE) // size)
    assert not {"get_object", "put_object", "upload_part"}.intersection(asked)
    head = await s3.head("a/b")
    assert head is not None
    assert head["Metadata"] == {"sha256": described(LARGE).sha256}
    assert (head["ContentType"], head["ContentDisposition"][:6]) == ("text/csv", "inline")
    assert await read(s3, "a/b") == LARGE


@pytest.mark.parametrize("size", [256 << 20, 5 << 20], ids=["one part", "two parts"])
@pytest.mark.parametrize("length", [1000, len(LARGE)])
async def test_other_bytes_of_the_same_length_are_noticed(
    s3: S3BlobStore, monkeypatch: pytest.MonkeyPatch, size: int, length: int
) -> None:
    monkeypatch.setattr(s3_adopt, "COPIED_AT_ONCE", size)
    other = random.Random(3).randbytes(length)
    await s3.calls("put_object", Key=s3.options.key("staged/0"), body=other)
    with pytest.raises(DigestMismatch):
        await s3.adopt("staged/0", "a/b", described(LARGE[:length]))
    assert await s3.info("a/b") is None
