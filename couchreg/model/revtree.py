"""The revision tree of a document: which edits were made of which, here and on other servers.

Owns merging, winners, leafs, ancestors, stemming and purging, as CouchDB does them. Does not own the
bodies (it keeps opaque storage ids) nor how a revision id is made (`revid`).

Three edits of one document on one server are a line, A→B→C: every edit names the revision it was made
of, and only the last, the *leaf*, may be edited. When another server edits B too and they replicate,
each ends with A→B→(C|D): two leafs, a *conflict*. Nothing is lost and nobody is asked; all servers
show the same *winner*, because all choose alike. A conflict is resolved by deleting a leaf, and a
deletion is an edit like any other: A→B→(C→E†|D) has the leafs E (deleted) and D, and D wins.

The winner is the leaf that is not deleted before one that is, then the one with the longer history
(the higher generation), then the one with the larger id, as bytes.

A history is not kept for ever: beyond the database's `_revs_limit` the oldest revisions are cut off
(*stemmed*), so that a tree may begin at generation 4. Therefore a document may have several roots: a
path that arrives from elsewhere is joined where it has a revision in common with a tree at the place
where the later of the two begins, and stands as a tree of its own when it has none. Example, with A
at generation 1 of a document never seen before::

    merge [2-B, 1-A]         A→B            "new_leaf"       B wins
    merge [3-D, 2-C, 1-A]    A→(B|C→D)      "new_branch"     D wins, B is a conflict
    merge [2-C, 1-A]         A→(B|C→D)      "internal_node"  C's body is known now
    merge [4-F, 3-E]         and E→F        "new_branch"     a second root
    merge [3-E, 2-B]         A→(B→E→F|C→D)  "new_leaf"       the gap is filled, F wins

Source: the replication and conflict chapters of the CouchDB documentation.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec

from couchreg.errors import damaged
from couchreg.model.keytree import KeyTree, Merge
from couchreg.model.revid import raw

_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder().decode

STORED: Final = "A revision tree in the database"
_NO_TREE: Final = (msgspec.DecodeError, TypeError, ValueError, IndexError)  # what a damaged one raises
FEW: Final = 8  # revisions that are looked for one by one

Key = tuple[int, bytes]  # generation and id, as they compare


class Node(NamedTuple):
    """A revision in the tree. `body` is None when only its name is known ("missing")."""

    rev: str
    deleted: bool
    body: int | None


def _key(rev: str) -> Key:
    dash = rev.index("-", 1)  # a replicated history may claim generations below zero
    return int(rev[:dash]), raw(rev[dash + 1 :])


def _text(gen: int, rev_id: bytes) -> str:
    return f"{gen}-{rev_id.hex() if len(rev_id) == 16 else rev_id.decode()}"


def _line(stored: bytes) -> tuple[int, list[bytes]]:
    """The first generation and the ids of a tree that has one leaf."""
    try:
        start, ids, _, _ = _unpack(stored)
        return int(start), ids
    except _NO_TREE as error:
        raise damaged(STORED) from error


class RevTree:
    """All revisions of one document. Revisions are text, `"3-ab…"`, as `revid.canonical` spells them."""

    __slots__ = ("_places", "_trees")

    def __init__(self) -> None:
        self._trees: list[KeyTree] = []  # sorted by generation and id of the root
        self._places: dict[tuple[int, bytes], tuple[KeyTree, int]] | None = None  # while many are looked up

    # -- the stored form: [generation of the root, ids, deleted, bodies] of a chain, else the columns of each.
    # Generations beyond 64 bits, which a replicated document may claim, stand as text.

    @classmethod
    def decode(cls, data: bytes) -> "RevTree":
        """Read what `encode` wrote. Raises StorageFailure for what has not stayed as it was."""
        tree = cls()
        try:
            stored: Any = _unpack(data)
            if stored and type(stored[0]) is not list:
                start, ids, deleted, bodies = stored
                start = int(start)
                tree._trees.append(KeyTree(list(range(start, start + len(ids))), ids, deleted, bodies))
            else:
                tree._trees = [KeyTree(list(map(int, gens)), *columns) for gens, *columns in stored]
        except _NO_TREE as error:
            raise damaged(STORED) from error
        return tree

    @classmethod
    def line(cls, nodes: Sequence[Node]) -> "RevTree":
        """The tree of a document without conflicts: its revisions, oldest first, one at least."""
        tree = cls()
        keys = [_key(node.rev) for node in nodes]
        gens, ids = [gen for gen, _ in keys], [rev_id for _, rev_id in keys]
        tree._trees.append(
            KeyTree(gens, ids, [node.deleted for node in nodes], [node.body for node in nodes])
        )
        return tree

    @classmethod
    def arrived(cls, rev: str, older: Sequence[str], *, deleted: bool, body: int | None) -> "RevTree":
        """What `merge` makes of an empty tree, quicker. `older`: the ids before it, newest first."""
        tree, size, (gen, rev_id) = cls(), len(older), _key(rev)
        ids = [*map(raw, older[::-1]), rev_id]
        gens, names_only = list(range(gen - size, gen + 1)), [None] * size
        tree._trees.append(KeyTree(gens, ids, [*[False] * size, deleted], [*names_only, body]))
        return tree

    def encode(self) -> bytes:
        """A compact form of the whole tree."""
        try:
            return _pack(self._stored(int))
        except OverflowError:
            return _pack(self._stored(str))

    def _stored(self, spell: Callable[[int], int | str]) -> Any:
        trees = self._trees
        if len(trees) == 1 and trees[0].chain:
            only = trees[0]
            return spell(only.gens[0]), only.ids, only.deleted, only.bodies
        return [([spell(gen) for gen in tree.gens], tree.ids, tree.deleted, tree.bodies) for tree in trees]

    # -- reading

    def winner(self) -> Node:
        """The leaf that every server shows. Raises ValueError on an empty tree."""
        trees = self._trees
        if len(trees) == 1 and trees[0].chain:
            return self._node(trees[0], -1)
        return self._node(*max(self._leafs(), key=_rank))

    @property
    def lives(self) -> bool:
        """Whether the winner is not deleted. Raises ValueError on an empty tree."""
        trees = self._trees
        if len(trees) == 1 and trees[0].chain:
            return not trees[0].deleted[-1]
        return not self.winner().deleted

    def leafs(self) -> list[Node]:
        """The winner, then the other leafs as CouchDB orders them, deleted ones at the end."""
        if len(self._trees) == 1 and self._trees[0].chain:
            return [self._node(self._trees[0], -1)]
        return [self._node(*leaf) for leaf in sorted(self._leafs(), key=_rank, reverse=True)]

    def find(self, rev: str) -> Node | None:
        at = self._find(rev)
        return self._node(*at) if at else None

    def is_leaf(self, rev: str) -> bool:
        at = self._find(rev)
        return at is not None and at[0].is_leaf(at[1])

    def history(self, rev: str, limit: int | None = None) -> list[str]:
        """A revision and its ancestors, newest first, to the root or the stem; [] if unknown.

        At most `limit` of them: CouchDB shows no more than `_revs_limit` in `_revisions`, though it may
        still know older ones.
        """
        at = self._find(rev)
        return [_text(at[0].gens[i], at[0].ids[i]) for i in at[0].ancestry(at[1])[:limit]] if at else []

    @staticmethod
    def history_of_line(stored: bytes, limit: int) -> list[str]:
        """`history` of the winner of a tree that has one leaf and came from `encode`, without the tree."""
        start, ids = _line(stored)
        newest = start + len(ids) - 1
        return [_text(newest - older, rev_id) for older, rev_id in enumerate(ids[: -limit - 1 : -1])]

    @staticmethod
    def missing_of_line(stored: bytes, revs: Sequence[str]) -> tuple[list[str], bool]:
        """`missing` of a tree that has one leaf and came from `encode`, without the tree; and whether that
        leaf is older than some of them."""
        start, ids = _line(stored)
        known, unknown = set[str](), []
        for rev in revs:
            gen, rev_id = _key(rev)
            place = gen - start
            if 0 <= place < len(ids) and ids[place] == rev_id and rev not in known:
                known.add(rev)
            else:
                unknown.append((gen, rev_id, rev))
        unknown.sort()
        is_older = bool(unknown) and start + len(ids) - 1 < unknown[-1][0]
        return [rev for _, _, rev in unknown], is_older

    def nodes_of(self, rev: str) -> list[Node]:
        """`history` with the storage ids."""
        at = self._find(rev)
        return [self._node(at[0], i) for i in at[0].ancestry(at[1])] if at else []

    def all_nodes(self) -> list[Node]:
        """Every revision, parents before their children."""
        return [self._node(tree, i) for tree in self._trees for i in range(len(tree.ids))]

    def latest(self, rev: str) -> list[Node]:
        """The leafs that descend from a revision (itself, if it is one); [] if unknown."""
        at = self._find(rev)
        if at is None:
            return []
        tree, index = at
        return [self._node(tree, i) for i in tree.subtree(index) if tree.is_leaf(i)]

    def missing(self, revs: Sequence[str]) -> list[str]:
        """Those of `revs` that are not here, oldest generation first (a known one named twice: once)."""
        if len(revs) <= FEW:
            return self._missing(revs)
        with self.looked_up():
            return self._missing(revs)

    def _missing(self, revs: Sequence[str]) -> list[str]:
        known: set[str] = set()
        unknown = []
        for rev in revs:
            if rev not in known and self._find(rev):
                known.add(rev)
            else:
                unknown.append(rev)
        return sorted(unknown, key=_key) if len(unknown) > 1 else unknown

    @contextmanager
    def looked_up(self) -> Iterator[None]:
        """Within the block revisions are found at once, however many there are; nothing may change."""
        if not all(tree.chain for tree in self._trees):
            every = [(tree, i) for tree in self._trees for i in range(len(tree.ids))]
            self._places = {(tree.gens[i], tree.ids[i]): (tree, i) for tree, i in reversed(every)}
        try:
            yield
        finally:
            self._places = None

    def possible_ancestors(self, missing: Sequence[str]) -> list[str]:
        """The leafs older than some missing revision, the winner first: it may be an edit of one of them."""
        newest = max((_key(rev)[0] for rev in missing), default=None)
        if newest is None:
            return []
        leafs = sorted(self._leafs(), key=_rank, reverse=True)
        return [_text(tree.gens[i], tree.ids[i]) for tree, i in leafs if tree.gens[i] < newest]

    # -- changing

    def merge(self, path: Sequence[str], *, deleted: bool, body: int | None) -> Merge:
        """Add a revision with its history, newest first and contiguous.

        Answers "new_leaf" (a first revision, or an edit of a leaf), "new_branch" (a conflict) or
        "internal_node" (the revision was in the tree). A revision that has a body keeps it:
        ``find(path[0]).body == body`` tells whether this one was taken.
        """
        if self._extend(path, deleted, body):
            return "new_leaf"
        newest = _key(path[0])
        ids = [raw(rev[rev.index("-", 1) + 1 :]) for rev in reversed(path[1:])]
        ids.append(newest[1])
        size = len(ids)
        known = self._find(path[0]) if self._trees else None
        if known is not None and self._valued(*known):
            deleted, body = known[0].deleted[known[1]], known[0].bodies[known[1]]
        gens = list(range(newest[0] - size + 1, newest[0] + 1))
        bodies: list[int | None] = [None] * size
        bodies[-1] = body
        branch = KeyTree(gens, ids, [False] * (size - 1) + [deleted], bodies)
        if not self._trees:
            self._trees.append(branch)
            return "new_leaf"
        result = self._merge(branch)
        if len(self._trees) > 1 and self._overlapping():
            self._rebuild(self._paths())
        return result if known is None else "internal_node"

    def _extend(self, path: Sequence[str], deleted: bool, body: int | None) -> bool:
        """The usual case at once: an ordinary edit of the only leaf there is."""
        if len(path) != 2 or len(self._trees) != 1 or not self._trees[0].chain:
            return False
        tree = self._trees[0]
        gen, rev_id = _key(path[0])
        if tree.gens[-1] != gen - 1 or tree.ids[-1] != raw(path[1][path[1].index("-", 1) + 1 :]):
            return False
        tree.gens.append(gen)
        tree.ids.append(rev_id)
        tree.deleted.append(deleted)
        tree.bodies.append(body)
        return True

    def stem(self, limit: int) -> list[int]:
        """Forget what is further than `limit` revisions from every leaf.

        Returns the storage ids that are no longer referred to. `limit` is at least 1.
        """
        if all(tree.height <= limit for tree in self._trees):
            return []
        before = self._bodies()
        self._trees = [part for tree in self._trees for part in tree.stem(limit)]
        self._sort()
        return self._freed(before)

    def compact(self) -> list[int]:
        """Forget the bodies of what is not a leaf. Returns the storage ids that are free."""
        freed = []
        for tree in self._trees:
            kept = set(tree.leafs())
            freed += [body for i, body in enumerate(tree.bodies) if body is not None and i not in kept]
            tree.bodies = [body if i in kept else None for i, body in enumerate(tree.bodies)]
            tree.deleted = [deleted and i in kept for i, deleted in enumerate(tree.deleted)]
        return freed

    def remove(self, leaf_revs: Sequence[str]) -> tuple[list[str], list[int]]:
        """Purge leafs, with whatever no other leaf descends from.

        Returns the revisions that were leafs and are gone, and the storage ids that are free.
        """
        wanted = {_key(rev) for rev in leaf_revs}
        before = self._bodies()
        kept: list[KeyTree] = []
        removed: list[str] = []
        for path in self._paths():
            key = (path.gens[-1], path.ids[-1])
            if key in wanted:
                removed.append(_text(*key))
            else:
                kept.append(path)
        self._rebuild(kept)
        return removed, self._freed(before)

    # -- inside

    def _find(self, rev: str) -> tuple[KeyTree, int] | None:
        gen, rev_id = _key(rev)
        if self._places is not None:
            return self._places.get((gen, rev_id))
        for tree in self._trees:
            index = tree.index(gen, rev_id)
            if index >= 0:
                return tree, index
        return None

    @staticmethod
    def _node(tree: KeyTree, index: int) -> Node:
        return Node(_text(tree.gens[index], tree.ids[index]), tree.deleted[index], tree.bodies[index])

    @staticmethod
    def _valued(tree: KeyTree, index: int) -> bool:
        return tree.bodies[index] is not None or tree.deleted[index]

    def _leafs(self) -> Iterator[tuple[KeyTree, int]]:
        return ((tree, index) for tree in self._trees for index in tree.leafs())

    def _merge(self, path: KeyTree) -> Merge:
        for tree in self._trees:
            result = tree.merge(path)
            if result is not None:
                break
        else:
            result = "new_branch" if self._trees else "new_leaf"
            self._trees.append(path)
        self._sort()
        return result

    def _sort(self) -> None:
        if len(self._trees) > 1:
            self._trees.sort(key=lambda tree: (tree.gens[0], tree.ids[0]))

    def _overlapping(self) -> bool:
        """Whether a path has joined one tree and reached into another, which now belongs to it."""
        keys = [key for tree in self._trees for key in zip(tree.gens, tree.ids, strict=True)]
        return len(set(keys)) < len(keys)

    def _paths(self) -> list[KeyTree]:
        return [tree.path(index) for tree, index in self._leafs()]

    def _rebuild(self, paths: list[KeyTree]) -> None:
        """Grow the tree again, the longest histories first, so that the others find their place."""
        self._trees = []
        for path in sorted(paths, key=lambda path: (path.gens[0], path.ids[::-1])):
            self._merge(path)

    def _bodies(self) -> set[int]:
        return {body for tree in self._trees for body in tree.bodies if body is not None}

    def _freed(self, before: set[int]) -> list[int]:
        return sorted(before - self._bodies())


def _rank(leaf: tuple[KeyTree, int]) -> tuple[bool, int, bytes]:
    tree, index = leaf
    return not tree.deleted[index], tree.gens[index], tree.ids[index]
