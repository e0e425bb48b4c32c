"""The process in which the functions of one design document run: a QuickJS context and nothing else.

Runs only in a child of the sandbox. A job is a command of `sandbox.js` as JSON, the answer its answer; the
answer to one that begins with `MAP` is `emitted.rows_text`: it has ``{raw, sources}`` in a line, and each of
the documents in another; what it says to be `quick` was done without the engine. Behind `PAGE` is a command
whose answer is `made.packed`, behind `VALUES` one whose answer is as long as it is. The first job of a
session makes the context: ``{memory, stack, seconds, talks}``: bytes, bytes, CPU seconds of a command, and
whether functions may ask for more while they run, as lists do; their ``{seconds}`` may be said again.
QuickJS cannot call out while it watches the time; then the process's own timer does, and ends the process.
"""

import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

# The package `quickjs` around it starts a thread when it is imported, and threads do not survive a fork.
import _quickjs

from couchreg.designdocs import emitted
from couchreg.designdocs.javascript import made
from couchreg.designdocs.javascript.failures import BROKEN
from couchreg.designdocs.javascript.mapping import Mapping, Pairs, mapping
from couchreg.errors import CouchregError
from couchreg.model import json as values

MAP, PAGE, VALUES = b"map\n", b"page\n", b"values\n"  # begin jobs that are answered in a way of their own
PARTS = [Path(__file__).with_name(name) for name in ("sandbox.js", "pages.js", "negotiation.js")]
COLLECTING = (
    0.02  # CPU seconds of commands between two collections of garbage, each of which looks at everything
)
BATCH = 100  # documents of one command to the engine
KNOWN = 32  # sets of maps that stay translated
_HALF = re.compile(r"(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}")
_context: list[Any] = []  # the context and its `dispatch`; they last as long as the process
_uncollected = [0.0]  # CPU seconds of commands since the last collection
_mappings: dict[bytes, Mapping | None] = {}  # by the sources of maps; None where the engine runs them
_talk: list[Any] = []  # of a context that talks: CPU seconds between two messages, and where they go


@cache
def _world() -> str:
    sandbox, pages, negotiation = [path.read_text("utf-8") for path in PARTS]
    return f"{sandbox}(globalThis, {pages}, {negotiation})"


def warm() -> None:
    """Read the world once, before the process is forked, and what orders strings."""
    _world()
    emitted.rows_text([[[("a", None)]]], [False])


def answer(job: bytes, reply: Any) -> bytes:
    """The answer to one command: see `sandbox.js`; ``{"error": […]}`` also where the engine gave up."""
    if not _context:
        _begin(json.loads(job))
        return b"{}"
    _, dispatch = _context
    if _talk and job.startswith(b'{"seconds":'):
        _talk[0] = json.loads(job)["seconds"]
        return b"{}"
    if _talk:
        _talk[1:] = [reply]
        reply.limit(_talk[0])
    if job.startswith(MAP):
        return _mapped(dispatch, job)
    if job.startswith(PAGE):
        return made.packed(_asked(dispatch, job[len(PAGE) :]))
    if job.startswith(VALUES):
        return _respelt(_asked(dispatch, job[len(VALUES) :]))
    return made.shortened(_asked(dispatch, job))


def _asked(dispatch: Any, job: bytes) -> bytes:
    """What the engine answers."""
    began = time.thread_time()
    try:
        return _encoded(dispatch(job.decode()))
    except _quickjs.JSException as error:
        return _gave_up(str(error))
    finally:
        _uncollected[0] += time.thread_time() - began
        if _uncollected[0] > COLLECTING:
            _context[0].gc()
            _uncollected[0] = 0.0


def _mapped(dispatch: Any, job: bytes) -> bytes:
    """The answer to a map command: rows of an index. The engine is asked for documents that translated maps
    leave to it."""
    _, told, *docs = job.split(b"\n")
    members = values.parts(told)
    raw, sources = json.loads(bytes(members["raw"])), bytes(members["sources"])
    maps = _mapping(dispatch, sources)
    if maps is None:
        return _in_rows(_answers(dispatch, sources, docs), raw)
    found = maps.pairs(docs)
    left = [doc for doc, pairs in zip(docs, found, strict=True) if pairs is None]
    if not left:
        return b'{"ok":%b,"quick":true}' % emitted.rows_text(_whole(found, []), raw)
    return _in_rows(_answers(dispatch, sources, left), raw, found)


