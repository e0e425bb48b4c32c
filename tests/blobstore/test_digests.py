"""Length, MD5 and SHA-256, from memory, a file and a store alike."""

import hashlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from couchreg.blobstore.digests import Digests, digests_of, digests_of_file
from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.spool import Spool, once


@given(st.lists(st.binary(max_size=100)))
def test_pieces_count_as_their_whole(pieces: list[bytes]) -> None:
    digests, whole = Digests(), b"".join(pieces)
    for piece in pieces:
        digests.update(piece)
    assert digests.length == len(whole)
    assert digests.md5 == hashlib.md5(whole).digest()
    assert digests.sha256 == hashlib.sha256(whole).hexdigest()


async def test_a_file_and_the_blob_made_of_it_have_the_same(tmp_path: Path, spool: Spool) -> None:
    data = bytes(range(256)) * 9000  # more than is read at a time
    store = DirectoryBlobStore(tmp_path / "datastore")
    assert await spool.put(store, "a/b", once(data), content_type="a/b")
    assert list(spool.directory.iterdir()) == []
    path = store.local_path("a/b")
    assert path is not None
    of_file, of_blob = digests_of_file(path), await digests_of(store, "a/b")
    assert of_file.spooled(path) == of_blob.spooled(path)
    assert of_file.spooled(path, "a/b").kept == "a/b"
    assert of_file.length == len(data)
    await store.close()
