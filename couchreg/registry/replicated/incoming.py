"""The way in for documents that owners of packages bring by replication."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from couchreg.docstore.base import Database, Edit
from couchreg.errors import BadRequest, Conflict, Forbidden, InvalidPackage, NotFound, Unauthorized
from couchreg.model.user import User
from couchreg.package.names import is_package_name, split_version_id
from couchreg.registry.publishing.intake import Intake
from couchreg.registry.publishing.publish import Confirm
from couchreg.registry.replicated.deletions import Deletions
from couchreg.registry.replicated.packages import PackageDocuments
from couchreg.registry.replicated.shapes import check_files, demand
from couchreg.registry.replicated.versions import Positions, Versions

SHOWN = 3  # problems of a package that its refusal tells
LONGEST_REASON = 2000  # characters


class Incoming:
    """Documents of others: looked at, and stored as they are or refused with Forbidden."""

    def __init__(
        self,
        database: Database,
        versions: Versions,
        deletions: Deletions,
        packages: PackageDocuments,
        intake: Callable[[], Intake],
    ) -> None:
        self._database = database
        self._versions = versions
        self._deletions = deletions
        self._packages = packages
        self.intake = intake

    async def is_known(self, edit: Edit) -> bool:
        """Whether this revision is here already, so that nothing is to be done."""
        return not await self._database.missing_revs({edit.id: [edit.rev or ""]})

    async def check(self, edit: Edit, files: Sequence[str], user: User) -> None:
        """What can be said of a document before its files are read. Raises Forbidden, Unauthorized."""
        if user.name is None:
            raise Unauthorized("Log in to publish packages.")
        with refusing():
            is_version = split_version_id(edit.id) is not None
            known = is_version or is_package_name(edit.id)
            demand(known, "The id of a document is a package, or package@version.")
            demand(not files or (is_version and not edit.deleted), "Only versions of packages have files.")
            check_files(files)
            if not is_version:
                await self._packages.check(edit, user)
            elif not edit.deleted:
                await self._versions.check(edit, user)

    async def write(
        self,
        edit: Edit,
        intake: Intake,
        positions: Positions,
        user: User,
        confirm: Confirm,
        askers: Sequence[str],
    ) -> None:
        """Store a document whose files, which stand at `positions` of its history, are in the intake.

        `confirm` is awaited just before, and raises when the user has lost the account meanwhile. Raises
        Forbidden for what the registry would not take, Unavailable and TooManyRequests for now.
        """
        with refusing():
            if split_version_id(edit.id) is None:
                await self._packages.write(edit, user, confirm)
            elif edit.deleted:
                await self._deletions.write(edit, user, confirm)
            else:
                await self._versions.publish(edit, intake, positions, user, confirm, askers)

    def order(self, edit: Edit) -> int:
        """Where a document goes among those that come with it: packages are owned before they have versions,
        and given away behind them."""
        if split_version_id(edit.id) is not None:
            return 2 if edit.deleted else 1
        begins = (edit.rev or "").startswith("1-")
        return 0 if begins else 3


@contextmanager
def refusing() -> Iterator[None]:
    """What a publisher at the registry door is told, in the one word that replicators know."""
    try:
        yield
    except InvalidPackage as error:
        told = [str(problem["message"]) for problem in error.problems[:SHOWN]]
        raise Forbidden(" ".join([error.reason, *told])[:LONGEST_REASON]) from error
    except (BadRequest, Conflict, NotFound) as error:
        raise Forbidden(error.reason[:LONGEST_REASON]) from error
