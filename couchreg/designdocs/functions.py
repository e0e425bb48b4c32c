"""Calling the functions of design documents. Documents go in and come out as JSON text.

What each function is given and may answer: https://docs.couchdb.org/en/stable/ddocs/ddocs.html.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from couchreg.designdocs.emitted import Maps
from couchreg.designdocs.javascript.contexts import Contexts, Read
from couchreg.designdocs.javascript.failures import broken, failure, said, said_rows
from couchreg.designdocs.javascript.made import Made
from couchreg.designdocs.javascript.talking import Talk
from couchreg.designdocs.rules import Rules, are_small, ruled
from couchreg.docstore.base import Revision
from couchreg.errors import CouchregError, Failure, NotFound
from couchreg.model import json
from couchreg.wire import documents

BATCH = 100  # documents of one command: few enough to be quick, enough to hide the way there
MANY = 500  # documents of a command that the engine has nothing to do with
KNOWN = 200  # maps that are remembered to be so
BATCH_BYTES = 4 << 20
JAVASCRIPT = "javascript"
# These begin commands that `javascript/worker.py` understands; of a map each document is a line.
MAP, PAGE, VALUES = b"map", b"page\n", b"values\n"


@dataclass(frozen=True, slots=True)
class Design:
    """A design document of a database, as its functions see it."""

    database: str
    id: str
    rev: str
    text: bytes  # JSON
    language: str = JAVASCRIPT

    @classmethod
    def of(cls, database: str, revision: Revision) -> "Design":
        language = str(revision.body.get("language", JAVASCRIPT))
        return cls(database, revision.id, revision.rev, text_of(revision), language)


def check_language(language: str) -> None:
    """Raises Failure in CouchDB's words for those that it has to be told to run, and those it has not."""
    if language not in (JAVASCRIPT, "query"):
        raise Failure(language, error="unknown_query_language")


def text_of(revision: Revision, extras: bytes = b"") -> bytes:
    """A revision as functions get it, with stubs for attachments."""
    return documents.document(
        revision.id, revision.rev, revision.deleted, revision.members, revision.attachments, extras
    )


