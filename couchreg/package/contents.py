"""Which files of a folder or an archive make a package: by one rule both give the same version. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from couchreg.package.descriptor import resources_of
from couchreg.package.paths import DESCRIPTOR
from couchreg.package.references import references

_COMPANIONS = frozenset(
    (
        *("readme", "license", "licence", "licenses", "copying", "copyright", "notice"),
        *("changelog", "changes", "news", "history"),
        *("citation", "authors", "contributors", "codemeta"),
    )
)


class Chosen(NamedTuple):
    """The paths that make the package, and those that are left out, each in the order they were found in."""

    taken: list[str]
    left_out: list[str]


def is_companion(path: str) -> bool:
    """Whether a file beside the descriptor goes with any package: a README, a licence, how to cite it."""
    return "/" not in path and path.partition(".")[0].casefold() in _COMPANIONS


def named_files(members: Mapping[str, Any]) -> list[str]:
    """The descriptor, and the paths of all files that it names: data, schemas, images and so on."""
    data = (path for resource in resources_of(members) for path in resource.paths)
    beside = (reference.path for reference in references(members))
    return list(dict.fromkeys([DESCRIPTOR, *data, *beside]))


def choose_files(members: Mapping[str, Any], there: Iterable[str]) -> Chosen:
    """What of the files that are `there` belongs to the package of a descriptor."""
    named = frozenset(named_files(members))
    chosen = Chosen([], [])
    for path in there:
        (chosen.taken if path in named or is_companion(path) else chosen.left_out).append(path)
    return chosen
