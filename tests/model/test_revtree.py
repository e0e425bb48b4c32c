"""The revision tree behaves as CouchDB's: recorded trees, a naive model, and the cases worth a name."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchreg.model.revline import history_of_line, missing_of_line
from couchreg.model.revtree import Node, RevTree

RECORDED = [
    json.loads(line) for line in (Path(__file__).parent / "data/trees.jsonl").read_text("utf-8").splitlines()
]


def grown(*paths: str, deleted: str = "") -> RevTree:
    """A tree of paths such as "1-a 2-b"; the last revision of each has a body, its place among them."""
    tree = RevTree()
    for body, path in enumerate(paths):
        revs = path.split()[::-1]
        tree.merge(revs, deleted=revs[0] in deleted.split(), body=body)
    return tree


def names(nodes: list[Node]) -> list[str]:
    return [node.rev for node in nodes]


# -- what CouchDB 3.5.0 made of the same edits


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["name"])
def test_recorded_tree(case: dict[str, Any]) -> None:
    tree = RevTree()
    for body, edit in enumerate(case["edits"]):
        tree.merge(edit["path"], deleted=edit["deleted"], body=body)
        tree.stem(case["limit"])
        tree = RevTree.decode(tree.encode())
    leafs = tree.leafs()
    winner = tree.winner()
    assert winner.rev == case["winner"]
    assert leafs[0] == winner
    assert [leaf.rev for leaf in leafs[1:] if not leaf.deleted] == case["conflicts"]
    assert [leaf.rev for leaf in leafs[1:] if leaf.deleted] == case["deleted_conflicts"]
    assert tree.history(winner.rev, case["limit"]) == case["revisions"]
    if len(leafs) == 1:
        assert history_of_line(tree.encode(), case["limit"]) == case["revisions"]
    if case["leafs"] is not None:
        assert names(leafs) == case["leafs"]
    if case["revs_info"] is not None:
        assert [[node.rev, _status(node)] for node in tree.nodes_of(winner.rev)] == case["revs_info"]
    if case["asked"] is not None:
        missing = tree.missing(case["asked"])
        assert missing == case["missing"]
        assert tree.possible_ancestors(missing) == case["possible_ancestors"]


def _status(node: Node) -> str:
    if node.body is None:
        return "missing"
    return "deleted" if node.deleted else "available"


# -- merging, case by case


def test_the_example_of_the_module() -> None:
    tree = RevTree()
    assert tree.merge(["2-b", "1-a"], deleted=False, body=1) == "new_leaf"
    assert tree.winner() == Node("2-b", False, 1)
    assert tree.merge(["3-d", "2-c", "1-a"], deleted=False, body=2) == "new_branch"
    assert names(tree.leafs()) == ["3-d", "2-b"]
    assert tree.find("2-c") == Node("2-c", False, None)
    assert tree.merge(["2-c", "1-a"], deleted=False, body=3) == "internal_node"
    assert tree.find("2-c") == Node("2-c", False, 3)
    assert tree.merge(["4-f", "3-e"], deleted=False, body=4) == "new_branch"
    assert tree.history("4-f") == ["4-f", "3-e"]
    assert tree.merge(["3-e", "2-b"], deleted=False, body=5) == "internal_node"
    assert tree.history("4-f") == ["4-f", "3-e", "2-b", "1-a"]
    assert names(tree.leafs()) == ["4-f", "3-d"]


def test_a_first_revision_and_edits_of_the_leaf_are_new_leafs() -> None:
    tree = RevTree()
    assert tree.merge(["1-a"], deleted=False, body=1) == "new_leaf"
    assert tree.merge(["2-b", "1-a"], deleted=False, body=2) == "new_leaf"
    assert tree.merge(["3-c", "2-b"], deleted=True, body=3) == "new_leaf"
    assert tree.merge(["2-z", "1-a"], deleted=False, body=4) == "new_branch"
    assert tree.merge(["2-b", "1-a"], deleted=False, body=5) == "internal_node"


def test_a_body_that_is_here_stays() -> None:
    tree = grown("1-a")
    assert tree.merge(["1-a"], deleted=True, body=9) == "internal_node"
    assert tree.find("1-a") == Node("1-a", False, 0)


def test_a_filled_gap_joins_two_trees_and_keeps_both_bodies() -> None:
    tree = grown("2-b", "4-d 5-e")
    assert names(tree.leafs()) == ["5-e", "2-b"]
    tree.merge(["4-d", "3-c", "2-b", "1-a"], deleted=False, body=7)
    assert tree.history("5-e") == ["5-e", "4-d", "3-c", "2-b", "1-a"]
    assert tree.leafs() == [Node("5-e", False, 1)]
    assert tree.find("2-b") == Node("2-b", False, 0)
    assert tree.find("4-d") == Node("4-d", False, 7)


def test_an_older_history_comes_before_the_root() -> None:
    tree = grown("3-c 4-d", "1-a 2-b 3-c 4-e")
    assert tree.history("4-d") == ["4-d", "3-c", "2-b", "1-a"]
    assert names(tree.leafs()) == ["4-e", "4-d"]


def test_the_same_hash_at_another_depth_is_another_revision() -> None:
    tree = grown("1-a", "1-b 2-a")
    assert names(tree.leafs()) == ["2-a", "1-a"]
    assert tree.is_leaf("1-a")
    assert not tree.is_leaf("1-b")


def test_generations_below_one_are_kept_as_they_come() -> None:
    tree = RevTree()
    tree.merge(["1-b", "0-a"], deleted=False, body=1)
    assert tree.history("1-b") == ["1-b", "0-a"]
    tree = RevTree()
    tree.merge(["-1-b"], deleted=False, body=1)
    assert tree.winner().rev == "-1-b"
    assert tree.find("-1-b") is not None


def test_generations_beyond_64_bits() -> None:
    high = 10**30
    tree = RevTree()
    tree.merge([f"{high}-b", f"{high - 1}-a"], deleted=False, body=1)
    assert RevTree.decode(tree.encode()).history(f"{high}-b") == [f"{high}-b", f"{high - 1}-a"]
    tree.merge([f"{high}-c", f"{high - 1}-a"], deleted=False, body=2)
    tree.merge([f"{-high}-c"], deleted=False, body=2)
    assert names(RevTree.decode(tree.encode()).leafs()) == [f"{high}-c", f"{high}-b", f"{-high}-c"]


def test_text_that_is_no_revision_is_not_found() -> None:
    assert grown("1-a").find("1-" + "x" * 32) is None
    assert grown("1-a").find("1-\ud800") is None


# -- winners and leafs


def test_a_live_leaf_wins_over_a_longer_deleted_one() -> None:
    tree = grown("1-a 2-b 3-c", "1-a 2-d", deleted="3-c")
    assert tree.winner() == Node("2-d", False, 1)
    assert names(tree.leafs()) == ["2-d", "3-c"]


def test_ties_are_broken_by_bytes_of_the_id() -> None:
    assert grown("1-x 2-ff", "1-x 2-fefe").winner().rev == "2-ff"
    hexed, text = "2-" + "fe" * 16, "2-ff"
    assert grown(f"1-x {text}", f"1-x {hexed}").winner().rev == hexed


def test_latest() -> None:
    tree = grown("1-a 2-b 3-c", "1-a 2-b 3-d", "1-a 2-e")
    assert sorted(names(tree.latest("2-b"))) == ["3-c", "3-d"]
    assert names(tree.latest("2-e")) == ["2-e"]
    assert sorted(names(tree.latest("1-a"))) == ["2-e", "3-c", "3-d"]
    assert tree.latest("1-x") == []


def test_unknown_revisions() -> None:
    tree = grown("1-a 2-b")
    assert tree.find("1-b") is None
    assert tree.history("9-a") == []
    assert tree.nodes_of("9-a") == []
    assert not tree.is_leaf("2-a")


def test_missing_revisions_come_oldest_first_and_a_known_one_goes_once() -> None:
    tree = grown("1-a 2-b")
    assert tree.missing(["9-x", "2-b", "1-y", "2-b"]) == ["1-y", "2-b", "9-x"]
    assert tree.missing(["2-b"]) == []
    assert tree.missing(["3-c"]) == ["3-c"]
    assert tree.missing([]) == []
    assert tree.possible_ancestors([]) == []


# -- stemming and purging


def test_stemming_frees_bodies_and_keeps_what_is_near_a_leaf() -> None:
    tree = RevTree()
    for generation in range(1, 6):
        path = [f"{generation}-a", f"{generation - 1}-a"][:generation]
        tree.merge(path, deleted=False, body=generation)
    assert tree.stem(3) == [1, 2]
    assert tree.history("5-a") == ["5-a", "4-a", "3-a"]
    assert tree.stem(3) == []


def test_stemming_may_part_a_tree() -> None:
    tree = grown("1-a 2-b 3-c 4-d 5-e", "1-a 2-f")
    tree.stem(2)
    assert tree.history("5-e") == ["5-e", "4-d"]
    assert tree.history("2-f") == ["2-f", "1-a"]
    assert tree.find("3-c") is None


def test_purging_a_leaf_takes_what_only_it_descends_from() -> None:
    tree = grown("1-a 2-b 3-c", "1-a 2-d", "1-a 2-b")
    assert tree.remove(["3-c"]) == (["3-c"], [0, 2])
    assert names(tree.all_nodes()) == ["1-a", "2-d"]
    assert tree.remove(["1-a", "9-z"]) == ([], [])
    assert tree.remove(["2-d"]) == (["2-d"], [1])
    assert tree.all_nodes() == []
    assert RevTree.decode(tree.encode()).all_nodes() == []


def test_histories_may_be_long() -> None:
    revs = [f"{generation}-{generation:032x}" for generation in range(20_000, 0, -1)]
    tree = RevTree()
    tree.merge(revs, deleted=False, body=1)
    tree.merge(["20001-b", *revs], deleted=False, body=2)
    tree.merge(["15001-c", *revs[5_000:]], deleted=False, body=3)
    tree = RevTree.decode(tree.encode())
    assert names(tree.leafs()) == ["20001-b", "15001-c"]
    assert tree.history("15001-c") == ["15001-c", *revs[5_000:]]
    tree.stem(1_000)
    assert len(tree.history("20001-b")) == 1_000
    assert len(tree.history("15001-c")) == 1_000
    assert tree.missing(revs[:3]) == []


def test_compaction_forgets_all_but_leafs() -> None:
    tree = grown("1-a", "1-a 2-b", "1-a 2-b 3-c", "1-a 2-d", deleted="2-b")
    assert sorted(tree.compact()) == [0, 1]
    assert tree.leafs() == [Node("3-c", False, 2), Node("2-d", False, 3)]
    assert tree.find("2-b") == Node("2-b", False, None)
    assert tree.merge(["2-b", "1-a"], deleted=True, body=9) == "internal_node"
    assert tree.find("2-b") == Node("2-b", True, 9)


# -- a naive model: the edges that were heard of


World = list[tuple[list[str], bool]]  # histories, newest first, and whether they end in a deletion


class Naive:
    """Sets of revisions and of (parent, child), and the first body of each."""

    def __init__(self) -> None:
        self.revs: set[str] = set()
        self.parents: dict[str, str] = {}
        self.bodies: dict[str, tuple[bool, int]] = {}

    def merge(self, path: list[str], deleted: bool, body: int) -> None:
        self.revs |= set(path)
        self.parents |= dict(pairwise(path))
        self.bodies.setdefault(path[0], (deleted, body))

    def leafs(self) -> set[str]:
        return self.revs - set(self.parents.values())

    def history(self, rev: str) -> list[str]:
        return [rev, *(self.history(self.parents[rev]) if rev in self.parents else [])]

    def ranked(self) -> list[str]:
        return sorted(self.leafs(), key=self._rank, reverse=True)

    def _rank(self, rev: str) -> tuple[bool, int, str]:
        generation, _, rev_id = rev.partition("-")
        return not self.bodies[rev][0], int(generation), rev_id

    def keep(self, kept: set[str]) -> None:
        self.revs &= kept
        self.parents = {child: up for child, up in self.parents.items() if child in kept and up in kept}
        self.bodies = {rev: body for rev, body in self.bodies.items() if rev in kept}


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Edits of one document all over the world: histories, some cut short, in any order."""
    histories: list[list[str]] = []
    for number in range(draw(st.integers(1, 12))):
        parent = draw(st.sampled_from([[], *histories]))
        histories.append([f"{len(parent) + 1}-{'abcdefgh'[number % 8]}{number}", *parent])
    arriving = draw(st.lists(st.sampled_from(histories), min_size=1, max_size=14))
    deleted = {history[0]: draw(st.booleans()) for history in histories}
    return [(path[: draw(st.integers(1, len(path)))], deleted[path[0]]) for path in arriving]


