"""Who may do what, in CouchDB's words."""

from typing import Any

import pytest

from couchreg.auth.policy import (
    ADMINS_ONLY,
    EVERYONE,
    REGISTRY_SECURITY,
    Rule,
    authorize,
    default_security,
    is_member,
)
from couchreg.errors import CouchregError, Failure, Forbidden, Unauthorized
from couchreg.model.user import ANONYMOUS, SYSTEM, User

BOB = User("bob", ("reader",))
MEMBERS = {
    "admins": {"names": ["ann"], "roles": ["boss"]},
    "members": {"names": ["bob"], "roles": ["writer"]},
}
OPEN = {"admins": {"names": ["ann"], "roles": []}, "members": {"names": [], "roles": []}}

NO_ADMIN = (Unauthorized, "You are not a server admin.")
ANON_DB = (Unauthorized, "You are not authorized to access this db.")
USER_DB = (Forbidden, "You are not allowed to access this db.")
NO_DB_ADMIN = (Unauthorized, "You are not a server or db admin.")
DESIGN = "You are not a db or server admin."
PUBLISH = "Packages are published through the registry."


@pytest.mark.parametrize("rule", list(Rule))
def test_server_admins_may_everything(rule: Rule) -> None:
    authorize(rule, SYSTEM, "registry", None)


@pytest.mark.parametrize(
    ("rule", "user", "database", "security", "refusal"),
    [
        (Rule.PUBLIC, ANONYMOUS, "", None, None),
        (Rule.AUTHENTICATED, ANONYMOUS, "", None, (Unauthorized, "You are not an authenticated user")),
        (Rule.AUTHENTICATED, BOB, "", None, None),
        (Rule.SERVER_ADMIN, ANONYMOUS, "", None, NO_ADMIN),
        (Rule.SERVER_ADMIN, BOB, "", None, NO_ADMIN),
        (Rule.METRICS, BOB, "", None, (Unauthorized, "You are not a server admin or read-only metrics user")),
        (Rule.METRICS, User("m", ("_metrics",)), "", None, None),
        (Rule.FIGURES, User("m", ("metrics",)), "", None, None),
        (Rule.FIGURES, User("m", ("_metrics",)), "", None, None),
        (Rule.FIGURES, BOB, "", None, (Unauthorized, "You are not a server admin, and may not see figures.")),
        (Rule.MEMBER, ANONYMOUS, "db", None, ANON_DB),
        (Rule.MEMBER, BOB, "db", None, USER_DB),
        (Rule.MEMBER, BOB, "db", ADMINS_ONLY, USER_DB),
        (Rule.MEMBER, BOB, "db", EVERYONE, None),
        (Rule.MEMBER, ANONYMOUS, "db", OPEN, None),
        (Rule.MEMBER, ANONYMOUS, "db", MEMBERS, ANON_DB),
        (Rule.MEMBER, BOB, "db", MEMBERS, None),
        (Rule.MEMBER, User("eve", ("writer",)), "db", MEMBERS, None),
        (Rule.MEMBER, User("ann"), "db", MEMBERS, None),
        (Rule.MEMBER, User("eve", ("boss",)), "db", MEMBERS, None),
        (Rule.MEMBER, User("eve"), "db", MEMBERS, USER_DB),
        (Rule.MEMBER, User("eve"), "db", {"readers": {"names": ["bob"]}}, USER_DB),
        (Rule.WRITER, ANONYMOUS, "db", OPEN, None),
        (Rule.WRITER, ANONYMOUS, "registry", REGISTRY_SECURITY, (Unauthorized, PUBLISH)),
        (Rule.WRITER, BOB, "registry", REGISTRY_SECURITY, (Forbidden, PUBLISH)),
        (Rule.MEMBER, ANONYMOUS, "registry", REGISTRY_SECURITY, None),
        (Rule.LISTER, ANONYMOUS, "registry", REGISTRY_SECURITY, None),
        (Rule.LISTER, ANONYMOUS, "_users", OPEN, NO_ADMIN),
        (Rule.LISTER, BOB, "_users", OPEN, NO_ADMIN),
        (Rule.DB_ADMIN, BOB, "db", MEMBERS, NO_DB_ADMIN),
        (Rule.DB_ADMIN, ANONYMOUS, "db", OPEN, NO_DB_ADMIN),
        (Rule.DB_ADMIN, User("ann"), "db", MEMBERS, None),
        (Rule.DESIGN_WRITER, BOB, "db", MEMBERS, (Forbidden, DESIGN)),
        (Rule.DESIGN_WRITER, ANONYMOUS, "db", OPEN, (Unauthorized, DESIGN)),
        (Rule.DESIGN_WRITER, ANONYMOUS, "db", MEMBERS, ANON_DB),
        (Rule.DESIGN_WRITER, User("ann"), "db", MEMBERS, None),
        (Rule.SECURITY_WRITER, BOB, "db", OPEN, (Failure, "no_majority")),
        (Rule.SECURITY_WRITER, User("ann"), "db", OPEN, None),
        (Rule.LIMIT_WRITER, BOB, "db", OPEN, (Failure, DESIGN)),
    ],
)
def test_rules(
    rule: Rule, user: User, database: str, security: Any, refusal: tuple[type[CouchregError], str] | None
) -> None:
    if refusal is None:
        authorize(rule, user, database, security)
        return
    with pytest.raises(CouchregError) as caught:
        authorize(rule, user, database, security)
    assert (type(caught.value), caught.value.reason) == refusal


def test_the_security_of_new_databases() -> None:
    assert not is_member(BOB, default_security("admin_only"))
    assert not is_member(BOB, default_security("nonsense"))
    assert is_member(ANONYMOUS, default_security("everyone"))
