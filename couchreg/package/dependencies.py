"""Dependencies as a descriptor states them: `dataDependencies`, package -> range. Pure."""

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from couchreg.package.report import shown

MEMBER: Final = "dataDependencies"
_EXAMPLE: Final = '{"base": "^1"}'
LONGEST: Final = 256  # characters of a name or a range


MOST: Final = 20  # faults that are told


def dependency_faults(descriptor: Mapping[str, Any]) -> list[str]:
    """What is stated and is no dependency, as sentences without an end; of many, the first ones."""
    found = descriptor.get(MEMBER)
    if found is None:
        return []
    if not isinstance(found, dict):
        return [f"it is {shown(found)}, and has to be an object of packages and ranges, as in {_EXAMPLE}"]
    right = stated_dependencies(descriptor)
    wrong = (key for key in found if key not in right)
    why = f"the range has to be a string of {LONGEST} characters at most, as in {_EXAMPLE}"
    return [f"{key[:LONGEST]}: {why}" for key in islice(wrong, MOST)]


def stated_dependencies(descriptor: Mapping[str, Any]) -> dict[str, str]:
    """Package -> range; what has not that shape is no dependency."""
    found = descriptor.get(MEMBER)
    pairs = found.items() if isinstance(found, dict) else ()
    return {
        name: wanted
        for name, wanted in pairs
        if isinstance(wanted, str) and len(name) <= LONGEST and len(wanted) <= LONGEST
    }
