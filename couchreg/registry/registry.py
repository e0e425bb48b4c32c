"""The registry as the doors see it: reading, publishing, and what has to run for that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from couchreg.access.asking import ASKER
from couchreg.access.known import PrivatePackages
from couchreg.access.seen import SeenDatabase, public_view
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Database
from couchreg.errors import Unauthorized
from couchreg.model.user import User
from couchreg.registry.changing.access import AccessRights
from couchreg.registry.changing.deprecation import Deprecations
from couchreg.registry.changing.owners import Owners
from couchreg.registry.changing.packages import Packages
from couchreg.registry.changing.settling import Settled, bounded
from couchreg.registry.changing.tags import Tags
from couchreg.registry.changing.trash import Trash
from couchreg.registry.changing.undelete import Undeleter
from couchreg.registry.changing.unpublish import Unpublisher
from couchreg.registry.changing.yanking import Yanks
from couchreg.registry.checking import checker, small
from couchreg.registry.checking.checker import Checker, CheckLimits
from couchreg.registry.comparing import diff_job
from couchreg.registry.comparing.diff import Differ
from couchreg.registry.linked.forms import Forms
from couchreg.registry.publishing.by_parts import BucketParts, ByParts
from couchreg.registry.publishing.direct import Direct
from couchreg.registry.publishing.drafts import Drafts
from couchreg.registry.publishing.held import Held, Holders
from couchreg.registry.publishing.intake import Intake, PublishLimits
from couchreg.registry.publishing.publish import DataChecks, Publisher, Validation
from couchreg.registry.publishing.quotas import Quotas
from couchreg.registry.publishing.runs import Redeem, Runs
from couchreg.registry.publishing.sessions import SessionLimits, Sessions
from couchreg.registry.publishing.shelf import Shelf
from couchreg.registry.reading.catalog import Catalog
from couchreg.registry.reading.counts import Downloads
from couchreg.registry.reading.dependencies import Dependencies
from couchreg.registry.reading.history import History
from couchreg.registry.reading.pages import VersionPages
from couchreg.registry.replicated.copies import MirrorCopies
from couchreg.registry.replicated.deletions import Deletions
from couchreg.registry.replicated.incoming import Incoming
from couchreg.registry.replicated.packages import Exists, HasGroup, PackageDocuments
from couchreg.registry.replicated.versions import Versions
from couchreg.sandbox.forks import ForkServer
from couchreg.turns import Locks


class SearchResult(NamedTuple):
    """Search results: how many there are, and those asked for, best first (JSON members of each)."""

    total: int
    hits: Sequence[Mapping[str, Any]]


class Search(Protocol):
    """What answers `/search`; the index itself is a follower of the database."""

    async def search(
        self, words: Sequence[str], limit: int, offset: int, types: Sequence[str]
    ) -> SearchResult:
        """The packages that match every word and have every JSON-LD type."""

    async def dependents(self, name: str, limit: int, offset: int) -> SearchResult:
        """The packages whose latest version depends on this one."""


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """What an operator decides of a registry.

    Publishes that outlive their requests lie in the folder `shelf`. Deleted versions can be brought back for
    `undelete_days`. An account publishes up to `account_space` bytes; 0: any number. A mirror of another
    registry, which `mirror_of` names, is changed by admins alone.
    """

    validation: Validation = Validation.STRICT
    checks: CheckLimits | None = None
    publishing: PublishLimits | None = None
    sessions: SessionLimits | None = None
    downloads: Downloads | None = None
    shelf: Path | None = None
    mirror_of: str | None = None
    undelete_days: int = 0
    account_space: int = 0


async def _nobody_exists(name: str) -> bool:
    return False


def _no_group(name: str) -> bool:
    return False


async def _nobody_vouches(pledge: Any, package: str) -> User:
    raise Unauthorized("Nobody can tell whose publish this is.")


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Whom a registry asks that knows nothing of it: followers, and accounts.

    `settled` is awaited with a sequence before a publish is acknowledged: the place for a follower
    that writes what has to be there as soon as the version is. With `holders`, files whose bytes are stored
    already are linked to those. Publishes that outlive their requests are done for whom `redeem` finds.
    By replication nobody becomes an owner or is given a right but those of whom `exists` says so, and groups
    of which `has_group` does. `private` knows which packages are not everybody's, and `told` is awaited with
    the sequence of a change of that. With `locks` packages are changed one at a time among several processes.
    `bucket` takes large files from browsers, part by part.
    """

    settled: Settled | None = None
    holders: Holders | None = None
    holders_caught_up: Settled | None = None
    redeem: Redeem = _nobody_vouches
    exists: Exists = _nobody_exists
    has_group: HasGroup = _no_group
    private: PrivatePackages | None = None
    told: Settled | None = None
    locks: Locks | None = None
    bucket: BucketParts | None = None


