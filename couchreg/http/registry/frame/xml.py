"""Answers in XML: texts of strangers made harmless, and elements."""

import re
from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape, quoteattr

HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
# What no XML 1.0 text may have, not even as a reference. Source: https://www.w3.org/TR/xml/#charsets.
_BARRED: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: str) -> str:
    """A text between tags."""
    return escape(_BARRED.sub("\ufffd", value))


def element(name: str, content: str | Iterable[str] | None = None, **attributes: str) -> str:
    """An element with a text, or with what other elements are; an attribute's name ends with `_` where Python
    has the word."""
    stated = "".join(
        f" {key.rstrip('_')}={quoteattr(_BARRED.sub(chr(0xFFFD), value))}"
        for key, value in attributes.items()
    )
    if content is None:
        return f"<{name}{stated}/>"
    inner = text(content) if isinstance(content, str) else "\n" + "".join(f"{one}\n" for one in content)
    return f"<{name}{stated}>{inner}</{name}>"
