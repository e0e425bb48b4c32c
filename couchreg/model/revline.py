"""Revisions as text and as keys, and what is read of the stored tree of a document without conflicts.

Owns how a revision compares; the tree itself is `revtree`'s.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from couchreg.errors import damaged
from couchreg.model.keytree import Key
from couchreg.model.revid import raw

STORED: Final = "A revision tree in the database"
NO_TREE: Final = (msgspec.DecodeError, TypeError, ValueError, IndexError)  # what a damaged one raises
unpack: Final = msgspec.msgpack.Decoder().decode


def key_of(rev: str) -> Key:
    dash = rev.index("-", 1)  # a replicated history may claim generations below zero
    return int(rev[:dash]), raw(rev[dash + 1 :])


def text_of(gen: int, rev_id: bytes) -> str:
    return f"{gen}-{rev_id.hex() if len(rev_id) == 16 else rev_id.decode()}"


def _line(stored: bytes) -> tuple[int, list[bytes]]:
    """The first generation and the ids of a tree that has one leaf."""
    try:
        start, ids, _, _ = unpack(stored)
        return int(start), ids
    except NO_TREE as error:
        raise damaged(STORED) from error


def history_of_line(stored: bytes, limit: int) -> list[str]:
    """`history` of the winner of a tree that has one leaf and came from `encode`, without the tree."""
    start, ids = _line(stored)
    newest = start + len(ids) - 1
    return [text_of(newest - older, rev_id) for older, rev_id in enumerate(ids[: -limit - 1 : -1])]


def missing_of_line(stored: bytes, revs: Sequence[str]) -> tuple[list[str], bool]:
    """`missing` of a tree that has one leaf and came from `encode`, without the tree; and whether that
    leaf is older than some of them."""
    start, ids = _line(stored)
    known, unknown = set[str](), []
    for rev in revs:
        gen, rev_id = key_of(rev)
        place = gen - start
        if 0 <= place < len(ids) and ids[place] == rev_id and rev not in known:
            known.add(rev)
        else:
            unknown.append((gen, rev_id, rev))
    unknown.sort()
    is_older = bool(unknown) and start + len(ids) - 1 < unknown[-1][0]
    return [rev for _, _, rev in unknown], is_older
