"""Rules that are run in the server's process: which, and that they say what the engine says."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from couchreg.designdocs import rules as module
from couchreg.designdocs.functions import Design, Functions
from couchreg.designdocs.javascript.contexts import Contexts
from couchreg.designdocs.rules import Rules, are_small, ruled
from couchreg.errors import CouchregError, Failure, Forbidden, Unauthorized

OWNERS = """function(doc, old, user) {
    if (!user.name) throw({unauthorized: 'Log in.'});
    if (old && old.owner !== user.name) throw({forbidden: old.owner + ' owns it.'});
    if (doc.loops) { while (true) {} }
    if (doc.text) { doc.text.trim(); }
}"""


def text(**members: Any) -> bytes:
    return json.dumps(members).encode()


def case(new: bytes, old: bytes = b"null", name: str | None = "ann") -> list[bytes]:
    return [new, old, text(db="db", name=name, roles=[]), b"{}"]


async def compiles(source: str) -> None:
    """In the place of the engine."""


def said(found: Sequence[CouchregError | None] | None) -> Any:
    return found if found is None else [error and (error.error, error.reason) for error in found]


async def test_a_rule_is_made_once_for_a_design_document() -> None:
    known = Rules()
    design = text(_id="_design/d", validate_doc_update=OWNERS)
    rule = await known.of(design, compiles)
    assert rule is not None
    assert await known.of(bytes(design), compiles) is rule
    assert await known.of(text(validate_doc_update="function(doc) { this.x(); }"), compiles) is None
    assert await known.of(text(validate_doc_update=1), compiles) is None
    found = ruled(rule, [case(b"{}"), case(b"{}", text(owner="bob")), case(b"{}", name=None)])
    assert found is not None
    assert [type(one) for one in found] == [type(None), Forbidden, Unauthorized]
    assert said(found)[1] == ("forbidden", "bob owns it.")


async def test_what_the_engine_refuses_has_no_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuses(source: str) -> None:
        raise Failure("no function", error="compilation_error")

    known = Rules()
    with pytest.raises(Failure):
        await known.of(text(validate_doc_update="function() {}"), refuses)
    assert await known.of(text(validate_doc_update="function() {}"), compiles) is not None
    monkeypatch.setattr(module, "KNOWN", 2)
    for number in range(5):
        await known.of(text(number=number), compiles)
    assert len(known._known) == 2


async def test_what_is_large_or_takes_long_is_left_to_the_engine() -> None:
    rule = await Rules().of(text(validate_doc_update=OWNERS), compiles)
    assert rule is not None
    assert ruled(rule, [case(b"{}"), case(text(loops=True))]) is None
    assert ruled(rule, [case(text(text="\u00fc"))]) is None
    assert ruled(rule, [case(b'{"a":' + b"[" * 200 + b"]" * 200 + b"}")]) is None
    assert ruled(rule, [case(b'{"a":1e+300}')]) is None
    assert are_small([case(b"{}")] * 8)
    assert not are_small([case(b"{}")] * 9)
    assert not are_small([case(text(text="a" * 70_000))])
    assert await Rules().of(text(validate_doc_update=OWNERS, more="a" * 70_000), compiles) is None


async def test_both_say_the_same() -> None:
    contexts = Contexts(lambda: {"couchdb": {"os_process_timeout": "300"}})
    functions = Functions(contexts)
    cases = [
        case(text(_id="a", text=value), old) for value in (" x", "\u00fc", 1) for old in (b"null", b"{}")
    ]
    try:
        refuses = "function(doc) { throw({forbidden: doc.%s}); }"
        for source in (OWNERS, "function(doc) {", refuses % "text", refuses % "absent"):
            answers = []
            for rule in (source, source.replace("{", "{ try { } catch (e) { } ", 1)):
                design = Design("db", "_design/d", "1-a", text(validate_doc_update=rule))
                try:
                    answers.append(said(await functions.validate(design, cases)))
                except Failure as failure:
                    answers.append(failure.error)
            assert answers[0] == answers[1]
        design = Design("db", "_design/d", "1-a", text(validate_doc_update=OWNERS))
        with pytest.raises(Failure, match="timed out"):
            await functions.validate(design, [case(text(loops=True))])
        with pytest.raises(Failure, match="coffeescript"):
            await functions.validate(Design("db", "_design/d", "1-a", design.text, "coffeescript"), cases)
    finally:
        await contexts.close()
