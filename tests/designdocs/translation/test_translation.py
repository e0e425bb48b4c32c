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
