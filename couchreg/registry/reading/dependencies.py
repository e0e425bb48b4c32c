"""Dependencies: `dataDependencies` of a descriptor (package -> range), resolved to versions there are.

A package may be needed in several ranges, and then in several versions: data packages lie side by
side. A name@version is looked into once, so that circles end.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from couchreg.errors import BadRequest, NotFound
from couchreg.package.dependencies import dependency_faults, stated_dependencies
from couchreg.package.names import version_id
from couchreg.registry.reading.catalog import Catalog, Version

MOST = 500  # dependencies of one answer
MOST_LOOKED_FOR = 100  # of one descriptor, when it is published


@dataclass(frozen=True, slots=True)
class Dependency:
    """`by` (name@version) needs `name` in the range `wanted`; `version` is None when there is none."""

    name: str
    wanted: str
    version: str | None
    by: str


class Dependencies:
    """Resolves the dependencies of versions in one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def of(self, version: Version) -> tuple[list[Dependency], bool]:
        """All dependencies, those of dependencies too, nearest first; False when there are more than MOST."""
        found: list[Dependency] = []
        waiting, known = deque([(version.name, version.version)]), {(version.name, version.version)}
        while waiting:
            dependent = waiting.popleft()
            for name, wanted in (await self._stated(*dependent)).items():
                if len(found) == MOST:
                    return found, False
                exact = await self._resolve(name, wanted)
                found.append(Dependency(name, wanted, exact, version_id(*dependent)))
                if exact is not None and (name, exact) not in known:
                    known.add((name, exact))
                    waiting.append((name, exact))
        return found, True

    async def unmet(self, members: Mapping[str, Any]) -> list[str]:
        """Of what a descriptor states, why nobody could install it today: package and reason of each."""
        found = dependency_faults(members)
        for name, wanted in islice(stated_dependencies(members).items(), MOST_LOOKED_FOR):
            try:
                await self._catalog.resolve(name, wanted)
            except (NotFound, BadRequest) as error:
                found.append(f"{name}: {error.reason}")
        return found

    async def _stated(self, name: str, version: str) -> Mapping[str, str]:
        """What one version says; nothing else of it is kept while others are read."""
        return stated_dependencies((await self._catalog.version(name, version)).document)

    async def _resolve(self, name: str, wanted: str) -> str | None:
        """The version, None where there is no package, none in the range, or the range makes no sense."""
        try:
            return await self._catalog.resolve(name, wanted)
        except (NotFound, BadRequest):
            return None
