"""Two indexes asked as one, with either engine: in order, each hit once, and nothing of what is not seen."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from couchreg.followers.base import Checkpoint
from couchreg.followers.search.base import SearchIndex, TooSlow
from couchreg.followers.search.explaining import Found
from couchreg.followers.search.follower import SearchFollower
from couchreg.followers.search.fts5 import Fts5Index
from couchreg.followers.search.items import PackageSource
from couchreg.followers.search.joining import JoinedSearch
from couchreg.followers.search.query import Query, parse
from couchreg.followers.search.suggesting import suggestion
from couchreg.followers.search.whoosh_index import WhooshIndex
from couchreg.followers.search.whoosh_text import MOST_EXPANSIONS
from tests.followers.search.conftest import Engine

T = TypeVar("T")
PUBLIC = [f"p{number:02}" for number in range(12)]
MINE = [f"m{number}" for number in range(4)]
THEIRS = [f"t{number}" for number in range(5)]


class Asked:
    """A follower's index, asked at once."""

    def __init__(self, index: SearchIndex) -> None:
        self.index = index

    async def ask(self, question: Callable[[SearchIndex], T], askers: Sequence[str]) -> T:
        return question(self.index)


def source(name: str, words: str, **more: Any) -> PackageSource:
    resources = [{"name": "one", "path": "one.csv", "title": words}]
    members = {"title": words, "keywords": [words.split()[0]], "resources": resources, **more}
    return PackageSource(name, "1.0.0", json.dumps(members).encode()[1:-1], (), None)


def filled(index: SearchIndex, sources: Iterable[PackageSource], gone: Sequence[str] = ()) -> SearchIndex:
    index.open()
    index.commit(list(sources), gone, Checkpoint("x", "1"))
    index.close()
    return index


def some(names: Sequence[str]) -> list[PackageSource]:
    return [
        source(name, f"weather {'storm ' * (place % 3)}", created=f"2020-01-{1 + place * 7 % 28:02}")
        for place, name in enumerate(names)
    ]


@pytest.fixture
def joined(engine: Engine, tmp_path: Path) -> Iterator[Callable[..., JoinedSearch]]:
    made: list[SearchIndex] = []

    def join(restricted: Iterable[PackageSource]) -> JoinedSearch:
        folder = tmp_path / str(len(made))
        public = filled(engine(folder / "public"), some(PUBLIC))
        own = filled(engine(folder / "own", plain=True), restricted)
        made.extend((public, own))
        return JoinedSearch(*(cast(SearchFollower, Asked(one)) for one in (public, own)))

    yield join
    for one in made:
        one.close_reading()


@pytest.mark.parametrize("sort", ["score", "name", "date", "downloads"])
@pytest.mark.parametrize("words", ["", "storm"])
async def test_pages_of_both_are_those_of_one_list(
    joined: Callable[..., JoinedSearch], sort: str, words: str
) -> None:
    search = joined([*some(MINE), *some(THEIRS)])
    counts = (("p03", 9), ("m2", 7), ("t1", 99), ("p01", 1))
    asked = replace(parse(words), sort=sort, downloads=counts, facets=("keywords",))
    whole = await search.find(replace(asked, limit=100), frozenset(MINE), ())
    names = [hit.name for hit in whole.hits]
    assert len(names) == len(set(names)) == whole.total
    assert set(names) & set(MINE)
    assert not set(names) & set(THEIRS)
    assert dict(whole.facets["keywords"]) == {"weather": whole.total}
    for limit in (1, 3, 5):
        pages = []
        for offset in range(0, whole.total, limit):
            page = await search.find(replace(asked, limit=limit, offset=offset), frozenset(MINE), ())
            assert page.total == whole.total
            pages += [hit.name for hit in page.hits]
        assert pages == names, limit
    if sort == "name" or (sort == "score" and not words):
        assert names == sorted(names)
    if sort == "downloads" and not words:
        assert names[:3] == ["p03", "m2", "p01"]
    if sort == "date":
        assert [hit.date for hit in whole.hits] == sorted((hit.date for hit in whole.hits), reverse=True)
    if words and sort == "score":
        scores = [hit.score for hit in whole.hits]
        assert scores == sorted(scores, reverse=True)
        assert names[0] in MINE


