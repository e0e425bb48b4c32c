"""For whom a package is whose own record has been lost: damaged, or gone.

Only that record says who owns a package and who may read it. An older one may still be there, which says what
was true before; so nothing of what it says about people is believed. A package of which this is not known is
closed to all but administrators, above the revision that was lost: when that comes back, from a mirror or a
copy, it is an ancestor, and opens nothing.
"""

from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

from couchreg.docstore.base import Attachment, Database, Edit, Row
from couchreg.docstore.optional import purging
from couchreg.errors import CouchregError
from couchreg.model.revid import revision_id
from couchreg.model.user import SYSTEM
from couchreg.package.access import ACCESS, CLOSED, access_of
from couchreg.package.layout import parse_record_key, record_key
from couchreg.package.moments import moment_text, utc_now
from couchreg.package.names import is_package_name, split_version_id

# `close` them; `forget` them where the registry that is mirrored sends them again, and a package that has not
# come is closed; `leave` them where all files are public, so that none can have been restricted.
Unknown = Literal["close", "forget", "leave"]
BATCH = 500  # packages that are looked up at once

_WHAT_NOW: Mapping[Unknown, str] = {
    "close": "It is for administrators only now: couchreg owner add USER {0} gives it an owner, couchreg "
    "access public {0} lets everybody read it.",
    "forget": "It is for administrators only until the registry that is mirrored has sent it again.",
    "leave": "Everybody can read it, as all files of this registry are public: couchreg owner add USER {0} "
    "gives it an owner.",
}
_NO_RECORD = "it has no record of its own"


class UnknownRights:
    """Notes what was lost while records are read, and then does about it what it is told to."""

    def __init__(self, database: Database, unknown: Unknown, damaged: Mapping[str, Collection[str]]) -> None:
        """`damaged`: the revisions of documents whose records cannot be read, as they are found."""
        self._database = database
        self._unknown = unknown
        self._packages: set[str] = set()  # of which there is a record of a version
        self._damaged = damaged
        self._altered: dict[str, set[str]] = {}  # package -> revisions that do not follow from what they say

    def saw(self, key: str) -> None:
        """A record, whatever is in it."""
        doc_id, _ = parse_record_key(key) or ("", "")
        version = split_version_id(doc_id)
        if version is not None:
            self._packages.add(version[0])

    def may_be_altered(self, edit: Edit) -> None:
        """Other software has computed its revision, or a byte of it has changed, and it has no seal."""
        if is_package_name(edit.id) and edit.rev is not None:
            self._altered.setdefault(edit.id, set()).add(edit.rev)

    async def settle(self) -> list[str]:
        """When all records have been brought back: sentences about the packages that are not known."""
        told: list[str] = []
        every = sorted({*self._packages, *filter(is_package_name, self._damaged), *self._altered})
        for start in range(0, len(every), BATCH):
            names = every[start : start + BATCH]
            rows = await self._database.winners(names, bodies=True)
            for name, row in zip(names, rows, strict=True):
                told += await self._settled(name, row)
        return told

    async def _settled(self, name: str, row: Row | None) -> list[str]:
        reason, lost = await self._lost(name, row)
        if not reason or _is_closed(row):
            return []
        told = [
            f"{name}: who owns this package and who may read it is not known, since {reason}. "
            + _WHAT_NOW[self._unknown].format(name)
        ]
        try:
            if self._unknown == "close":
                edit = _closing(name, row, lost)
                (await self._database.update([edit], new_edits=not edit.history, user=SYSTEM)).check()
            elif self._unknown == "forget" and row is not None:
                [leafs] = await self._database.open_revs([(name, None)])
                revs = [leaf.revision.rev for leaf in leafs if leaf.revision is not None]
                await purging(self._database).purge({name: revs})
        except CouchregError as error:
            told.append(f"{name}: this could not be written: {error.reason}")
        return told

    async def _lost(self, name: str, row: Row | None) -> tuple[str, str | None]:
        """Why the document that is there is not to be believed, empty if it is; and the revision above which
        another is to stand."""
        damaged = sorted(self._damaged.get(name, ()), key=place)
        missing = await self._database.missing_revs({name: damaged}) if damaged else {}
        later = [
            rev
            for rev in damaged
            if rev in missing.get(name, ((), ()))[0]
            and (row is None or row.deleted or place(rev) > place(row.rev))
        ]
        if later:
            return f"{record_key(name, later[-1])} cannot be read", later[-1]
        if row is None:
            return (_NO_RECORD if name in self._packages else ""), None
        if row.rev in self._altered.get(name, ()):
            return f"{record_key(name, row.rev)} is not what its revision stands for", None
        return "", None


def _closing(name: str, row: Row | None, lost: str | None) -> Edit:
    """A revision that lets administrators alone read the package, above one that was lost or the winner."""
    said = {} if row is None or row.deleted else row.body
    body = {"name": name, "created": moment_text(utc_now()), **said, "owners": [], ACCESS: {**CLOSED}}
    if lost is None:
        return Edit(name, None if row is None else row.rev, False, body)
    edit = above(lost, Edit(name, None, False, body))
    if row is not None and place(row.rev)[0] + 1 == place(lost)[0]:  # no conflict, unless it was one before
        return msgspec.structs.replace(edit, history=(*edit.history, row.rev.partition("-")[2]))
    return edit


def above(lost: str, edit: Edit) -> Edit:
    """The edit as one that was replicated, of a revision that is not there."""
    files = [
        (file.name, file.content_type, file.digest)
        for file in edit.attachments
        if isinstance(file, Attachment)
    ]
    rev = revision_id(deleted=edit.deleted, parent=lost, body=edit.body, attachments=files)
    return msgspec.structs.replace(edit, rev=rev, history=(rev.partition("-")[2], lost.partition("-")[2]))


def _is_closed(row: Row | None) -> bool:
    access = None if row is None or row.deleted else access_of(row.body)
    return access is not None and access.is_restricted and not access.everybody


def place(rev: str) -> tuple[int, str]:
    """Which of the revisions of a document is the winner: the highest, of those that are not deleted."""
    generation, _, digest = rev.partition("-")
    return int(generation), digest
