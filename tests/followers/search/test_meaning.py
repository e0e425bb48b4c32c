"""Both engines: a text finds what says nearly the same in other words."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from couchreg.errors import NotImplementedHere
from couchreg.followers.base import Checkpoint, RebuildNeeded
from couchreg.followers.search import meaning
from couchreg.followers.search.base import SearchIndex
from couchreg.followers.search.explaining import Found
from couchreg.followers.search.follower import looked
from couchreg.followers.search.fts5 import Fts5Index
from couchreg.followers.search.items import PackageSource
from couchreg.followers.search.query import parse
from couchreg.followers.search.whoosh_index import WhooshIndex
from couchreg.model import json
from tests.followers.search.conftest import Engine
from tests.followers.search.test_published import read

EXPECTED = [
    ("global warming", "worldclim"),
    ("illness outbreak", "covid-case-surveillance"),
    ("how many people live there", "global-population-dynamics"),
    ("where birds fly in winter", "bird-migration-data"),
    ("dollars for euros", "foreign-exchange-rates-2000-2019"),
]


@pytest.fixture(scope="module", params=[Fts5Index, WhooshIndex])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchIndex]:
    made = request.param(tmp_path_factory.mktemp("meaning") / "search", with_meaning=True)
    made.open()
    made.commit(sources(), [], Checkpoint("a", "1"))
    yield made
    made.close_reading()
    made.close()


def sources() -> list[PackageSource]:
    return [
        PackageSource(name, "1", json.encode(members)[1:-1]) for name, members in read("published").items()
    ]


def like(index: SearchIndex, text: str, q: str = "", **more: object) -> Found:
    return looked(replace(parse(q), like=text, **more), index)  # type: ignore[arg-type]


def test_other_words_for_the_same_are_found(index: SearchIndex) -> None:
    for text, name in EXPECTED:
        first = [hit.name for hit in like(index, text, limit=3).hits]
        assert any(found.startswith(name) for found in first), (text, first)


def test_the_nearest_come_first_and_say_why(index: SearchIndex) -> None:
    found = like(index, "birds", limit=1000)
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    assert 0 < len(scores) == found.total < 100
    assert found.hits[0].matched[0]["value"] == "birds"
    assert "near" in found.hits[0].matched[0]["because"]
    assert [hit.name for hit in like(index, "birds", limit=2, offset=1).hits] == [
        hit.name for hit in found.hits[1:3]
    ]


def test_words_and_facets_go_with_it(index: SearchIndex) -> None:
    every = {hit.name for hit in like(index, "birds", limit=1000).hits}
    some = {hit.name for hit in like(index, "birds", "migration", limit=1000).hits}
    assert some < every
    facets = like(index, "birds", facets=("deprecated",)).facets
    assert dict(facets["deprecated"]) == {"false": len(every)}
    assert like(index, "birds", kind="resources").hits[0].resource is not None


def test_what_is_gone_is_not_found(index: SearchIndex) -> None:
    first = like(index, "birds").hits[0].name
    index.commit([], [first], Checkpoint("a", "2"))
    assert first not in [hit.name for hit in like(index, "birds", limit=1000).hits]
    index.commit([one for one in sources() if one.name == first], [], Checkpoint("a", "3"))
    assert like(index, "birds").hits[0].name == first


def test_without_vectors_it_is_said(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("words") / "search"
    words = engine(folder)
    words.open()
    words.commit(sources()[:3], [], Checkpoint("a", "1"))
    with pytest.raises(NotImplementedHere, match="by meaning"):
        like(words, "birds")
    words.close_reading()
    words.close()
    with pytest.raises(RebuildNeeded):
        engine(folder, with_meaning=True).open()


def test_any_text_has_a_vector_or_none() -> None:
    assert len(meaning.vector("birds")) == meaning.DIMENSIONS
    for text in ("", "\0", "\ud800", "🎈" * 5000, "x" * 100_000, "人口", "‮", " \n"):
        assert len(meaning.vector(text)) in (0, meaning.DIMENSIONS)
    assert meaning.nearest(b"", [(1, meaning.vector("birds"))]) == []


def test_a_text_is_nearest_to_itself() -> None:
    [(number, score)] = meaning.nearest(
        meaning.vector("birds of winter"), [(7, meaning.vector("birds of winter"))]
    )
    assert (number, round(score, 4)) == (7, 1.0)
