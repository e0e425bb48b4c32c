"""A published version as the views see it: with addresses, files and hashes at hand. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from couchreg.docstore.base import Attachment
from couchreg.package.descriptor import Resource
from couchreg.package.formats import mediatype
from couchreg.registry.linked.reading import MOST, fields, text
from couchreg.registry.reading.catalog import Version
from couchreg.registry.reading.served import url_of

LARGEST = 2**63  # bytes; a descriptor from elsewhere may state any number
MOST_COLUMNS = 10_000


class Download(NamedTuple):
    """A resource as something to fetch; `bytes` and `sha256` where they are known."""

    name: str
    title: str | None
    description: str | None
    url: str
    mediatype: str
    bytes: int | None
    sha256: str | None
    members: Mapping[str, Any]


@dataclass(frozen=True)
class LinkedSource:
    """One version, and the address of the registry it is in."""

    version: Version
    base: str

    @property
    def members(self) -> Mapping[str, Any]:
        return self.version.document

    @property
    def url(self) -> str:
        return url_of(self.base, self.version.name, self.version.version)

    @property
    def title(self) -> str:
        return text(self.members, "title") or self.version.name

    @property
    def description(self) -> str:
        """Never empty: consumers insist on one."""
        return text(self.members, "description") or self.title

    @property
    def published(self) -> str | None:
        return text(self.version.own, "published")

    @cached_property
    def downloads(self) -> list[Download]:
        """The first MOST resources; of so many columns together that a view stays one."""
        found: list[Download] = []
        left = MOST_COLUMNS
        for resource in islice(self.version.resources.values(), MOST):
            one = self._download(resource)
            left -= len(fields(one.members))
            found.append(one if left >= 0 else one._replace(members={**one.members, "schema": None}))
        return found

    def _download(self, resource: Resource) -> Download:
        members = resource.members
        size, hashed = members.get("bytes"), members.get("hash")
        algorithm, _, digest = hashed.rpartition(":") if isinstance(hashed, str) else ("", "", "")
        file = self.version.files.get(resource.paths[0]) if len(resource.paths) == 1 else None
        kind = text(members, "mediatype") or mediatype(_named(resource))
        return Download(
            resource.name,
            text(members, "title"),
            text(members, "description"),
            url_of(self.base, self.version.name, self.version.version, resource.name),
            kind,
            file.length if file else size if isinstance(size, int) and 0 <= size < LARGEST else None,
            _plain_hash(file) if file else digest if algorithm == "sha256" else None,
            members,
        )


def _plain_hash(file: Attachment) -> str | None:
    """Of a file that arrived gzipped, from a CouchDB, only the hash of that is known."""
    return file.sha256 if file.encoding == "identity" else None


def _named(resource: Resource) -> str:
    if resource.paths or resource.urls:
        return (*resource.paths, *resource.urls)[0]
    data = resource.members.get("data")
    return f"x.{resource.members.get('format', 'json' if not isinstance(data, str) else 'txt')}"
