"""Who may read a package that is not everybody's, as its document says: the member `access`. Pure.

`{"restricted": true, "grants": {"anna": "read-only", "group:curators": "read-write"}}`, in npm's words. The
document may have come by replication, so nothing is believed about types: what has another shape, and may
have been meant to close the package, closes it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

ACCESS: Final = "access"
RESTRICTED: Final = "restricted"
GRANTS: Final = "grants"
CHANGED: Final = "changed"  # when others came to see it without another change of the document: a moment
READ, PUBLISH = "read-only", "read-write"
PERMISSIONS: Final = (READ, PUBLISH)
CLOSED: Final[Mapping[str, Any]] = {RESTRICTED: True, GRANTS: {}}  # to everybody but its owners
GROUP: Final = "group:"  # before the name of a group; no account's name has a colon


@dataclass(frozen=True, slots=True)
class Access:
    """Of a package that has been restricted at some time."""

    is_restricted: bool
    owners: frozenset[str]
    readers: frozenset[str]  # accounts, and groups as `group:NAME`; owners and publishers not among them
    publishers: frozenset[str]

    @property
    def everybody(self) -> frozenset[str]:
        """All that it names, with whatever right."""
        return self.owners | self.readers | self.publishers

    def lets_read(self, names: Collection[str]) -> bool:
        """Whether somebody who is called so, or is in these groups, may read the package."""
        return not self.is_restricted or self.names(self.everybody, names)

    def lets_publish(self, names: Collection[str]) -> bool:
        """Whether they may publish versions: owners, and those who were given that right."""
        return self.names(self.owners | self.publishers, names)

    @staticmethod
    def names(listed: frozenset[str], names: Collection[str]) -> bool:
        return not listed.isdisjoint(names)


def access_of(members: Mapping[str, Any]) -> Access | None:
    """What a package's document says; None where it has never said anything, and the package is public."""
    if ACCESS not in members:
        return None
    stated = members[ACCESS]
    stated = stated if isinstance(stated, dict) else {}
    grants = grants_of(members)
    return Access(
        stated.get(RESTRICTED, True) is not False,
        frozenset(_texts(members.get("owners"))),
        frozenset(who for who, right in grants.items() if right == READ),
        frozenset(who for who, right in grants.items() if right == PUBLISH),
    )


def grants_of(members: Mapping[str, Any]) -> dict[str, str]:
    """Account or `group:NAME` -> `read-only` or `read-write`."""
    stated = members.get(ACCESS)
    grants = stated.get(GRANTS) if isinstance(stated, dict) else None
    pairs = grants.items() if isinstance(grants, dict) else ()
    return {who: right for who, right in pairs if right in PERMISSIONS}


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str) and item] if isinstance(value, list) else []
