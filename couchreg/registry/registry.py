"""The registry as the doors see it: reading, publishing, and what has to run for that."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Database
from couchreg.errors import Unauthorized
from couchreg.model.user import User
from couchreg.registry.changing.deprecation import Deprecations
from couchreg.registry.changing.owners import Owners
from couchreg.registry.changing.packages import Packages
from couchreg.registry.changing.settling import Settled, bounded
from couchreg.registry.changing.tags import Tags
from couchreg.registry.changing.unpublish import Unpublisher
from couchreg.registry.checking import checker, small
from couchreg.registry.checking.checker import Checker, CheckLimits
from couchreg.registry.comparing import diff_job
from couchreg.registry.comparing.diff import Differ
from couchreg.registry.linked.forms import Forms
from couchreg.registry.publishing.direct import Direct
from couchreg.registry.publishing.held import Held, Holders
from couchreg.registry.publishing.intake import Intake, PublishLimits
from couchreg.registry.publishing.publish import Publisher, Validation
from couchreg.registry.publishing.runs import Redeem, Runs
from couchreg.registry.publishing.sessions import SessionLimits, Sessions
from couchreg.registry.publishing.shelf import Shelf
from couchreg.registry.reading.catalog import Catalog
from couchreg.registry.reading.counts import Downloads
from couchreg.registry.reading.dependencies import Dependencies
from couchreg.registry.reading.history import History
from couchreg.sandbox.forks import ForkServer


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


class Registry:
    """Reading and publishing over one database; `start` and `close` are the owner's to call.

    `settled` is awaited with a sequence before a publish is acknowledged: the place for a follower
    that writes what has to be there as soon as the version is. With `holders`, files whose bytes are stored
    already are linked to those. Publishes that outlive their requests lie in the folder `shelf`, and are
    done for whom `redeem` finds.
    """

    def __init__(
        self,
        database: Database,
        attachments: Attachments,
        *,
        validation: Validation = Validation.STRICT,
        checks: CheckLimits | None = None,
        publishing: PublishLimits | None = None,
        settled: Settled | None = None,
        downloads: Downloads | None = None,
        holders: Holders | None = None,
        holders_caught_up: Settled | None = None,
        shelf: Path | None = None,
        sessions: SessionLimits | None = None,
        redeem: Redeem | None = None,
    ) -> None:
        self.database = database
        self.attachments = attachments
        self.catalog = Catalog(database)
        self.forks = ForkServer((checker.WORKER, small.WORKER, diff_job.WORKER))
        self.checker = Checker(self.forks, checks)
        self.small_tables = small.SmallTables(self.forks)
        self.packages = Packages(database, settled=bounded(settled))
        self.owners = Owners(database, self.packages)
        self.held = Held(database, holders, holders_caught_up)
        self.publisher = Publisher(
            database,
            attachments,
            self.checker,
            self.packages,
            validation=validation,
            settled=settled,
            held=self.held,
            small=self.small_tables,
        )
        self.unpublisher = Unpublisher(database, attachments, self.packages, settled=settled)
        self.tags = Tags(self.catalog, self.packages)
        self.deprecations = Deprecations(self.catalog, self.packages)
        self.history = History(database, self.catalog)
        self.dependencies = Dependencies(self.catalog)
        self.differ = Differ(self.catalog, attachments, self.forks)
        self.forms = Forms()
        self.downloads = downloads or Downloads()
        self._limits = publishing or PublishLimits()
        self.sessions = Sessions(
            Shelf(shelf or attachments.spool.directory.parent / "publishing"),
            self.held,
            attachments.blobs,
            sessions or SessionLimits(),
        )
        self.runs = Runs(
            self.publisher, self.sessions, attachments.spool, self._limits, redeem or _nobody_vouches
        )
        self.direct = Direct(self.publisher, attachments.blobs, attachments.spool, self._limits)
        self._validation = Validation(validation)

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


async def _nobody_vouches(pledge: Any, package: str) -> User:
    raise Unauthorized("Nobody can tell whose publish this is.")