def agree_on_a_line(tree: RevTree, naive: Naive) -> None:
    """What is read of a document without conflicts without making its tree."""
    [leaf] = names(tree.leafs())
    for asked in (
        [*sorted(naive.revs), f"{int(leaf.partition('-')[0]) + 1}-zz", "0-a", leaf, leaf],
        [leaf],
        [],
    ):
        missing, is_older = missing_of_line(tree.encode(), asked)
        assert missing == tree.missing(asked)
        assert ([leaf] if is_older else []) == tree.possible_ancestors(missing)


def agree(tree: RevTree, naive: Naive) -> None:
    if len(naive.leafs()) == 1:
        agree_on_a_line(tree, naive)
    assert names(tree.leafs()) == naive.ranked()
    assert {node.rev for node in tree.all_nodes()} == naive.revs
    assert len(tree.all_nodes()) == len(naive.revs)
    for node in tree.all_nodes():
        assert (node.deleted, node.body) == naive.bodies.get(node.rev, (False, None))
        assert tree.history(node.rev) == naive.history(node.rev)
        assert tree.is_leaf(node.rev) == (node.rev in naive.leafs())
        assert tree.find(node.rev) == node
    if naive.revs:
        assert tree.winner().rev == naive.ranked()[0]


@settings(max_examples=200, deadline=None)
@given(worlds())
def test_merging_agrees_with_the_naive_model(world: World) -> None:
    tree, naive = RevTree(), Naive()
    for body, (path, deleted) in enumerate(world):
        edits_a_leaf = len(path) == 2 and path[1] in naive.leafs()
        known, first = path[0] in naive.revs, not naive.revs
        result = tree.merge(path, deleted=deleted, body=body)
        naive.merge(path, deleted, body)
        tree = RevTree.decode(tree.encode())
        agree(tree, naive)
        assert (result == "internal_node") == known
        if not known and (edits_a_leaf or first):
            assert result == "new_leaf"


