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

from bisect import insort
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from couchreg.errors import damaged
from couchreg.model.keytree import Key, KeyTree, Merge
from couchreg.model.revid import raw
from couchreg.model.revline import NO_TREE, STORED, key_of, text_of, unpack
from couchreg.model.treeindex import TreeIndex, rank

_pack: Final = msgspec.msgpack.Encoder().encode
_ROOT: Final = attrgetter("root")
FEW: Final = 8  # revisions that are looked for one by one


class Node(NamedTuple):
    """A revision in the tree. `body` is None when only its name is known ("missing")."""

    rev: str
    deleted: bool
    body: int | None


class RevTree:
    """All revisions of one document. Revisions are text, `"3-ab…"`, as `revid.canonical` spells them."""

    __slots__ = ("_owners", "_places", "_trees")

    def __init__(self) -> None:
        self._trees: list[KeyTree] = []  # sorted by generation and id of the root
        self._owners: TreeIndex | None = None  # while many are merged
        self._places: dict[Key, tuple[KeyTree, int]] | None = None  # while many are looked up

    # -- the stored form: [generation of the root, ids, deleted, bodies] of a chain, else the columns of each.
    # Generations beyond 64 bits, which a replicated document may claim, stand as text.

    @classmethod
    def decode(cls, data: bytes) -> "RevTree":
        """Read what `encode` wrote. Raises StorageFailure for what has not stayed as it was."""
        tree = cls()
        try:
            stored: Any = unpack(data)
            if stored and type(stored[0]) is not list:
                start, ids, deleted, bodies = stored
                start = int(start)
                tree._trees.append(KeyTree(list(range(start, start + len(ids))), ids, deleted, bodies))
            else:
                tree._trees = [KeyTree(list(map(int, gens)), *columns) for gens, *columns in stored]
        except NO_TREE as error:
            raise damaged(STORED) from error
        return tree

    @classmethod
    def line(cls, nodes: Sequence[Node]) -> "RevTree":
        """The tree of a document without conflicts: its revisions, oldest first, one at least."""
        tree = cls()
        keys = [key_of(node.rev) for node in nodes]
        gens, ids = [gen for gen, _ in keys], [rev_id for _, rev_id in keys]
        tree._trees.append(
            KeyTree(gens, ids, [node.deleted for node in nodes], [node.body for node in nodes])
        )
        return tree

    @classmethod
    def arrived(cls, rev: str, older: Sequence[str], *, deleted: bool, body: int | None) -> "RevTree":
        """What `merge` makes of an empty tree, quicker. `older`: the ids before it, newest first."""
        tree, size, (gen, rev_id) = cls(), len(older), key_of(rev)
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
        return self._node(*max(self._leafs(), key=rank))

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
        return [self._node(*leaf) for leaf in sorted(self._leafs(), key=rank, reverse=True)]

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
        return [text_of(at[0].gens[i], at[0].ids[i]) for i in at[0].ancestry(at[1])[:limit]] if at else []

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
        return sorted(unknown, key=key_of) if len(unknown) > 1 else unknown

    @contextmanager
    def looked_up(self) -> Iterator[None]:
        """Within the block revisions are found at once, however many there are; nothing may change."""
        if len(self._trees) != 1 or not self._trees[0].chain:
            every = [(tree, i) for tree in self._trees for i in range(len(tree.ids))]
            self._places = {(tree.gens[i], tree.ids[i]): (tree, i) for tree, i in reversed(every)}
        try:
            yield
        finally:
            self._places = None

    def possible_ancestors(self, missing: Sequence[str]) -> list[str]:
        """The leafs older than some missing revision, the winner first: it may be an edit of one of them."""
        newest = max((key_of(rev)[0] for rev in missing), default=None)
        if newest is None:
            return []
        leafs = sorted(self._leafs(), key=rank, reverse=True)
        return [text_of(tree.gens[i], tree.ids[i]) for tree, i in leafs if tree.gens[i] < newest]

    # -- changing

    @contextmanager
    def growing(self) -> Iterator[None]:
        """Within the block much may be merged: in a tree of many branches each takes no time to find."""
        self._owners = TreeIndex(self._trees)
        try:
            yield
        finally:
            self._owners = None

    @property
    def extent(self) -> tuple[int, int]:
        """How many leafs there are, and how many revisions."""
        sizes = [(1 if tree.chain else len(tree.leafs()), len(tree.ids)) for tree in self._trees]
        return sum([leafs for leafs, _ in sizes]), sum([size for _, size in sizes])

    def merge(self, path: Sequence[str], *, deleted: bool, body: int | None) -> Merge:
        """Add a revision with its history, newest first and contiguous.

        Answers "new_leaf" (a first revision, or an edit of a leaf), "new_branch" (a conflict) or
        "internal_node" (the revision was in the tree). A revision that has a body keeps it:
        ``find(path[0]).body == body`` tells whether this one was taken.
        """
        if self._extend(path, deleted, body):
            return "new_leaf"
        newest = key_of(path[0])
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
        if len(self._trees) > 1 and self._owners is None:
            with self.growing():
                result = self._merge(branch)
        else:
            result = self._merge(branch)
        return result if known is None else "internal_node"

    def _extend(self, path: Sequence[str], deleted: bool, body: int | None) -> bool:
        """The usual case at once: an ordinary edit of the only leaf there is."""
        if len(path) != 2 or len(self._trees) != 1 or not self._trees[0].chain:
            return False
        tree = self._trees[0]
        gen, rev_id = key_of(path[0])
        if tree.gens[-1] != gen - 1 or tree.ids[-1] != raw(path[1][path[1].index("-", 1) + 1 :]):
            return False
        tree.gens.append(gen)
        tree.ids.append(rev_id)
        tree.deleted.append(deleted)
        tree.bodies.append(body)
        if self._owners is not None:
            self._owners.add(tree, [(gen, rev_id)])
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
        if self._owners is not None:
            self._owners = TreeIndex(self._trees)
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
        wanted = {key_of(rev) for rev in leaf_revs}
        before = self._bodies()
        kept: list[KeyTree] = []
        removed: list[str] = []
        for path in [path for tree in self._trees for path in tree.paths()]:
            key = (path.gens[-1], path.ids[-1])
            if key in wanted:
                removed.append(text_of(*key))
            else:
                kept.append(path)
        self._trees = kept
        with self.growing():
            self._rebuild(kept)
        return removed, self._freed(before)

    # -- inside

    def _find(self, rev: str) -> tuple[KeyTree, int] | None:
        gen, rev_id = key_of(rev)
        if self._places is not None:
            return self._places.get((gen, rev_id))
        for tree in self._trees if self._owners is None else self._owners.of([(gen, rev_id)]):
            index = tree.index(gen, rev_id)
            if index >= 0:
                return tree, index
        return None

    @staticmethod
    def _node(tree: KeyTree, index: int) -> Node:
        return Node(text_of(tree.gens[index], tree.ids[index]), tree.deleted[index], tree.bodies[index])

    @staticmethod
    def _valued(tree: KeyTree, index: int) -> bool:
        return tree.bodies[index] is not None or tree.deleted[index]

    def _leafs(self) -> Iterator[tuple[KeyTree, int]]:
        return ((tree, index) for tree in self._trees for index in tree.leafs())

    def _merge(self, path: KeyTree) -> Merge:
        """Join a path, and then those trees that it has joined to each other."""
        result, belonging = self._join(path)
        if len(belonging) > 1:
            self._rebuild(belonging)
        return result

    def _join(self, path: KeyTree) -> tuple[Merge, list[KeyTree]]:
        """Put a path where it belongs. Answers also with the trees that belong together now, none where it is
        one of its own. Trees that it cannot meet are not looked at."""
        owners = self._owners
        for tree in self._trees if owners is None else owners.meeting(path):
            root = tree.root
            result = tree.merge(path)
            if result is not None:
                if tree.root != root:
                    self._sort()
                return result, [] if owners is None else owners.add(tree, path.keys)
        result = "new_branch" if self._trees else "new_leaf"
        insort(self._trees, path, key=_ROOT)
        if owners is not None:
            owners.add(path, path.keys)
        return result, []

    def _rebuild(self, some: Sequence[KeyTree]) -> None:
        """Grow some of the trees again, the longest histories first, so that the others find their place."""
        paths = [path for tree in some for path in tree.paths()]
        gone = {id(tree) for tree in some}
        others = [tree for tree in self._trees if id(tree) not in gone]
        if self._owners is not None:
            self._owners.remove(some)
        self._trees = []
        for path in sorted(paths, key=lambda path: (path.gens[0], path.ids[::-1])):
            self._join(path)
        self._trees += others
        self._sort()

    def _sort(self) -> None:
        if len(self._trees) > 1:
            self._trees.sort(key=_ROOT)

    def _bodies(self) -> set[int]:
        return {body for tree in self._trees for body in tree.bodies if body is not None}

    def _freed(self, before: set[int]) -> list[int]:
        return sorted(before - self._bodies())
