"""The shape of a security object: `{"admins": {"names", "roles"}, "members": {…}}`, and anything else.

Source: https://docs.couchdb.org/en/stable/api/database/security.html
"""

from typing import Any

from couchreg.errors import BadRequest

GROUPS = ("admins", "members", "readers")


def check_security(value: Any) -> None:
    """Raises BadRequest for what no security object can be."""
    if not isinstance(value, dict):
        raise BadRequest("A security object must be a JSON object")
    for group in GROUPS:
        _check_group(group, value.get(group, {}))


def _check_group(group: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise BadRequest(f"{group} must be a JSON object")
    for kind in ("names", "roles"):
        listed = value.get(kind, [])
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise BadRequest(f"{kind} must be a JSON list of strings")
