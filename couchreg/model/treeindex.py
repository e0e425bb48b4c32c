"""Which of several trees have a revision, and which leaf of several is newer.

`revtree` keeps a history of several roots by it; the trees themselves are `keytree`'s.
"""

from collections.abc import Iterable, Sequence

from couchreg.model.keytree import Key, KeyTree


class TreeIndex:
    """Which of several trees have a revision: more than one where histories contradict each other."""

    def __init__(self, trees: Iterable[KeyTree]) -> None:
        self._trees: dict[Key, dict[int, KeyTree]] = {}
        self._roots: dict[Key, dict[int, KeyTree]] = {}  # some have got others since
        for tree in trees:
            self.add(tree, tree.keys)

    def add(self, tree: KeyTree, keys: Iterable[Key]) -> list[KeyTree]:
        """The tree has these, too. Answers with it and those that have some which are new to it."""
        found = {id(tree): tree}
        for key in keys:
            owners = self._trees.setdefault(key, {})
            if id(tree) not in owners:
                found |= owners
                owners[id(tree)] = tree
        self._roots.setdefault(tree.root, {})[id(tree)] = tree
        return _in_order(found)

    def remove(self, trees: Sequence[KeyTree]) -> None:
        for tree in trees:
            for key in tree.keys:
                self._trees[key].pop(id(tree), None)
                self._roots.get(key, {}).pop(id(tree), None)

    def of(self, keys: Iterable[Key]) -> list[KeyTree]:
        """The trees that have some of these, in their order."""
        found: dict[int, KeyTree] = {}
        for key in keys:
            found |= self._trees.get(key, {})
        return _in_order(found)

    def meeting(self, path: KeyTree) -> list[KeyTree]:
        """The trees that have a revision in common with a path where the later of the two begins."""
        found = dict(self._trees.get(path.root, {}))
        for key in path.keys:
            found |= {name: tree for name, tree in self._roots.get(key, {}).items() if tree.root == key}
        return _in_order(found)


def _in_order(found: dict[int, KeyTree]) -> list[KeyTree]:
    trees = list(found.values())
    return sorted(trees, key=lambda tree: tree.root) if len(trees) > 1 else trees


def rank(leaf: tuple[KeyTree, int]) -> tuple[bool, int, bytes]:
    """Of a tree and the index of a leaf: whether it lives, then which is newer."""
    tree, index = leaf
    return not tree.deleted[index], tree.gens[index], tree.ids[index]
