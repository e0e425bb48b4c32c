"""The routes of accounts, owners and tokens."""

from couchreg.auth.policy import Rule
from couchreg.auth.tokens import Scope
from couchreg.http.registry.frame.describing import LIMIT, START, gives, makes
from couchreg.http.registry.frame.parameters import ACCOUNT, ACCOUNT_CHANGE, OWNER, OWNERS, TOKEN
from couchreg.http.registry.frame.route import Route

READ, EVERYTHING = Scope.READ, Scope.ADMIN
PUBLIC, LOGIN = Rule.PUBLIC, Rule.AUTHENTICATED

ROUTES: tuple[Route, ...] = (
    Route(
        "PUT",
        "/adduser/{user}",
        "people.accounts.register",
        PUBLIC,
        "Create an account",
        makes("Registered", 409, 413, 415, 503, statuses=(201,)),
        body=ACCOUNT,
        scope=READ,
        in_registry=False,
    ),
    Route(
        "GET",
        "/owner/ls/{name}",
        "people.owners.listing",
        PUBLIC,
        "The owners of a package",
        gives("Owners", fresh=False),
    ),
    Route(
        "POST",
        "/owner/add",
        "people.owners.add",
        LOGIN,
        "Add an owner to a package",
        OWNERS,
        body=OWNER,
        package_in_body=True,
    ),
    Route(
        "POST",
        "/owner/rm",
        "people.owners.remove",
        LOGIN,
        "Remove an owner from a package",
        OWNERS,
        body=OWNER,
        package_in_body=True,
    ),
    Route(
        "GET",
        "/-/whoami",
        "people.accounts.whoami",
        LOGIN,
        "Who the request is made as",
        gives("Whoami", fresh=False),
        in_registry=False,
    ),
    Route(
        "GET",
        "/-/users",
        "people.accounts.listing",
        Rule.SERVER_ADMIN,
        "All accounts, for administrators",
        gives("Accounts", fresh=False),
        (LIMIT, START),
        scope=EVERYTHING,
        in_registry=False,
    ),
    Route(
        "GET",
        "/-/user/{user}",
        "people.accounts.show",
        LOGIN,
        "Your account",
        gives("Account", fresh=False),
        in_registry=False,
    ),
    Route(
        "PUT",
        "/-/user/{user}",
        "people.accounts.change",
        LOGIN,
        "Change your password or e-mail address; for administrators also: disable, restore",
        makes("Done", 409, 413, 415, 503),
        body=ACCOUNT_CHANGE,
        in_registry=False,
    ),
    Route(
        "DELETE",
        "/-/user/{user}",
        "people.accounts.delete",
        LOGIN,
        "Delete the own account",
        makes("Done", 409),
        in_registry=False,
    ),
    Route(
        "POST",
        "/-/tokens",
        "people.tokens.create",
        LOGIN,
        "Create a token",
        makes("NewToken", 409, 413, 415, statuses=(201,)),
        body=TOKEN,
        in_registry=False,
    ),
    Route(
        "GET",
        "/-/tokens",
        "people.tokens.listing",
        LOGIN,
        "Your tokens",
        gives("Tokens", fresh=False),
        scope=EVERYTHING,
        in_registry=False,
    ),
    Route(
        "DELETE",
        "/-/tokens/{id}",
        "people.tokens.revoke",
        LOGIN,
        "Revoke a token",
        makes("Done"),
        scope=READ,  # itself; others only with the scope `admin`
        in_registry=False,
    ),
)
