"""How many copies of a write a client waits for: `w`.

Here is one copy of everything, on disk before a write is answered. Whoever asks for more is told that the
write is accepted, in CouchDB's words for one that fewer nodes than asked for have confirmed.

Source: https://docs.couchdb.org/en/stable/cluster/sharding.html#quorum
"""

from typing import Any

from couchreg.http.couch.frame import params
from couchreg.http.couch.frame.context import Context

COPIES = 1
ACCEPTED = 202


def status_of(ctx: Context, reached: int, asked: Any = None) -> int:
    """The status of a write that would be `reached`; `asked` is a `w` from a body, before the query's."""
    if not isinstance(asked, int):
        asked = params.parse_int(ctx.query.get("w", "")) if ctx.raw_query else None
    return ACCEPTED if asked is not None and asked > COPIES else reached
