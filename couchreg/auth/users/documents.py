"""What a document of `_users` may look like, and who may change what in it. Pure.

The rules are those of CouchDB's `_design/_auth`, in its words and order.

Source: https://docs.couchdb.org/en/stable/intro/security.html#users-documents
"""

from collections.abc import Mapping
from typing import Any

from couchreg.auth.passwords.hashes import PasswordHash
from couchreg.auth.policy import USER_PREFIX
from couchreg.errors import Forbidden
from couchreg.model import json

SCHEMES = ("simple", "pbkdf2", "bcrypt")
HASH_MEMBERS = ("password_scheme", "pbkdf2_prf", "salt", "iterations", "derived_key", "password_sha")
DISABLED = "disabled"  # a member: true while nobody may log in
NOT_KEPT = (*HASH_MEMBERS, "password", "preserve_salt")

Members = Mapping[str, Any]


def name_of(doc_id: str) -> str | None:
    """The user whose document this is; None for ids of no user."""
    return doc_id.removeprefix(USER_PREFIX) if doc_id.startswith(USER_PREFIX) else None


def roles_of(doc: Members) -> tuple[str, ...]:
    """The roles that a stored document gives; system roles (`_admin`) never come from here."""
    roles = doc.get("roles")
    listed = roles if isinstance(roles, list) else []
    return tuple(role for role in listed if isinstance(role, str) and not role.startswith("_"))


def is_disabled(doc: Members) -> bool:
    """Whether nobody may log in with this account."""
    return doc.get(DISABLED) is True


def clear_password(doc: Members) -> str | None:
    """The password that a written document sets. Raises Forbidden for one that is no text."""
    password = doc.get("password")
    if password is not None and not isinstance(password, str):
        raise Forbidden(f"Password value of '{json.encode(password).decode()}' is invalid.")
    return password


def brings_hash(new: Members, old: Members | None) -> bool:
    """Whether a document has another hash than it had, made by whoever writes it."""
    before = old or {}
    return any(new.get(member) is not None and new[member] != before.get(member) for member in HASH_MEMBERS)


def iterations_of(doc: Members) -> int:
    """What it states, 0 for what is no whole number."""
    stated = doc.get("iterations")
    return stated if isinstance(stated, int) else 0


def with_hash(doc: Members, hashed: PasswordHash) -> dict[str, Any]:
    """The document to store: the hash in place of the password and of any hash before."""
    rest = {key: value for key, value in doc.items() if key not in NOT_KEPT}
    return {**hashed.as_members(), **rest}


def validate(
    doc_id: str, new: Members, old: Members | None, *, name: str | None, admin: bool, typed: bool = True
) -> None:
    """Raises Forbidden. `old` is the document before, None where there is none (or a deleted one);
    `name` and `admin` tell who writes, `typed` whether a document has to say that it is a user's."""
    _check_shape(doc_id, new, typed=typed)
    if old is not None and old.get("name") != new["name"]:
        raise Forbidden("Usernames can not be changed.")
    _check_hash(new)
    if not admin:
        _check_self(new, old, name)
    if any(role.startswith("_") for role in new["roles"]):
        raise Forbidden("No system roles (starting with underscore) in users db.")
    if new["name"].startswith("_"):
        raise Forbidden("Username may not start with underscore.")
    if ":" in new["name"]:
        raise Forbidden("Character `:` is not allowed in usernames.")


def validate_deletion(old: Members | None, *, name: str | None, admin: bool) -> None:
    """Raises Forbidden."""
    if not admin and (old is None or name is None or old.get("name") != name):
        raise Forbidden("Only admins may delete other user docs.")


def _check_shape(doc_id: str, new: Members, *, typed: bool) -> None:
    if new.get("type", None if typed else "user") != "user":
        raise Forbidden("doc.type must be user")
    if not isinstance(new.get("name"), str) or not new["name"]:
        raise Forbidden("doc.name is required")
    roles = new.get("roles")
    if roles is None or roles is False or roles in ("", 0):
        raise Forbidden("doc.roles must exist")
    if not isinstance(roles, list):
        raise Forbidden("doc.roles must be an array")
    if not all(isinstance(role, str) for role in roles):
        raise Forbidden("doc.roles can only contain strings")
    if doc_id != USER_PREFIX + new["name"]:
        raise Forbidden("Doc ID must be of the form org.couchdb.user:name")


def _check_hash(new: Members) -> None:
    scheme = new.get("password_scheme")
    if new.get("password_sha") and not new.get("salt"):
        raise Forbidden("Users with password_sha must have a salt.")
    if scheme and scheme not in SCHEMES:
        raise Forbidden(f"Password scheme `{scheme}` not supported.")
    if scheme == "pbkdf2":
        if isinstance(new.get("iterations"), bool) or not isinstance(new.get("iterations"), int | float):
            raise Forbidden("iterations must be a number.")
        if not isinstance(new.get("derived_key"), str):
            raise Forbidden("derived_key must be a string.")


def _check_self(new: Members, old: Members | None, name: str | None) -> None:
    if old is None:
        if new["roles"]:
            raise Forbidden("Only _admin may set roles")
        return
    if name != new["name"]:
        raise Forbidden("You may only update your own user document.")
    if sorted(map(str, old.get("roles") or [])) != sorted(new["roles"]):
        raise Forbidden("Only _admin may edit roles")
