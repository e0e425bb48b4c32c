"""What people may have meant who named a package or a version that is not there. Asks the registry, and
raises nothing: without an answer there is no suggestion.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from couchreg.client.errors import ClientError
from couchreg.client.transport import Transport
from couchreg.package.names import is_version

SHOWN = 10  # versions
_ALMOST = 0.8  # for what is refused, and not merely hinted at
NO_PACKAGE = "There is no package"  # what registries say then
LOOKED_AT = "200"  # packages beside the name in the alphabet


async def absent_package(transport: Transport, name: str) -> str:
    """The sentence about a package that is not there."""
    return _without(transport, name, close(name, await _names_beside(transport, name)))


def _without(transport: Transport, name: str, near: str) -> str:
    hint = f"did you mean {near}?" if near else "find it with couchreg search."
    return f"{transport.url} has no package {name}: {hint}"


async def mistaken_for(transport: Transport, name: str) -> str:
    """The package that is almost called like this one, which is not there; nothing where there is none."""
    return close(name, await _names_beside(transport, name), _ALMOST)


async def absent_version(transport: Transport, name: str, wanted: str) -> str:
    """The sentence about a version that is not there, of a package that may not be, either."""
    versions = await versions_of(transport, name)
    if not versions:
        return await absent_package(transport, name)
    near = close(wanted, versions)
    more = " …" if len(versions) > SHOWN else ""
    hint = f" Did you mean {near}?" if near else ""
    return f"{name} has no version {wanted}; it has {', '.join(versions[:SHOWN])}{more}.{hint}"


async def meant(transport: Transport, name: str, wanted: str | None, said: str) -> str | None:
    """The sentence about a package or a version that is not there, where it can be said what was meant. A
    range or a tag counts as there, and so does a package where the registry `said` that something else is
    missing: names may be taken that have no version yet."""
    versions = await versions_of(transport, name)
    if not versions:
        if not said.startswith(NO_PACKAGE):
            return None
        near = close(name, await _names_beside(transport, name))
        return _without(transport, name, near) if near else None
    if wanted is None or wanted in versions or not is_version(wanted):
        return None
    return await absent_version(transport, name, wanted)


async def versions_of(transport: Transport, name: str) -> list[str]:
    """The highest first; none of a package that is not there."""
    try:
        found = await transport.json(transport.address("-", "versions", name))
    except ClientError:
        return []
    rows = found.get("versions") if isinstance(found, dict) else None
    return [str(row.get("version")) for row in rows or () if isinstance(row, dict)]


async def _names_beside(transport: Transport, name: str) -> list[str]:
    """Packages that begin as this one does, and those behind it in the alphabet."""
    query = {"order": "name", "start": name[:1], "limit": LOOKED_AT}
    try:
        found = await transport.json(transport.address("-", "packages", query=query))
    except ClientError:
        return []
    rows = found.get("packages") if isinstance(found, dict) else None
    return [str(row.get("name")) for row in rows or () if isinstance(row, dict)]


def close(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The one of these that is meant, if any is; another order of the same letters is."""
    listed = list(known)
    turned = [one for one in listed if one != word and sorted(one) == sorted(word)]
    found = turned or get_close_matches(word, listed, 1, cutoff)
    return found[0] if found else ""
