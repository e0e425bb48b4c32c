"""What one request may cost: bytes of its body, JSON values in it, entries of a list.

The bound is drawn before anything is made of a body, for as Python objects a text takes twenty times its
length, and the loop stands still while they are made. Queries of every kind stand on this: lists of keys,
selectors, projections, revisions asked for. Whoever then goes through a list does so in slices of time
(`couchreg.turns`), so that others are answered in between however long it is.
"""

from collections.abc import Sequence
from typing import NamedTuple

from couchreg.errors import TooLarge
from couchreg.http.couch.frame.settings import CouchSettings
from couchreg.model import json

ON_THE_LOOP = 64 * 1024  # bytes of JSON that are read on the loop, whatever they are


class Allowance(NamedTuple):
    """`body`: bytes, unpacked; `values`: JSON values of every kind in it, None: as many as fit."""

    body: int
    values: int | None = None

    def check(self, text: bytes) -> None:
        """Raises TooLarge for a JSON text with more values than may be made of it."""
        if self.values is not None and json.count_values(text, self.values) > self.values:
            raise TooLarge(f"the request has more than {self.values} JSON values")

    def check_list(self, listed: Sequence[object], name: str) -> None:
        """Raises TooLarge for a list with more entries than this may cost: `queries`, of which each is
        as much work as a request."""
        if self.values is not None and len(listed) > QUERIES:
            raise TooLarge(f"`{name}` has more than {QUERIES} entries")


QUERIES = 100
# Whoever is no administrator, where nobody but administrators writes documents: at the server, in `registry`
# and in `_users`. A mirror asks for some hundred documents at a time.
QUESTION = Allowance(1 << 20, 20_000)
# Whoever has not logged in, in a database that is open to them: a document has 8 MB at most. As many
# values make 20,000 of the smallest: with 25,000 a stranger's request grew memory by 65 MiB.
GUEST = Allowance(8 << 20, 60_000)
# Whoever publishes by replication: a descriptor with its data, files as base64, which is one value each.
MOST_PUBLISHED = 2_000_000
# What a mirror leaves as a `_local` document where it cannot write others; CouchDB's have some kilobytes.
CHECKPOINT = Allowance(64 << 10, 10_000)


def of(settings: CouchSettings, *, is_admin: bool, is_known: bool, asks_only: bool) -> Allowance:
    """What a user may send. The settings bound administrators and members too."""
    most = settings.once(_most)
    if is_admin:
        return Allowance(most)
    if asks_only:
        return Allowance(min(most, QUESTION.body), QUESTION.values)
    return Allowance(most) if is_known else Allowance(min(most, GUEST.body), GUEST.values)


def _most(settings: CouchSettings) -> int:
    return min(
        settings.integer("chttpd", "max_http_request_size", 2**32),
        settings.integer("couchreg", "max_json_body", 2**28),
    )
