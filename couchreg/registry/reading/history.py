"""What was published when: packages by their newest version, the versions of one, their dependencies.

Only what a listing shows is decoded of a document, once for each revision, so that long descriptors cost
little.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from couchreg.docstore.base import BEGINNING, Attachment, Database, Row, Seq
from couchreg.model import json
from couchreg.package.descriptor import OWN
from couchreg.package.names import split_version_id, version_id
from couchreg.package.standing import Standing
from couchreg.package.versions import LATEST
from couchreg.registry.reading.catalog import Catalog
from couchreg.registry.reading.standing import standings
from couchreg.turns import TimeSlice

MAX_TITLE = 300  # characters
MOST_CHANGES = 10_000  # that are looked at for versions
KNOWN = 10_000  # versions of which what listings show is remembered
_read = json.reader(frozenset({"title", OWN}))  # what listings show; any of them may have any type


class _Shown(NamedTuple):
    """What listings show of a version, whatever else its document holds."""

    title: str | None
    published: str | None
    publisher: str | None
    bytes: int
    files: int
    hash: str | None


def _shown(row: Row) -> _Shown:
    found = _read(b"{" + (row.members or b"") + b"}")
    own, title = found.get(OWN), found.get("title")
    own = own if isinstance(own, dict) else {}
    files = row.attachments
    return _Shown(
        title[:MAX_TITLE] if isinstance(title, str) else None,
        _text(own, "published"),
        _text(own, "publisher"),
        sum(file.length for file in files),
        len(files),
        manifest_hash(files),
    )


def _text(members: Mapping[str, Any], name: str) -> str | None:
    """A short text; None for anything else, which a document from elsewhere may have there."""
    found = members.get(name)
    return found if isinstance(found, str) and len(found) <= MAX_TITLE else None


@dataclass(frozen=True, slots=True)
class Summary:
    """A package in a listing, at its latest version; `versions` from lowest to highest."""

    name: str
    latest: str
    versions: tuple[str, ...]
    title: str | None
    published: str | None
    deprecated: str | None
    yanked: str | None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A version in the history of its package. `hash` is of its manifest: see `manifest_hash`."""

    version: str
    published: str | None
    publisher: str | None
    bytes: int
    files: int
    hash: str | None
    tags: tuple[str, ...]
    deprecated: str | None
    yanked: str | None


@dataclass(frozen=True, slots=True)
class Latest:
    """A version among those that were published last."""

    name: str
    version: str
    title: str | None
    published: str | None
    publisher: str | None


def manifest_hash(files: Sequence[Attachment]) -> str | None:
    """`sha256:…` of the lines `<sha256>  <path>\\n` of all files, in the order of their paths as UTF-8: what
    `sha256sum * | sha256sum` says of the folder with the files in that order. None where a file arrived
    gzipped, from a CouchDB, so that the hash of its plain bytes is not known."""
    if any(file.encoding != "identity" for file in files):
        return None
    ordered = sorted(files, key=lambda file: file.name.encode())
    lines = "".join(f"{file.sha256}  {file.name}\n" for file in ordered)
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


