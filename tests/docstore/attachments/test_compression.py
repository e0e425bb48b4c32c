"""What is compressed, and gzip in steps that no input can make large."""

import gzip
import zlib
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchreg.docstore.attachments.compression import STEP, Compression, Gunzip, Gzip
from couchreg.errors import Failure


@pytest.mark.parametrize(
    ("types", "content_type", "applies"),
    [
        ("text/*, application/json", "text/csv", True),
        ("text/*, application/json", " Text/CSV ; charset=utf-8", True),
        ("text/*, application/json", "application/json", True),
        ("text/*, application/json", "application/json+x", False),
        ("text/*, application/json", "image/png", False),
        ("text/*, application/json", "xtext/csv", False),
        ("Application/*+JSON", "application/ld+json", True),
        ("*", "", True),
        ("text/[a]", "text/a", False),
        ("", "text/plain", False),
        (" , ", "text/plain", False),
    ],
)
def test_types_are_patterns(types: str, content_type: str, applies: bool) -> None:
    assert Compression.of({"compressible_types": types}).applies_to(content_type) is applies


@pytest.mark.parametrize(
    ("level", "effective"), [(None, 8), ("0", 0), ("1", 1), ("9", 9), ("12", 9), ("high", 8), ("-1", 8)]
)
def test_levels(level: str | None, effective: int) -> None:
    compression = Compression.of({} if level is None else {"compression_level": level})
    assert compression.level == effective
    assert compression.applies_to("text/plain") is (effective > 0)


@given(st.binary(max_size=3000), st.lists(st.integers(0, 3000), max_size=8))
def test_gzip_does_not_depend_on_how_the_bytes_arrive(data: bytes, places: list[int]) -> None:
    whole, pieces = Gzip(8, digest=False), Gzip(8, digest=True)
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    made = b"".join(pieces.feed(data[a:b]) for a, b in pairwise(edges)) + pieces.finish()
    assert made == whole.feed(data) + whole.finish()
    assert pieces.length == len(data)
    assert gzip.decompress(made) == data


def gunzipped(gunzip: Gunzip, data: bytes) -> Iterator[bytes]:
    """The plain bytes that `data` completes."""
    gunzip.feed(data)
    while plain := gunzip.step():
        yield plain


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=3), st.integers(1, 50))
def test_gunzip_takes_any_pieces_of_any_members(members: list[bytes], size: int) -> None:
    packed = b"".join(gzip.compress(member) for member in members)
    gunzip = Gunzip()
    plain = b"".join(
        piece for at in range(0, len(packed), size) for piece in gunzipped(gunzip, packed[at : at + size])
    )
    gunzip.finish()
    assert plain == b"".join(members)


@given(st.binary(min_size=1, max_size=500))
def test_gunzip_of_anything_ends(data: bytes) -> None:
    gunzip = Gunzip()
    try:
        plain = b"".join(gunzipped(gunzip, data))
        gunzip.finish()
    except Failure:
        return
    assert zlib.decompress(data, 31) == plain


def test_a_bomb_comes_in_steps() -> None:
    gunzip = Gunzip()
    sizes = [len(piece) for piece in gunzipped(gunzip, gzip.compress(bytes(30 << 20)))]
    assert max(sizes) <= STEP
    assert sum(sizes) == 30 << 20


def test_many_empty_members_are_no_plain_bytes() -> None:
    gunzip = Gunzip()
    assert list(gunzipped(gunzip, gzip.compress(b"") * 1000)) == []
    gunzip.finish()
