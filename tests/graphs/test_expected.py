"""Questions about a few packages with the answers that a person would write down, and the protocol's cases.

Source of the cases: https://www.w3.org/TR/sparql11-protocol/ and the test suite of that working group
(https://www.w3.org/2009/sparql/docs/tests/data-sparql11/protocol/).
"""

import json
from typing import Any
from urllib.parse import urlencode

import pyoxigraph as ox

from tests.graphs.conftest import Door

FORM, QUERY = "application/x-www-form-urlencoded", "application/sparql-query"
WD = "http://www.wikidata.org/entity/"
# Query, and its rows in any order; {} is the address of the registry. Where it is ordered, the order counts.
EXPECTED: list[tuple[str, list[dict[str, str]]]] = [
    ("SELECT ?t { ?d s:alternateName 'gdp'; s:description ?t }", [{"t": "GDP of the world"}]),
    (
        "SELECT ?d { ?d a s:Dataset } ORDER BY ?d",
        [{"d": "{}/far/1.0.0"}, {"d": "{}/gdp/1.0.0"}, {"d": "{}/ice/1.0.0"}],
    ),
    ("SELECT (COUNT(*) AS ?n) { ?d a s:Dataset }", [{"n": "3"}]),
    (
        "SELECT ?k { <{}/gdp/1.0.0> s:keywords ?k } ORDER BY DESC(?k)",
        [{"k": "gdp"}, {"k": "economics"}],
    ),
    (
        "SELECT ?n { ?d s:license <https://creativecommons.org/publicdomain/zero/1.0/>; s:alternateName ?n }",
        [{"n": "gdp"}],
    ),
    (
        "SELECT ?n ?p { ?d s:creator ?c . ?c a s:Organization; s:name ?n . ?d s:alternateName ?p }",
        [{"n": "World Bank", "p": "gdp"}],
    ),
    (
        "SELECT ?n { ?d s:creator/s:affiliation/s:name ?n }",
        [{"n": "NASA"}],
    ),
    ("SELECT ?n { ?d s:about <" + WD + "Q1425008>; s:alternateName ?n }", [{"n": "ice"}]),
    ("SELECT ?t { ?d s:alternateName 'gdp'; s:temporalCoverage ?t }", [{"t": "1960/2023"}]),
    (
        "SELECT ?n { ?d s:alternateName ?n FILTER NOT EXISTS { ?d s:keywords ?k } } ORDER BY ?n",
        [{"n": "far"}, {"n": "ice"}],
    ),
    (
        "SELECT ?n ?k { ?d s:alternateName ?n OPTIONAL { ?d s:keywords ?k FILTER(?k != 'gdp') } } "
        "ORDER BY ?n",
        [{"n": "far"}, {"n": "gdp", "k": "economics"}, {"n": "ice"}],
    ),
    ("SELECT ?n { ?d s:description ?t; s:alternateName ?n FILTER REGEX(?t, '^sea', 'i') }", [{"n": "ice"}]),
    (
        "SELECT ?n { { ?d s:keywords 'economics' } UNION { ?d a <http://example.org/ns#Lexicon> } "
        "?d s:alternateName ?n } ORDER BY ?n",
        [{"n": "far"}, {"n": "gdp"}],
    ),
    ("SELECT ?x { ?d <http://example.org/ns#size> ?y BIND(?y * 2 AS ?x) }", [{"x": "6"}]),
    (
        "SELECT ?n (COUNT(?k) AS ?c) { ?d s:alternateName ?n; s:keywords ?k } "
        "GROUP BY ?n HAVING(COUNT(?k) > 1)",
        [{"n": "gdp", "c": "2"}],
    ),
    (
        "SELECT ?n { ?r s:dataset ?d . ?d s:distribution/s:name ?f; s:alternateName ?n } "
        "ORDER BY ?n LIMIT 1 OFFSET 1",
        [{"n": "gdp"}],
    ),
    ("SELECT ?u { <{}/ice/1.0.0> s:distribution/s:contentUrl ?u }", [{"u": "{}/ice/1.0.0/t"}]),
    ("SELECT ?n { VALUES ?n { 'gdp' 'none' } ?d s:alternateName ?n }", [{"n": "gdp"}]),
    (
        "SELECT ?g { GRAPH ?g { ?d s:description 'Words' } }",
        [{"g": "{}/far/1.0.0"}],
    ),
    (
        "SELECT DISTINCT ?o { <{}/ice/1.0.0> (s:creator|s:about)/(s:affiliation)* ?o "
        "FILTER(STRSTARTS(STR(?o), '" + WD + "')) } ORDER BY ?o",
        [{"o": WD + "Q1425008"}, {"o": WD + "Q23548"}],
    ),
    (
        "SELECT ?n { ?d s:alternateName ?n MINUS { ?d s:about ?x } FILTER(?n < 'h') } ORDER BY ?n",
        [{"n": "far"}, {"n": "gdp"}],
    ),
    (
        "SELECT ?v { { SELECT (MAX(?x) AS ?v) { ?d s:version ?x } } }",
        [{"v": "1.0.0"}],
    ),
]