class Registry:
    """Reading and publishing over one database. Who makes one calls `start` and `close`."""

    def __init__(
        self,
        database: Database,
        attachments: Attachments,
        options: RegistryOptions = RegistryOptions(),
        around: Neighbours = Neighbours(),
    ) -> None:
        self.private = around.private or PrivatePackages(database)
        self._every = database  # with the packages that the one who asks may not see
        self.database = SeenDatabase(database, self.private, ASKER.get)
        self.attachments = attachments
        self._limits = options.publishing or PublishLimits()
        self._validation = Validation(options.validation)
        self._set_up_checks(options.checks)
        self._set_up_reading(options.downloads)
        self._set_up_changes(options, around)
        self._set_up_publishing(options, around)
        self.copies = MirrorCopies(
            self.database, self.packages, self.publisher, self.unpublisher, self.intake
        )
        self.incoming = self._incoming(bounded(around.settled), around)

    def _set_up_checks(self, limits: CheckLimits | None) -> None:
        self.forks = ForkServer((checker.WORKER, small.WORKER, diff_job.WORKER))
        self.checker = Checker(self.forks, limits)
        self.small_tables = small.SmallTables(self.forks)

    def _set_up_reading(self, downloads: Downloads | None) -> None:
        self.catalog = Catalog(self.database)
        self.history = History(self.database, self.catalog)
        self.pages = VersionPages(public_view(self._every, self.private))
        self.dependencies = Dependencies(self.catalog)
        self.differ = Differ(self.catalog, self.attachments, self.forks)
        self.forms = Forms()
        self.downloads = downloads or Downloads()

    def _set_up_changes(self, options: RegistryOptions, around: Neighbours) -> None:
        self.packages = Packages(
            self.database,
            settled=bounded(around.settled),
            mirror_of=options.mirror_of,
            private=self.private,
            locks=around.locks,
        )
        self.owners = Owners(self._every, self.packages)
        self.access = AccessRights(
            self.database,
            self.packages,
            self.owners,
            self.private,
            self.catalog.versions,
            bounded(around.told),
        )
        trash = Trash(self.attachments, options.undelete_days)
        place = (self.database, self.attachments, self.packages, trash)
        self.unpublisher = Unpublisher(*place, settled=around.settled)
        room = lambda *what: self.publisher.quotas.bringing_back(*what)  # noqa: E731 — which is made later
        self.undeleter = Undeleter(*place, room=room, settled=around.settled)
        self.tags = Tags(self.catalog, self.packages)
        self.deprecations = Deprecations(self.catalog, self.packages)
        self.yanks = Yanks(self.catalog, self.packages)

    def _set_up_publishing(self, options: RegistryOptions, around: Neighbours) -> None:
        spool, blobs = self.attachments.spool, self.attachments.blobs
        self.held = Held(self.database, around.holders, around.holders_caught_up)
        self.publisher = Publisher(
            self.database,
            self.attachments,
            DataChecks(self.checker, self.small_tables, self._validation),
            self.packages,
            settled=around.settled,
            held=self.held,
            quotas=Quotas(self._every, options.account_space),
        )
        shelf = Shelf(options.shelf or spool.directory.parent / "publishing")
        self.sessions = Sessions(shelf, self.held, blobs, options.sessions or SessionLimits())
        self.by_parts = ByParts(self.sessions, around.bucket)
        self.runs = Runs(self.publisher, self.sessions, spool, self._limits, around.redeem)
        self.drafts = Drafts(self.runs, self.publisher, self.checker, spool, self._limits)
        self.direct = Direct(self.publisher, blobs, spool, self._limits, self.sessions.limits)

    def _incoming(self, settled: Settled, around: Neighbours) -> Incoming:
        documents = PackageDocuments(
            self.database,
            self.packages,
            self.owners,
            settled,
            exists=around.exists,
            has_group=around.has_group,
        )
        return Incoming(
            self.database,
            Versions(self.database, self.packages, self.publisher, settled),
            Deletions(self.database, self.packages, self.unpublisher),
            documents,
            self.intake,
        )

    @property
    def limits(self) -> PublishLimits:
        """What one publish may bring."""
        return self._limits

    def intake(self) -> Intake:
        """A place for what one publisher sends."""
        return Intake(self.attachments.spool, self._limits)

    async def start(self) -> None:
        self.downloads.start()
        if self._validation is not Validation.OFF:
            await self.checker.start()
            await self.small_tables.start()
        await self.runs.start()

    async def stop_work(self) -> None:
        """End checks and comparisons: who waits for them gets Unavailable. The first step of an end."""
        await self.runs.stop()
        await self.small_tables.close()
        await self.checker.close()
        await self.differ.close()

    async def close(self) -> None:
        await self.stop_work()
        await self.forks.close()
        await self.downloads.close()
