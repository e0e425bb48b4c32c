"""What a registry found out of data and fills into a descriptor that does not say it. Pure.

It is kept beside the descriptor, too, so that the same package sent again can be known as the same.
"""

from collections.abc import Mapping
from typing import Any

RECORDED = "recorded"  # of a version document's own member: ``[{resource, member, value}]``


def recorded_of(own: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What was recorded of a version, by the registry's member; items of another shape are left out."""
    found = own.get(RECORDED)
    items = found if isinstance(found, list) else []
    return [item for item in items if isinstance(item, dict) and {"resource", "member", "value"} <= set(item)]


def filled_in(members: Mapping[str, Any], recorded: list[Mapping[str, Any]]) -> dict[str, Any]:
    """The descriptor with what was recorded, where it does not say it itself."""
    wanted: dict[Any, list[Mapping[str, Any]]] = {}
    for item in recorded:
        if isinstance(item["resource"], str) and isinstance(item["member"], str):
            wanted.setdefault(item["resource"], []).append(item)
    resources = members.get("resources")
    if not wanted or not isinstance(resources, list):
        return dict(members)
    return {**members, "resources": [_filled_in(resource, wanted) for resource in resources]}


def _filled_in(resource: Any, wanted: Mapping[Any, list[Mapping[str, Any]]]) -> Any:
    if not isinstance(resource, dict) or not isinstance(resource.get("name"), str):
        return resource
    found = {item["member"]: item["value"] for item in wanted.get(resource["name"], ())}
    return {**resource, **{member: _beside(resource.get(member), value) for member, value in found.items()}}


def _beside(stated: Any, found: Any) -> Any:
    """What was found where nothing is stated; of an object, its members beside those that are stated."""
    if stated and isinstance(stated, dict) and isinstance(found, dict):
        return {**found, **stated}
    return stated or found
