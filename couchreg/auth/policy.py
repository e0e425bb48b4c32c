"""Whether they may: the rules that routes name, and the decision about one request.

A route of a door carries one `Rule`; `authorize` decides it for a user, a database and the database's
security object, and raises in CouchDB's own words. Server admins may everything. What a rule needs to
know comes as arguments: nothing here reads a database.

Source: https://docs.couchdb.org/en/stable/api/database/security.html
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from couchreg.auth.options import USERS_DEFAULT
from couchreg.errors import CouchregError, Failure, Forbidden, NotFound, Unauthorized
from couchreg.model.user import User

Security = Mapping[str, Any]

REGISTRY = "registry"
USERS = USERS_DEFAULT
REPLICATOR = "_replicator"
GLOBAL_CHANGES = "_global_changes"
OWNER_PREFIX = "owner:"
METRICS_ROLES = frozenset({"metrics", "_metrics"})  # CouchDB's, and one that a document of _users may give
USER_PREFIX = "org.couchdb.user:"
SYSTEM_DATABASES = frozenset({USERS, REPLICATOR, GLOBAL_CHANGES})

ADMINS_ONLY: Security = {"members": {"roles": ["_admin"]}, "admins": {"roles": ["_admin"]}}
EVERYONE: Security = {}
REGISTRY_SECURITY: Security = {
    "admins": {"names": [], "roles": ["_admin"]},
    "members": {"names": [], "roles": []},
}


class Rule(StrEnum):
    """Who may use a route; a reader of the route table understands these words."""

    PUBLIC = "public"  # everyone
    AUTHENTICATED = "authenticated"  # everyone who has logged in
    SERVER_ADMIN = "server_admin"
    METRICS = "metrics"  # server admins, and the role _metrics
    FIGURES = "figures"  # the same, and a role that accounts may have: METRICS_ROLES
    MEMBER = "member"  # may read the database
    WRITER = "writer"  # may write documents: a member, but in the registry database only server admins
    PUBLISHER = "publisher"  # may send what was made elsewhere: a writer; in registry, who has logged in
    LISTER = "lister"  # may list and follow a whole database: a member, but of _users only server admins
    LOCAL_WRITER = "local_writer"  # may keep _local documents: a member; in registry small ones, and not many
    LOCAL_LISTER = "local_lister"  # may list _local documents: a lister, but in registry only its admins
    DB_ADMIN = "db_admin"  # compaction and the like
    DESIGN_WRITER = "design_writer"  # may write design documents
    INDEX_WRITER = "index_writer"  # may make indexes of _find: an index is a design document
    SECURITY_WRITER = "security_writer"  # PUT _security
    LIMIT_WRITER = "limit_writer"  # PUT _revs_limit


class Subject(NamedTuple):
    """What a rule is decided about; `database` and `security` are of no interest outside databases."""

    user: User
    database: str = ""
    security: Security = ADMINS_ONLY
    doc_id: str = ""  # with its `_design/` or `_local/`


def authorize(
    rule: Rule, user: User, database: str = "", security: Security | None = None, doc_id: str = ""
) -> None:
    """Returns when the user may; raises Unauthorized, Forbidden (or what CouchDB answers instead).

    `security` is the stored object, None when none was ever stored: then admins only.
    """
    if user.is_admin:
        return
    _RULES[rule](Subject(user, database, ADMINS_ONLY if security is None else security, doc_id))


def without_owner_roles(user: User) -> User:
    """Who owns a package stands in the package: nobody else can give that role, an admin's mistake or a
    token from elsewhere included."""
    if not any(role.startswith(OWNER_PREFIX) for role in user.roles):
        return user
    return User(user.name, tuple(role for role in user.roles if not role.startswith(OWNER_PREFIX)))


def default_security(mode: str) -> Security:
    """The security object of a new database, by `[couchdb] default_security`: `everyone` or admins only."""
    return EVERYONE if mode == "everyone" else ADMINS_ONLY


def reads_figures(user: User) -> bool:
    """Whether somebody may see how the server does, and why it ails."""
    return user.is_admin or not METRICS_ROLES.isdisjoint(user.roles)


def is_database_admin(user: User, security: Security) -> bool:
    return user.is_admin or _listed(user, security, "admins")


def is_member(user: User, security: Security) -> bool:
    """A database without members is open to everyone, as in CouchDB."""
    if is_database_admin(user, security) or _listed(user, security, "members"):
        return True
    return has_no_members(security)


def has_no_members(security: Security) -> bool:
    """Whether a database is open to everyone."""
    return not _names(security, "members", "names") and not _names(security, "members", "roles")


def _listed(user: User, security: Security, group: str) -> bool:
    if user.name is not None and user.name in _names(security, group, "names"):
        return True
    return not set(user.roles).isdisjoint(_names(security, group, "roles"))


def _names(security: Security, group: str, kind: str) -> list[str]:
    """Old databases call their members `readers`."""
    found = security.get(group, security.get("readers", {}) if group == "members" else {})
    return [name for name in found.get(kind, []) if isinstance(name, str)]


def _public(subject: Subject) -> None:
    pass


def _authenticated(subject: Subject) -> None:
    if subject.user.name is None:
        raise Unauthorized("You are not an authenticated user")


def _server_admin(subject: Subject) -> None:
    raise Unauthorized("You are not a server admin.")


def _metrics(subject: Subject) -> None:
    if "_metrics" not in subject.user.roles:
        raise Unauthorized("You are not a server admin or read-only metrics user")


def _figures(subject: Subject) -> None:
    if not reads_figures(subject.user):
        raise Unauthorized("You are not a server admin, and may not see figures.")


def _member(subject: Subject) -> None:
    if not is_member(subject.user, subject.security):
        raise _refusal(
            subject.user,
            "You are not authorized to access this db.",
            "You are not allowed to access this db.",
        )


def _writer(subject: Subject) -> None:
    _member(subject)
    if subject.database == REGISTRY:
        raise _refusal(
            subject.user,
            "Packages are published through the registry.",
            "Packages are published through the registry.",
        )


def _publisher(subject: Subject) -> None:
    """What may be sent to the registry, and by whom, its own room says of each document."""
    if subject.database == REGISTRY and subject.user.name is not None:
        _member(subject)
    else:
        _writer(subject)


def _lister(subject: Subject) -> None:
    if subject.database in SYSTEM_DATABASES:
        _server_admin(subject)
    _member(subject)


def _local_lister(subject: Subject) -> None:
    """Who knows the id of a mirror's checkpoint can write it, so ids are not for everybody."""
    if subject.database == REGISTRY:
        _db_admin(subject)
    _lister(subject)


