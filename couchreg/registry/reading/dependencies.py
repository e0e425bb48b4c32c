"""Dependencies: `dataDependencies` of a descriptor (package -> range), resolved to versions there are.

A package may be needed in several ranges, and then in several versions: data packages lie side by
side. A name@version is looked into once, so that circles end.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from couchreg.errors import BadRequest, NotFound
from couchreg.registry.reading.catalog import Catalog, Version

MEMBER = "dataDependencies"
MOST = 500  # dependencies of one answer
LONGEST = 256  # characters of a name or a range


@dataclass(frozen=True, slots=True)
class Dependency:
    """`by` (name@version) needs `name` in the range `wanted`; `version` is None when there is none."""

    name: str
    wanted: str
    version: str | None
    by: str


def stated(descriptor: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Package and range of each dependency; what has not that shape is no dependency."""
    found = descriptor.get(MEMBER)
    for name, wanted in (found if isinstance(found, dict) else {}).items():
        if isinstance(wanted, str) and len(name) <= LONGEST and len(wanted) <= LONGEST:
            yield name, wanted


class Dependencies:
    """Resolves the dependencies of versions in one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def of(self, version: Version) -> tuple[list[Dependency], bool]:
        """All dependencies, those of dependencies too, nearest first; False when there are more than MOST."""
        found: list[Dependency] = []
        waiting, known = deque([version]), {(version.name, version.version)}
        while waiting:
            dependent = waiting.popleft()
            for name, wanted in stated(dependent.document):
                if len(found) == MOST:
                    return found, False
                exact = await self._resolve(name, wanted)
                found.append(Dependency(name, wanted, exact, f"{dependent.name}@{dependent.version}"))
                if exact is not None and (name, exact) not in known:
                    known.add((name, exact))
                    waiting.append(await self._catalog.version(name, exact))
        return found, True

    async def _resolve(self, name: str, wanted: str) -> str | None:
        """The version, None where there is no package, none in the range, or the range makes no sense."""
        try:
            return await self._catalog.resolve(name, wanted)
        except (NotFound, BadRequest):
            return None
