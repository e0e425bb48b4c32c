"""The graphs follow what is published, survive what befalls them, and fetch nothing."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from couchreg.graphs.shelf import GraphShelf
from tests.conftest import ADMIN
from tests.graphs.conftest import Door

Begin = Callable[[], Awaitable[Door]]
TITLES = "SELECT ?d ?t WHERE { GRAPH ?d { ?d s:description ?t } } ORDER BY ?d"


async def test_each_version_is_a_graph_and_the_latest_are_known(door: Door) -> None:
    await door.publish("gdp", "1.1.0", title="Better")
    await door.settled()
    found = {row["d"].removeprefix(door.url): row["t"] for row in await door.rows(TITLES)}
    assert found == {
        "/far/1.0.0": "Words",
        "/gdp/1.0.0": "GDP of the world",
        "/gdp/1.1.0": "Better",
        "/ice/1.0.0": "Sea ice “extent”",
    }
    latest = await door.rows(f"SELECT ?d WHERE {{ <{door.url}/> s:dataset ?d }} ORDER BY ?d")
    assert [row["d"].removeprefix(door.url) for row in latest] == ["/far/1.0.0", "/gdp/1.1.0", "/ice/1.0.0"]


async def test_what_is_deleted_is_gone(door: Door) -> None:
    login = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    async with door.session.delete(f"{door.url}/gdp/1.0.0", headers=login) as response:
        assert response.status == 200
    await door.settled()
    assert await door.rows(f"SELECT * WHERE {{ GRAPH <{door.url}/gdp/1.0.0> {{ ?s ?p ?o }} }}") == []
    assert await door.rows(f"SELECT * WHERE {{ GRAPH <{door.url}/gdp> {{ ?s ?p ?o }} }}") == []


async def test_a_package_s_own_linked_data_is_in_its_graph(door: Door) -> None:
    [row] = await door.rows("SELECT ?d ?o WHERE { ?d s:about <http://www.wikidata.org/entity/Q1425008> }")
    assert row["d"] == f"{door.url}/ice/1.0.0"
    [row] = await door.rows("SELECT ?n WHERE { ?d s:creator/s:affiliation/s:name ?n }")
    assert row["n"] == "NASA"
    [row] = await door.rows("SELECT ?n WHERE { ?d a <http://example.org/ns#Lexicon>; s:name ?n }")
    assert row["n"] == "Words"
    [row] = await door.rows("SELECT ?n WHERE { ?d <http://example.org/ns#size> ?n }")
    assert row["n"] == "3"


async def test_nodes_without_a_name_have_one_here(door: Door) -> None:
    [row] = await door.rows("SELECT ?p WHERE { ?d s:creator ?p . ?p s:name 'J. Doe' }")
    assert row["p"].startswith(f"{door.url}/ice/1.0.0#_")
    assert await door.rows("SELECT ?s WHERE { ?s ?p ?o FILTER(isBlank(?s) || isBlank(?o)) }") == []


async def test_nothing_is_made_before_somebody_asks(begun: Begin, tmp_path: Path) -> None:
    door = await begun()
    await door.publish("gdp", "1.0.0", title="GDP")
    assert not GraphShelf(tmp_path / "data" / "graphs").exists
    status, _, text = await door.ask("/-/sparql?query=ASK{?s+?p+?o}")
    assert (status, '"boolean":true' in text) == (200, True)
    assert GraphShelf(tmp_path / "data" / "graphs").exists


async def test_the_store_outlives_a_restart_and_may_be_deleted(begun: Begin, tmp_path: Path) -> None:
    door = await begun()
    base = {"public_url": "https://data.example.org"}
    await door.app.stop()
    door = await begun(**base)
    await door.publish("gdp", "1.0.0", title="GDP")
    await door.settled()
    copies = sorted((tmp_path / "data/graphs").glob("at-*"))
    await door.app.stop()
    door = await begun(**base)
    await door.settled()
    assert sorted((tmp_path / "data/graphs").glob("at-*")) == copies
    [row] = await door.rows("SELECT ?d WHERE { ?d s:name 'GDP' }")
    assert row["d"] == "https://data.example.org/gdp/1.0.0"
    await door.app.stop()
    shutil.rmtree(tmp_path / "data/graphs/store")
    door = await begun(**base)
    await door.settled()
    assert len(await door.rows("SELECT ?d WHERE { ?d s:name 'GDP' }")) == 1
    await door.app.stop()
    for file in (tmp_path / "data/graphs/store").glob("MANIFEST-*"):
        file.write_bytes(b"\xff" * 100)
    door = await begun(**base)
    await door.publish("gdp", "1.1.0", title="GDP")
    await door.settled()
    assert len(await door.rows("SELECT ?d WHERE { ?d s:name 'GDP' }")) == 2