class History:
    """Listings of one `registry` database."""

    def __init__(self, database: Database, catalog: Catalog) -> None:
        self._database = database
        self._catalog = catalog
        self._known: OrderedDict[tuple[str, str], _Shown] = OrderedDict()  # by id and revision

    async def versions(self, name: str) -> tuple[str, list[HistoryEntry]]:
        """What `latest` is, and all versions from the highest to the lowest. Raises NotFound."""
        versions = (await self._catalog.known_versions(name))[::-1]
        standing = await self._catalog.standing(name)
        tags = standing.tags(versions)
        found: list[HistoryEntry] = []
        turn = TimeSlice()
        for item in versions:  # one at a time: each may be large
            shown = await self._version(version_id(name, item))
            if shown:
                found.append(_entry(item, shown, standing, tags))
            await turn.pass_on()
        return tags[LATEST], found

    async def newest(self, start: str | None, limit: int) -> tuple[list[Summary], str | None]:
        """Packages, those with the newest versions first, and where to go on (None at the end).

        `start` is such a place. Raises BadRequest for one that cannot be read.
        """
        before = None if start is None else await self._database.parse_since(start)
        names: list[str] = []
        seen: set[str] = set()
        last = BEGINNING
        async for chunk in self._database.changes(BEGINNING, until=before, descending=True):
            for change in chunk.results:
                found = None if change.deleted or change.seq == before else split_version_id(change.id)
                if found is None or found[0] in seen:
                    continue
                seen.add(found[0])
                if before is not None and await self._is_newer(found[0], before):
                    continue
                if len(names) == limit:
                    return await self._summaries(names), last.text
                names.append(found[0])
                last = change.seq
        return await self._summaries(names), None

    async def latest(self, limit: int) -> list[Latest]:
        """The versions that were written last and are not yanked, as far as the last changes tell."""
        found: list[Latest] = []
        looked = 0
        async for chunk in self._database.changes(BEGINNING, descending=True, limit=MOST_CHANGES):
            for change in chunk.results:
                looked += 1
                pair = None if change.deleted else split_version_id(change.id)
                if pair is None or len(found) == limit or await self._is_yanked(*pair):
                    continue
                shown = await self._version(change.id)
                if shown:
                    found.append(Latest(*pair, shown.title, shown.published, shown.publisher))
            if len(found) >= limit or looked >= MOST_CHANGES:
                break
        return found

    async def by_name(self, start: str, limit: int) -> tuple[list[Summary], str | None]:
        """Packages by name from `start` on, and the name to go on with (None at the end)."""
        listed, after = await self._catalog.packages(start, limit)
        return await self._summaries(listed), after

    async def _is_yanked(self, name: str, version: str) -> bool:
        return (await self._catalog.standing(name)).yanked(version) is not None

    async def _is_newer(self, name: str, seq: Seq) -> bool:
        """Whether the package has a version from `seq` on: then it stood on an earlier page."""
        ids = [version_id(name, version) for version in await self._catalog.versions(name)]
        async for chunk in self._database.changes(BEGINNING, ids=ids):
            if any(not change.deleted and change.seq >= seq for change in chunk.results):
                return True
        return False

    async def _summaries(self, names: list[str]) -> list[Summary]:
        said = await standings(self._database, names)
        found = [await self._summary(*pair) for pair in zip(names, said, strict=True)]
        return [summary for summary in found if summary]

    async def _summary(self, name: str, standing: Standing) -> Summary | None:
        versions = await self._catalog.versions(name)
        if not versions:
            return None
        exact = standing.tags(versions)[LATEST]
        shown = await self._version(version_id(name, exact))
        return Summary(
            name,
            exact,
            tuple(versions),
            shown.title if shown else None,
            shown.published if shown else None,
            standing.deprecated(exact),
            standing.yanked(exact),
        )

    async def _version(self, doc_id: str) -> _Shown | None:
        """None for a version that is no longer there. A document is read once for each of its revisions."""
        [row] = await self._database.winners([doc_id], bodies=False)
        if row is None or row.deleted:
            return None
        key = (doc_id, row.rev)
        if key not in self._known:
            [row] = await self._database.winners([doc_id], bodies=True)
            if row is None or row.deleted:
                return None
            key = (doc_id, row.rev)
            self._known[key] = _shown(row)
        self._known.move_to_end(key)
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return self._known[key]


def _entry(version: str, shown: _Shown, standing: Standing, tags: dict[str, str]) -> HistoryEntry:
    own = tuple(tag for tag, target in tags.items() if target == version)
    return HistoryEntry(
        version,
        shown.published,
        shown.publisher,
        shown.bytes,
        shown.files,
        shown.hash,
        own,
        standing.deprecated(version),
        standing.yanked(version),
    )