@settings(max_examples=100, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(world: World, random: Any) -> None:
    shuffled = world[:]
    random.shuffle(shuffled)
    trees = []
    for edits in (world, shuffled):
        tree = RevTree()
        for path, deleted in edits:
            tree.merge(path, deleted=deleted, body=0)
        trees.append(tree)
    assert trees[0].encode() == trees[1].encode()


@settings(max_examples=100, deadline=None)
@given(worlds(), st.integers(1, 4))
def test_stemming_agrees_with_the_naive_model(world: World, limit: int) -> None:
    tree, naive = RevTree(), Naive()
    for body, (path, deleted) in enumerate(world):
        tree.merge(path, deleted=deleted, body=body)
        naive.merge(path, deleted, body)
    before = {body for _, body in naive.bodies.values()}
    naive.keep({rev for leaf in naive.leafs() for rev in naive.history(leaf)[:limit]})
    assert tree.stem(limit) == sorted(before - {body for _, body in naive.bodies.values()})
    agree(tree, naive)


@settings(max_examples=100, deadline=None)
@given(worlds(), st.data())
def test_purging_agrees_with_the_naive_model(world: World, data: st.DataObject) -> None:
    tree, naive = RevTree(), Naive()
    for body, (path, deleted) in enumerate(world):
        tree.merge(path, deleted=deleted, body=body)
        naive.merge(path, deleted, body)
    wanted = data.draw(st.sets(st.sampled_from(sorted(naive.revs))))
    leafs = naive.leafs()
    before = {body for _, body in naive.bodies.values()}
    naive.keep({rev for leaf in leafs - wanted for rev in naive.history(leaf)})
    removed, freed = tree.remove(sorted(wanted))
    assert set(removed) == leafs & wanted
    assert freed == sorted(before - {body for _, body in naive.bodies.values()})
    agree(tree, naive)


def test_the_history_of_a_line_needs_no_tree() -> None:
    revs = [f"{generation}-{generation:032x}" for generation in (3, 2)] + ["1-a"]
    tree = RevTree()
    tree.merge(revs, deleted=False, body=1)
    for limit in (1, 2, 3, 1000):
        assert history_of_line(tree.encode(), limit) == revs[:limit]
    huge = RevTree()
    huge.merge([f"{1 << 70}-b", f"{(1 << 70) - 1}-a"], deleted=False, body=1)
    assert history_of_line(huge.encode(), 9) == [f"{1 << 70}-b", f"{(1 << 70) - 1}-a"]


@pytest.mark.parametrize("path", ["3-c b a", "1-a", "-1-a b", f"7-{'0f' * 16} x-y", f"{1 << 70}-b a"])
def test_what_arrives_first_is_what_merging_it_makes(path: str) -> None:
    rev, *older = path.split()
    top = int(rev[: rev.index("-", 1)])
    merged = RevTree()
    merged.merge([rev, *[f"{top - at}-{name}" for at, name in enumerate(older, 1)]], deleted=True, body=5)
    assert RevTree.arrived(rev, older, deleted=True, body=5).encode() == merged.encode()