class Functions:
    """The functions of design documents, run in `contexts`. Each method raises what the function threw,
    Failure (os_process_error) where it used too much time or memory, and Failure (unknown_query_language)
    for a design document in another language."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts
        self._rules = Rules()
        self._quick = set[bytes]()  # maps of which many documents go together

    async def renew(self) -> None:
        """Let functions begin anew, without what they remember."""
        await self._contexts.renew()

    async def validate(self, design: Design, cases: Sequence[Sequence[bytes]]) -> list[CouchregError | None]:
        """What `validate_doc_update` says to each case: new document, old one, user context, security."""
        if design.language == JAVASCRIPT and are_small(cases):
            rule = await self._rules.of(design.text, partial(self.compile, design.database, design))
            quickly = None if rule is None else ruled(rule, cases)
            if quickly is not None:
                return quickly
        found: list[CouchregError | None] = []
        texts = [b"[" + b",".join(case) + b"]" for case in cases]
        for batch in batches(texts):
            refusals = await self._ask(design, b'"command":"validate","cases":[%b]' % b",".join(batch))
            found += [failure(item["word"], item.get("reason")) if item else None for item in refusals]
        return found

    async def compile(self, database: str, design: Design, source: str) -> None:
        """Raises Failure (compilation_error) for what is no function."""
        command = json.encode({"command": "compile", "sources": [source]})
        await self._contexts.ask(database, design.text, command)

    async def map(
        self, database: str, design: Design, maps: Maps, docs: Sequence[bytes]
    ) -> list[tuple[int, bytes]]:
        """The rows of an index for these documents, in parts: of how many, and `emitted.rows_text`."""
        found: list[tuple[int, bytes]] = []
        told = b'{"raw":%b,"sources":%b}' % (json.encode(maps.raw), json.encode(maps.sources))

        def read(data: bytes) -> dict[str, Any]:
            said = said_rows(data)
            self._remember(told, is_quick=said.get("quick") is True)
            return said

        left = docs
        while left:
            most = MANY if told in self._quick else BATCH
            batch = batches(left[:most], most)[0]
            left = left[len(batch) :]
            job = b"\n".join((MAP, told, *batch))
            if job.count(b"\n") > len(batch) + 1:  # between what a text is made of; in strings there is none
                job = b"\n".join((MAP, told, *[text.replace(b"\n", b" ") for text in batch]))
            parts = -(-len(batch) // BATCH)
            ask = self._contexts.ask(database, design.text, job, read=read, beside=True, parts=parts)
            found.append((len(batch), bytes(await ask)))
        return found

    def _remember(self, told: bytes, *, is_quick: bool) -> None:
        """Of maps whether the engine had nothing to do with the documents of the last command."""
        if len(self._quick) >= KNOWN:
            self._quick.clear()
        (self._quick.add if is_quick else self._quick.discard)(told)

    async def reduce(
        self, database: str, design: Design, source: str, jobs: Sequence[bytes]
    ) -> list[json.Raw]:
        """What a reduce function makes of each job, the JSON of ``[keys, values, rereduce]``."""
        if not jobs:
            return []
        members = b'{"command":"reduce","source":%b,"jobs":[%b]}' % (json.quote(source), b",".join(jobs))
        found = await self._contexts.ask(database, design.text, VALUES + members, read=said_rows)
        made = json.items(found)
        if len(made) != len(jobs):
            raise broken()
        return made

    async def filter(self, design: Design, name: str, docs: Sequence[bytes], request: bytes) -> list[bool]:
        """Whether each document passes the filter function of this name."""
        found: list[bool] = []
        path = json.encode(["filters", name])
        for batch in batches(docs):
            members = b'"command":"filter","path":%b,"docs":[%b],"req":%b'
            found += await self._ask(design, members % (path, b",".join(batch), request))
        return found

    async def emits(self, design: Design, view: str, docs: Sequence[bytes]) -> list[bool]:
        """Whether the map function of this view emits anything for each document."""
        found: list[bool] = []
        path = json.encode(["views", view, "map"])
        for batch in batches(docs):
            members = b'"command":"view","path":%b,"docs":[%b]'
            found += await self._ask(design, members % (path, b",".join(batch)))
        return found

    async def show(self, design: Design, name: str, doc: bytes, request: bytes) -> Made:
        """What the show function made, and the type it was made for."""
        members = b'"command":"show","path":%b,"doc":%b,"req":%b'
        return await self._made(design, members % (json.encode(["shows", name]), doc, request))

    async def update(self, design: Design, name: str, doc: bytes, request: bytes) -> Made:
        """The document to write, or None, and what is answered."""
        members = b'"command":"update","path":%b,"doc":%b,"req":%b'
        return await self._made(design, members % (json.encode(["updates", name]), doc, request))

    def listing(
        self, design: Design, name: str, asker: str, *, head: bytes, request: bytes, rows: bytes, last: bool
    ) -> AbstractAsyncContextManager[Talk]:
        """A list function at work on its first rows (JSON joined by commas), for whoever `asker` is."""
        check_language(design.language)
        members = b'"command":"list","path":%b,"head":%b,"req":%b,"rows":[%b],"last":%b'
        path = json.encode(["lists", name])
        command = members % (path, head, request, rows, b"true" if last else b"false")
        return self._contexts.talk(asker, design.database, design.text, b"{" + command + b"}")

    async def rewrite(self, design: Design, request: bytes) -> Made:
        """What the rewrite function makes of a request."""
        return await self._made(design, b'"command":"rewrite","req":%b' % request)

    async def _made(self, design: Design, members: bytes) -> Made:
        found: Made = await self._ask(design, members, PAGE, Made.read)
        return found

    async def _ask(self, design: Design, members: bytes, kind: bytes = b"", read: Read = said) -> Any:
        check_language(design.language)
        command = b"".join((kind, b"{", members, b"}"))
        return await self._contexts.ask(design.database, design.text, command, read=read)


def require(design: Revision, *path: str) -> Any:
    """A member of a design document. Raises NotFound in CouchDB's words."""
    found: Any = design.body
    for step in path:
        if not isinstance(found, dict) or step not in found:
            raise NotFound(f"missing json key: {step}")
        found = found[step]
    return found


def batches(texts: Sequence[bytes], most: int = BATCH) -> list[list[bytes]]:
    """Consecutive parts of a list, each of `most` documents and few bytes."""
    if sum(map(len, texts)) <= BATCH_BYTES:
        return [list(texts[start : start + most]) for start in range(0, len(texts), most)]
    found: list[list[bytes]] = []
    size = BATCH_BYTES
    for text in texts:
        if size + len(text) > BATCH_BYTES or len(found[-1]) == most:
            found.append([])
            size = 0
        found[-1].append(text)
        size += len(text)
    return found
