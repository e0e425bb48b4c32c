"""SPARQL and fragments over HTTP: the protocol, forms of answers, and questions that would do harm."""

import json
import re
import socket
import xml.etree.ElementTree as ET
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import replace
from urllib.parse import quote, urlencode

import pyoxigraph as ox
import pytest

from couchreg.graphs.asking import QueryLimits
from couchreg.sandbox.ending import Cause, Stopped
from couchreg.sandbox.session import ChildSession, Note
from tests.graphs.conftest import SCHEMA, Door

Begin = Callable[..., Awaitable[Door]]
NAMES = SCHEMA + "SELECT ?n WHERE { ?d a s:Dataset; s:description ?n } ORDER BY ?n"
HYDRA = "http://www.w3.org/ns/hydra/core#"


async def test_the_protocol_s_ways_to_ask(door: Door) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    ways = [
        door.ask("/-/sparql?" + urlencode({"query": NAMES})),
        door.ask("/-/sparql", method="POST", data=urlencode({"query": NAMES}), headers=form),
        door.ask(
            "/-/sparql", method="POST", data=NAMES, headers={"Content-Type": "application/sparql-query"}
        ),
    ]
    for way in ways:
        status, kind, text = await way
        assert (status, kind) == (200, "application/sparql-results+json")
        found = json.loads(text)["results"]["bindings"]
        assert [row["n"]["value"] for row in found] == ["GDP of the world", "Sea ice “extent”", "Words"]


async def test_results_come_as_they_are_asked_for(door: Door) -> None:
    for accept, kind, beginning in (
        ("application/sparql-results+xml", "application/sparql-results+xml", "<?xml"),
        ("text/csv", "text/csv", "n\r\nGDP of the world"),
        ("text/tab-separated-values", "text/tab-separated-values", '?n\n"GDP of the world"'),
        ("application/json;q=0.5, text/csv", "text/csv", "n\r\n"),
        ("text/turtle, */*;q=0.1", "application/sparql-results+json", "{"),
    ):
        status, found, text = await door.ask("/-/sparql?" + urlencode({"query": NAMES}), accept)
        assert (status, found) == (200, kind)
        assert text.startswith(beginning)


async def test_all_kinds_of_queries(door: Door) -> None:
    async def ask(query: str, accept: str) -> tuple[int, str, str]:
        return await door.ask("/-/sparql?" + urlencode({"query": SCHEMA + query}), accept)

    assert json.loads((await ask("ASK { ?s s:name 'Words' }", "*/*"))[2])["boolean"] is True
    status, _, text = await ask("ASK { ?s s:name 'None' }", "application/xml")
    assert ET.fromstring(text).findtext("{*}boolean") == "false"
    status, kind, text = await ask(
        "CONSTRUCT { ?s s:name ?n } WHERE { ?s s:name ?n }", "application/n-triples"
    )
    assert (status, kind) == (200, "application/n-triples")
    assert f"<{door.url}/gdp/1.0.0> <http://schema.org/name>" in text
    status, kind, text = await ask(f"DESCRIBE <{door.url}/gdp/1.0.0>", "*/*")
    assert (status, kind) == (200, "text/turtle")
    triples = list(ox.parse(text, ox.RdfFormat.TURTLE))
    assert {str(one.subject) for one in triples} == {f"<{door.url}/gdp/1.0.0>"}
    assert (await ask("CONSTRUCT WHERE { ?s ?p ?o }", "text/csv"))[0] == 406
    assert (await door.ask("/-/sparql?format=csv&" + urlencode({"query": NAMES})))[1] == "text/csv"


async def test_graphs_can_be_named(door: Door) -> None:
    name = "SELECT ?n WHERE { ?d s:alternateName ?n }"
    one = f"{door.url}/gdp/1.0.0"
    assert await door.rows(name, **{"default-graph-uri": one}) == [{"n": "gdp"}]
    assert await door.rows(f"SELECT ?n FROM <{one}> WHERE {{ ?d s:alternateName ?n }}") == [{"n": "gdp"}]
    graphs = "SELECT DISTINCT ?g WHERE { GRAPH ?g { ?d s:alternateName ?n } }"
    assert await door.rows(graphs, **{"named-graph-uri": one}) == [{"g": one}]
    assert len(await door.rows(name)) == 3


