"""How texts become terms: one way for every engine, for what is indexed and for what is asked.

A text is cut into *chunks*, runs of letters, marks and digits. A chunk is cut into *parts* where a small
letter meets a capital and where a letter meets a digit (`countryCode`, `ISO3166`); it is also a term as a
whole. Runs of scripts that are written without blanks become pairs of neighbouring characters. Case and
accents are folded; English endings are taken away in `stem`. Terms have letters, marks and digits only, so
that no engine can read anything else in them. Pure.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

import regex
from whoosh.lang.porter import stem as porter

LONGEST: Final = 64  # characters of a term; what is longer is cut off
LONGEST_COMPOUND: Final = 40  # characters of a name that is also one term
GAP: Final = "␟"  # a term between two texts of one column: no phrase reaches across it

_UNSPACED: Final = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}\p{Hangul}々〆ーｰ"
)
_CHUNK: Final = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*")
_ASCII_CHUNK: Final = re.compile(r"[A-Za-z0-9]+")
_PART: Final = regex.compile(
    rf"[{_UNSPACED}][{_UNSPACED}\p{{M}}]*"
    r"|\p{N}\p{M}*(?:\p{N}\p{M}*)*"
    r"|(?:\p{Lu}\p{M}*)+(?!\p{Ll})"
    r"|(?:\p{Lu}\p{M}*)?(?:(?!\p{Lu})[\p{L}--[" + _UNSPACED + r"]]\p{M}*)+"
    r"|\p{L}\p{M}*",
    regex.VERSION1,
)
_CLUSTER: Final = regex.compile(r"\P{M}\p{M}*")
_IS_UNSPACED: Final = regex.compile(rf"[{_UNSPACED}]")
_NOT_TERM: Final = regex.compile(r"[^\p{L}\p{M}\p{N}]+")
# Marks that readers leave out: accents, Arabic and Hebrew vowel signs, the Arabic stretch.
_LEFT_OUT: Final = regex.compile(
    r"[\u0300-\u036f\u064b-\u0652\u0670\u0640\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]+"
)
_LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ð": "d"}
)
# Words of English that say nothing of what somebody looks for.
STOP_WORDS: Final = frozenset(
    ("a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "have", "how", "in", "into", "is",
     "it", "its", "of", "on", "or", "that", "the", "their", "this", "to", "was", "were", "what", "when",
     "where", "which", "who", "with")
)  # fmt: skip


class TextToken(NamedTuple):
    """A chunk where it stands in a text: `parts` in order, and the whole where there are several."""

    start: int
    end: int
    parts: tuple[str, ...]
    whole: str | None


def fold(text: str) -> str:
    """A text without case and accents, in letters, marks and digits only."""
    if text.isascii():
        return str(_NOT_TERM.sub("", text.lower()))
    opened = _LEFT_OUT.sub("", unicodedata.normalize("NFKD", text))
    closed = unicodedata.normalize("NFC", opened.casefold()).translate(_LETTERS)
    return str(_NOT_TERM.sub("", _LEFT_OUT.sub("", closed)))


@lru_cache(50_000)
def stem(term: str) -> str:
    """A term without its English ending; of other alphabets it is left as it is."""
    if len(term) < 4 or not (term.isascii() and term.isalpha()):
        return term
    return str(porter(term)) or term


def tokens(text: str) -> Iterator[TextToken]:
    """The chunks of a text, in order."""
    for found in _CHUNK.finditer(text):
        parts, whole = _cut(found.group())
        if parts:
            yield TextToken(found.start(), found.end(), parts, whole)


@lru_cache(20_000)
def _cut(chunk: str) -> tuple[tuple[str, ...], str | None]:
    if chunk.isascii() and chunk.isalpha() and (chunk.islower() or chunk.isupper() or chunk.istitle()):
        return (chunk.lower()[:LONGEST],), None
    pieces = [piece for part in _PART.findall(chunk[: 16 * LONGEST]) for piece in _pieces(part)]
    parts = tuple(piece[:LONGEST] for piece in map(fold, pieces) if piece)
    if len(parts) < 2 or _IS_UNSPACED.search(chunk):
        return parts, None
    return parts, fold(chunk)[:LONGEST]


def _pieces(part: str) -> list[str]:
    """Neighbouring characters of a run without blanks, the last one alone too; others as they are."""
    if not _IS_UNSPACED.match(part):
        return [part]
    clusters: list[str] = _CLUSTER.findall(part)
    if len(clusters) == 1:
        return [part]
    return [first + second for first, second in pairwise(clusters)] + clusters[-1:]


def is_unspaced(term: str) -> bool:
    """Whether a term is of a script that is written without blanks."""
    return _IS_UNSPACED.match(term) is not None


class _Terms(NamedTuple):
    """The terms of one text, and, of a short one, all of it as one."""

    parts: tuple[str, ...]
    stems: tuple[str, ...]
    wholes: dict[str, None]
    folded: str = ""


def _terms(text: str) -> _Terms:
    parts: list[str] = []
    stems: list[str] = []
    wholes: dict[str, None] = {}
    for chunk in (_ASCII_CHUNK if text.isascii() else _CHUNK).findall(text):
        cut, stemmed, whole = _cut_and_stemmed(chunk)
        parts += cut
        stems += stemmed
        if whole:
            wholes[whole] = None
    return _Terms(tuple(parts), tuple(stems), wholes)


@lru_cache(50_000)
def _cut_and_stemmed(chunk: str) -> tuple[tuple[str, ...], tuple[str, ...], str | None]:
    parts, whole = _cut(chunk)
    return parts, tuple(map(stem, parts)), whole


@lru_cache(20_000)
def _short(text: str) -> _Terms:
    """Names and keywords recur: those of a resource are its package's too."""
    return _terms(text)._replace(folded=fold(text))


class Streams(NamedTuple):
    """The terms of a column as an engine indexes them, with blanks between: stemmed, and as they are."""

    stems: str
    words: str


def streams(texts: Iterable[str], *, names: bool = False) -> Streams:
    """The terms of some texts. Compounds stand behind, so that phrases find the parts next to each other;
    with `names`, each whole text is a compound too (`country_code` is found as `countrycode`)."""
    stems: list[str] = []
    words: list[str] = []
    compounds: dict[str, None] = {}
    for text in texts:
        if words:
            stems.append(GAP)
            words.append(GAP)
        is_short = len(text) <= LONGEST_COMPOUND
        found = _short(text) if is_short else _terms(text)
        words += found.parts
        stems += found.stems
        compounds |= found.wholes
        if names and is_short and found.folded:
            compounds[found.folded] = None
    if compounds:
        stems += [GAP, *compounds]
        words += [GAP, *compounds]
    return Streams(" ".join(stems), " ".join(words))
