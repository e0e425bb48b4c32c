"""A dialect as it is stated: members that nobody knows, and values by which nothing can be read. Pure.

Source: https://datapackage.org/standard/table-dialect/.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from couchreg.model import json
from couchreg.package.frictionless_terms import FRICTIONLESS_MEMBERS
from couchreg.package.report import shown

_KNOWN = frozenset(
    (
        *(
            *FRICTIONLESS_MEMBERS,
            "$schema",
            "name",
            "title",
            "description",
            "type",
            "profile",
            "csvddfVersion",
            "itemType",
        ),
        *("header", "headerRows", "headerJoin", "headerCase", "caseSensitiveHeader", "commentRows"),
        *("commentChar", "skipBlankRows", "delimiter", "lineTerminator", "quoteChar", "doubleQuote"),
        *("escapeChar", "nullSequence", "skipInitialSpace"),
        *("csv", "excel", "ods", "json", "sql", "inline", "remote", "local", "controls"),  # frictionless's
    )
)
_TEXTS = ("sheetName", "property", "table")
_ITEM_TYPES = ("array", "object")
# Characters by the words that people write for them, and as other languages escape them.
_CALLED = {
    "comma": ",", "semicolon": ";", "tab": "\t", "tabs": "\t", "pipe": "|", "bar": "|", "vertical bar": "|",
    "colon": ":", "space": " ", "blank": " ", "whitespace": " ", "hash": "#", "quote": '"',
    "doublequote": '"', "double quote": '"', "single quote": "'", "singlequote": "'", "apostrophe": "'",
    "backslash": "\\", "point": ".", "dot": ".", "period": ".", "cr": "\r", "lf": "\n", "crlf": "\r\n",
    "newline": "\n", "\\t": "\t", "\\n": "\n", "\\r": "\r", "\\r\\n": "\r\n", '\\"': '"', "\\'": "'",
    "\\\\": "\\", "\\|": "|", "\\s": " ", "&quot;": '"',
}  # fmt: skip
_NO_WORDS = ("delimiter", "decimalChar", "groupChar")
_ONE_CHARACTER = ("quoteChar", "escapeChar")
_MARKS = {
    "delimiter": ",",
    "quoteChar": '"',
    "escapeChar": "\\",
    "lineTerminator": "\r\n",
    "commentChar": "#",
}
# The standard has no word for a text in which nothing is quoted.
_UNQUOTED = (
    "for a text without quoting write a character that is nowhere in it, as in "
    + json.brief({"quoteChar": "\a"})[1:-1]
)
_NEVER_EMPTY = ("delimiter", *_ONE_CHARACTER)


def unknown_members(dialect: Mapping[str, Any]) -> Iterator[str]:
    """Those that neither the standard nor frictionless has, but for what is somebody's own by its name."""
    return (name for name in dialect if name not in _KNOWN and not name.startswith(("_", "x-")))


def misfits(dialect: Mapping[str, Any]) -> Iterator[str]:
    """What version 2's members cannot be, a sentence each: frictionless has other names for them."""
    for member in _TEXTS:
        if member in dialect and not isinstance(dialect[member], str):
            yield f"“{member}” is {shown(dialect[member])}: it has to be a string."
    number = dialect.get("sheetNumber", 1)
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        yield f"“sheetNumber” is {shown(number)}: it has to be a whole number, and the first sheet is 1."
    keys = dialect.get("itemKeys", [])
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        yield f"“itemKeys” is {shown(keys)}: it has to be a list of names."
    kind = dialect.get("itemType", _ITEM_TYPES[0])
    if kind not in _ITEM_TYPES:
        yield f'“itemType” is {shown(kind)}: it has to be "array" or "object".'


def null_marks(dialect: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The marks that are null, by which nothing is read, and what to write instead, as a sentence's end."""
    for member in ("delimiter", "quoteChar", "lineTerminator"):
        if member in dialect and dialect[member] is None:
            example = json.brief({member: _MARKS[member]})[1:-1]
            more = f"; {_UNQUOTED}" if member == "quoteChar" else ""
            yield (
                member,
                f"null is no character, so that nothing is read by it: write one, as in {example}{more}",
            )


def mark_faults(dialect: Mapping[str, Any], usual: str) -> Iterator[str]:
    """Marks by which no text can be read, by frictionless's words; `usual` parts cells where nothing else is
    stated."""
    stated = {**dialect.get("csv", {}), **dialect}
    for member in _MARKS:
        if fault := mark_fault(member, stated.get(member)):
            yield fault
            return
    delimiter = stated.get("delimiter") or usual
    quote, escape = stated.get("quoteChar", '"'), stated.get("escapeChar")
    if delimiter in ("\r", "\n", "\r\n", quote, stated.get("lineTerminator")):
        yield f"The “delimiter” {shown(delimiter)} ends rows or begins quotes: another has to part the cells."
    elif delimiter == escape:
        yield f"The “delimiter” {shown(delimiter)} is the “escapeChar”, too: another has to part the cells."


def mark_fault(member: str, value: Any) -> str | None:
    """Why a member cannot be the mark it is for, as a sentence; None for what may be one, or is no text."""
    if not isinstance(value, str):
        return None
    example = json.brief({member: _MARKS.get(member, ",")})[1:-1]
    if not value and member in _NEVER_EMPTY:
        more = f"; {_UNQUOTED}" if member == "quoteChar" else ""
        return f"The “{member}” is empty: write one character, as in {example}, or leave it out{more}."
    if len(value) < 2:
        return None
    if fault := word_fault(member, value):
        return fault
    if member in _ONE_CHARACTER or (member in _NO_WORDS and value.isalpha()):
        return f"The “{member}” is {shown(value)}: it has to be one character, as in {example}."
    return None


def word_fault(member: str, value: Any) -> str | None:
    """The same of what is a word for a character, or an escape of another language."""
    called = _CALLED.get(value.lower()) if isinstance(value, str) else None
    if called is None or called == value:
        return None
    example = json.brief({member: called})[1:-1]
    return f"The “{member}” is {shown(value)}: write the character itself, as in {example}."
