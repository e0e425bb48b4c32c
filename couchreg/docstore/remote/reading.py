"""Documents one by one: certain revisions, and what is known of a document's past."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from couchreg.docstore.base import Opened, Revision, Row
from couchreg.docstore.remote.address import document_path
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.docstore.remote.calls import GONE
from couchreg.docstore.remote.records import ReadDocument, is_there, read
from couchreg.errors import Failure, NotFound
from couchreg.model.revtree import Node, RevTree

TOGETHER: Final = 50  # revisions of one request
ENOUGH: Final = 1 << 20  # bytes of bodies after which the rest is left for another read
KEYS: Final = 1000  # winners of one request, without bodies
_NOTHING: Final = msgspec.Raw(b"")
_THERE: Final = 1  # that a body is stored: where, is CouchDB's matter

WantedRevs = Sequence[tuple[str, Sequence[str] | None]]


class _Found(NamedTuple):
    """Of one document: the revisions that are stored, and those that are not."""

    docs: list[ReadDocument]
    missing: list[str]


class _Got(msgspec.Struct):
    ok: msgspec.Raw = _NOTHING
    error: msgspec.Raw = _NOTHING


class _Result(msgspec.Struct):
    id: str
    docs: list[_Got]


class _Results(msgspec.Struct):
    results: list[_Result]


class _Value(msgspec.Struct):
    rev: str = ""
    deleted: bool = False


class _Row(msgspec.Struct):
    id: str = ""
    value: _Value | None = None
    doc: msgspec.Raw = _NOTHING


class _Rows(msgspec.Struct):
    rows: list[_Row]


_results: Final = msgspec.json.Decoder(_Results)
rows_of: Final = msgspec.json.Decoder(_Rows)
_opened: Final = msgspec.json.Decoder(list[_Got])


async def revision(asking: DatabaseCalls, doc_id: str, rev: str | None) -> Revision:
    query = {} if rev is None else {"rev": rev}
    answer = await asking.ask("GET", document_path(doc_id), query=query)
    answer.check()
    return read(answer.data).revision()


async def winner_or_reason(asking: DatabaseCalls, doc_id: str) -> ReadDocument | str:
    """Why there is none. Raises NotFound where the database is gone."""
    answer = await asking.ask("GET", document_path(doc_id))
    if answer.status != 404:
        answer.check()
        return read(answer.data)
    problem = answer.problem()
    if problem.reason not in ("missing", "deleted"):
        raise problem
    return problem.reason


async def revisions(asking: DatabaseCalls, doc_id: str, revs: Sequence[str]) -> list[Revision | None]:
    found: dict[str, Revision] = {}
    for start in range(0, len(revs), TOGETHER):
        part = list(dict.fromkeys(revs[start : start + TOGETHER]))
        [got] = await _bulk_get(asking, [(doc_id, part)], {})
        found |= {doc.rev: doc.revision() for doc in got.docs}
    return [found.get(rev) for rev in revs]


async def open_revs(
    asking: DatabaseCalls, wanted: WantedRevs, *, latest: bool, histories: bool
) -> list[list[Opened]]:
    """Those of the first documents where bodies are large, of one at least."""
    query = {"latest": "true"} if latest else {}
    if histories:
        query["revs"] = "true"
    found: list[list[Opened]] = []
    heavy = 0
    for part in _parts(wanted):
        for got in await _bulk_get(asking, part, query):
            found.append(_sorted(got))
            heavy += sum(len(doc.members) for doc in got.docs)
        if heavy >= ENOUGH:
            break
    return found


def _parts(wanted: WantedRevs) -> Sequence[WantedRevs]:
    """Documents whose revisions are not many together, one at least."""
    parts: list[list[tuple[str, Sequence[str] | None]]] = []
    room = 0
    for doc_id, revs in wanted:
        size = len(revs) if revs else 1
        if size > room:
            parts.append([])
            room = TOGETHER
        parts[-1].append((doc_id, revs))
        room -= size
    return parts


def _sorted(got: _Found) -> list[Opened]:
    """What is found, then what is missing."""
    found = {doc.rev: Opened(doc.rev, doc.revision(), doc.history) for doc in got.docs}
    missing = [Opened(rev, None) for rev in dict.fromkeys(got.missing) if rev not in found]
    return [*sorted(found.values(), key=_by_generation), *sorted(missing, key=_by_generation)]


def _by_generation(opened: Opened) -> tuple[int, str]:
    dash = opened.rev.index("-", 1)
    return int(opened.rev[:dash]), opened.rev[dash + 1 :]


async def _bulk_get(asking: DatabaseCalls, wanted: WantedRevs, query: Mapping[str, str]) -> list[_Found]:
    """What is stored of these revisions, for each document in order; None asks for all leafs."""
    found = [_Found([], []) for _ in wanted]
    asked: list[tuple[int, str]] = []
    for place, (doc_id, revs) in enumerate(wanted):
        doc_id.encode()
        if revs is None:
            found[place].docs.extend(await leafs_of(asking, doc_id, query))
        else:
            asked += [(place, rev) for rev in revs]
    if not asked:
        return found
    value = {"docs": [{"id": wanted[place][0], "rev": rev} for place, rev in asked]}
    answer = await asking.ask("POST", "/_bulk_get", query=query, value=value)
    results = (await asking.decoded(answer, _results)).results
    if len(results) != len(asked):
        raise Failure("The CouchDB behind this server answered _bulk_get with another number of documents.")
    for (place, rev), result in zip(asked, results, strict=True):
        docs = [read(got.ok) for got in result.docs if is_there(got.ok)]
        found[place].docs.extend(docs)
        if not docs:
            found[place].missing.append(rev)
    return found


async def documents(
    asking: DatabaseCalls, wanted: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], ReadDocument]:
    """Certain revisions, by id and revision, with their histories; those that are stored."""
    found: dict[tuple[str, str], ReadDocument] = {}
    for start in range(0, len(wanted), TOGETHER):
        part = [(doc_id, [rev]) for doc_id, rev in wanted[start : start + TOGETHER]]
        for got in await _bulk_get(asking, part, {"revs": "true"}):
            found |= {(doc.id, doc.rev): doc for doc in got.docs}
    return found


async def raw_revisions(asking: DatabaseCalls, wanted: WantedRevs) -> list[msgspec.Raw]:
    """The texts of certain revisions with their histories, as CouchDB has them; without those it has not."""
    value = {"docs": [{"id": doc_id, "rev": rev} for doc_id, revs in wanted for rev in revs or ()]}
    answer = await asking.ask("POST", "/_bulk_get", query={"revs": "true"}, value=value)
    results = (await asking.decoded(answer, _results)).results
    return [got.ok for result in results for got in result.docs if is_there(got.ok)]


async def leafs_of(asking: DatabaseCalls, doc_id: str, query: Mapping[str, str]) -> list[ReadDocument]:
    """Also of a document that is deleted. Nothing for one that nobody has heard of."""
    return [read(one) for one in await raw_leafs_of(asking, doc_id, query)]


async def raw_leafs_of(asking: DatabaseCalls, doc_id: str, query: Mapping[str, str]) -> list[msgspec.Raw]:
    """Their texts, as CouchDB has them."""
    try:
        path = document_path(doc_id)
        answer = await asking.ask("GET", path, query={**query, "open_revs": "all"})
        got = await asking.decoded(answer, _opened)
    except NotFound as error:
        if error.reason == GONE:
            raise
        return []
    return [one.ok for one in got if is_there(one.ok)]


async def winners(asking: DatabaseCalls, ids: Sequence[str], *, bodies: bool) -> list[Row | None]:
    found = await listed(asking, ids, bodies=bodies)
    return await _with_tombstones(asking, found) if bodies else found


async def listed(asking: DatabaseCalls, ids: Sequence[str], *, bodies: bool) -> list[Row | None]:
    """The winners; those that are deleted without their bodies."""
    found: list[Row | None] = []
    size = TOGETHER if bodies else KEYS
    for start in range(0, len(ids), size):
        part = list(ids[start : start + size])
        query = {"include_docs": "true"} if bodies else {}
        answer = await asking.ask("POST", "/_all_docs", query=query, value={"keys": part})
        rows = (await asking.decoded(answer, rows_of)).rows
        if len(rows) != len(part):
            raise Failure("The CouchDB behind this server answered _all_docs with another number of rows.")
        found += [row_of(row, bodies=bodies) for row in rows]
    return found


def row_of(row: _Row, *, bodies: bool) -> Row | None:
    if row.value is None or not row.value.rev:
        return None
    if not bodies or not is_there(row.doc):
        return Row(row.id, row.value.rev, row.value.deleted, None, ())
    doc = read(row.doc)
    return Row(doc.id, doc.rev, doc.deleted, doc.members, doc.attachments or ())


async def _with_tombstones(asking: DatabaseCalls, rows: list[Row | None]) -> list[Row | None]:
    """CouchDB shows no bodies of deleted documents in a list."""
    bare = [row for row in rows if row is not None and row.members is None]
    docs: dict[tuple[str, str], ReadDocument] = {}
    for start in range(0, len(bare), TOGETHER):
        part = bare[start : start + TOGETHER]
        for found in await _bulk_get(asking, [(row.id, [row.rev]) for row in part], {}):
            docs |= {(doc.id, doc.rev): doc for doc in found.docs}
    return [_filled(row, docs.get((row.id, row.rev))) if row is not None else None for row in rows]


def _filled(row: Row, doc: ReadDocument | None) -> Row:
    if row.members is not None:
        return row
    if doc is None:  # edited, or forgotten, in between
        return row._replace(members=b"")
    return row._replace(members=doc.members, attachments=doc.attachments or ())


async def tree(asking: DatabaseCalls, doc_id: str) -> RevTree | None:
    """The revisions of a document. Of those that are no leafs CouchDB tells whether their bodies are stored
    only on the line of the winner."""
    docs = await leafs_of(asking, doc_id, {"revs": "true"})
    return await tree_of(asking, doc_id, docs) if docs else None


async def tree_of(asking: DatabaseCalls, doc_id: str, docs: Sequence[ReadDocument]) -> RevTree:
    winner = max(docs, key=_rank)
    return union(docs, await _statuses(asking, doc_id, winner))


def union(
    docs: Sequence[ReadDocument], status: Mapping[str, tuple[bool, int | None]] | None = None
) -> RevTree:
    """The tree of these revisions with their histories, of one document at least; with what else is known of
    those on the winner's line."""
    leafs = sorted(docs, key=_rank, reverse=True)
    line = [Node(rev, *(status or {}).get(rev, (False, None))) for rev in leafs[0].history]
    line[0] = Node(leafs[0].rev, leafs[0].deleted, _THERE)
    found = RevTree.line(line[::-1])
    for leaf in leafs[1:]:
        found.merge(leaf.history, deleted=leaf.deleted, body=_THERE)
    return found


def _rank(doc: ReadDocument) -> tuple[bool, int, str]:
    dash = doc.rev.index("-", 1)
    return not doc.deleted, int(doc.rev[:dash]), doc.rev[dash + 1 :]


async def _statuses(
    asking: DatabaseCalls, doc_id: str, winner: ReadDocument
) -> dict[str, tuple[bool, int | None]]:
    """Nothing of a deleted document: CouchDB tells it of the winner alone, to whoever names no revision."""
    if len(winner.history) < 2 or winner.deleted:
        return {}
    answer = await asking.ask("GET", document_path(doc_id), query={"revs_info": "true"})
    if answer.status == 404:  # deleted meanwhile
        return {}
    answer.check()
    told = read(answer.data).special.get("_revs_info", ())
    return {one["rev"]: _status(one["status"]) for one in told}


def _status(told: str) -> tuple[bool, int | None]:
    return told == "deleted", None if told == "missing" else _THERE
