"""Functions of design documents: the world they see, and that nobody else pays for what they do."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from couchreg.designdocs.functions import Design, Functions, batches
from couchreg.designdocs.javascript import contexts as module
from couchreg.designdocs.javascript.contexts import Contexts
from couchreg.errors import CouchregError, Failure, Forbidden, NotFound

CONFIG = {"couchdb": {"os_process_timeout": "1000"}}


@pytest.fixture
async def contexts() -> AsyncIterator[Contexts]:
    made = Contexts(lambda: CONFIG)
    yield made
    await made.close()


def design(**members: Any) -> Design:
    return Design("db", "_design/d", "1-a", json.dumps({"_id": "_design/d", **members}).encode())


def filtering(source: str, **members: Any) -> Design:
    return design(filters={"f": source}, **members)


async def passes(contexts: Contexts, source: str, doc: Any = None, **members: Any) -> bool:
    docs = [json.dumps({"_id": "a"} if doc is None else doc).encode()]
    [found] = await Functions(contexts).filter(filtering(source, **members), "f", docs, b"{}")
    return found


HOSTILE = {
    "an endless loop": "function(doc) { while (true) {} }",
    "a loop that catches its end": "function(doc) { while (true) { try { while (true) {} } catch (e) {} } }",
    "an expression that backtracks": "function(doc) { return /(a+)+$/.test(new Array(50).join('a') + 'b'); }",
    "endless allocation": "function(doc) { var a = []; while (true) { a.push(new Array(9999).join()); } }",
    "a long text": "function(doc) { var s = 'x'; while (true) { s += s; } }",
    "recursion": "function(doc) { function f() { return f() + 1; } return f(); }",
    "sorting for ever": "function(doc) { new Array(1e7).fill(0).sort(function() { return 1; }); }",
    "a deep document": "function(doc) { var a = []; while (true) { a = [a]; if (!a) { break; } } }",
    "a flood of logs": "function(doc) { while (true) { log('x'); } }",
    "a proxy of the world": "function(doc) { return new Proxy({}, {}); }",
    "throwing nothing": "function(doc) { throw undefined; }",
    "throwing a symbol": "function(doc) { throw Symbol('x'); }",
    "throwing what cannot be shown": "function(doc) { var a = {}; a.a = a; throw a; }",
    "an object that throws": "function(doc) { throw {get error() { throw 1; }, get reason() { throw 2; }}; }",
    "no function": "5",
    "no expression": "function(doc) {",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_function_fails_for_its_caller_alone(contexts: Contexts, source: str) -> None:
    other = asyncio.create_task(passes(contexts, "function(doc) { return doc.x; }", {"x": 1}))
    with pytest.raises(CouchregError) as caught:
        await passes(contexts, source)
    assert caught.value.error in (
        "os_process_error",
        "compilation_error",
        "RangeError",
        "ReferenceError",
        "unnamed_error",
        "InternalError",
        "unknown_error",
    )
    assert await other
    assert not await passes(contexts, "function(doc) { return doc.x; }", {"x": 0})


async def played(contexts: Contexts, source: str) -> None:
    for _ in range(2):
        await passes(contexts, source)


async def test_who_plays_with_prototypes_plays_alone(contexts: Contexts) -> None:
    game = "function(doc) { Array.prototype.map = JSON.stringify = Object.keys = null; return true; }"
    with pytest.raises(CouchregError):
        await played(contexts, game)
    assert await passes(contexts, "function(doc) { return [1].map(String)[0] === '1'; }")


async def test_the_world_is_that_of_couchdb(contexts: Contexts) -> None:
    absent = (
        "Promise Proxy Uint8Array ArrayBuffer Atomics WeakRef performance btoa queueMicrotask DOMException"
    )
    for name in absent.split():
        assert await passes(contexts, f"function(doc) {{ return typeof {name} === 'undefined'; }}"), name
    there = "emit sum log isArray toJSON provides registerType start send getRow require Map Set Date RegExp"
    for name in there.split():
        assert await passes(contexts, f"function(doc) {{ return typeof {name} === 'function'; }}"), name
    assert await passes(contexts, "function(doc) { return sum([1, 2]) === 3 && isArray([]); };")


async def test_modules_require_each_other(contexts: Contexts) -> None:
    lib = {
        "a": "exports.name = 'a'; exports.other = require('./b').name;",
        "b": "exports.name = 'b'; exports.first = require('lib/a').name;",
        "deep": {"c": "module.exports = function() { return require('../a').other; };"},
    }
    source = "function(doc) { return require('lib/deep/c')() === 'b' && require('lib/b').first === 'a'; }"
    assert await passes(contexts, source, lib=lib)
    for path in ("lib/none", "../x", "lib/deep"):
        with pytest.raises(Failure) as caught:
            await passes(contexts, f"function(doc) {{ return require('{path}'); }}", lib=lib)
        assert caught.value.error == "invalid_require_path"


async def test_text_of_every_kind_comes_through(contexts: Contexts) -> None:
    doc = {"_id": "a", "text": "a\0b \ud83d\ude00 ü"}
    assert await passes(contexts, "function(doc) { return doc.text === 'a\\0b \\ud83d\\ude00 ü'; }", doc)
    refused = await Functions(contexts).validate(
        design(validate_doc_update="function() { throw({forbidden: '\\ud800\\0'}); }"), [[b"{}", b"null"]]
    )
    assert isinstance(refused[0], Forbidden)


async def test_what_is_not_there(contexts: Contexts) -> None:
    with pytest.raises(NotFound, match="missing json key: g"):
        await Functions(contexts).filter(filtering("function() {}"), "g", [b"{}"], b"{}")


async def test_contexts_come_and_go(contexts: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PLACES", 3)
    monkeypatch.setattr(module, "OF_ONE", 2)

    async def ask(database: str, number: int) -> None:
        text = json.dumps({"filters": {"f": f"function() {{ return {number}; }}"}}).encode()
        command = b'{"command":"filter","path":["filters","f"],"docs":[{}],"req":{}}'
        assert await contexts.ask(database, text, command) == [bool(number)]

    await asyncio.gather(*(ask(f"db{number % 3}", number) for number in range(24)))
    assert len(contexts._live) <= 3


async def test_a_caller_that_leaves_does_not_break_the_others(contexts: Contexts) -> None:
    slow = "function(doc) { if (doc.slow) { while (true) {} } return true; }"
    leaving = asyncio.create_task(passes(contexts, slow, {"slow": True}))
    await asyncio.sleep(0.2)
    waiting = asyncio.create_task(passes(contexts, slow, {}))
    await asyncio.sleep(0.1)
    leaving.cancel()
    assert await waiting
    assert leaving.cancelled() or isinstance(leaving.exception(), CouchregError)


async def test_who_is_cancelled_while_leaving_keeps_nobody_out() -> None:
    contexts = Contexts(lambda: {"couchdb": {"os_process_timeout": "120000"}})
    endless = "function(doc) { while (doc.slow) {} return true; }"
    assert await passes(contexts, endless)
    callers = [asyncio.create_task(passes(contexts, endless, {"slow": True})) for _ in range(2)]
    [context] = contexts._live.values()
    async with asyncio.timeout(60):
        while context.users < 2:
            await asyncio.sleep(0.01)
    async with contexts._changed:  # as while another context is made
        while not all(caller.done() for caller in callers):
            for caller in callers:  # again and again, as where an index is closed whose update gives up
                caller.cancel()
            await asyncio.sleep(0)
    assert all(caller.cancelled() for caller in callers)
    async with asyncio.timeout(60):
        assert await passes(contexts, endless)
    await contexts.close()


async def test_too_many_waiting_are_told_to_come_again(
    contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING", 0)
    with pytest.raises(CouchregError) as caught:
        await passes(contexts, "function() {}")
    assert caught.value.error == "service_unavailable"


def test_batches_are_small_in_number_and_bytes() -> None:
    assert [len(batch) for batch in batches([b"x"] * 250)] == [100, 100, 50]
    assert [len(batch) for batch in batches([b"x" * 3_000_000] * 3)] == [1, 1, 1]
    assert batches([]) == []


async def test_what_functions_leave_behind_is_collected_between_commands(contexts: Contexts) -> None:
    """Rings of objects, of which nobody else gets rid: 4 MB of each command, and a context has 64."""
    source = (
        "function(doc) { for (var i = 0; i < 20000; i++) { var ring = {text: 'x' + i}; ring.self = ring; }"
        " return true; }"
    )
    for _ in range(40):
        assert await passes(contexts, source)
