"""Which versions of which packages are installed together: one of each, in all ranges that ask for it.

Every range is known to come from somebody, so that a contradiction can be told in words.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from couchreg.client.errors import Missing, UsageError
from couchreg.client.lock import ANY
from couchreg.errors import BadRequest
from couchreg.package.dependencies import stated_dependencies
from couchreg.package.names import is_package_name
from couchreg.package.versions import LATEST, latest, satisfies

_ROUNDS = 100  # until nothing changes; more would be a circle of packages that exclude each other
_MOST = 1000  # packages


class Offer(NamedTuple):
    """What a registry says of a version: its dist-tags, and why it is yanked if it is."""

    tags: tuple[str, ...] = ()
    yanked: str | None = None


Versions = Mapping[str, Offer]  # by version
Descriptor = dict[str, Any]


class VersionSource(Protocol):
    """Where versions and descriptors come from: a registry, or the cache."""

    async def offered(self, name: str) -> Versions: ...
    async def descriptor(self, name: str, version: str) -> Descriptor: ...


class Requirement(NamedTuple):
    """A range, and who asks for it: a package, or "" for the person."""

    wanted: str
    by: str


class Resolver:
    """Chooses for one installation; `kept` are versions to stay with where they fit."""

    def __init__(self, source: VersionSource, kept: Mapping[str, str]) -> None:
        self._source, self._kept = source, kept
        self._offered: dict[str, Versions] = {}
        self._descriptors: dict[tuple[str, str], Descriptor] = {}

    async def resolve(self, roots: Mapping[str, str]) -> dict[str, Descriptor]:
        """Package -> descriptor of the version to install, dependencies among them.

        Raises Missing, and UsageError where ranges contradict each other.
        """
        chosen: dict[str, str] = {}
        for _ in range(_ROUNDS):
            requirements = await self._requirements(roots, chosen)
            if len(requirements) > _MOST:
                raise UsageError(f"More than {_MOST} packages depend on each other: install fewer at once.")
            found = {name: await self._choose(name, requirements[name]) for name in requirements}
            if found == chosen:
                return {name: await self._descriptor(name, version) for name, version in chosen.items()}
            chosen = found
        raise UsageError("No combination of versions was found for these packages: ask for narrower ranges.")

    async def _requirements(
        self, roots: Mapping[str, str], chosen: Mapping[str, str]
    ) -> dict[str, list[Requirement]]:
        """What is asked of each package that the roots lead to, given what was chosen so far."""
        requirements = {name: [Requirement(wanted, "")] for name, wanted in roots.items()}
        waiting = list(roots)
        while waiting:
            name = waiting.pop()
            version = chosen.get(name)
            if version is None:
                continue
            for needed, wanted in stated_dependencies(await self._descriptor(name, version)).items():
                if needed not in requirements:
                    waiting.append(needed)
                requirements.setdefault(needed, []).append(Requirement(wanted, f"{name}@{version}"))
        return requirements

    async def _choose(self, name: str, requirements: list[Requirement]) -> str:
        offered = await self._versions(name, requirements[0])
        fitting = [
            version
            for version in offered
            if all(_fits(offered, version, requirement) for requirement in requirements)
        ]
        if not fitting:
            raise self._contradiction(name, offered, requirements)
        pinned = {self._kept.get(name), *(requirement.wanted for requirement in requirements)}
        open_to_all = [version for version in fitting if offered[version].yanked is None or version in pinned]
        if not open_to_all:
            raise _all_yanked(name, offered, fitting)
        fitting = open_to_all
        if self._kept.get(name) in fitting:
            return self._kept[name]
        tagged = [version for version in fitting if LATEST in offered[version].tags]
        plain = all(requirement.wanted in (ANY, LATEST) for requirement in requirements)
        return tagged[0] if tagged and plain else latest(fitting)

    def _contradiction(
        self, name: str, offered: Versions, requirements: list[Requirement]
    ) -> UsageError | Missing:
        said = " and ".join(
            f"{requirement.wanted} for {requirement.by}" if requirement.by else requirement.wanted
            for requirement in requirements
        )
        there = f"; there are {', '.join(list(offered)[:10])}" if offered else ""
        if len(requirements) == 1:
            return Missing(f"No version of {name} satisfies {said}{there}.")
        return UsageError(
            f"No version of {name} satisfies {said}{there}. Ask for other ranges, or for one alone."
        )

    async def _versions(self, name: str, requirement: Requirement) -> Versions:
        if name not in self._offered:
            if not is_package_name(name):
                by = f", which {requirement.by} needs," if requirement.by else ""
                raise UsageError(f"{name[:200]!r}{by} is not the name of a package.")
            try:
                self._offered[name] = await self._source.offered(name)
            except Missing as error:
                raise Missing(
                    error.reason + (f" {requirement.by} needs it." if requirement.by else "")
                ) from None
        return self._offered[name]

    async def _descriptor(self, name: str, version: str) -> Descriptor:
        key = (name, version)
        if key not in self._descriptors:
            self._descriptors[key] = await self._source.descriptor(name, version)
        return self._descriptors[key]


def _all_yanked(name: str, offered: Versions, fitting: list[str]) -> Missing:
    best = latest(fitting)
    return Missing(
        f"Every version of {name} that fits is yanked ({best}: {offered[best].yanked}). "
        f"To install it all the same, ask for {name}@{best}."
    )


def _fits(offered: Versions, version: str, requirement: Requirement) -> bool:
    """As the registry reads it: a version, else a dist-tag, else a range."""
    wanted = requirement.wanted
    if wanted == ANY:
        return True
    if wanted in offered:
        return version == wanted
    if any(wanted in offer.tags for offer in offered.values()):
        return wanted in offered[version].tags
    try:
        return satisfies(version, wanted)
    except BadRequest as error:
        by = f" ({requirement.by} asks for it)" if requirement.by else ""
        raise UsageError(f"{error.reason}{by} There are {', '.join(list(offered)[:10])}.") from None
