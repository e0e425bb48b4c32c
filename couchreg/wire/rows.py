"""Rows of `_all_docs` and `_changes` as CouchDB writes them, ready to be joined.

Bodies and documents come as JSON text already; nothing is parsed here and nothing is read. Rows of a
whole chunk are made at once, as text and with the fastest spelling of strings there is; it differs from
CouchDB's for control characters only, and a chunk that has one is spelt again.

Source: https://docs.couchdb.org/en/stable/api/database/bulk-api.html and …/changes.html
"""

from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from typing import Final, Protocol

from couchreg.model.json import encode, quote

BETWEEN: Final = b",\r\n"
TAIL: Final = b"\r\n]}"
CHANGES_HEAD: Final = b'{"results":[\n'
CHANGES_BETWEEN: Final = b",\n"
DELETED: Final = ',"deleted":true'


class DocumentRow(Protocol):
    """What a row of `_all_docs` tells."""

    @property
    def id(self) -> str: ...
    @property
    def rev(self) -> str: ...


class ChangeRow(Protocol):
    """What a row of `_changes` tells: the revisions with the winner first."""

    @property
    def id(self) -> str: ...
    @property
    def revs(self) -> Sequence[str]: ...
    @property
    def deleted(self) -> bool: ...


def _exactly(text: str) -> str:
    return quote(text).decode()


def _respelt(texts: list[str]) -> bool:
    """Whether some text has a control character in it, escaped."""
    return "\\u00" in "".join(texts)


def with_docs(texts: Sequence[str], docs: Sequence[bytes]) -> list[bytes]:
    """Rows with their documents."""
    return [
        b"".join((text[:-1].encode(), b',"doc":', doc, b"}")) for text, doc in zip(texts, docs, strict=True)
    ]


def joined(texts: Sequence[str], between: bytes) -> bytes:
    return between.decode().join(texts).encode()


# -- _all_docs, _design_docs, _local_docs


def head(
    total: int | None, offset: int | None, update_seq: str | None = None, *, with_seq: bool = False
) -> bytes:
    """Up to and with the bracket that opens the rows; None is `null`."""
    seq = b'"update_seq":%b,' % encode(update_seq) if with_seq else b""
    return b'{"total_rows":%b,"offset":%b,%b"rows":[\r\n' % (encode(total), encode(offset), seq)


def documents(listed: Sequence[DocumentRow]) -> list[str]:
    """The rows of documents that are there."""
    texts = _documents(listed, encode_basestring)
    return _documents(listed, _exactly) if _respelt(texts) else texts


def _documents(listed: Sequence[DocumentRow], quoted: Callable[[str], str]) -> list[str]:
    return [
        f'{{"id":{(name := quoted(row.id))},"key":{name},"value":{{"rev":{quoted(row.rev)}}}}}'
        for row in listed
    ]


def deleted(row: DocumentRow, *, with_doc: bool) -> str:
    """The row of a deleted document that was asked for by its id."""
    name, doc = _exactly(row.id), ',"doc":null' if with_doc else ""
    return f'{{"id":{name},"key":{name},"value":{{"rev":{_exactly(row.rev)},"deleted":true}}{doc}}}'


def spelt(key: object, row: DocumentRow) -> str:
    """The row of a live document that was asked for by a list of the pieces of its id."""
    name = encode(key).decode()
    return f'{{"id":{name},"key":{name},"value":{{"rev":{_exactly(row.rev)}}}}}'


def missing(key: object) -> str:
    """The row of an id, or of anything else, that no document has."""
    return f'{{"key":{encode(key).decode()},"error":"not_found"}}'


# -- _changes


def changes(seqs: Sequence[str], listed: Sequence[ChangeRow]) -> list[str]:
    """A row for each change; `seqs` are JSON text (a quoted stamp, or null)."""
    texts = _changes(seqs, listed, encode_basestring)
    return _changes(seqs, listed, _exactly) if _respelt(texts) else texts


def _changes(seqs: Sequence[str], listed: Sequence[ChangeRow], quoted: Callable[[str], str]) -> list[str]:
    return [
        f'{{"seq":{seq},"id":{quoted(row.id)},"changes":[{{"rev":'
        f"{quoted(row.revs[0]) if len(row.revs) == 1 else _several(row.revs, quoted)}}}]"
        f"{DELETED if row.deleted else ''}}}"
        for seq, row in zip(seqs, listed, strict=True)
    ]


def _several(revs: Sequence[str], quoted: Callable[[str], str]) -> str:
    return '},{"rev":'.join([quoted(rev) for rev in revs])


def changes_tail(last_seq: str, pending: int) -> bytes:
    """What ends a normal or longpoll answer, with an empty line as CouchDB has it."""
    return b'\n],\n"last_seq":%b,"pending":%d}\n\n' % (quote(last_seq), pending)


def last_line(last_seq: str, pending: int) -> bytes:
    """The last line of a continuous feed, and an empty one."""
    return b'{"last_seq":%b,"pending":%d}\n\n' % (quote(last_seq), pending)
