"""What was published when: packages by their newest version, the versions of one, their dependencies.

Only what a listing shows is decoded of a document, so that long descriptors cost little.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from couchreg.docstore.base import BEGINNING, Attachment, Database, Row, Seq
from couchreg.package.names import split_version_id, version_id
from couchreg.package.standing import Standing
from couchreg.package.versions import LATEST
from couchreg.registry.reading.catalog import Catalog
from couchreg.registry.reading.standing import standings
from couchreg.turns import Slice

MAX_TITLE = 300  # characters


class VersionSummary(msgspec.Struct):
    """The members of a version document that listings show; any of them may have any type."""

    title: Any = None
    couchreg: Any = None

    @classmethod
    def of(cls, row: Row) -> "VersionSummary":
        return msgspec.json.decode(b"{" + (row.members or b"") + b"}", type=cls)

    def own(self, member: str) -> str | None:
        found = self.couchreg.get(member) if isinstance(self.couchreg, dict) else None
        return found if isinstance(found, str) else None

    def text(self) -> str | None:
        return self.title[:MAX_TITLE] if isinstance(self.title, str) else None


@dataclass(frozen=True, slots=True)
class Summary:
    """A package in a listing, at its latest version; `versions` from lowest to highest."""

    name: str
    latest: str
    versions: tuple[str, ...]
    title: str | None
    published: str | None
    deprecated: str | None


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

    async def versions(self, name: str) -> tuple[str, list[HistoryEntry]]:
        """What `latest` is, and all versions from the highest to the lowest. Raises NotFound."""
        versions = (await self._catalog.known_versions(name))[::-1]
        standing = await self._catalog.standing(name)
        tags = standing.tags(versions)
        found: list[HistoryEntry] = []
        turn = Slice()
        for item in versions:  # one at a time: each may be large
            [row] = await self._database.winners([version_id(name, item)], bodies=True)
            if row and not row.deleted:
                found.append(_entry(item, row, standing, tags))
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

    async def by_name(self, start: str, limit: int) -> tuple[list[Summary], str | None]:
        """Packages by name from `start` on, and the name to go on with (None at the end)."""
        listed, after = await self._catalog.packages(start, limit)
        return await self._summaries(listed), after

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
        [row] = await self._database.winners([version_id(name, exact)], bodies=True)
        shown = VersionSummary.of(row) if row else VersionSummary()
        return Summary(
            name, exact, tuple(versions), shown.text(), shown.own("published"), standing.deprecated(exact)
        )


def _entry(version: str, row: Row, standing: Standing, tags: dict[str, str]) -> HistoryEntry:
    shown = VersionSummary.of(row)
    own = tuple(tag for tag, target in tags.items() if target == version)
    return HistoryEntry(
        version,
        shown.own("published"),
        shown.own("publisher"),
        sum(file.length for file in row.attachments),
        len(row.attachments),
        manifest_hash(row.attachments),
        own,
        standing.deprecated(version),
    )