async def test_what_is_wrong_is_said_with_its_place(door: Door) -> None:
    status, _, text = await door.ask("/-/sparql?query=SELECT+*+WHERE+%7B+%3Fs+%3Fp+%7D")
    answer = json.loads(text)
    assert (status, answer["error"]) == (400, "bad_statement")
    assert answer["line"] == 1
    assert answer["column"] > 10
    for query in ("", "query=", "query=ASK{}&query=ASK{}", "update=CLEAR+ALL", "query=ASK{}&format=pdf"):
        assert (await door.ask(f"/-/sparql?{query}"))[0] == 400, query
    plain = {"Content-Type": "text/plain"}
    assert (await door.ask("/-/sparql", method="POST", data="ASK {}", headers=plain))[0] == 415


def hostile(port: int) -> Iterator[str]:
    """Queries that would take for ever, all memory, or somebody else's word."""
    everything = " ".join(f"?a{n} ?b{n} ?c{n} ." for n in range(12))
    yield f"SELECT * {{ {everything} }} ORDER BY ?a1"
    yield f"SELECT (COUNT(*) AS ?n) {{ {everything} }}"
    yield f"SELECT DISTINCT ?a1 ?b2 ?c3 {{ {everything} FILTER(?a1 != ?a2 && ?b2 != ?b3) }}"
    yield f"CONSTRUCT {{ ?a1 ?b2 ?c3 }} WHERE {{ {everything} }}"
    yield f"SELECT ?a1 (GROUP_CONCAT(?c5) AS ?g) {{ {everything} }} GROUP BY ?a1"
    yield f"ASK {{ {everything} FILTER(?c1 = 'never') }}"
    yield f"SELECT * {{ SERVICE <http://127.0.0.1:{port}/> {{ ?s ?p ?o }} }}"
    yield f"SELECT * {{ \\u0053ERVICE SILENT <http://127.0.0.1:{port}/> {{ ?s ?p ?o }} }}"
    yield f"SELECT * FROM <http://127.0.0.1:{port}/> {{ ?s ?p ?o }}"
    yield f"LOAD <http://127.0.0.1:{port}/>"
    yield "INSERT DATA { <a:b> <a:b> 1 }"
    yield "SELECT * { ?s (!<a:b>|^!<a:b>)* ?o . ?o (!<a:b>|^!<a:b>)* ?x . ?x (!<a:b>|^!<a:b>)* ?y }"
    yield "SELECT * { ?s " + "(" * 8000 + "<a:b>" + ")*" * 8000 + " ?o }"
    yield "SELECT * { " + "{" * 20_000 + "}" * 20_000 + " }"
    yield "SELECT * { FILTER(" + "!" * 30_000 + "true) }"
    yield "SELECT * { ?s ?p '" + "x" * 60_000 + "' }"
    yield "SELECT (" + "CONCAT(?x, " * 3_000 + "?x" + ")" * 3_000 + " AS ?y) { VALUES ?x { 'xxxx' } }"
    doubled = " ".join(f"BIND(CONCAT(?x{n}, ?x{n}) AS ?x{n + 1})" for n in range(40))
    yield f"SELECT ?x40 {{ VALUES ?x0 {{ 'x' }} {doubled} }}"
    yield f"SELECT * {{ {everything} FILTER(REGEX(STR(?c1), '(a*)*(a*)*b{{1,1000}}')) }}"
    yield "SELECT * { VALUES ?x { " + "1 " * 30_000 + "} ?s ?p ?o . ?a ?b ?c . ?d ?e ?f }"
    yield "SELECT * { ?s ?p ?o \0 \ud800 } LIMIT 99999999999999999999999999"
    yield f"DESCRIBE * {{ {everything} }}"


