"""What a package's document says of its versions: tags that lead to them, deprecations, yanks. Pure.

The document may have come by replication, so nothing is believed about the types of its members.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from couchreg.package.versions import LATEST, latest

TAGS: Final = "dist-tags"
DEPRECATED: Final = "deprecated"
YANKED: Final = "yanked"
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
        """Tag -> version, of those that lead to one of `versions` that is not yanked; `latest` is always
        among them, and leads to a yanked version where there is nothing else."""
        offered = self.offered(versions)
        known = set(offered)
        found = {tag: version for tag, version in self.texts(TAGS).items() if version in known}
        return {LATEST: latest(offered or versions), **found} if versions else {}

    def offered(self, versions: Sequence[str]) -> Sequence[str]:
        """Those that are not yanked, in order: what tags and ranges may choose."""
        yanked = self.texts(YANKED)
        return [version for version in versions if version not in yanked] if yanked else versions

    def yanked(self, version: str) -> str | None:
        """Why a version is offered no more, though it can be read under its own name; None for others."""
        return self.texts(YANKED).get(version)

    def current(self, versions: Sequence[str]) -> str:
        """The version that stands for the package: what its dist-tag `latest` is set to, else the highest.

        Raises ValueError when there are no versions.
        """
        return self.tags(versions)[LATEST] if versions else latest(versions)

    def deprecated(self, version: str) -> str | None:
        """Why a version should not be used any more: its own message, else the one for all versions."""
        messages = self.texts(DEPRECATED)
        return messages.get(version, messages.get(EVERY))

    def said(self, version: str) -> dict[str, str]:
        """What whoever reads a version is told of it: `deprecated` and `yanked`, with the reasons."""
        found = {DEPRECATED: self.deprecated(version), YANKED: self.yanked(version)}
        return {member: reason for member, reason in found.items() if reason is not None}

    def told(self, version: str) -> dict[str, Any]:
        """What the document says of this version alone, as it stands there: the tags that lead to it, too."""
        tags = [tag for tag, target in self.texts(TAGS).items() if target == version]
        found = {member: self.texts(member).get(version) for member in (DEPRECATED, YANKED)}
        return {**({TAGS: tags} if tags else {}), **{key: text for key, text in found.items() if text}}

    def warning(self, version: str) -> str | None:
        """The same as one text."""
        yanked = self.yanked(version)
        return self.deprecated(version) if yanked is None else f"yanked: {yanked}"
