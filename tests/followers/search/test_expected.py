"""Both engines: what people look for among a few hundred packages comes first, and says why."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from couchreg.errors import BadRequest
from couchreg.followers.base import Checkpoint
from couchreg.followers.search import fts5
from couchreg.followers.search.base import SearchIndex, TooSlow
from couchreg.followers.search.coverage import box_of, period_of
from couchreg.followers.search.explaining import Found
from couchreg.followers.search.follower import looked
from couchreg.followers.search.fts5 import Fts5Index
from couchreg.followers.search.items import FACETS, PackageSource
from couchreg.followers.search.query import FILTERS, Query, parse, with_filters
from couchreg.followers.search.whoosh_index import WhooshIndex
from tests.followers.search.catalogue import EXPECTED, descriptors

PRECISION = 0.9
FUZZED = 800


def sources() -> list[PackageSource]:
    found = []
    for name, descriptor in descriptors():
        members = json.dumps(descriptor, ensure_ascii=False).encode()[1:-1]
        found.append(PackageSource(name, "1.0.0", members, (), "old" if name == "old-stations" else None))
    return found


@pytest.fixture(scope="module", params=[Fts5Index, WhooshIndex])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchIndex]:
    made = request.param(tmp_path_factory.mktemp("search") / "search")
    assert made.open() is None
    made.commit(sources(), [], Checkpoint("a", "1"))
    yield made
    made.close_reading()
    made.close()


def asked(text: str) -> Query:
    """A line of EXPECTED as a question."""
    parameters = dict(parse_qsl(text[1:])) if text.startswith("?") else {"q": text}
    filters = [(name, value) for name, value in parameters.items() if name in FILTERS]
    return replace(
        with_filters(parse(parameters.get("q", "")), filters),
        kind=parameters.get("in", "packages"),
        period=period_of(parameters.get("temporal", "")),
        box=box_of(parameters.get("bbox", "")),
    )


def find(index: SearchIndex, text: str, **more: object) -> Found:
    return looked(replace(asked(text), **more), index)  # type: ignore[arg-type]


def test_what_people_expect_comes_first(index: SearchIndex) -> None:
    wrong = {}
    for text, name in EXPECTED:
        found = find(index, text)
        first = found.hits[0].name if found.hits else None
        if first != name:
            wrong[text] = first
    assert len(EXPECTED) > 60
    assert len(wrong) <= (1 - PRECISION) * len(EXPECTED), wrong


def test_both_engines_find_the_same(index: SearchIndex, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = {Fts5Index: WhooshIndex, WhooshIndex: Fts5Index}[type(index)]
    second = other(tmp_path_factory.mktemp("other") / "search")
    second.open()
    second.commit(sources(), [], Checkpoint("a", "1"))
    for text, _ in EXPECTED:
        names = [
            {(hit.name, hit.resource) for hit in find(one, text, limit=1000).hits} for one in (index, second)
        ]
        assert names[0] == names[1], text
    second.close_reading()
    second.close()


def test_facets_are_counted_over_all_that_match(index: SearchIndex) -> None:
    found = find(index, "norway", facets=FACETS, limit=1)
    assert found.total == 28
    assert dict(found.facets["license"])["CC0-1.0"] == 7
    assert dict(found.facets["format"])["parquet"] == 1
    assert dict(found.facets["deprecated"]) == {"false": 28}
    assert found.facets["keywords"][0] == ("Norway", 28)


def test_a_hit_says_why_it_was_found(index: SearchIndex) -> None:
    [hit] = find(index, "?type=CreativeWork&q=plays").hits
    assert {"path": "description", "value": "Plays"} in hit.matched
    [kind] = [one for one in hit.matched if one["path"] == "@type"]
    assert kind["because"] == "Book is a kind of CreativeWork (schema.org)"
    nasa = "?where=creator.affiliation.name:nasa&about=http://www.wikidata.org/entity/Q1425008"
    [hit] = find(index, nasa).hits
    assert {"path": "creator.affiliation.name", "value": "NASA"} in hit.matched
    assert "http://www.wikidata.org/entity/Q1425008" in [one["value"] for one in hit.matched]


@pytest.mark.parametrize(
    ("text", "word"),
    [("人口", "人口"), ("strassen münchen", "München"), ("etats", "États"), ("stationid", "stationId")],
)
def test_what_was_found_is_marked_as_it_is_written(index: SearchIndex, text: str, word: str) -> None:
    hit = find(index, text).hits[0]
    assert word in [one["text"][first:last] for one in hit.highlights for first, last in one["marks"]]


def test_other_words_are_suggested_where_nothing_matches(index: SearchIndex) -> None:
    assert find(index, "unemploymet").suggestion == "unemployment"
    assert find(index, "erathquakes japan").suggestion == "earthquakes japan"
    assert find(index, "xyzzyqwerty").suggestion is None
    assert find(index, "japan norway").suggestion is None


def test_a_word_that_nothing_has_is_a_beginning(index: SearchIndex) -> None:
    assert find(index, "glac").hits[0].name == "glacier-map"
    assert {hit.name for hit in find(index, "unemp* france").hits} == {"unemployment-rate-france"}


def test_orders_and_pages(index: SearchIndex) -> None:
    every = [hit.name for hit in find(index, "kenya", sort="name", limit=100).hits]
    assert every == sorted(every)
    assert [hit.name for hit in find(index, "kenya", sort="name", limit=3, offset=2).hits] == every[2:5]
    counts = (("wages-kenya", 5), ("migration-kenya", 9))
    first = [hit.name for hit in find(index, "kenya", sort="downloads", downloads=counts, limit=3).hits]
    assert first == ["migration-kenya", "wages-kenya", every[0]]
    assert len(find(index, "kenya", sort="date", limit=100).hits) == len(every)


PIECES = (
    *('"', "'", "*", "(", ")", "-", ":", "{", "}", "^", "+", "NEAR(", "AND", "OR", "NOT", "title:", "where:"),
    *("license:", "about:x", "\0", "\ud800", "é", "人", "口", " ", "  ", "a", "gdp", "the", "ﷺ", "\\", "%"),
    *("type:", "x" * 90, "1e9", "ไทย", "\u200b", "🎈", "ISO3166", "co2*", "--", ";", "/*", "␟", "ß", "0"),
)


def test_no_text_is_read_as_anything_but_words(index: SearchIndex) -> None:
    chosen = random.Random(14)
    for _ in range(FUZZED if isinstance(index, Fts5Index) else FUZZED // 5):
        text = "".join(chosen.choices(PIECES, k=chosen.randint(1, 12)))
        try:
            query = replace(parse(text), facets=("type",), kind=chosen.choice(("packages", "resources")))
        except BadRequest:
            continue
        looked(query, index)


def test_a_search_ends_when_its_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fts5, "_STEPS", 10)
    index = Fts5Index(tmp_path / "search", seconds=-1)
    index.open()
    index.commit(sources(), [], Checkpoint("a", "1"))
    with pytest.raises(TooSlow):
        index.search(Query(facets=FACETS))
    index.close_reading()
    index.close()
