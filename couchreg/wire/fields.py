"""Values of header fields: lists with commas, items with parameters, quoted texts. Pure.

The one scanner of such values here. It goes through a value once, from left to right, and looks at so many
characters of it: a client says what goes in, and how often the same field comes.

Source: https://www.rfc-editor.org/rfc/rfc9110#name-common-rules-for-defining-f.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 8192  # characters of a value that are read, fields of one name together

# Possessive, so that nothing is tried twice. A quoted text that does not end goes to the end.
_QUOTED = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
_COMMAS = re.compile(rf'(?:[^",]++|{_QUOTED})++', re.DOTALL)
_SEMICOLONS = re.compile(rf'(?:[^";]++|{_QUOTED})++', re.DOTALL)
_PAIR = re.compile(r"\\(.)", re.DOTALL)


class FieldItem(NamedTuple):
    """`text/csv; charset="utf-8"`: the name in lower case, and of parameters of one name the first."""

    name: str
    parameters: dict[str, str]


def members(value: str) -> Iterator[str]:
    """What stands between the commas that are in no quotes, without the blanks around it; nothing empty."""
    for found in _COMMAS.finditer(value[:LONGEST]):
        text = found[0].strip()
        if text:
            yield text


def item(member: str) -> FieldItem:
    """One member of a list, or a field that is no list."""
    parts = [found[0] for found in _SEMICOLONS.finditer(member[:LONGEST])]
    if member[:1] == ";":
        parts.insert(0, "")
    parameters: dict[str, str] = {}
    for part in parts[1:]:
        name, equals, text = part.partition("=")
        name = name.strip().lower()
        if equals and name and '"' not in name:
            parameters.setdefault(name, unquoted(text.strip()))
    return FieldItem(parts[0].strip().lower() if parts else "", parameters)


def unquoted(text: str) -> str:
    """A quoted text without its quotes and escapes; any other as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return _PAIR.sub(r"\1", text[1:-1])
