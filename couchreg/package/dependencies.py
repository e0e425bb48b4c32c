"""Dependencies as a descriptor states them: `dataDependencies`, package -> range. Pure."""

from collections.abc import Mapping
from typing import Any, Final

MEMBER: Final = "dataDependencies"
LONGEST: Final = 256  # characters of a name or a range


def stated_dependencies(descriptor: Mapping[str, Any]) -> dict[str, str]:
    """Package -> range; what has not that shape is no dependency."""
    found = descriptor.get(MEMBER)
    pairs = found.items() if isinstance(found, dict) else ()
    return {
        name: wanted
        for name, wanted in pairs
        if isinstance(wanted, str) and len(name) <= LONGEST and len(wanted) <= LONGEST
    }
