"""Documents as they pass over HTTP between replicators, and back. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from couchreg.errors import BadRequest
from couchreg.model import json
from couchreg.model.revid import canonical
from couchreg.replication.peers import AttachedFile, Broken, Document, WantedRevision, known_revpos

STATUS_OF_WORD = {
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "missing_stub": 412,
    "document_too_large": 413,
    "attachment_too_large": 413,
    "too_large": 413,
    "bad_content_type": 415,
}


def read(value: Any, wanted: WantedRevision) -> Document:
    """A document with `_revisions`, and stubs for its attachments. Raises BadRequest for anything else."""
    if not isinstance(value, dict):
        raise BadRequest("The source's document is not a JSON object.")
    body = dict(value)
    doc_id, rev, deleted = body.pop("_id", None), body.pop("_rev", None), body.pop("_deleted", False)
    revisions, files = body.pop("_revisions", None), body.pop("_attachments", None)
    if doc_id != wanted.id or not isinstance(rev, str) or not isinstance(deleted, bool):
        raise BadRequest("The source's document has another id, or no revision.")
    history = _history(canonical(rev), revisions)
    known = known_revpos(rev, history, wanted.ancestors)
    return Document(doc_id, canonical(rev), deleted, body, history, _files(files), known)


def _history(rev: str, revisions: Any) -> tuple[str, ...]:
    wrong = BadRequest("The source's document has no history that fits its revision.")
    if not isinstance(revisions, dict):
        raise wrong
    start, ids = revisions.get("start"), revisions.get("ids")
    if not isinstance(start, int) or not isinstance(ids, list) or not ids:
        raise wrong
    if not all(isinstance(one, str) for one in ids) or canonical(f"{start}-{ids[0]}") != rev:
        raise wrong
    return tuple(ids)


def _files(value: Any) -> tuple[AttachedFile, ...]:
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise BadRequest("The source's document has `_attachments` that are not an object.")
    return tuple([_file(name, shape) for name, shape in value.items()])


def _file(name: str, shape: Any) -> AttachedFile:
    try:
        length, encoding = shape["length"], shape.get("encoding", "identity")
        stored = shape.get("encoded_length", length)
        digest = shape.get("digest")
        file = AttachedFile(name, shape["content_type"], shape["revpos"], digest, length, stored, encoding)
    except (TypeError, KeyError, AttributeError):
        raise BadRequest(f"The source does not describe the attachment {json.brief(name)}.") from None
    numbers = (file.length, file.stored_length, file.revpos)
    texts = (file.content_type, file.encoding, digest or "")
    if not all(isinstance(n, int) and n >= 0 for n in numbers) or not all(isinstance(t, str) for t in texts):
        raise BadRequest(
            f"The source describes the attachment {json.brief(name)} in a way nobody understands."
        )
    return file


def write(document: Document, *, follows: bool = False) -> bytes:
    """A document's JSON text; of its new files the data `follows`, the others are stubs."""
    value: dict[str, Any] = {"_id": document.id, "_rev": document.rev}
    value |= document.body
    if document.deleted:
        value["_deleted"] = True
    start = int(document.rev.partition("-")[0])
    value["_revisions"] = {"start": start, "ids": list(document.history)}
    if document.files:
        new = {file.name for file in document.new_files} if follows else set()
        value["_attachments"] = {file.name: _described(file, file.name in new) for file in document.files}
    return json.encode(value)


def _described(file: AttachedFile, follows: bool) -> dict[str, Any]:
    shape: dict[str, Any] = {"content_type": file.content_type, "revpos": file.revpos}
    if file.digest is not None:
        shape["digest"] = file.digest
    shape["length"] = file.length
    shape["follows" if follows else "stub"] = True
    if follows and file.encoding != "identity":
        shape |= {"encoding": file.encoding, "encoded_length": file.stored_length}
    return shape


def refusals(value: Any, documents: Sequence[Document]) -> list[tuple[str, str, int, str]]:
    """What an answer of `_bulk_docs` says was not written: id, revision, status, reason."""
    by_id = {document.id: document.rev for document in documents}
    found = []
    for row in value if isinstance(value, list) else []:
        if isinstance(row, dict) and "error" in row and isinstance(row.get("id"), str) and row["id"] in by_id:
            word, reason = str(row["error"]), str(row.get("reason", ""))
            rev = row.get("rev")
            known = rev if isinstance(rev, str) else by_id[row["id"]]
            found.append((row["id"], known, STATUS_OF_WORD.get(word, 400), f"{word}: {reason}"[:500]))
    return found


def ids_of(rows: Any) -> Mapping[str, Any]:
    """An object by document ids, as `_revs_diff` answers. Raises Broken."""
    if not isinstance(rows, dict):
        raise Broken("The target's answer to _revs_diff is not a JSON object.")
    return rows
