"""The `doc` of a row of `_all_docs` or `_changes`: stubs as a rule, more where it was asked for."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from couchreg.docstore.base import Attachment, Change, Database, Row
from couchreg.wire import documents

_members: Final = attrgetter("members")


class DocOptions(NamedTuple):
    """What `include_docs` shows: CouchDB's parameters of the same names."""

    include_docs: bool = False
    conflicts: bool = False
    attachments: bool = False
    att_encoding_info: bool = False

    @property
    def are_plain(self) -> bool:
        """Whether a document is its stored text with stubs, for which one row is all one needs."""
        return not (self.conflicts or self.attachments or self.att_encoding_info)


def doc_options(flags: Mapping[str, bool]) -> DocOptions:
    return DocOptions(*[flags.get(name, False) for name in DocOptions._fields])


class RowDocument(NamedTuple):
    """A revision as the engine gives it with a row."""

    id: str
    rev: str
    deleted: bool
    members: bytes
    attachments: tuple[Attachment, ...]


async def parts(db: Database, shown: RowDocument, options: DocOptions) -> list[bytes | Attachment]:
    """The document as text, with attachments where their base64 data belongs."""
    front, head = documents.opened(shown.id, shown.rev, shown.deleted, shown.members)
    if options.conflicts:
        head += documents.conflicts_member(await _conflicts(db, shown))
    shape = documents.Shape(data=options.attachments, encoding_info=options.att_encoding_info)
    return [*front, *documents.pieces(head, shown.attachments, shape)]


def is_large(members: bytes | None) -> bool:
    """Whether a document is better written by itself."""
    return members is not None and len(members) > documents.LARGE


def holds_large(rows: Sequence[Row | Change]) -> bool:
    """Whether one of these has a document that is better written by itself."""
    return max(map(len, filter(None, map(_members, rows))), default=0) > documents.LARGE


async def _conflicts(db: Database, shown: RowDocument) -> list[str]:
    tree = await db.tree(shown.id)
    if tree is None:
        return []
    return [leaf.rev for leaf in tree.leafs() if not leaf.deleted and leaf.rev != shown.rev]
