"""Translated functions give what the engine gives, row by row, or leave it to the engine."""

import random
from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest

from couchreg.designdocs import emitted
from couchreg.designdocs.translation.functions import TranslatedMap, TranslatedRule
from couchreg.designdocs.translation.tokens import NotTranslated
from couchreg.designdocs.translation.values import FUEL, GivesUp
from couchreg.model import json
from tests.designdocs.translation.engine import Engine
from tests.designdocs.translation.samples import DOCS, MAPS, RULES
from tests.designdocs.translation.writing import Writer, document

CONTEXTS = ('{"db":"x","name":null,"roles":[]}', '{"db":"x","name":"ann","roles":["_admin","r"]}')
SECURITY = ("{}", '{"members":{"roles":["r"],"names":[]}}')
STEPS = 5000


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


def rows(source: str, doc: str) -> bytes | None:
    """As `Engine.rows`; None also where a translation gives up."""
    FUEL.left = STEPS
    try:
        return emitted.rows_text([[TranslatedMap(source).pairs(json.decode(doc))]], [False])
    except GivesUp:
        return None


def refusal(rule: TranslatedRule, case: Sequence[str]) -> Any:
    """As `Engine.refusal`; False where a translation gives up."""
    FUEL.left = STEPS
    try:
        found = rule.refusal([json.decode(text) for text in case])
    except GivesUp:
        return False
    return found and {"word": found[0], "reason": found[1]}


@pytest.mark.parametrize("source", MAPS)
def test_maps_that_people_write(engine: Engine, source: str) -> None:
    found = [rows(source, doc) for doc in DOCS]
    for doc, made in zip(DOCS, found, strict=True):
        assert made is None or made == engine.rows(source, doc), doc
    assert found[1] is not None or engine.rows(source, DOCS[1]) is None


@pytest.mark.parametrize("source", RULES)
def test_rules_that_people_write(engine: Engine, source: str) -> None:
    rule, given_up = TranslatedRule(source), 0
    for case in product(DOCS, ("null", DOCS[1]), CONTEXTS, SECURITY):
        found = refusal(rule, case)
        given_up += found is False
        assert found is False or found == engine.refusal(source, case), case
    assert given_up < 30


@pytest.mark.parametrize("seed", range(8))
def test_maps_of_chance(engine: Engine, seed: int) -> None:
    chance, made = random.Random(seed), 0
    for _ in range(60):
        source = Writer(chance, last="emit(<any>, <text>);").function("doc")
        docs = [document(chance) for _ in range(4)]
        try:
            TranslatedMap(source)
        except NotTranslated:
            continue
        for doc in docs:
            found = rows(source, doc)
            if found is not None:
                made += 1
                assert found == engine.rows(source, doc), (source, doc)
    assert made > 20


@pytest.mark.parametrize("seed", range(4))
def test_rules_of_chance(engine: Engine, seed: int) -> None:
    chance, made = random.Random(seed), 0
    for _ in range(60):
        source = Writer(chance, last="if (<test>) { throw({forbidden: <text>}); }").function("doc, old, user")
        try:
            rule = TranslatedRule(source)
        except NotTranslated:
            continue
        for _ in range(3):
            case = [
                document(chance),
                chance.choice(("null", document(chance))),
                chance.choice(CONTEXTS),
                "{}",
            ]
            found = refusal(rule, case)
            if found is not False:
                made += 1
                assert found == engine.refusal(source, case), (source, case)
    assert made > 20


def test_a_long_chain_of_comparisons_is_written_once() -> None:
    for mark, literal in (("===", "1"), ("==", "1"), ("==", "'a'"), ("==", "true")):
        chain = f" {mark} {literal}" * 90
        TranslatedRule(f"function(n) {{ if (n.x{chain}) throw({{forbidden: 'x'}}); }}")


def test_no_more_is_written_than_a_few_times_the_text() -> None:
    after = "[1].forEach(function() { " + "a = 1;" * 1000 + "})"
    with pytest.raises(NotTranslated, match="length"):
        TranslatedRule(f"function(n) {{ var a; for (;; {after}) {{ {'continue;' * 1000} }} }}")


@pytest.mark.parametrize(
    "loop",
    [
        "while (true) { <work> }",
        "for (var i = 0; i < n.list.length; i++) { <work> }",
        "for (var x of n.list) { <work> }",
        "for (var x in n.list) { <work> }",
        "n.list.forEach(function(x) { <work> });",
        "n.list.some(function(x) { <work> });",
        "function work() { <work> } while (true) { work(); }",
        "while (<test>) { }",
        "n.list.forEach(function(x) { if (<test>) { } });",
    ],
)
def test_what_a_loop_does_at_each_turn_is_paid_for(loop: str) -> None:
    work, test = "a < b; " * 1000, " || ".join(["a > b"] * 90) + " || true"
    loop = loop.replace("<work>", work).replace("<test>", test)
    rule = TranslatedRule(f"function(n) {{ var a = 1, b = 2; {loop} }}")
    calls = 0
    doc = {"list": [1] * 2000}

    def less(left: int, right: int) -> bool:
        nonlocal calls
        calls += 1
        return left < right

    world = rule._call.__globals__
    world["less"] = world["greater"] = less
    FUEL.left = STEPS
    with pytest.raises(GivesUp):
        rule.refusal([doc, None, {}, {}])
    assert calls < 16 * STEPS


def test_long_texts_cost_something_to_compare() -> None:
    rule = TranslatedRule("function(n) { while (true) { n.a < n.b; } }")
    FUEL.left = 1000
    with pytest.raises(GivesUp):
        rule.refusal([{"a": "x" * 300_000, "b": "x" * 300_000}, None, {}, {}])
    assert FUEL.left < -100  # at the first


@pytest.mark.parametrize("way", ["of", "in"])
@pytest.mark.parametrize("kind", ["let", "const"])
def test_a_loop_does_not_see_the_name_that_it_hides(way: str, kind: str) -> None:
    with pytest.raises(NotTranslated, match="before its declaration"):
        TranslatedMap(f"function(doc) {{ for ({kind} doc {way} doc.list) emit(doc, null); }}")
