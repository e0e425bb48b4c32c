"""The id of a replication, version 4: what names its checkpoints on both sides, equal to CouchDB's.

It is the MD5 of an Erlang term: the server's UUID, both ends, the filter. The passwords, the schemes of the
URLs and all that says how fast or how long to work are not in it. Checkpoints lie under this base id; the
public id of a job has `+continuous` and `+create_target` behind it.
"""

import hashlib
from collections.abc import Sequence

from couchreg.model import etf, selector
from couchreg.replication.endpoints import Endpoint, address
from couchreg.replication.options import Replication, ReplicationFilter

_UNDEFINED = b"d\x00\x09undefined"


def base_id(replication: Replication, uuid: str, *, source_text: str = "") -> str:
    """32 hex digits. `source_text` is that of the filter function, where there is one."""
    terms: list[bytes | bytearray] = [
        etf.encode(uuid),
        _endpoint(replication.source),
        _endpoint(replication.target),
    ]
    terms += _filter(replication.filter, source_text)
    if replication.winning_revs_only:
        terms.append(etf.encode("winning_revs_only"))
    return hashlib.md5(b"\x83" + _list(terms), usedforsecurity=False).hexdigest()


def suffix(replication: Replication) -> str:
    options = (("+continuous", replication.continuous), ("+create_target", replication.create_target))
    return "".join(text for text, given in options if given)


def _endpoint(endpoint: Endpoint) -> bytes:
    if endpoint.database is not None:
        host, port, path = "localhost", None, f"/{endpoint.database}/"
    else:
        host, port, path = address(endpoint.url)
    user = _UNDEFINED if endpoint.credentials is None else _text(endpoint.credentials.written)
    number = etf.atom("default") if port is None else etf.integer(port)
    headers = _list([b"h\x02" + _text(name) + _text(value) for name, value in endpoint.headers])
    return b"h\x07" + b"".join(
        [etf.atom("remote"), user, _text(host), number, _text(path), headers, _UNDEFINED]
    )


def _filter(wanted: ReplicationFilter, source_text: str) -> list[bytes | bytearray]:
    if wanted.kind == "doc_ids":
        return [etf.encode(list(wanted.doc_ids))]
    if wanted.kind == "selector":
        return [etf.encode(_sorted(selector.normalize(dict(wanted.selector or {}))))]
    if wanted.kind == "view":
        return [etf.encode(wanted.name), etf.encode(dict(wanted.params))]
    if wanted.kind == "function":
        return [etf.encode(_trimmed(source_text)), etf.encode(dict(wanted.params))]
    return []


def _trimmed(text: str) -> str:
    """Without blanks around it where it is one line, as CouchDB's pattern for it happens to work."""
    line = text.removesuffix("\n")
    return text if "\n" in line else line.strip(" ") + text[len(line) :]


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=str.encode)}
    if isinstance(value, list):
        return [_sorted(inner) for inner in value]
    return value


def _text(text: str) -> bytes:
    """A list of characters, which Erlang writes as bytes."""
    return bytes(etf.encode(list(text.encode())))


def _list(terms: Sequence[bytes | bytearray]) -> bytes:
    return b"l" + len(terms).to_bytes(4, "big") + b"".join(terms) + etf.NIL if terms else etf.NIL