async def test_what_is_not_seen_changes_nothing(joined: Callable[..., JoinedSearch]) -> None:
    mine = [source("m1", "weather of storms"), source("m2", "storm beehive weather")]
    theirs = [source(f"t{number}", "beehoves storm weather bees beehive") for number in range(9)]
    alone, among = joined(mine), joined([*theirs, *mine])
    packages = frozenset({"m1", "m2"})
    for words in (
        "storm",
        "storm weather",
        "bee",
        "bees",
        "beehoves",
        "beehovex",
        "beehive",
        "weat*",
        "-storm",
    ):
        for more in ({}, {"kind": "resources"}, {"facets": ("keywords", "format")}):
            asked = replace(parse(words), **more)  # type: ignore[arg-type]
            found = [await search.look(asked, packages, ()) for search in (alone, among)]
            assert told(found[0]) == told(found[1]), words
    assert (await among.look(parse("beehoves"), None, ())).total == 9
    assert (await among.look(parse("beehovex"), frozenset({"m1"}), ())).suggestion is None
    assert [hit.name for hit in (await among.look(parse("bee"), packages, ())).hits] == ["m2"]


def told(found: Found) -> Any:
    return found._replace(hits=[hit._asdict() for hit in found.hits])


@pytest.mark.parametrize("other", ["beemergeraxyq", "beemergerbaq", "beemergerzzzq"])
async def test_a_beginning_does_not_tell_of_words_that_are_not_seen(
    engine: Engine, tmp_path: Path, other: str
) -> None:
    """However many longer words there are, and wherever in their order that of another package stands."""
    words = [f"beemerger{one}{two}q" for one in "bcdfghjk" for two in "bcdfghjk"][: MOST_EXPANSIONS - 1]
    index = filled(
        engine(tmp_path, plain=True), [source("m1", " ".join(words)), source("m2", "beemergerzzq")]
    )
    asked = replace(parse("beemerger*"), packages=frozenset({"m1", "m2"}))

    def found(query: Query = asked) -> list[tuple[str, float]]:
        return [(hit.package, hit.score) for hit in index.search(query).hits]

    alone = found()
    assert {name for name, _ in alone} == {"m1", "m2"}
    theirs = source("t", " ".join([other, *(f"beemergera{number}q" for number in range(99))]))
    filled(index, [theirs])  # in a part of the index of its own
    assert found() == alone
    assert {name for name, _ in found(replace(asked, packages=None, without=frozenset({"t"})))} == {
        "m1",
        "m2",
    }
    filled(index, [], ["t"])
    assert found() == alone
    assert {name for name, _ in found(replace(asked, packages=None))} == {"m1", "m2"}
    index.close_reading()


async def test_looking_for_longer_words_ends_when_its_time_is_over(tmp_path: Path) -> None:
    index = filled(WhooshIndex(tmp_path, seconds=-1.0), [source("m", "storm steam")])
    with pytest.raises(TooSlow):
        index.search(replace(parse("st*"), packages=frozenset({"other"})))  # which has no term of these
    index.close_reading()


async def test_a_word_of_what_has_gone_is_not_suggested(engine: Engine, tmp_path: Path) -> None:
    stays = [source(f"stays{number}", "weather") for number in range(20)]
    index = filled(engine(tmp_path), [*stays, source("closed", "beekeeping")])
    asked = parse("beekeepimg")
    assert suggestion(asked, index) == "beekeeping"
    assert index.known("beekeeping")
    filled(index, [], ["closed"])
    assert suggestion(asked, index) is None
    assert not index.known("beekeeping")
    assert not index.is_word("beekeeping")
    index.close_reading()


async def test_the_scores_of_a_plain_index_are_of_each_item_alone(tmp_path: Path) -> None:
    found = []
    for place, others in enumerate(([], some(THEIRS))):
        index = filled(
            Fts5Index(tmp_path / str(place), plain=True), [source("m", "storm storm weather"), *others]
        )
        asked = Query(parse("storm weather").clauses, packages=frozenset({"m"}))
        found.append([hit.score for hit in index.search(asked).hits])
        index.close_reading()
    assert found[0] == found[1]
    assert found[0][0] > 0
