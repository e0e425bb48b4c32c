"""Tables that can be asked, as a server has them: built, driven, counted, unless the settings have none."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from couchreg.analytics.answering import AskingLimits
from couchreg.analytics.asking import Asking
from couchreg.analytics.copies import TableCopies
from couchreg.analytics.following import TablesFollower
from couchreg.analytics.tables import Tables
from couchreg.config import Settings
from couchreg.datadir import DataDir
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Database
from couchreg.followers.loop import Status
from couchreg.registry.reading.catalog import Catalog


def open_tables(
    stack: AsyncExitStack, settings: Settings, data: DataDir, packages: Database, attachments: Attachments
) -> Tables | None:
    """Closed with the stack; the work behind them is not started yet."""
    if settings.analytics == "off":
        return None
    tables = Tables(data.tables, Catalog(packages), attachments)
    stack.push_async_callback(tables.close)
    return tables


async def begin(
    stack: AsyncExitStack, tables: Tables | None, packages: Database, attachments: Attachments
) -> Asking | None:
    """Start the work, and what answers questions; both end with the stack."""
    if tables is None:
        return None
    stack.push_async_callback(tables.stop)
    tables.start()
    copies = TableCopies(attachments.blobs, attachments.spool)
    asking = Asking(tables, Catalog(packages), copies, AskingLimits())
    stack.push_async_callback(asking.close)
    await asking.start()
    return asking


async def counted(tables: Tables | None, statuses: Sequence[Status]) -> Sequence[Status]:
    """How far followers are, with the numbers of tables."""
    if tables is None:
        return statuses
    counts = await tables.counts()
    return [replace(one, tables=counts) if one.name == TablesFollower.name else one for one in statuses]
