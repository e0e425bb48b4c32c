"""Which files of a folder or an archive make a package: by one rule both give the same version. Pure."""

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
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
    """The paths that make the package, and those that are left out, each in the order they were found in.

    `called` has those of them that the descriptor writes otherwise, with accents that are composed (é as one
    character) where the file's are not, or the other way round: nobody can see the difference, and systems
    change it while they copy files. Published they are called what the descriptor calls them.
    """

    taken: list[str]
    left_out: list[str]
    called: Mapping[str, str]


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
    listed = list(there)
    named = frozenset(named_files(members))
    chosen = Chosen([], [], _called(named, listed))
    for path in listed:
        is_taken = path in named or path in chosen.called or is_companion(path)
        (chosen.taken if is_taken else chosen.left_out).append(path)
    return chosen


def _called(named: Collection[str], there: Sequence[str]) -> dict[str, str]:
    """The files whose names are encoded otherwise than the descriptor's, where exactly one can be meant."""
    absent = {path for path in named if not path.isascii()}.difference(there)
    if not absent:
        return {}
    alike, meant = (_by_composed(paths) for paths in (there, named))
    return {
        alike[form][0]: path
        for path in sorted(absent)
        if len(alike.get(form := unicodedata.normalize("NFC", path), ())) == 1 and len(meant[form]) == 1
    }


def _by_composed(paths: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in paths:
        if not path.isascii():
            found.setdefault(unicodedata.normalize("NFC", path), []).append(path)
    return found
