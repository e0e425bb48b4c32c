"""The shape of a security object: `{"admins": {"names", "roles"}, "members": {…}}`, and anything else.

Source: https://docs.couchdb.org/en/stable/api/database/security.html
"""

import logging
from typing import Any

from couchreg.errors import Failure

log = logging.getLogger(__name__)

GROUPS = ("admins", "members", "readers")


def check_security(value: Any) -> None:
    """Raises Failure for what no security object can be: CouchDB finds out where it stores it, and says
    what it says of every write that not enough nodes took. The log has the reason."""
    wrong = _wrong(value)
    if wrong:
        log.info("A security object was refused: %s", wrong)
        raise Failure("no_majority", error="error")


def _wrong(value: Any) -> str:
    if not isinstance(value, dict):
        return "it must be a JSON object"
    return next(filter(None, [_wrong_group(group, value.get(group, {})) for group in GROUPS]), "")


def _wrong_group(group: str, value: Any) -> str:
    if not isinstance(value, dict):
        return f"{group} must be a JSON object"
    for kind in ("names", "roles"):
        listed = value.get(kind, [])
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            return f"{kind} of {group} must be a JSON list of strings"
    return ""
