"""Both engines: what people look for among descriptors that others published comes first. `FURTHER` names a
folder of more of them (`<name>.json`), which are then among the others; nothing is looked for in them."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from couchreg.followers.base import Checkpoint
from couchreg.followers.search.base import SearchIndex
from couchreg.followers.search.follower import looked
from couchreg.followers.search.fts5 import Fts5Index
from couchreg.followers.search.items import PackageSource
from couchreg.followers.search.query import parse
from couchreg.followers.search.whoosh_index import WhooshIndex

DATA = Path(__file__).parents[2] / "data" / "search"
PRECISION = 0.9
FURTHER = "COUCHREG_TEST_DESCRIPTORS"


def read(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text("utf-8"))


def packages() -> dict[str, Any]:
    """The descriptors of the packages that other tests publish."""
    paths = (DATA.parent / "packages").glob("*/datapackage.json")
    return {path.parent.name: json.loads(path.read_text("utf-8")) for path in paths}


def further() -> dict[str, Any]:
    folder = os.environ.get(FURTHER)
    paths = sorted(Path(folder).glob("*.json")) if folder else ()
    return {f"further-{path.stem}": json.loads(path.read_text("utf-8")) for path in paths}


@pytest.fixture(scope="module", params=[Fts5Index, WhooshIndex])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchIndex]:
    made = request.param(tmp_path_factory.mktemp("search") / "search")
    made.open()
    sources = [
        PackageSource(name, "1.0.0", json.dumps(descriptor, ensure_ascii=False).encode()[1:-1])
        for name, descriptor in (packages() | read("published") | further()).items()
    ]
    assert len(sources) > 260
    made.commit(sources, [], Checkpoint("a", "1"))
    yield made
    made.close_reading()
    made.close()


def test_what_people_expect_comes_first(index: SearchIndex) -> None:
    expected = read("published_expected")
    assert len(expected) >= 60
    wrong = {}
    for words, name in expected:
        first = [hit.name for hit in looked(parse(words), index).hits[:1]]
        if first != [name]:
            wrong[words] = first
    assert len(wrong) <= (1 - PRECISION) * len(expected), wrong
