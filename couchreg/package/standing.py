"""What a package's document says of its versions: which tags lead to them, which are deprecated. Pure.

The document may have come by replication, so nothing is believed about the types of its members.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from couchreg.package.versions import LATEST, latest

TAGS: Final = "dist-tags"
DEPRECATED: Final = "deprecated"
EVERY: Final = "*"  # in place of a version: all there are and will be


@dataclass(frozen=True, slots=True)
class Standing:
    """The members of a package's document; none when it has no document."""

    document: Mapping[str, Any] = field(default_factory=dict)

    def texts(self, member: str) -> dict[str, str]:
        """A member that maps texts to texts; what has another shape is not there."""
        found = self.document.get(member)
        pairs = found.items() if isinstance(found, dict) else ()
        return {key: value for key, value in pairs if isinstance(value, str)}

    def tags(self, versions: Sequence[str]) -> dict[str, str]:
        """Tag -> version, of those that lead to one of `versions`; `latest` is always among them."""
        known = set(versions)
        found = {tag: version for tag, version in self.texts(TAGS).items() if version in known}
        return {LATEST: latest(versions), **found} if versions else {}

    def current(self, versions: Sequence[str]) -> str:
        """The version that stands for the package: what its dist-tag `latest` is set to, else the highest.

        Raises ValueError when there are no versions.
        """
        return self.tags(versions)[LATEST] if versions else latest(versions)

    def deprecated(self, version: str) -> str | None:
        """Why a version should not be used any more: its own message, else the one for all versions."""
        messages = self.texts(DEPRECATED)
        return messages.get(version, messages.get(EVERY))
