"""The order of versions and the ranges that choose among them, as SemVer 2 and npm have them.

Owns comparing and choosing; which texts are legal versions is `names`'. Versions of real data packages are
`1.2.0`, `2026`, `2023-03-30` or `v2.1-beta`, and stay as they are spelt. They are read as SemVer where
that fits, with missing parts taken as 0. A calendar version is one whose fields are numbers joined
by dashes or dots: `2023-03-30` is 2023.3.30, and no pre-release. What cannot be read so (`draft`) is
lower than anything that can, and in no range.

Ranges: `1.2.3`, `^1.2`, `~1.2`, `1.x`, `*`, `>=1 <2`, `1.2 - 1.4`, any of these joined by `||`, and `latest`.
As with npm a pre-release is in a range only when the range names a pre-release of the same version.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from couchreg.errors import BadRequest

LATEST: Final = "latest"

Fields = tuple[int, ...]
Label = tuple[tuple[int, int, str], ...]  # identifiers of a pre-release, comparable

_STRICT: Final = re.compile(
    r"v?(?P<fields>\d+\.\d+\.\d+)(?:-(?P<label>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]*)?\Z", re.ASCII
)
_LOOSE: Final = re.compile(
    r"v?(?P<fields>\d+(?:[.-]\d+)*(?![0-9A-Za-z_]))(?:-(?P<label>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]*)?\Z",
    re.ASCII,
)
_DIGITS: Final = re.compile(r"(\d{1,4000})", re.ASCII)
_LONGEST_RANGE: Final = 256


class ComparableVersion(NamedTuple):
    """A version as it compares. `release` is 0 for a pre-release, 1 else, so that releases are higher."""

    readable: int
    fields: Fields
    release: int
    label: Label


@lru_cache(maxsize=4096)
def read(version: str) -> ComparableVersion:
    """A version as SemVer compares it. Any text can be read: see the module."""
    match = None
    if len(version) <= _LONGEST_RANGE:
        match = _STRICT.match(version) or _LOOSE.match(version)
    if match is None:
        return ComparableVersion(0, (), 1, _label(_DIGITS.split(version[:_LONGEST_RANGE])))
    fields = _padded([int(field) for field in re.split("[.-]", match["fields"])])
    label = match["label"]
    return (
        ComparableVersion(1, fields, 0, _label(label.split(".")))
        if label
        else ComparableVersion(1, fields, 1, ())
    )


def _padded(fields: Iterable[int]) -> Fields:
    """At least three fields, and no zeros at the end of more: 1 and 1.0.0.0 are the same."""
    padded = list(fields)
    padded += [0] * (3 - len(padded))
    while len(padded) > 3 and not padded[-1]:
        padded.pop()
    return tuple(padded)


def _label(identifiers: Iterable[str]) -> Label:
    """Numbers are lower than words, and compare as numbers."""
    return tuple([(0, int(name), "") if name.isdecimal() else (1, 0, name) for name in identifiers])


def sort_versions(versions: Iterable[str]) -> list[str]:
    """From lowest to highest; those that differ in build or spelling only, by their text."""
    return sorted(versions, key=lambda version: (read(version), version))


def latest(versions: Iterable[str]) -> str:
    """The highest version, a pre-release only when there is nothing else. Raises ValueError when empty."""
    return max(versions, key=lambda version: (read(version).release, read(version), version))


def choose(versions: Iterable[str], wanted: str) -> str | None:
    """The version that `wanted` stands for: the same text, `latest`, or the highest in the range.

    None when there is none. Raises BadRequest for a range that cannot be read.
    """
    known = list(versions)
    if wanted in known:
        return wanted
    if wanted == LATEST:
        return latest(known) if known else None
    fitting = [version for version in known if satisfies(version, wanted)]
    return latest(fitting) if fitting else None


def satisfies(version: str, wanted: str) -> bool:
    """Whether a version is in a range. Raises BadRequest for a range that cannot be read."""
    read_version = read(version)
    return any(_within(read_version, bounds) for bounds in _range(wanted))


class VersionBound(NamedTuple):
    """One comparison. `named` is a pre-release that the range itself spells out."""

    operator: str  # "<", "<=", ">", ">=" or "="
    version: ComparableVersion
    named: bool = False


def _within(version: ComparableVersion, bounds: list[VersionBound]) -> bool:
    if not version.readable or not all(_holds(version, bound) for bound in bounds):
        return False
    if version.release:
        return True
    return any(bound.named and bound.version.fields == version.fields for bound in bounds)


def _holds(version: ComparableVersion, bound: VersionBound) -> bool:
    if bound.operator == "<":
        return version < bound.version
    if bound.operator == "<=":
        return version <= bound.version
    if bound.operator == ">":
        return version > bound.version
    if bound.operator == ">=":
        return version >= bound.version
    return version == bound.version


_SPACED: Final = re.compile(r"(<=|>=|<|>|=|\^|~>?)\s+")
_HYPHEN: Final = re.compile(r"\s*(\S+)\s+-\s+(\S+)\s*\Z")
_COMPARATOR: Final = re.compile(
    r"(?P<operator><=|>=|<|>|=|\^|~>?)?"
    r"v?(?P<fields>(?:\d+|[xX*])(?:\.(?:\d+|[xX*])|-\d+)*(?![0-9A-Za-z_]))"
    r"(?:-(?P<label>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]*)?\Z",
    re.ASCII,
)
_LOWEST: Final = ComparableVersion(1, (0, 0, 0), 0, ())  # below every version, pre-releases included


@lru_cache(maxsize=1024)
def _range(wanted: str) -> list[list[VersionBound]]:
    if len(wanted) > _LONGEST_RANGE:
        raise BadRequest("A version range may have at most 256 characters.")
    return [_alternative(part, wanted) for part in wanted.split("||")]


def _alternative(text: str, wanted: str) -> list[VersionBound]:
    hyphen = _HYPHEN.match(text)
    if hyphen:
        return _comparator(">=" + hyphen[1], wanted) + _comparator("<=" + hyphen[2], wanted)
    words = _SPACED.sub(r"\1", text).split()
    return [bound for word in words for bound in _comparator(word, wanted)]


class _Partial(NamedTuple):
    """A version in a range; `given` counts the fields before the first missing one or x."""

    fields: Fields
    given: int
    version: ComparableVersion

    def lowest(self, operator: str = ">=") -> VersionBound:
        return VersionBound(operator, self.version, not self.version.release)

    def below(self, index: int) -> VersionBound:
        """Less than the next version that differs at `index`, its pre-releases included."""
        return VersionBound("<", ComparableVersion(1, self.next(index), 0, ()))

    def next(self, index: int) -> Fields:
        return _padded((*self.fields[:index], self.fields[index] + 1))


def _comparator(word: str, wanted: str) -> list[VersionBound]:
    match = _COMPARATOR.match(word)
    if match is None:
        raise BadRequest(f"{wanted!r} is neither a version nor a range of versions.")
    operator = (match["operator"] or "=").replace("~>", "~")
    partial = _partial(word[len(match["operator"] or "") :], match)
    if partial.given == 0:
        return [VersionBound("<", _LOWEST)] if operator in "<>" else []
    return _bounds(operator, partial)


def _partial(text: str, match: re.Match[str]) -> _Partial:
    names = re.split("[.-]", match["fields"])
    strict = _STRICT.match(text)  # 1.2.3-4 is a pre-release and no calendar version
    if strict:
        version = read(text)
        return _Partial(version.fields, 3, version)
    given = next((i for i, name in enumerate(names) if not name.isdecimal()), len(names))
    fields = tuple([int(name) for name in names[:given]])
    label = match["label"] if given == len(names) else None
    version = ComparableVersion(
        1, _padded(fields), 0 if label else 1, _label(label.split(".")) if label else ()
    )
    return _Partial(fields, given, version)


def _bounds(operator: str, partial: _Partial) -> list[VersionBound]:
    last = partial.given - 1
    exact = partial.given >= 3 or not partial.version.release
    if operator == "^":
        changed = next((i for i, field in enumerate(partial.fields) if field), last)
        return [partial.lowest(), partial.below(min(changed, last))]
    if operator == "~":
        return [partial.lowest(), partial.below(min(1, last))]
    if operator == ">=" or exact:
        return [partial.lowest(operator)]
    if operator == ">":
        return [VersionBound(">=", ComparableVersion(1, partial.next(last), 1, ()))]
    if operator == "<":
        return [VersionBound("<", ComparableVersion(1, partial.version.fields, 0, ()))]
    upper = partial.below(last)
    return [upper] if operator == "<=" else [partial.lowest(), upper]
