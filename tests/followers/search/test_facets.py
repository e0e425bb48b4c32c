"""The SQLite index: facets are the same however they are counted, and stay so when packages change."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from couchreg.errors import LostDocument
from couchreg.followers.base import Checkpoint, RebuildNeeded
from couchreg.followers.search import fts5, fts5_facets, fts5_match, fts5_rows, remembering
from couchreg.followers.search.follower import looked
from couchreg.followers.search.fts5 import Fts5Index
from couchreg.followers.search.items import FACETS, PACKAGES, RESOURCES, PackageSource
from couchreg.followers.search.query import MOST_VALUES, Query, parse, with_filters

EVERY = ("false", "true")  # what `deprecated` may be: to ask for both finds everything, and has to look


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "search" / fts5.FILE


@pytest.fixture
def index(path: Path) -> Iterator[Fts5Index]:
    made = Fts5Index(path.parent)
    made.open()
    yield made
    made.close_reading()
    made.close()


def source(name: str, keywords: Sequence[str], licence: str = "CC0-1.0") -> PackageSource:
    table = {"name": "t", "path": "t.csv", "schema": {"fields": [{"name": "year", "type": "year"}]}}
    descriptor = {
        "title": "Bees",
        "keywords": list(keywords),
        "licenses": [{"name": licence}],
        "resources": [table],
    }
    return PackageSource(name, "1.0.0", json.dumps(descriptor).encode()[1:-1])


def counted(index: Fts5Index, kind: str = PACKAGES) -> dict[str, list[tuple[str, int]]]:
    """The facets of everything, after a look that the totals are what is counted one by one."""
    asked = Query(kind=kind, facets=FACETS, limit=0)
    known, looked = index.search(asked), index.search(replace(asked, tags=(tuple(map(_tag, EVERY)),)))
    assert known == looked
    return {name: list(pairs) for name, pairs in known.facets.items()}


def _tag(value: str) -> str:
    return f"deprecated:{value}"


def test_totals_follow_what_is_put_replaced_and_removed(index: Fts5Index) -> None:
    index.commit([source("a", ["x", "y"]), source("b", ["x"], "MIT")], [], Checkpoint("i", "1"))
    assert counted(index)["keywords"] == [("x", 2), ("y", 1)]
    assert counted(index, RESOURCES)["keywords"] == [("x", 2), ("y", 1)]
    index.commit([source("a", ["z"])], [], Checkpoint("i", "2"))
    assert counted(index)["keywords"] == [("x", 1), ("z", 1)]
    index.commit([], ["b"], Checkpoint("i", "3"))
    found = counted(index)
    assert (found["keywords"], found["license"]) == ([("z", 1)], [("CC0-1.0", 1)])
    assert counted(index, RESOURCES)["license"] == [("CC0-1.0", 1)]


def test_what_was_read_of_an_item_is_not_taken_for_the_one_in_its_place(index: Fts5Index) -> None:
    for number, keyword in enumerate(("x", "y", "z")):  # the last item each time
        index.commit([source("a", [keyword])], [], Checkpoint("i", str(number)))
        assert counted(index)["keywords"] == [(keyword, 1)]
        assert counted(index, RESOURCES)["keywords"] == [(keyword, 1)]


def test_what_was_read_ahead_is_counted_without_another_look(
    index: Fts5Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fts5_facets, "_AHEAD", 4)
    index.commit([source(f"p{n}", ["x", f"y{n}"]) for n in range(5)], [], Checkpoint("i", "1"))
    known = counted(index)
    index.close_reading()
    assert [index.read_ahead() for _ in range(4)] == [True, True, False, False]  # ten items
    monkeypatch.setattr(fts5_facets, "_READ", "this is no SQL")
    assert counted(index) == known


def test_so_much_is_read_ahead_that_there_is_room_for_what_is_asked(
    index: Fts5Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fts5_facets, "_AHEAD", 2)
    monkeypatch.setattr(fts5_facets, "MOST_BYTES_AHEAD", 300)
    index.commit([source(f"p{n}", ["x", f"y{n}"]) for n in range(20)], [], Checkpoint("i", "1"))
    steps = 0
    while index.read_ahead():
        steps += 1
    assert 0 < steps < 20
    assert counted(index)["keywords"][0] == ("x", 20)


@pytest.mark.parametrize("words", ["bees", "title:bees", "bee*", "-bees cc0", "year", "-year"])
def test_one_walk_finds_what_two_do(index: Fts5Index, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    index.commit([source(f"p{n}", ["x", "year"][n % 2 :]) for n in range(5)], [], Checkpoint("i", "1"))
    asked = replace(parse(words), facets=FACETS)
    found = index.search(asked)
    monkeypatch.setattr(fts5_match, "_is_one_term", lambda pieces: False)
    index.close_reading()
    expected = index.search(asked)
    assert (found.total, found.facets) == (expected.total, expected.facets)
    assert {hit.package for hit in found.hits} == {hit.package for hit in expected.hits}


@pytest.mark.parametrize("damage", ["UPDATE shown SET body = substr(body, 1, 9)", "DELETE FROM shown"])
def test_a_hit_that_cannot_be_read_has_the_index_made_anew(index: Fts5Index, path: Path, damage: str) -> None:
    index.commit([source("a", ["x"])], [], Checkpoint("i", "1"))
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(damage).fetchall()
    with pytest.raises(RebuildNeeded):
        looked(parse("bees"), index)


def test_few_values_are_remembered_and_all_counted(index: Fts5Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fts5_facets, "MOST_BYTES_KNOWN", 500)
    index.commit([source(f"p{n}", ["x", f"y{n}"]) for n in range(9)], [], Checkpoint("i", "1"))
    for _ in range(2):
        assert counted(index)["keywords"] == [("x", 9), *((f"y{n}", 1) for n in range(9))]


def test_a_value_that_nothing_has_any_more_is_gone(
    index: Fts5Index, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def values() -> set[str]:
        with closing(apsw.Connection(str(path))) as connection:
            return {text for [text] in connection.execute("SELECT text FROM value WHERE name = 3")}

    for version in range(4):
        index.commit([source("a", [f"x{version}", "kept"])], [], Checkpoint("i", str(version)))
        assert values() == {f"x{version}", "kept"}
    index.commit([], ["a"], Checkpoint("i", "5"))
    assert values() == set()
    index.put([source("a", ["x0", "passing"])], [])  # and one that comes and goes in one transaction
    index.commit([source("a", ["x0", "x1"])], [], Checkpoint("i", "6"))
    assert values() == {"x0", "x1"}
    monkeypatch.setattr(fts5_facets, "_REMEMBERED", 1)
    monkeypatch.setattr(fts5_facets, "_CHANGED", 1)  # totals are written at every turn
    index.put([source("b", ["x1"])], ["a"])
    index.commit([source("a", ["x0"])], [], Checkpoint("i", "7"))
    assert values() == {"x0", "x1"}
    assert counted(index)["keywords"] == [("x0", 1), ("x1", 1)]


@pytest.mark.parametrize("kind", [PACKAGES, RESOURCES])
def test_the_most_frequent_values_are_read_in_order(index: Fts5Index, path: Path, kind: str) -> None:
    index.commit([source("a", ["x", "y"])], [], Checkpoint("i", "1"))
    plan: list[str] = []

    def explain(statement: str, values: object) -> bool:
        rows = asked.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        plan.extend(row[3] for row in rows)
        return True

    with (
        closing(apsw.Connection(str(path))) as connection,
        closing(apsw.Connection(str(path))) as asked,
    ):
        connection.exec_trace = lambda cursor, statement, values: explain(statement, values)
        found = fts5_facets.in_all(connection, Query(kind=kind, facets=("keywords",)))
    assert found == {"keywords": [("x", 1), ("y", 1)]}
    name = f"value_{kind}"
    assert plan == [f"SEARCH value USING COVERING INDEX {name} (name=? AND {kind}>?)"]


def test_one_package_brings_so_many_values_and_is_found_by_all(
    index: Fts5Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("couchreg.followers.search.items.MOST_COUNTED_VALUES", 5)
    resources = [
        {"name": f"r{n}", "path": "t.csv", "keywords": [f"k{n}-{at}" for at in range(3)]} for n in range(9)
    ]
    members = json.dumps({"keywords": ["x"], "resources": resources}).encode()[1:-1]
    index.commit([PackageSource("a", "1.0.0", members)], [], Checkpoint("i", "1"))
    found = counted(index, RESOURCES)["keywords"]
    assert found == [("x", 9), *((f"k0-{at}", 1) for at in range(3)), ("k1-0", 1)]
    late = with_filters(Query(kind=RESOURCES, facets=("keywords",)), [("keywords", "k8-2")])
    page = index.search(late)
    assert [hit.resource for hit in page.hits] == ["r8"]
    assert page.facets == {"keywords": [("x", 1)]}


def test_what_was_not_committed_counts_for_nothing(index: Fts5Index) -> None:
    index.commit([source("a", ["x"])], [], Checkpoint("i", "1"))
    index.put([source("b", ["x", "new"])], ["a"])
    with pytest.raises(LostDocument):
        index.put([PackageSource("c", "1.0.0", b'"title": ')], [])
    index.commit([source("c", ["new"])], [], Checkpoint("i", "2"))
    assert counted(index)["keywords"] == [("new", 1), ("x", 1)]


def test_totals_that_are_written_in_between_are_right(
    index: Fts5Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fts5_facets, "_REMEMBERED", 3)
    monkeypatch.setattr(fts5_facets, "_CHANGED", 3)
    sources = [source(f"p{n}", [f"k{n}", f"k{n % 5}", "all"]) for n in range(40)]
    index.commit(sources, [], Checkpoint("i", "1"))
    index.commit([source("p1", ["other"])], ["p2"], Checkpoint("i", "2"))
    assert counted(index)["keywords"][0] == ("all", 38)


@pytest.mark.parametrize("remembered", [1, 1000])
def test_a_value_has_one_number_however_few_are_remembered(
    index: Fts5Index, path: Path, monkeypatch: pytest.MonkeyPatch, remembered: int
) -> None:
    monkeypatch.setattr(fts5_facets, "_REMEMBERED", remembered)
    index.commit([source("a", ["x", "y", "x"]), source("b", ["y"])], [], Checkpoint("i", "1"))
    index.put([source("c", ["new", "x"])], [])
    with pytest.raises(LostDocument):  # and with it is forgotten what is remembered
        index.put([PackageSource("d", "1.0.0", b'"title": ')], [])
    index.commit([source("c", ["new", "x"])], ["b"], Checkpoint("i", "2"))
    with closing(Fts5Index(path.parent)) as again:
        assert again.open() == Checkpoint("i", "2")
        again.commit([source("e", ["y", "newer"])], [], Checkpoint("i", "3"))
    assert counted(index)["keywords"] == [("x", 2), ("y", 2), ("new", 1), ("newer", 1)]


def test_the_most_frequent_are_told_and_equals_by_their_names(index: Fts5Index) -> None:
    sources = [source(f"p{n:03}", [f"k{n:03}", "often"]) for n in range(2 * MOST_VALUES)]
    index.commit(sources, [], Checkpoint("i", "1"))
    found = counted(index)["keywords"]
    assert found == [("often", 100), *((f"k{n:03}", 1) for n in range(MOST_VALUES - 1))]
    some = index.search(Query(facets=("keywords",), packages=frozenset({"p007", "p012", "none"})))
    assert some.facets == {"keywords": [("often", 2), ("k007", 1), ("k012", 1)]}


def test_counts_are_kept_until_something_is_written(
    index: Fts5Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "FEW", 2)
    monkeypatch.setattr(remembering, "MOST_KNOWN", 2)
    index.commit([source(f"p{n}", [f"k{n}"]) for n in range(5)], [], Checkpoint("i", "1"))
    query = replace(parse("bees"), facets=("keywords",), limit=2)
    first = index.search(query)
    second = index.search(replace(query, offset=2))
    assert (first.total, first.facets) == (second.total, second.facets)
    assert {hit.package for hit in first.hits} != {hit.package for hit in second.hits}
    for word in ("p1", "bees", "p2", "bee"):  # more than are kept
        assert index.search(replace(parse(word), facets=("keywords",))).total in (1, 5)
    index.commit([source("p9", ["k9"])], ["p0"], Checkpoint("i", "2"))
    assert ("k9", 1) in index.search(query).facets["keywords"]
    assert ("k0", 1) not in index.search(query).facets["keywords"]


def test_more_than_are_counted_are_found(index: Fts5Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fts5, "MOST_COUNTED", 3)
    index.commit([source(f"p{n}", ["x"]) for n in range(8)], [], Checkpoint("i", "1"))
    found = index.search(replace(parse("bees"), facets=("keywords",)))
    assert (found.total, found.facets) == (8, {"keywords": [("x", 3)]})
    monkeypatch.setattr(fts5, "MOST_COUNTED_VALUES", 9)  # each has six
    for _ in range(2):
        found = index.search(replace(parse("bees"), facets=("keywords",)))
        assert (found.total, found.facets) == (8, {"keywords": [("x", 2)]})
        index.close_reading()


@pytest.mark.parametrize("sparse", [0, 64])
def test_few_of_those_that_occur_equally_often_are_read(
    index: Fts5Index, monkeypatch: pytest.MonkeyPatch, sparse: int
) -> None:
    monkeypatch.setattr(fts5_facets, "_FEW", 1)
    monkeypatch.setattr(fts5_facets, "_SPARSE", sparse)
    monkeypatch.setattr(fts5_facets, "_MOST_EQUALS", 4)
    index.commit([source(f"p{n}", ["x", f"k{n}"]) for n in range(8)], [], Checkpoint("i", "1"))
    found = index.search(replace(parse("bees"), facets=("keywords",)))
    assert found.facets == {"keywords": [("x", 8), *((f"k{n}", 1) for n in range(4))]}


def test_what_has_a_tag_is_the_same_whichever_way_it_is_looked_up(
    index: Fts5Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.commit([source(f"p{n}", ["x", f"k{n % 2}"]) for n in range(6)], [], Checkpoint("i", "1"))
    asked = with_filters(parse("-p3"), [("keywords", "k1")])
    for sort in ("name", "date", "downloads"):
        query = replace(asked, sort=sort, downloads=(("p5", 9),))
        found = [hit.package for hit in index.search(query).hits]
        assert found == (["p5", "p1"] if sort == "downloads" else ["p1", "p5"])
        with monkeypatch.context() as patch:
            patch.setattr(fts5, "FEW", 1)
            assert [hit.package for hit in index.search(query).hits] == found
        worded = replace(parse("bees"), tags=query.tags, barred=query.barred, sort=sort)
        assert {hit.package for hit in index.search(worded).hits} == {"p1", "p3", "p5"}


def test_a_damaged_row_of_what_is_counted_has_the_index_made_anew(index: Fts5Index, path: Path) -> None:
    index.commit([source("a", ["x"])], [], Checkpoint("i", "1"))
    for damaged in (b"\1", b"\1" * 40, b"\1" * 400):
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute("UPDATE counted SET packed = ?", (damaged,)).fetchall()
        with pytest.raises(RebuildNeeded):
            index.search(replace(parse("bees"), facets=("keywords",)))
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("DELETE FROM counted").fetchall()
    with pytest.raises(RebuildNeeded):
        index.search(replace(parse("bees"), facets=("keywords",)))


def test_an_index_that_is_put_in_order_has_one_part_and_the_same_in_it(
    index: Fts5Index, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts() -> list[int]:
        with closing(apsw.Connection(str(path))) as connection:
            sql = "SELECT count(DISTINCT segid) FROM {}_idx"
            return [
                connection.execute(sql.format(name)).fetchall()[0][0]
                for name in ("package_words", "package_tags")
            ]

    for version in range(12):
        sources = [source(f"p{n}", [f"v{version}", f"k{n}"]) for n in range(version, version + 3)]
        index.commit(sources, [], Checkpoint("i", str(version)))
    asked = replace(parse("bees keyword"), facets=FACETS)
    before = [looked(one, index) for one in (asked, parse("k5"), parse("keywords:v9"), parse("v0"))]
    assert min(parts()) > 1
    while index.tidy():
        pass
    assert parts() == [1, 1]
    assert [looked(one, index) for one in (asked, parse("k5"), parse("keywords:v9"), parse("v0"))] == before
    index.commit([source("new", ["k5"])], [], Checkpoint("i", "13"))
    assert looked(parse("k5"), index).total == 2
    monkeypatch.setattr(fts5_rows, "WORTH_WHILE", 1)  # the little that came is not worth it
    assert (index.tidy(), max(parts())) == (False, 2)