def _answers(dispatch: Any, sources: bytes, docs: Sequence[bytes]) -> Iterator[bytes]:
    """What the engine says to map commands, each of so many documents that their time is enough."""
    for start in range(0, len(docs), BATCH):
        part = b",".join(docs[start : start + BATCH])
        yield _asked(dispatch, b'{"command":"map","sources":%b,"docs":[%b]}' % (sources, part))


def _mapping(dispatch: Any, sources: bytes) -> Mapping | None:
    """What the engine refuses to compile is not translated: it has to say why."""
    if sources not in _mappings:
        if len(_mappings) >= KNOWN:
            _mappings.clear()
        said = _asked(dispatch, b'{"command":"compile","sources":%b}' % sources)
        _mappings[sources] = mapping(sources) if said == b'{"ok":true}' else None
    return _mappings[sources]


def _whole(quick: Sequence[list[Pairs] | None], rest: Sequence[list[Any]]) -> list[list[Any]]:
    """With what the engine has made for those that are None."""
    left = iter(rest)
    return [next(left) if pairs is None else pairs for pairs in quick]


def _in_rows(
    said: Iterable[bytes], raw: Sequence[bool], quick: Sequence[list[Pairs] | None] | None = None
) -> bytes:
    """The answers to map commands as one, with rows of an index in place of what was emitted: of all
    documents, or of those that `quick` lacks. The first error is the answer."""
    found: list[Any] = []
    logs: list[Any] = []
    try:
        for text in said:
            answer = values.decode_printed(text)
            if "ok" not in answer:
                return made.shortened(values.encode(answer))
            found += emitted.checked(answer["ok"])
            logs += answer.get("logs", ())
        if quick is not None and len(found) != quick.count(None):
            raise emitted.Misshapen
        pairs = found if quick is None else _whole(quick, found)
        rows = values.Raw(emitted.rows_text(pairs, raw))
        return values.encode({"ok": rows, "logs": logs} if logs else {"ok": rows})
    except (emitted.Misshapen, CouchregError, TypeError, AttributeError):
        return made.gave_up(BROKEN)


def _respelt(text: bytes) -> bytes:
    """An answer of values that is not read again before it goes out: spelt as CouchDB spells them."""
    try:
        answer = values.decode_printed(text)
    except CouchregError:
        return made.gave_up(BROKEN)
    is_whole = isinstance(answer, dict) and isinstance(answer.get("ok"), list)
    return values.encode(answer) if is_whole else made.shortened(text)


def _begin(limits: dict[str, Any]) -> None:
    context = _quickjs.Context()
    context.set_memory_limit(limits["memory"])
    context.set_max_stack_size(limits["stack"])
    context.add_callable("exchange", _exchange)
    dispatch = context.eval(_world())
    if limits.get("talks"):
        _talk.append(limits["seconds"])
    else:
        context.set_time_limit(limits["seconds"])
    _context.extend((context, dispatch))


def _exchange(text: str, waits: bool) -> str:
    """Send what a function has made; with `waits`, what the server has to say to that."""
    seconds, reply = _talk
    try:
        if waits:
            return str(reply.want(made.packed_part(_encoded(text)), seconds).decode())
        reply.part(made.packed_part(_encoded(text)))
        return ""
    except (EOFError, ConnectionError):
        os._exit(0)  # the server has closed its end: nobody waits for the answer


def _encoded(text: Any) -> bytes:
    if not isinstance(text, str):
        return made.gave_up(BROKEN)
    # Halves of surrogate pairs are no text elsewhere. Only they are escaped: whole pairs come as they are.
    return _HALF.sub(r"\1\\ufffd", text).encode()


def _gave_up(why: str) -> bytes:
    """`InternalError: interrupted` is the time, `out of memory` the memory."""
    if "interrupted" in why:
        return made.gave_up("OS process timed out.", "os_process_error")
    if "out of memory" in why or "stack overflow" in why.lower():
        return made.gave_up(f"OS process died: {why.strip()[:200]}", "os_process_error")
    return made.gave_up(why.strip()[:500])
