"""Texts that stand where a description or a title is still to be written. Pure."""

import re
from typing import Any

from couchreg.package.descriptor import PLACEHOLDER

_LONGEST = 200  # characters
_WHOSE = (
    r"(?:(?:an?|the|this|your|my|some|short|brief|long|new|data|package|dataset|resource|table|file)[ -]+)*"
)
_OF = rf"(?: (?:for|of) {_WHOSE}(?:data|dataset|file|package|resource|table))?"
_WRITING = r"(?:(?:please )?(?:add|enter|fill in|give|insert|provide|put|type|write)[ -]+)?"
_NOTHING = (
    r"t\.?b\.?[ad]\.?|to[ -]?do|fix ?me|x{3,}|lorem ipsum.*|n/?a|none|null|undefined|placeholder"
    r"|to be (?:added|completed|defined|determined|done|written)|coming soon|asdf|foo ?bar|blah?(?: blah?)*"
    r"|un(?:named|titled)|[-.?…_ ]+"
)
_DESCRIBE = r"describe (?:it|me|(?:the|this|your) (?:data )?(?:data|data ?set|package|file|resource|table))"


def _words(noun: str, more: str = "") -> re.Pattern[str]:
    named = rf"{_WRITING}{_WHOSE}{noun}(?: goes)?(?: here)?{_OF}"
    return re.compile(
        rf"[\[<({{*_# ]*(?:{_NOTHING}|{named}{more})[\]>)}}*_.!:… ]*", re.IGNORECASE | re.DOTALL
    )


_BY_MEMBER = {"title": _words("title"), "description": _words("description", f"|{_DESCRIBE}(?: here)?")}


def is_unwritten(member: str, text: Any) -> bool:
    """Whether a title or a description says nothing yet: the one of `couchreg init`, or a word by which
    people remember to write it."""
    if not isinstance(text, str) or len(text) > _LONGEST:
        return False
    return text == PLACEHOLDER or (
        bool(text.strip()) and _BY_MEMBER[member].fullmatch(text.strip()) is not None
    )