async def test_questions_have_the_answers_that_one_would_write_down(door: Door) -> None:
    assert len(EXPECTED) >= 20
    wrong = {}
    for query, rows in EXPECTED:
        wanted = [{key: text.replace("{}", door.url) for key, text in row.items()} for row in rows]
        found = await door.rows(query.replace("{}", door.url))
        if found != wanted:
            wrong[query] = found
    assert wrong == {}


async def _asked(door: Door, query: str = "", accept: str = "*/*", **more: Any) -> tuple[int, str, str]:
    return await door.ask(f"/-/sparql{query}", accept, **more)


async def test_the_protocol_s_good_cases(door: Door) -> None:
    one, two = f"{door.url}/gdp/1.0.0", f"{door.url}/far/1.0.0"
    ask = "ASK { ?d <http://schema.org/description> 'GDP of the world' }"
    both = ask.removesuffix("}") + ". ?e <http://schema.org/description> 'Words' }"
    named = "ASK { GRAPH ?g { ?d <http://schema.org/description> 'Words' } }"
    cases: list[tuple[str, str, list[tuple[str, str]], bool]] = [
        ("query_get", ask, [], True),
        ("query_dataset_default_graph", ask, [("default-graph-uri", one)], True),
        ("query_dataset_default_graph, another", ask, [("default-graph-uri", two)], False),
        (
            "query_dataset_default_graphs",
            both,
            [("default-graph-uri", one), ("default-graph-uri", two)],
            True,
        ),
        ("query_dataset_named_graphs", named, [("named-graph-uri", one), ("named-graph-uri", two)], True),
        ("query_dataset_named_graphs, another", named, [("named-graph-uri", one)], False),
        ("query_dataset_full", named, [("default-graph-uri", one), ("named-graph-uri", two)], True),
        (
            "query_multiple_dataset: the request's graphs count, and not the query's",
            f"ASK FROM <{two}> {{ ?d <http://schema.org/description> 'GDP of the world' }}",
            [("default-graph-uri", one)],
            True,
        ),
    ]
    for name, query, graphs, expected in cases:
        for way in (
            _asked(door, "?" + urlencode([("query", query), *graphs])),
            _asked(
                door,
                method="POST",
                data=urlencode([("query", query), *graphs]),
                headers={"Content-Type": FORM},
            ),
            _asked(
                door,
                "?" + urlencode(graphs),
                method="POST",
                data=query,
                headers={"Content-Type": f"{QUERY}; charset=utf-8"},
            ),
        ):
            status, kind, text = await way
            assert (status, kind) == (200, "application/sparql-results+json"), (name, text)
            assert json.loads(text)["boolean"] is expected, name


async def test_the_protocol_s_types_of_content(door: Door) -> None:
    for query, accept, kind in (
        ("SELECT ?s { ?s a <http://schema.org/Dataset> }", "application/sparql-results+xml", None),
        ("ASK {}", "application/sparql-results+json", None),
        ("CONSTRUCT { ?s a ?t } WHERE { ?s a ?t }", "application/rdf+xml", ox.RdfFormat.RDF_XML),
        ("CONSTRUCT { ?s a ?t } WHERE { ?s a ?t }", "application/n-triples", ox.RdfFormat.N_TRIPLES),
        ("CONSTRUCT { ?s a ?t } WHERE { ?s a ?t }", "application/ld+json", ox.RdfFormat.JSON_LD),
        (f"DESCRIBE <{door.url}/gdp/1.0.0>", "text/turtle", ox.RdfFormat.TURTLE),
    ):
        status, found, text = await _asked(door, "?" + urlencode({"query": query}), accept)
        assert (status, found) == (200, accept), text
        assert kind is None or list(ox.parse(text.encode(), kind))


async def test_the_protocol_s_bad_cases(door: Door) -> None:
    ask = "ASK {}"
    for name, status, sent in (
        ("bad_query_method: any 4xx will do", 401, {"query": "?query=ASK%7B%7D", "method": "PUT"}),
        ("bad_multiple_queries", 400, {"query": "?query=ASK%7B%7D&query=ASK%7B%7D"}),
        ("bad_query_wrong_media_type", 415, {"method": "POST", "data": ask, "type": "text/plain"}),
        ("bad_query_missing_form_type", 415, {"method": "POST", "data": "query=ASK%7B%7D", "type": ""}),
        ("bad_query_missing_direct_type", 415, {"method": "POST", "data": ask, "type": ""}),
        (
            "bad_query_non_utf8",
            400,
            {"method": "POST", "data": "ASK { ?s ?p 'é' }".encode("utf-16"), "type": QUERY},
        ),
        ("bad_query_syntax", 400, {"query": "?query=ASK%7B"}),
        ("bad_update_get", 400, {"query": "?update=CLEAR+ALL"}),
        ("bad_update_post", 400, {"method": "POST", "data": "update=CLEAR+ALL", "type": FORM}),
    ):
        headers = {"Content-Type": str(sent["type"] or "application/octet-stream")} if "type" in sent else {}
        found, _, text = await _asked(
            door,
            str(sent.get("query", "")),
            method=str(sent.get("method", "GET")),
            data=sent.get("data"),
            headers=headers,
        )
        assert found == status, (name, text)
        assert "reason" in json.loads(text), name
