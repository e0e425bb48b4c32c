"""What documents that come by replication may look like. Pure.

What the registry itself would have written is believed only where it can be no lie: hashes are held against
the files, the publisher is one of the owners, and a report says what our own check says.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from couchreg.docstore.base import Edit
from couchreg.errors import BadRequest, Forbidden
from couchreg.model import json
from couchreg.package.access import ACCESS, CHANGED, GRANTS, PERMISSIONS, RESTRICTED
from couchreg.package.descriptor import OWN
from couchreg.package.names import is_version
from couchreg.package.paths import check_path, plain_path
from couchreg.package.standing import DEPRECATED, EVERY, TAGS, YANKED
from couchreg.registry.changing.access import MOST as MOST_GRANTS
from couchreg.registry.changing.deprecation import LONGEST
from couchreg.registry.changing.owners import MOST as MOST_OWNERS
from couchreg.registry.changing.tags import MOST as MOST_TAGS
from couchreg.registry.changing.tags import check_tag

LARGEST = 256 << 10  # bytes of a package's document
AHEAD = timedelta(days=1)  # that clocks of others may be before ours


def demand(condition: object, reason: str) -> None:
    """Raises Forbidden with this reason unless the condition holds."""
    if not condition:
        raise Forbidden(reason)


def descends(edit: Edit, rev: str) -> bool:
    """Whether the history that a document brings has this revision, or it is the revision itself."""
    top = int((edit.rev or "0-").partition("-")[0])
    return any(f"{top - depth}-{name}" == rev for depth, name in enumerate(edit.history))


def check_files(names: Sequence[str]) -> None:
    """Raises Forbidden for a name that no file of a package may have: before any byte is read."""
    for name in names:
        try:
            check_path(name)
        except BadRequest as error:
            raise Forbidden(error.reason) from None
        demand(plain_path(name) == name, f"The file {name!r} has another name in a package: leave “./” out.")


def check_own(
    own: Any,
    owners: Sequence[str],
    hashes: Mapping[str, str],
    report: Mapping[str, Any] | None,
    now: datetime,
) -> None:
    """The member of a version that is the registry's. `hashes` are those of the files, `report` ours, None
    where nothing was checked. Raises Forbidden."""
    if own is None:
        return
    demand(isinstance(own, dict), f"doc.{OWN} must be an object.")
    publisher = own.get("publisher")
    demand(
        publisher is None or publisher in owners, f"doc.{OWN}.publisher is not one of the package's owners."
    )
    demand(_has_been(own.get("published"), now), f"doc.{OWN}.published is not a moment in the past.")
    stated = own.get("hashes", hashes)
    demand(stated == hashes, f"doc.{OWN}.hashes are not those of the files.")
    told = own.get("report")
    if told is not None:
        demand(isinstance(told, dict), f"doc.{OWN}.report must be an object.")
        ours = told.get("valid") if report is None else report["valid"]
        demand(told.get("valid") is ours, f"doc.{OWN}.report is not what the check of the package says.")


def _has_been(published: Any, now: datetime) -> bool:
    if published is None:
        return True
    if not isinstance(published, str) or not published.endswith("Z") or len(published) > 40:
        return False
    try:
        return datetime.fromisoformat(published).astimezone(UTC) <= now + AHEAD
    except (ValueError, OverflowError):
        return False


def check_package(name: str, edit: Edit) -> tuple[str, ...]:
    """The owners whom the document of a package names. Raises Forbidden."""
    body = edit.body
    demand(not edit.deleted, "A package stays its owners', even without versions.")
    demand(body.get("name") == name, f"doc.name must be {name}.")
    demand(len(json.encode(body)) <= LARGEST, f"A package's document may have at most {LARGEST} bytes.")
    owners = body.get("owners")
    demand(
        isinstance(owners, list) and owners and all(isinstance(one, str) and one for one in owners),
        "doc.owners must name at least one owner.",
    )
    assert isinstance(owners, list)
    demand(
        len(set(owners)) == len(owners) <= MOST_OWNERS, f"A package may have at most {MOST_OWNERS} owners."
    )
    _check_tags(body.get(TAGS, {}))
    _check_messages(DEPRECATED, body.get(DEPRECATED, {}))
    _check_messages(YANKED, body.get(YANKED, {}))
    if ACCESS in body:
        _check_access(body[ACCESS])
    return tuple(owners)


def _check_access(access: Any) -> None:
    demand(isinstance(access, dict), f"doc.{ACCESS} must be an object.")
    closed = access.get(RESTRICTED)
    demand(isinstance(closed, bool), f"doc.{ACCESS}.{RESTRICTED} must be true or false.")
    changed = access.get(CHANGED, "")
    demand(isinstance(changed, str) and len(changed) <= 40, f"doc.{ACCESS}.{CHANGED} must be a moment.")
    grants = access.get(GRANTS, {})
    demand(isinstance(grants, dict), f"doc.{ACCESS}.{GRANTS} must be an object.")
    few = len(grants) <= MOST_GRANTS
    demand(few, f"A package may give rights to {MOST_GRANTS} accounts and groups.")
    right = all(one in PERMISSIONS for one in grants.values())
    demand(right, f"A right of doc.{ACCESS}.{GRANTS} is one of: {', '.join(PERMISSIONS)}.")


def _check_tags(tags: Any) -> None:
    """Versions that they lead to may come later: until then such a tag leads nowhere."""
    demand(isinstance(tags, dict), f"doc.{TAGS} must be an object.")
    demand(len(tags) <= MOST_TAGS, f"A package may have at most {MOST_TAGS} tags.")
    for tag, version in tags.items():
        try:
            check_tag(tag)
        except BadRequest as error:
            raise Forbidden(error.reason) from None
        leads = isinstance(version, str) and is_version(version)
        demand(leads, f"The tag {tag!r} must lead to a version.")


def _check_messages(member: str, messages: Any) -> None:
    demand(isinstance(messages, dict), f"doc.{member} must be an object.")
    for version, message in messages.items():
        demand(
            (member == DEPRECATED and version == EVERY) or is_version(version),
            f"doc.{member} has {version[:200]!r}: no version.",
        )
        right = isinstance(message, str) and message.strip() and len(message) <= LONGEST
        demand(right, f"A message of doc.{member} must have 1 to {LONGEST} characters.")
