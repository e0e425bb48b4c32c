"""The routes of rights and groups."""

from couchreg.auth.policy import Rule
from couchreg.http.registry.frame.describing import JSON, DescribedBody, gives, makes, members
from couchreg.http.registry.frame.route import Route
from couchreg.package.access import PERMISSIONS

PUBLIC, LOGIN = Rule.PUBLIC, Rule.AUTHENTICATED
ACCESS = DescribedBody((JSON,), members("access", access={"enum": ["public", "restricted"]}))
PERMISSION = DescribedBody((JSON,), members("permissions", permissions={"enum": [*PERMISSIONS]}))
MEMBER = DescribedBody((JSON,), members(owner={"type": "boolean"}))

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/-/access",
        "people.access.mine",
        LOGIN,
        "The restricted packages that you may read",
        gives("Accessible", fresh=False),
    ),
    Route(
        "GET",
        "/-/package/{name}/visibility",
        "people.access.visibility",
        PUBLIC,
        "Whether a package is public",
        gives("Visibility", fresh=False),
    ),
    Route(
        "POST",
        "/-/package/{name}/access",
        "people.access.change",
        LOGIN,
        "Make a package public, or restricted; claim a name for a restricted one",
        makes("Rights", 404, 409, 413, 415, 503),
        body=ACCESS,
    ),
    Route(
        "GET",
        "/-/package/{name}/collaborators",
        "people.access.collaborators",
        PUBLIC,
        "Who may read and publish a package",
        gives("Collaborators", fresh=False),
    ),
    Route(
        "PUT",
        "/-/package/{name}/collaborators/{who}",
        "people.access.grant",
        LOGIN,
        "Let an account, or a group as `group:NAME`, read or publish a package",
        makes("Rights", 404, 409, 413, 415, 503),
        body=PERMISSION,
    ),
    Route(
        "DELETE",
        "/-/package/{name}/collaborators/{who}",
        "people.access.revoke",
        LOGIN,
        "Take a right to a package away",
        makes("Rights", 404, 409, 503),
    ),
    Route(
        "GET",
        "/-/groups",
        "people.groups.listing",
        LOGIN,
        "The groups that you are in; for administrators all",
        gives("Groups", fresh=False),
    ),
    Route(
        "GET",
        "/-/groups/{group}",
        "people.groups.show",
        LOGIN,
        "Owners and members of a group, for those who are in it",
        gives("Group", 404, fresh=False),
    ),
    Route(
        "PUT",
        "/-/groups/{group}",
        "people.groups.create",
        LOGIN,
        "Create a group",
        makes("Group", 409, statuses=(201,)),
    ),
    Route(
        "DELETE",
        "/-/groups/{group}",
        "people.groups.delete",
        LOGIN,
        "Delete a group",
        makes("Done", 404),
    ),
    Route(
        "PUT",
        "/-/groups/{group}/members/{user}",
        "people.groups.put_member",
        LOGIN,
        "Let somebody into a group, as an owner or not",
        makes("Group", 404, 413, 415),
        body=MEMBER,
    ),
    Route(
        "DELETE",
        "/-/groups/{group}/members/{user}",
        "people.groups.remove_member",
        LOGIN,
        "Remove somebody from a group, or leave it",
        makes("Group", 404),
    ),
)
