"""The `pattern` constraint: regular expressions of XML Schema, which Python's differ from. Pure.

What differs: `\\i` and `\\c` (characters of names), `\\d` and `\\w` of Unicode, `\\p{IsGreek}` (blocks),
subtraction as in `[a-z-[aeiou]]`, and that an expression speaks of the whole value. Two liberties are
taken, since real schemas take them: `^` and `$` are anchors where an expression, or a branch or group of it,
begins and ends, as everywhere else (within, they are the characters that they are), and what is no
expression of XML Schema (lookaheads, lazy quantifiers) is read as one of Python's.

Source: https://www.w3.org/TR/xmlschema-2/#regexs.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import regex

from couchreg.registry.checking.automata import Automaton, TooManyStates

Match = Callable[[str], bool]

_INITIAL = r"_:A-Za-z\xC0-\xD6\xD8-\xF6\xF8-\u02FF\u0370-\u037D\u037F-\u1FFF\u200C-\u200D\u2070-\u218F" + (
    r"\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD\U00010000-\U000EFFFF"
)
_NAME = _INITIAL + r"\-.0-9\xB7\u0300-\u036F\u203F-\u2040"
_WORD_NOT = r"\p{P}\p{Z}\p{C}"
_CLASSES = {
    "s": r"[ \t\n\r]",
    "S": r"[^ \t\n\r]",
    "d": r"\p{Nd}",
    "D": r"\P{Nd}",
    "w": f"[^{_WORD_NOT}]",
    "W": f"[{_WORD_NOT}]",
    "i": f"[{_INITIAL}]",
    "I": f"[^{_INITIAL}]",
    "c": f"[{_NAME}]",
    "C": f"[^{_NAME}]",
}
_LITERAL = r"\|.-^?*+{}()[]$/#&~=:;,<>!@%'\"`_ "  # what may stand behind a backslash and means itself
_CONTROL = "nrt"
_SPECIAL_IN_SET = r"[]\^-&~|#"
MAX_LENGTH = 10_000  # characters
LONGEST = 0.2  # seconds for one value; others take microseconds
_LONG = 200  # characters


class BadPattern(ValueError):
    """Not an expression that can be understood; the text says why."""


class _NotXsd(Exception):
    """An expression of another kind."""


def compiled(pattern: str) -> Match:
    """Whether a whole value matches. Raises BadPattern."""
    if len(pattern) > MAX_LENGTH:
        raise BadPattern(f"it is longer than {MAX_LENGTH} characters")
    try:
        pieces = pieces_of(pattern)
        return _Xsd(regex.compile("".join(pieces), regex.V1), pieces)
    except (_NotXsd, regex.error, RecursionError):
        found = _of_python(pattern)
    return lambda value: found.fullmatch(value) is not None


def pieces_of(pattern: str) -> list[str]:
    """An expression of XML Schema in words of `regex`: characters, classes and marks. Raises _NotXsd."""
    return list(_Translation(pattern).pieces())


class _Xsd:
    """One of XML Schema, which is asked by other means as soon as a value takes it long."""

    def __init__(self, found: "regex.Pattern[str]", pieces: list[str]) -> None:
        self._found, self._pieces = found, pieces
        self._may_last = any(one == ")" and other[0] in "*+{" for one, other in pairwise(pieces))
        self._automaton: Automaton | None = None
        self._is_too_large = False

    def __call__(self, value: str) -> bool:
        if self._automaton is not None:
            return self._automaton.matches(value)
        # To look at the clock takes longer than most matches.
        if self._is_too_large or not (self._may_last or len(value) > _LONG):
            return self._found.fullmatch(value) is not None
        try:
            return self._found.fullmatch(value, timeout=LONGEST) is not None
        except TimeoutError:
            pass
        try:
            self._automaton = Automaton(self._pieces)
        except TooManyStates:
            self._is_too_large = True
        return self(value)


def _of_python(pattern: str) -> "regex.Pattern[str]":
    try:
        return regex.compile(pattern, regex.V0)
    except regex.error as error:
        place = f" at character {min(error.pos + 1, len(pattern))}" if isinstance(error.pos, int) else ""
        raise BadPattern(f"{error.msg}{place}") from None
    except RecursionError:
        raise BadPattern("it is nested too deep") from None


class _Translation:
    """One expression of XML Schema on its way to one of the `regex` module, character by character."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise _NotXsd
        self._at += 1
        return self._text[self._at - 1]

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def pieces(self) -> Iterator[str]:
        before = ""  # what may stand before an anchor: nothing, or a mark of groups
        while self._at < len(self._text):
            char, last = self._next(), before
            before = char if char in "(|" else "^"
            if char == "\\":
                yield self._escape(inside=False)
            elif char == "[":
                yield self._set()
            elif char == ".":
                yield r"[^\n\r]"
            elif char == "$":
                yield r"\Z" if self._text[self._at : self._at + 1] in ("", "|", ")") else r"\$"
            elif char == "^" and last == "^":
                yield r"\^"
            elif char in "?*+}" and (self._peek("?") or self._peek("+")):
                raise _NotXsd  # lazy and possessive quantifiers
            elif char == "(" and self._peek("?"):
                raise _NotXsd
            elif char == "]":
                yield r"\]"
            elif char == "{":
                yield self._quantity()
            else:
                yield char if char in "()|?*+^" else regex.escape(char, special_only=False)

    def _quantity(self) -> str:
        end = self._text.find("}", self._at)
        found = self._text[self._at : end] if end >= 0 else ""
        if not regex.fullmatch(r"[0-9]+(,[0-9]*)?", found):
            raise _NotXsd
        self._at = end + 1
        if self._peek("?") or self._peek("+"):
            raise _NotXsd
        return "{" + found + "}"

    def _escape(self, *, inside: bool) -> str:
        char = self._next()
        if char in _CLASSES:
            return _CLASSES[char]
        if char in "pP":
            return self._property(char)
        if char in _CONTROL:
            return "\\" + char
        if char in _LITERAL:
            return _quoted(char) if inside else regex.escape(char, special_only=False)
        raise _NotXsd

    def _property(self, char: str) -> str:
        end = self._text.find("}", self._at)
        if not self._peek("{") or end < 0:
            raise _NotXsd
        name = self._text[self._at + 1 : end]
        self._at = end + 1
        is_block = name.startswith("Is")
        if not regex.fullmatch(r"Is[A-Za-z0-9-]+" if is_block else r"[A-Z][a-z]?", name):
            raise _NotXsd
        return f"\\{char}{{Block={name[2:]}}}" if is_block else f"\\{char}{{{name}}}"

    def _set(self) -> str:
        """A character class, from behind its bracket: `[^a-z-[aeiou]]`."""
        negated = self._peek("^")
        self._at += negated
        parts: list[str] = []
        while True:
            char = self._next()
            if char == "]" and parts:
                return self._closed(parts, negated, None)
            if char == "-" and self._peek("[") and parts:
                self._at += 1
                subtracted = self._set()
                if self._next() != "]":
                    raise _NotXsd
                return self._closed(parts, negated, subtracted)
            if char == "[":
                raise _NotXsd
            parts.append(self._member(char))

    @staticmethod
    def _closed(parts: list[str], negated: int, subtracted: str | None) -> str:
        found = f"[{'^' if negated else ''}{''.join(parts)}]"
        return found if subtracted is None else f"[{found}--{subtracted}]"

    def _member(self, char: str) -> str:
        """One character, one class, or a range of characters."""
        start = self._escape(inside=True) if char == "\\" else _quoted(char)
        is_range = self._peek("-") and not self._peek("-]") and not self._peek("-[")
        if not is_range or start[0] == "[" or start[:2] in (r"\p", r"\P"):
            return start
        self._at += 1
        char = self._next()
        end = self._escape(inside=True) if char == "\\" else _quoted(char)
        if end[0] == "[" or end[:2] in (r"\p", r"\P"):
            raise _NotXsd
        return f"{start}-{end}"


def _quoted(char: str) -> str:
    """A character as it stands in a set of the `regex` module."""
    return "\\" + char if char in _SPECIAL_IN_SET else char
