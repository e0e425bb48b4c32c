"""What a descriptor refers to beside its data: schemas, dialects, profiles, images, licences, sources. Pure.

Each is the address of something elsewhere, which nobody fetches here, or the path of a file that belongs to
the package: it is published with it, and served at an absolute address.

Source: https://datapackage.org/standard/data-package/ and https://specs.frictionlessdata.io/profiles/.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from couchreg.package.paths import is_url, plain_path

RULES = ("profile", "$schema")  # what a descriptor obeys
NEEDED = ("schema", "dialect", *RULES)  # without which the data cannot be understood
_PLAIN = (*NEEDED, "image")
_LISTS = ("licenses", "sources")
_PROFILE_FILE = re.compile(r".*(/|\.(json|ya?ml)\Z)", re.IGNORECASE | re.DOTALL)

Members = Mapping[str, Any]


class Reference(NamedTuple):
    """One reference to a file of the package; `resource` is None in the package itself."""

    path: str  # as the file is called
    stated: str
    member: str
    resource: str | None

    @property
    def needed(self) -> bool:
        return self.member in NEEDED


def names_a_file(member: str, value: Any) -> bool:
    """Whether a member's value is the path of a file: no address, and of `profile` no mere name."""
    if not isinstance(value, str) or not value or is_url(value):
        return False
    return member not in RULES or _PROFILE_FILE.match(value) is not None


def references(members: Members) -> Iterator[Reference]:
    """The files that a package and its resources name, in order; twice where they are named twice."""
    yield from _of(members, None)
    listed = members.get("resources")
    for resource in listed if isinstance(listed, list) else ():
        if isinstance(resource, dict):
            yield from _of(resource, str(resource.get("name")))


def _of(members: Members, resource: str | None) -> Iterator[Reference]:
    for member in _PLAIN:
        value = members.get(member)
        if isinstance(value, str) and names_a_file(member, value):
            yield Reference(plain_path(value), value, member, resource)
    for member in _LISTS:
        for position, item in enumerate(_items(members, member)):
            value = item.get("path") if isinstance(item, dict) else None
            if isinstance(value, str) and names_a_file(member, value):
                yield Reference(plain_path(value), value, f"{member}[{position}].path", resource)


def addresses(members: Members) -> Iterator[Reference]:
    """The addresses of what is elsewhere, as `references`; `path` of a resource is not among them."""
    yield from _addresses_of(members, None)
    listed = members.get("resources")
    for resource in listed if isinstance(listed, list) else ():
        if isinstance(resource, dict):
            yield from _addresses_of(resource, str(resource.get("name")))


def _addresses_of(members: Members, resource: str | None) -> Iterator[Reference]:
    for member in (*_PLAIN, "homepage"):
        value = members.get(member)
        if isinstance(value, str) and is_url(value):
            yield Reference(value, value, member, resource)
    for member in (*_LISTS, "contributors"):
        for position, item in enumerate(_items(members, member)):
            value = item.get("path") if isinstance(item, dict) else None
            if isinstance(value, str) and is_url(value):
                yield Reference(value, value, f"{member}[{position}].path", resource)


def _items(members: Members, member: str) -> list[Any]:
    value = members.get(member)
    return value if isinstance(value, list) else []


def addressed(members: Members, address: Callable[[str], str | None]) -> dict[str, Any]:
    """The members of a package or a resource with addresses in place of the files they name themselves.

    `address` gives the address of a path, None for what is no file of the package; that stays as it is.
    """
    found = dict(members)
    for reference in _of(members, None):
        url = address(reference.path)
        if url is not None and reference.member in found:
            found[reference.member] = url
    for member in _LISTS:
        if any(
            isinstance(item, dict) and names_a_file(member, item.get("path"))
            for item in _items(members, member)
        ):
            found[member] = [_addressed_item(item, address) for item in _items(members, member)]
    return found


def _addressed_item(item: Any, address: Callable[[str], str | None]) -> Any:
    path = item.get("path") if isinstance(item, dict) else None
    url = address(plain_path(path)) if isinstance(path, str) and names_a_file("path", path) else None
    return item if url is None else {**item, "path": url}
