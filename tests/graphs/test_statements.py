"""What a query asks of other servers is found, wherever it is hidden, and nothing else is taken for it."""

import pytest

from couchreg.errors import BadStatement
from couchreg.graphs.statements import LONGEST, checked, words

REACHING = [
    "SELECT * { SERVICE <http://127.0.0.1/> { ?s ?p ?o } }",
    "select * { service silent ?x { ?s ?p ?o } }",
    "SELECT * { ?s ?p ?o.SERVICE<http://x/>{} }",
    "SELECT * { ?s ?p 5SERVICE<http://x/>{} }",
    "PREFIX SERVICE: <http://x/> SELECT * { SERVICE:y { ?s ?p ?o } }",
    "SELECT * { \\u0053ERVICE <http://x/> {} }",
    "SELECT * { \\U00000053ERVICE <http://x/> {} }",
    "SELECT * { # a comment\nSERVICE <http://x/> {} }",
    "SELECT * { VALUES ?x { '''a' } SERVICE <http://x/> {} }",
    "SELECT * { FILTER(?a<?b) SERVICE ?c { FILTER(?a>?b) } }",
    "SELECT * { FILTER EXISTS { SERVICE <http://x/> { ?s ?p ?o } } }",
    'SELECT * { BIND("\\"" AS ?q) SERVICE <http://x/> {} }',
    "SELECT * { _:b.SERVICE <http://x/> {} }",
    "SELECT * { ?s ?p 'a'@en SERVICE <http://x/> {} }",
]
HARMLESS = [
    "SELECT ?service { ?service a <http://x/SERVICE> }",
    "SELECT * { ?s ?p 'SERVICE' , \"SERVICE <x>\" , '''a ' SERVICE''' }",
    'SELECT * { ?s ?p """a \\""" SERVICE """ }',
    "SELECT * { ?s ex:service ?o } # SERVICE",
    "SELECT $SERVICE { ?s ?p 'x'@service }",
]


@pytest.mark.parametrize("query", REACHING)
def test_no_query_reaches_out(query: str) -> None:
    with pytest.raises(BadStatement, match="SERVICE"):
        checked(query)


@pytest.mark.parametrize("query", HARMLESS)
def test_a_word_that_is_no_word_of_the_query_is_none(query: str) -> None:
    assert not checked(query)


def test_a_query_that_names_its_graphs_is_known() -> None:
    assert checked("SELECT * FROM <http://x/> { ?s ?p ?o }")
    assert not checked("SELECT ?from { ?s ?p 'FROM' } # FROM")


def test_every_text_is_read_to_its_end_in_one_go() -> None:
    with pytest.raises(BadStatement, match="KiB"):
        checked("x" * (LONGEST + 1))
    for unit in ("'''", '"""', "'", "<", "\\", ":", "?", "@", "#", "_:b.", "'''\\", "é"):
        assert len(list(words(unit * (LONGEST // len(unit.encode()))))) <= LONGEST
