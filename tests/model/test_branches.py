"""Many revisions merged together make the same tree as one by one, and in no more time for each."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from couchreg.model.revtree import RevTree
from tests.model.test_revtree import World, worlds


@settings(max_examples=200, deadline=None)
@given(worlds(), st.integers(1, 14))
def test_many_together_make_the_same_tree(world: World, limit: int) -> None:
    one, together = RevTree(), RevTree()
    told = []
    for body, (path, deleted) in enumerate(world):
        told.append(one.merge(path, deleted=deleted, body=body))
        one.stem(limit)
    with together.growing():
        for body, (path, deleted) in enumerate(world):
            assert together.merge(path, deleted=deleted, body=body) == told[body]
            together.stem(limit)
            assert together.find(path[0]) is not None
    assert together.encode() == one.encode()


def test_contradicting_histories_are_found_where_they_stand_first() -> None:
    tree = RevTree()
    with tree.growing():
        for path in (["2-c", "1-b"], ["2-c", "1-a"], ["3-d", "2-c", "1-b"]):
            tree.merge(path, deleted=False, body=1)
        assert tree.history("3-d") == ["3-d", "2-c", "1-b"]
    assert tree.history("3-d") == ["3-d", "2-c", "1-b"]


def test_a_tree_of_very_many_branches_takes_no_longer_for_each() -> None:
    """Each looked at all of them, several times: some thousand took minutes."""
    contradicting = [[f"3-{n:x}", "2-b", f"1-{n:x}"] for n in range(3_000)]
    for paths in (
        [[f"1-{n * 7919 % 3_000:x}"] for n in range(3_000)],
        [[f"2-{n * 7919 % 3_000:x}", "1-a"] for n in range(3_000)],
        [[f"9-{n:x}"] for n in range(3_000)],
        contradicting[:500],
    ):
        tree, began = RevTree(), time.process_time()
        with tree.growing():
            for number, path in enumerate(paths):
                tree.merge(path, deleted=False, body=number)
        assert tree.extent[0] == len(paths)
        assert not tree.missing([path[0] for path in paths])
        assert time.process_time() - began < 5
