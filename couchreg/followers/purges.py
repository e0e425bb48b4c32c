"""What a purge took out of a database without a trace in its changes: followers have to forget it too."""

from couchreg.docstore.base import BEGINNING, Change
from couchreg.docstore.optional import last_purge, purging
from couchreg.errors import NotImplementedHere
from couchreg.followers.base import FollowedPackages, RebuildNeeded


class SeenPurges:
    """The purges that one follower has looked at; none after a start, for to forget twice is harmless."""

    def __init__(self) -> None:
        self._seen = BEGINNING

    def begin(self) -> None:
        self._seen = BEGINNING

    async def gone(self, database: FollowedPackages) -> list[Change]:
        """The documents purged since the last time that are no more, as deletions without a revision.

        Raises RebuildNeeded when the database does not remember all of them.
        """
        now = await last_purge(database)
        if now == self._seen:
            return []
        try:
            purged = await purging(database).purged_since(self._seen)
        except NotImplementedHere:  # a store that cannot tell; what was purged is found by a new beginning
            self._seen = now
            return []
        if self._seen != BEGINNING and not purged.is_all:
            raise RebuildNeeded("more has been purged than the database remembers")
        rows = await database.winners(purged.ids, bodies=False)
        self._seen = purged.seq
        seq = await database.update_seq()
        return [
            Change(seq, doc_id, (), True, None, ())
            for doc_id, row in zip(purged.ids, rows, strict=True)
            if row is None
        ]
