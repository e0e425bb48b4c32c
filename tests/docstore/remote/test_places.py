"""Places in the changes of a cluster, as CouchDB 3.5 wrote them."""

import zlib
from base64 import urlsafe_b64encode

import pytest

from couchreg.docstore.remote.places import CopyPlace

PACKED = "g1AAAABLeJzLYWBgYMxgTmHgz8tPSTV0MDQy1zMAQsMcoARTIkMeC8N_IMjKYE5kzgUKsVuYpqUlpiZiasgCAK7IEws"
BARE = (
    "g2wAAAABaANkAA9ub2RlMUAxMjcuMC4wLjFsAAAAAmEAbgQA_____2poA2EEbQAAAAc4NWZmYWVhZAAPbm9kZTFAMTI3LjAuMC4xag"
)
SEVERAL = b"\x83l\0\0\0\2h\3d\0\1al\0\0\0\2a\0a\1jh\3a\7m\0\0\0\0d\0\1a"


def test_which_copy_it_is_and_how_far() -> None:
    place = CopyPlace.parse(PACKED)
    assert (place.number, place.node) == (3, "node1@127.0.0.1")
    assert CopyPlace.parse(BARE).copy == place.copy
    assert CopyPlace.parse(BARE).number == 4


@pytest.mark.parametrize("number", [0, 255, 256, (1 << 31) - 1, 1 << 31, 1 << 40])
def test_another_place_of_the_same_copy(number: int) -> None:
    place = CopyPlace.parse(PACKED).at(number)
    assert CopyPlace.parse(place.opaque) == place


@pytest.mark.parametrize(
    "text",
    ["", "-", "g1", "AAAA", PACKED[:40], BARE[:30], "x" * 4000, "é"],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        CopyPlace.parse(text)


def test_several_shards_and_large_terms_are_none() -> None:
    bomb = b"\x83P\0\0\0\0" + zlib.compress(b"l" * 100_000)
    for term in (SEVERAL, bomb):
        with pytest.raises(ValueError):
            CopyPlace.parse(urlsafe_b64encode(term).decode().rstrip("="))
