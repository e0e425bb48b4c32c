"""What a purge took out of a database without a trace in its changes: followers have to forget it too."""

from couchreg.docstore.base import BEGINNING, Change, Database, Seq
from couchreg.docstore.optional import purging
from couchreg.errors import NotImplementedHere
from couchreg.followers.base import RebuildNeeded


class Purges:
    """The purges that one follower has looked at; none after a start, for to forget twice is harmless."""

    def __init__(self) -> None:
        self._seen = BEGINNING

    def begin(self) -> None:
        self._seen = BEGINNING

    async def gone(self, database: Database) -> list[Change]:
        """The documents purged since the last time that are no more, as deletions without a revision.

        Raises RebuildNeeded when the database does not remember all of them.
        """
        now = await _purge_seq(database)
        new = now.number - self._seen.number  # or fewer
        if not new:
            return []
        try:
            purged = await purging(database).purged_infos()
        except NotImplementedHere:  # a store that cannot tell; what was purged is found by a new beginning
            self._seen = now
            return []
        if self._seen != BEGINNING and new > len(purged):
            raise RebuildNeeded("more has been purged than the database remembers")
        ids = list(dict.fromkeys(doc_id for doc_id, _ in purged[-new:]))
        rows = await database.winners(ids, bodies=False)
        self._seen = now
        seq = await database.update_seq()
        return [
            Change(seq, doc_id, (), True, None, ())
            for doc_id, row in zip(ids, rows, strict=True)
            if row is None
        ]


async def _purge_seq(database: Database) -> Seq:
    try:
        return await purging(database).purge_seq()
    except NotImplementedHere:  # it tells with all else that there is to tell
        return (await database.info()).purge_seq
