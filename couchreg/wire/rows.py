"""Rows of `_all_docs` and `_changes` as CouchDB writes them, ready to be joined.

Bodies and documents come as JSON text already; nothing is parsed here and nothing is read.

Source: https://docs.couchdb.org/en/stable/api/database/bulk-api.html and …/changes.html
"""

from collections.abc import Sequence

from couchreg.model.json import encode, quote

# -- _all_docs, _design_docs, _local_docs


def head(
    total: int | None, offset: int | None, update_seq: str | None = None, *, with_seq: bool = False
) -> bytes:
    """Up to and with the bracket that opens the rows; None is `null`."""
    seq = b'"update_seq":%b,' % encode(update_seq) if with_seq else b""
    return b'{"total_rows":%b,"offset":%b,%b"rows":[\r\n' % (encode(total), encode(offset), seq)


BETWEEN = b",\r\n"
TAIL = b"\r\n]}"


def row(doc_id: str, rev: str) -> bytes:
    name = quote(doc_id)
    return b'{"id":%b,"key":%b,"value":{"rev":"%b"}}' % (name, name, rev.encode())


def row_with(doc_id: str, rev: str, doc: bytes) -> bytes:
    return row(doc_id, rev)[:-1] + b',"doc":' + doc + b"}"


def deleted_row(doc_id: str, rev: str, *, with_doc: bool) -> bytes:
    """The row of a deleted document that was asked for by its id."""
    name = quote(doc_id)
    doc = b',"doc":null' if with_doc else b""
    return b'{"id":%b,"key":%b,"value":{"rev":"%b","deleted":true}%b}' % (name, name, rev.encode(), doc)


def missing_row(key: object) -> bytes:
    return b'{"key":%b,"error":"not_found"}' % encode(key)


# -- _changes

CHANGES_HEAD = b'{"results":[\n'
CHANGES_BETWEEN = b",\n"


def change(seq: bytes, doc_id: str, revs: Sequence[str], *, deleted: bool, doc: bytes | None = None) -> bytes:
    """One row; `seq` is JSON text (a quoted stamp, or null)."""
    listed = b'"},{"rev":"'.join([rev.encode() for rev in revs]) if len(revs) > 1 else revs[0].encode()
    tail = b',"deleted":true' if deleted else b""
    if doc is not None:
        tail += b',"doc":' + doc
    return b'{"seq":%b,"id":%b,"changes":[{"rev":"%b"}]%b}' % (seq, quote(doc_id), listed, tail)


def changes_tail(last_seq: str, pending: int) -> bytes:
    """What ends a normal or longpoll answer."""
    return b'\n],\n"last_seq":%b,"pending":%d}\n' % (quote(last_seq), pending)


def last_line(last_seq: str, pending: int) -> bytes:
    """The last line of a continuous feed."""
    return b'{"last_seq":%b,"pending":%d}\n' % (quote(last_seq), pending)
