"""What a descriptor says of people, licences, times and places, whatever shape it says it in. Pure.

Descriptors come from anyone, in either version of the standard; what cannot be understood is left out.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

MOST = 1000  # of anything listed
MAX_POINTS = 10_000  # of a shape
# Possessive, so that no blank of a long text is tried twice.
_MAILBOX = re.compile(r"([^<>()]*+)(?:<([^<>@\s]+@[^<>\s]+)>)?\s*+(?:\((\S+)\))?\s*+")


class Agent(NamedTuple):
    """A person or an organization; `roles` are the descriptor's words."""

    name: str
    email: str | None
    url: str | None
    roles: tuple[str, ...]
    is_person: bool
    affiliation: str | None


class License(NamedTuple):
    name: str
    url: str | None


class NamedPlace(NamedTuple):
    """A name, a box (west, south, east, north), or both."""

    name: str | None
    box: tuple[float, float, float, float] | None


def text(members: Mapping[str, Any], *names: str) -> str | None:
    """The first of these members that is a text with something in it."""
    found = (members.get(name) for name in names)
    return next((value for value in found if isinstance(value, str) and value.strip()), None)


def texts(members: Mapping[str, Any], name: str) -> list[str]:
    return [item for item in listed(members, name) if isinstance(item, str) and item.strip()]


def listed(members: Mapping[str, Any], name: str) -> list[Any]:
    """A member that is a list; another value stands for a list of one."""
    value = members.get(name)
    return value[:MOST] if isinstance(value, list) else [] if value is None else [value]


def web_address(value: Any) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(r"https?://[^\s<>\"{}|\\^`]+", value) else None


def agents(descriptor: Mapping[str, Any], *members: str) -> Iterator[Agent]:
    """The people in `contributors` and older members, each once."""
    found = (item for member in members for item in listed(descriptor, member))
    yield from dict.fromkeys(agent for agent in map(_agent, found) if agent)


def _agent(item: Any) -> Agent | None:
    if isinstance(item, str):  # "Jo Doe <jo@example.org> (https://example.org)"
        match = _MAILBOX.fullmatch(item)
        called = (match[1].strip() or match[2]) if match else None
        return Agent(called, match[2], web_address(match[3]), (), True, None) if match and called else None
    if not isinstance(item, dict):
        return None
    given = " ".join(filter(None, (text(item, "givenName"), text(item, "familyName"))))
    name = text(item, "title", "name") or given or text(item, "organization", "email")
    if name is None:
        return None
    affiliation = text(item, "organization")
    roles = tuple(texts(item, "roles") or texts(item, "role"))
    is_person = bool(given or (affiliation and affiliation != name))
    return Agent(name, text(item, "email"), web_address(item.get("path")), roles, is_person, affiliation)


def creators(descriptor: Mapping[str, Any]) -> list[Agent]:
    """Those who made it: authors and creators, else every contributor without another role."""
    found = list(agents(descriptor, "creators", "author", "authors", "contributors"))
    makers = [agent for agent in found if {"author", "creator"} & set(agent.roles)]
    return makers or [agent for agent in found if not agent.roles]


def others(descriptor: Mapping[str, Any], role: str) -> list[Agent]:
    """The contributors of one role."""
    return [agent for agent in agents(descriptor, "contributors", role, role + "s") if role in agent.roles]


def licenses(members: Mapping[str, Any]) -> list[License]:
    """`licenses`, and the `license` of older descriptors."""
    items = [*listed(members, "licenses"), *listed(members, "license")]
    return [found for found in map(_license, items) if found]


def _license(item: Any) -> License | None:
    if isinstance(item, str):
        return License(item, web_address(item)) if item else None
    if not isinstance(item, dict):
        return None
    url = web_address(item.get("path")) or web_address(item.get("url"))
    name = text(item, "title", "name", "type") or url
    return License(name, url) if name else None


def period(members: Mapping[str, Any]) -> tuple[str | None, str | None] | None:
    """First and last moment it speaks of, as ISO 8601 writes them; either may be open."""
    for value in (members.get("temporalCoverage"), members.get("temporal")):
        found = _period(value)
        if found:
            return found
    return None


def _period(value: Any) -> tuple[str | None, str | None] | None:
    if isinstance(value, str) and value.strip():
        first, slash, last = value.strip().partition("/")
        return (_moment(first), _moment(last if slash else first))
    if isinstance(value, dict):
        start, end = text(value, "start", "startDate"), text(value, "end", "endDate")
        return (start, end) if start or end else None
    return None


def _moment(value: str) -> str | None:
    return None if value in ("", "..") else value


def places(members: Mapping[str, Any]) -> list[NamedPlace]:
    """Where it is about: names, boxes, or GeoJSON."""
    items = [*listed(members, "spatialCoverage"), *listed(members, "spatial")]
    return [place for place in map(_place, items) if place]


def _place(item: Any) -> NamedPlace | None:
    if isinstance(item, str):
        return NamedPlace(item, None) if item.strip() else None
    if not isinstance(item, dict):
        return None
    name, box = text(item, "name", "title", "label"), _box(item)
    return NamedPlace(name, box) if name or box else None


def _box(item: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    given = item.get("bbox")
    if isinstance(given, list) and len(given) == 4 and all(_is_number(value) for value in given):
        west, south, east, north = given
        return (west, south, east, north)
    geometry = item.get("geometry")
    shape = geometry if isinstance(geometry, dict) else item
    points = list(islice(_points(shape.get("coordinates"), 6), MAX_POINTS))
    if not points:
        return None
    easts, norths = [point[0] for point in points], [point[1] for point in points]
    return (min(easts), min(norths), max(easts), max(norths))


def _points(value: Any, depth: int) -> Iterator[tuple[float, float]]:
    if not isinstance(value, list) or not depth:
        return
    if len(value) >= 2 and _is_number(value[0]) and _is_number(value[1]):
        yield (value[0], value[1])
        return
    for item in value:
        yield from _points(item, depth - 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def fields(resource: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The fields of a resource's schema that have a name."""
    schema = resource.get("schema")
    found = listed(schema, "fields") if isinstance(schema, dict) else []
    return [field for field in found if isinstance(field, dict) and isinstance(field.get("name"), str)]