def _db_admin(subject: Subject) -> None:
    if not is_database_admin(subject.user, subject.security):
        raise Unauthorized("You are not a server or db admin.")


def _design_writer(subject: Subject) -> None:
    _member(subject)
    if subject.database == USERS and not is_database_admin(subject.user, subject.security):
        raise NotFound("missing")
    if not is_database_admin(subject.user, subject.security):
        reason = "You are not a db or server admin."
        raise _refusal(subject.user, reason, reason)


def _index_writer(subject: Subject) -> None:
    """As `_limit_writer`, of the design document."""
    _member(subject)
    if not is_database_admin(subject.user, subject.security):
        raise Failure("You are not a db or server admin.", error="error_saving_ddoc")


def _security_writer(subject: Subject) -> None:
    """CouchDB finds out in its storage layer that they may not, and answers as after any failed write."""
    _member(subject)
    if not is_database_admin(subject.user, subject.security):
        raise Failure("no_majority", error="error")


def _limit_writer(subject: Subject) -> None:
    """As `_security_writer`; CouchDB's reason is a dump of its internals, ours says what is the matter."""
    _member(subject)
    if not is_database_admin(subject.user, subject.security):
        raise Failure("You are not a db or server admin.", error="badmatch")


def _refusal(user: User, anonymous: str, known: str) -> CouchregError:
    return Unauthorized(anonymous) if user.name is None else Forbidden(known)


_RULES: Mapping[Rule, Callable[[Subject], None]] = {
    Rule.PUBLIC: _public,
    Rule.AUTHENTICATED: _authenticated,
    Rule.SERVER_ADMIN: _server_admin,
    Rule.METRICS: _metrics,
    Rule.FIGURES: _figures,
    Rule.MEMBER: _member,
    Rule.WRITER: _writer,
    Rule.PUBLISHER: _publisher,
    Rule.LISTER: _lister,
    Rule.LOCAL_WRITER: _member,
    Rule.LOCAL_LISTER: _local_lister,
    Rule.DB_ADMIN: _db_admin,
    Rule.DESIGN_WRITER: _design_writer,
    Rule.INDEX_WRITER: _index_writer,
    Rule.SECURITY_WRITER: _security_writer,
    Rule.LIMIT_WRITER: _limit_writer,
}
