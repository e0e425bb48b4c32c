"""Conditions and orders as people write them in addresses, made into SQL. Pure.

`age>30 AND (name='Simone' OR children=0)`: comparisons of a column with a value, joined by AND, OR, NOT and
parentheses. Nothing of the text goes on into SQL as it came: names are those of columns there are, values are
quoted again, and no function can be called.

Source: https://huggingface.co/docs/dataset-viewer/filter.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from couchreg.analytics.quoting import quoted
from couchreg.analytics.quoting import text as sql_text
from couchreg.errors import BadRequest

LONGEST = 8 << 10  # characters of a condition or an order
_MOST = 200  # comparisons of a condition, or columns of an order
_DEEPEST = 50  # parentheses within parentheses
_TOKEN = re.compile(
    r"""\s*+(?:
        (?P<text>'(?:[^']|'')*+') | (?P<name>"(?:[^"]|"")*+")
        | (?P<number>[+-]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+)
        | (?P<word>[^\W\d]\w*+) | (?P<sign><>|!=|<=|>=|[=<>~(),])
    )""",
    re.VERBOSE,
)
_COMPARED = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
_TEXTUAL = ("LIKE", "ILIKE", "GLOB")
_CONSTANTS = ("TRUE", "FALSE", "NULL")


class _Token(NamedTuple):
    kind: str  # "text", "name", "number", "word", "sign", "end"
    value: str
    place: int  # in characters, from 1


def condition(text: str, columns: Sequence[str]) -> str:
    """The SQL of a condition over columns. Raises BadRequest, with the place that it cannot be read at."""
    return _Reader(text, columns).condition()


def order(text: str, columns: Sequence[str]) -> str:
    """The SQL of `"a" DESC, b`. Raises BadRequest."""
    return _Reader(text, columns).order()


def literal(text: str) -> str:
    """A text as SQL has it. Raises BadRequest for one with NUL, which no statement can have."""
    if "\0" in text:
        raise BadRequest("A text to be looked for has a character NUL, which no table has.")
    return sql_text(text)


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str, columns: Sequence[str]) -> None:
        if len(text) > LONGEST:
            raise BadRequest(f"A condition has {LONGEST} characters at most.")
        self._columns: Mapping[str, str] = {name.casefold(): name for name in columns}
        self._tokens = list(_tokens(text))
        self._at = 0
        self._compared = 0

    def condition(self) -> str:
        found = self._either(0)
        self._end()
        return found

    def order(self) -> str:
        terms = []
        while True:
            name = self._column()
            direction = "DESC" if self._take("DESC") else "ASC"
            if direction == "ASC":
                self._take("ASC")
            terms.append(f"{name} {direction} NULLS LAST")
            self._count()
            if not self._take(","):
                self._end()
                return ", ".join(terms)

    # -- conditions

    def _either(self, depth: int) -> str:
        return self._joined("OR", lambda: self._joined("AND", lambda: self._one(depth)))

    def _joined(self, word: str, read: Callable[[], str]) -> str:
        parts = [read()]
        while self._take(word):
            parts.append(read())
        return parts[0] if len(parts) == 1 else "(" + f" {word} ".join(parts) + ")"

    def _one(self, depth: int) -> str:
        if depth > _DEEPEST:
            raise BadRequest(f"A condition is nested {_DEEPEST} levels deep at most.")
        if self._take("NOT"):
            return f"(NOT {self._one(depth + 1)})"
        if self._take("("):
            inner = self._either(depth + 1)
            self._need(")")
            return f"({inner})"
        self._count()
        return "(" + self._comparison(self._column()) + ")"

    def _comparison(self, column: str) -> str:
        token = self._next()
        word = token.value.upper()
        if token.kind == "sign" and word in _COMPARED:
            return f"{column} {_COMPARED[word]} {self._value()}"
        if token.kind == "sign" and word == "~":
            return f"regexp_matches({column}::VARCHAR, {self._text()})"
        if word == "IS":
            no = " NOT" if self._take("NOT") else ""
            return f"{column} IS{no} {self._constant()}"
        negated = ""
        if word == "NOT":
            negated, word = "NOT ", self._next().value.upper()
        found = self._worded(column, word, negated)
        if found is None:
            raise self._wrong(token, "a comparison such as =, <, LIKE, IN, BETWEEN or IS NULL")
        return found

    def _worded(self, column: str, word: str, negated: str) -> str | None:
        if word in _TEXTUAL:
            return f"{negated}({column}::VARCHAR {word} {self._text()})"
        if word == "SIMILAR":
            self._need("TO")
            return f"{negated}({column}::VARCHAR SIMILAR TO {self._text()})"
        if word == "BETWEEN":
            least = self._value()
            self._need("AND")
            return f"{negated}({column} BETWEEN {least} AND {self._value()})"
        if word == "IN":
            self._need("(")
            values = [self._value()]
            while self._take(","):
                self._count()
                values.append(self._value())
            self._need(")")
            return f"{negated}({column} IN ({', '.join(values)}))"
        return None

    # -- words

    def _column(self) -> str:
        token = self._next()
        name = token.value[1:-1].replace('""', '"') if token.kind == "name" else token.value
        known = self._columns.get(name.casefold())
        if token.kind not in ("name", "word") or known is None:
            listed = ", ".join(list(self._columns.values())[:20])
            raise self._wrong(token, f"the name of a column ({listed[:500]})")
        return quoted(known)

    def _value(self) -> str:
        token = self._next()
        if token.kind == "number":
            return token.value
        if token.kind == "text":
            return literal(token.value[1:-1].replace("''", "'"))
        if token.kind == "word" and token.value.upper() in _CONSTANTS:
            return token.value.upper()
        raise self._wrong(token, "a value: a number, a 'text', true, false or null")

    def _text(self) -> str:
        token = self._next()
        if token.kind != "text":
            raise self._wrong(token, "a 'text'")
        return literal(token.value[1:-1].replace("''", "'"))

    def _constant(self) -> str:
        token = self._next()
        if token.kind != "word" or token.value.upper() not in _CONSTANTS:
            raise self._wrong(token, "NULL, TRUE or FALSE")
        return token.value.upper()

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)  # the end stays the end
        return token

    def _take(self, word: str) -> bool:
        token = self._tokens[self._at]
        found = token.kind in ("word", "sign") and token.value.upper() == word
        self._at += found
        return found

    def _need(self, word: str) -> None:
        if not self._take(word):
            raise self._wrong(self._next(), word)

    def _end(self) -> None:
        token = self._next()
        if token.kind != "end":
            raise self._wrong(token, "AND, OR or the end")

    def _count(self) -> None:
        self._compared += 1
        if self._compared > _MOST:
            raise BadRequest(f"A condition has {_MOST} comparisons at most.")

    @staticmethod
    def _wrong(token: _Token, wanted: str) -> BadRequest:
        found = "the end" if token.kind == "end" else repr(token.value[:100])
        return BadRequest(f"At character {token.place} there is {found} in place of {wanted}.")


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            shown = text[start : start + 20]
            raise BadRequest(
                f"At character {start + 1} there is {shown!r}, which is not part of a condition."
            )
        yield _Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup) + 1)
        at = found.end()
    yield _Token("end", "", end + 1)
