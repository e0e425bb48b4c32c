"""The words of a function's text. Pure.

Only what the parser knows is a word here; a longer operator of JavaScript falls apart into ones that cannot
stand beside each other, and the parser refuses that.
Source: https://tc39.es/ecma262/multipage/ecmascript-language-lexical-grammar.html
"""

import re
from typing import Final, NamedTuple

LONGEST: Final = 32 << 10  # characters of a function


class NotTranslated(Exception):
    """This function is not in the part of JavaScript that is translated."""


class SourceWord(NamedTuple):
    """`kind` is name, number, string, mark or end. `text` of a string is what it says."""

    kind: str
    text: str
    after_newline: bool


_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)
      | (?P<name>[A-Za-z_$][A-Za-z0-9_$]*)
      | (?P<number>(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)(?![0-9A-Za-z_$.])
      | (?P<string>"(?:[^"\\\r\n]|\\[^\r\n])*"|'(?:[^'\\\r\n]|\\[^\r\n])*')
      | (?P<mark>===|!==|==|!=|<=|>=|&&|\|\||\+\+|--|\+=|-=|=>|[][{}();,<>+*/%!?:=.-])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([bfnrtv\\'\"/])|(0)(?![0-9])|(.))")
_SINGLE: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# Comments in the manner of HTML, and ends of lines within a comment or a string.
_APART: Final = ("<!--", "-->", "\u2028", "\u2029")


def tokens(source: str) -> list[SourceWord]:
    """The words, and an `end`. Raises NotTranslated."""
    if len(source) > LONGEST or any(text in source for text in _APART):
        raise NotTranslated("its text")
    found: list[SourceWord] = []
    at, newline = 0, False
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise NotTranslated(f"the text at {at}")
        at = match.end()
        kind, text = str(match.lastgroup), match.group()
        if kind == "space":
            newline = newline or "\n" in text or "\r" in text
            continue
        found.append(SourceWord(kind, _said(text) if kind == "string" else text, newline))
        newline = False
    found.append(SourceWord("end", "", newline))
    return found


def _said(quoted: str) -> str:
    inner = quoted[1:-1]
    said = _ESCAPE.sub(_unescaped, inner) if "\\" in inner else inner
    if any("\ud800" <= character <= "\udfff" for character in said):
        raise NotTranslated("half of a surrogate pair")
    return said


def _unescaped(match: re.Match[str]) -> str:
    two, four, single, zero, other = match.groups()
    if other:
        raise NotTranslated("an escape")
    if zero:
        return "\0"
    return chr(int(two or four, 16)) if two or four else _SINGLE.get(single, single)
