"""One rooted tree of revisions, kept in columns so that the usual chain is read and written at once.

Owns the shape: order, merging a path, stemming. Does not know text forms, several roots or winners:
that is `revtree`, the only caller.

The nodes stand in preorder, children sorted by the bytes of their ids. So the generations alone tell
the shape: the parent of a node is the nearest one before it whose generation is one less, and a node
is a leaf when the next is not one more. A(B|C→D) is::

    gens     1  2  2  3
    ids      A  B  C  D
    deleted  -  -  -  -      of revisions with a value only
    bodies   4  7  -  9      None: the revision is known to have been, its content is not here

Nothing here recurses: histories may be of any length.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

Key = tuple[int, bytes]  # generation and id, as they compare
Merge = Literal["new_leaf", "new_branch", "internal_node"]


class KeyTree:
    """A tree with at least one node. A path (a single branch) is one too."""

    __slots__ = ("bodies", "deleted", "gens", "ids")

    def __init__(
        self, gens: list[int], ids: list[bytes], deleted: list[bool], bodies: list[int | None]
    ) -> None:
        self.gens = gens
        self.ids = ids
        self.deleted = deleted
        self.bodies = bodies

    @property
    def chain(self) -> bool:
        """Whether there is a single branch."""
        return self.gens[-1] - self.gens[0] == len(self.gens) - 1

    @property
    def height(self) -> int:
        """The number of generations."""
        return (self.gens[-1] if self.chain else max(self.gens)) - self.gens[0] + 1

    @property
    def root(self) -> Key:
        """By which trees are sorted."""
        return self.gens[0], self.ids[0]

    @property
    def keys(self) -> "Iterator[Key]":
        return zip(self.gens, self.ids, strict=True)

    def leafs(self) -> list[int]:
        """The indices of the leafs, in preorder."""
        gens = self.gens
        last = len(gens) - 1
        if self.chain:
            return [last]
        return [i for i in range(last) if gens[i + 1] <= gens[i]] + [last]

    def is_leaf(self, index: int) -> bool:
        return index + 1 == len(self.gens) or self.gens[index + 1] <= self.gens[index]

    def index(self, gen: int, rev_id: bytes) -> int:
        """Where a revision stands, -1 when it is not here."""
        ids = self.ids
        if self.chain:
            index = gen - self.gens[0]
            return index if 0 <= index < len(ids) and ids[index] == rev_id else -1
        place = -1
        try:
            while True:
                place = ids.index(rev_id, place + 1)
                if self.gens[place] == gen:
                    return place
        except ValueError:
            return -1

    def ancestry(self, index: int) -> Sequence[int]:
        """The indices of a node and its ancestors, newest first."""
        if self.chain:
            return range(index, -1, -1)
        line = [index]
        wanted = self.gens[index] - 1
        for i in range(index - 1, -1, -1):
            if self.gens[i] == wanted:
                line.append(i)
                wanted -= 1
        return line

    def paths(self) -> "Iterator[KeyTree]":
        """The branches from the root to the leafs, values included."""
        line: list[int] = []
        for index, gen in enumerate(self.gens):
            line[gen - self.gens[0] :] = [index]
            if self.is_leaf(index):
                yield self._path(line)

    def _path(self, line: Sequence[int]) -> "KeyTree":
        return KeyTree(
            [self.gens[i] for i in line],
            [self.ids[i] for i in line],
            [self.deleted[i] for i in line],
            [self.bodies[i] for i in line],
        )

    def subtree(self, index: int) -> range:
        """The indices of a node and its descendants."""
        end = index + 1
        while end < len(self.gens) and self.gens[end] > self.gens[index]:
            end += 1
        return range(index, end)

    def merge(self, path: "KeyTree") -> Merge | None:
        """Join a path to this tree; None when they have no revision in common where the later begins."""
        at = self._meet(path)
        if at < 0:
            return None
        depth = self._follow_chain(at, path)
        at += depth
        self._prefer(at, path, depth)
        for step in range(depth + 1, len(path.ids)):
            child, found = self._child(at, path.ids[step])
            if not found:
                leaf = self.is_leaf(at)
                self._insert(child, path, step, len(path.ids))
                return "new_leaf" if leaf else "new_branch"
            at = child
            self._prefer(at, path, step)
        return "internal_node"

    def _meet(self, path: "KeyTree") -> int:
        """Where the path's first revision stands; an older path puts its head before the root first."""
        ahead = self.gens[0] - path.gens[0]
        if ahead <= 0:
            return self.index(path.gens[0], path.ids[0])
        if ahead >= len(path.ids) or path.ids[ahead] != self.ids[0]:
            return -1
        self._insert(0, path, 0, ahead)
        return 0

    def _follow_chain(self, at: int, path: "KeyTree") -> int:
        """How many steps of the path are known to be the same at once, when both are chains."""
        steps = min(len(path.ids), len(self.ids) - at) - 1
        if steps <= 0 or not self.chain or path.bodies.count(None) < len(path.ids) - 1:
            return 0
        return steps if self.ids[at : at + steps + 1] == path.ids[: steps + 1] else 0

    def _prefer(self, at: int, path: "KeyTree", step: int) -> None:
        """A value that is here stays, a missing one is taken from the path."""
        if self.bodies[at] is None and not self.deleted[at]:
            self.bodies[at] = path.bodies[step]
            self.deleted[at] = path.deleted[step]

    def _child(self, at: int, rev_id: bytes) -> tuple[int, bool]:
        """The child with this id, or where to insert it so that the children stay sorted."""
        gens = self.gens
        inner = gens[at] + 1
        i = at + 1
        while i < len(gens) and gens[i] >= inner:
            if gens[i] == inner and self.ids[i] >= rev_id:
                return i, self.ids[i] == rev_id
            i += 1
        return i, False

    def _insert(self, at: int, path: "KeyTree", start: int, end: int) -> None:
        self.gens[at:at] = path.gens[start:end]
        self.ids[at:at] = path.ids[start:end]
        self.deleted[at:at] = path.deleted[start:end]
        self.bodies[at:at] = path.bodies[start:end]

    def stem(self, limit: int) -> "list[KeyTree]":
        """The trees that remain when only the `limit` newest revisions above some leaf are kept."""
        if self.chain:
            for column in (self.gens, self.ids, self.deleted, self.bodies):
                del column[:-limit]
            return [self]
        return self._split(limit)

    def _split(self, limit: int) -> "list[KeyTree]":
        trees: list[KeyTree] = []
        owners: dict[int, KeyTree | None] = {}  # generation -> the tree of the last node there
        for i, distance in enumerate(self._distances()):
            gen = self.gens[i]
            if distance >= limit:
                owners[gen] = None
                continue
            owner = owners.get(gen - 1) if i else None
            if owner is None:
                owner = KeyTree([], [], [], [])
                trees.append(owner)
            owner._insert(len(owner.ids), self, i, i + 1)
            owners[gen] = owner
        return trees

    def _distances(self) -> Iterator[int]:
        """For each node the number of steps to its nearest leaf."""
        nearest: dict[int, int] = {}  # generation -> the least among the siblings seen so far
        distances = []
        for gen in reversed(self.gens):
            distance = nearest.pop(gen + 1, -1) + 1
            nearest[gen] = min(distance, nearest.get(gen, distance))
            distances.append(distance)
        return reversed(distances)