async def test_hostile_queries_end_and_reach_nothing(begun: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = replace(QueryLimits(), cpu_seconds=0.4, answer=1 << 20)
    monkeypatch.setattr("couchreg.graphs.asking.QueryLimits", lambda: limits)
    door = await begun()
    for number in range(3):
        await door.publish(f"p{number}", "1.0.0", title=f"P{number}", keywords=[f"k{n}" for n in range(30)])
    await door.settled()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        queries = list(hostile(listening.getsockname()[1]))
        assert len(queries) >= 20
        for query in queries:
            body = query.encode("utf-8", "replace")
            kind = {"Content-Type": "application/sparql-query"}
            status, _, text = await door.ask("/-/sparql", method="POST", data=body, headers=kind)
            assert status in (200, 400), (query[:100], text[:300])
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert len(await door.rows("SELECT ?d { ?d a s:Dataset }")) == 3


async def test_fragments_lead_to_one_another(door: Door) -> None:
    await door.publish("many", "1.0.0", title="Many", keywords=[f"k{n:03}" for n in range(150)])
    await door.settled()
    path = f"/-/fragments?predicate={quote('http://schema.org/keywords', safe='')}"
    seen: set[str] = set()
    pages = 0
    while path:
        status, kind, text = await door.ask(path, "application/n-quads")
        assert (status, kind) == (200, "application/n-quads")
        quads = list(ox.parse(text, ox.RdfFormat.N_QUADS))
        data = [quad for quad in quads if isinstance(quad.graph_name, ox.DefaultGraph)]
        seen |= {str(quad.object) for quad in data}
        said = {quad.predicate.value: quad.object for quad in quads if quad not in data}
        assert said["http://rdfs.org/ns/void#triples"].value == "152"  # type: ignore[union-attr]
        following = said.get(f"{HYDRA}next")
        path = following.value.removeprefix(door.url) if isinstance(following, ox.NamedNode) else ""
        pages += 1
    assert (pages, len(seen)) == (2, 152)


async def test_patterns(door: Door) -> None:
    for pattern, count in (
        ({"predicate": "http://schema.org/name", "object": '"GDP of the world"'}, 1),
        ({"object": '"3"^^http://www.w3.org/2001/XMLSchema#integer'}, 1),
        ({"object": "http://www.wikidata.org/entity/Q1425008"}, 1),
        ({"subject": "?s", "predicate": "<http://schema.org/name>", "object": '"NASA"'}, 1),
        ({"object": '"GDP of the world"@en'}, 0),
        ({"subject": "http://example.org/none"}, 0),
    ):
        status, kind, text = await door.ask("/-/fragments?" + urlencode(pattern))
        assert (status, kind) == (200, "text/turtle")
        assert re.search(rf"void#triples> {count}\b", text), pattern
        assert f"{HYDRA}search" in text
        assert "/-/fragments{?subject,predicate,object}" in text


async def test_fragments_that_cannot_be_asked_for(door: Door) -> None:
    for query in ('subject="x"', 'object="x', "subject=a+b", "object=" + "x" * 4001, "page=1001", "page=x"):
        assert (await door.ask(f"/-/fragments?{query}"))[0] == 400, query
    assert (await door.ask("/-/fragments", "image/png"))[0] == 406


async def test_a_fragment_is_kept_until_something_changes(door: Door) -> None:
    async with door.session.get(f"{door.url}/-/fragments?object=x:y") as response:
        tag = {"If-None-Match": response.headers["ETag"]}
    async with door.session.get(f"{door.url}/-/fragments?object=x:y", headers=tag) as response:
        assert response.status == 304
    await door.publish("gdp", "1.1.0")
    await door.settled()
    async with door.session.get(f"{door.url}/-/fragments?object=x:y", headers=tag) as response:
        assert response.status == 200


async def test_a_full_disk_is_told_as_one(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(self: ChildSession, job: bytes, note: Note | None = None) -> AsyncGenerator[bytes, None]:
        raise Stopped(Cause.DISK, "questions")
        yield b""

    monkeypatch.setattr(ChildSession, "stream", full)
    status, _, text = await door.ask("/-/sparql?" + urlencode({"query": NAMES}))
    assert (status, json.loads(text)["error"]) == (500, "insufficient_storage")
