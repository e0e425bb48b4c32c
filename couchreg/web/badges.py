"""A badge of a package, as SVG for READMEs elsewhere. Pure."""

from html import escape
from typing import Final

LABEL: Final = "data package"
_SIGN: Final = 7  # pixels of a letter, about
_AROUND: Final = 12
_LONGEST: Final = 40  # characters
GOOD, POOR = "#1a5a96", "#8a3b00"


def badge(words: str, colour: str = GOOD) -> bytes:
    """With these words behind `LABEL`; a long text is cut."""
    words = words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
    left, right = len(LABEL) * _SIGN + _AROUND, len(words) * _SIGN + _AROUND
    said = escape(words.encode("utf-8", "replace").decode(), quote=True)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img"'
        f' aria-label="{LABEL}: {said}"><title>{LABEL}: {said}</title>'
        f'<rect width="{left + right}" height="20" rx="3" fill="#444"/>'
        f'<rect x="{left}" width="{right}" height="20" rx="3" fill="{colour}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="6" y="14" textLength="{left - _AROUND}">{LABEL}</text>'
        f'<text x="{left + 6}" y="14" textLength="{right - _AROUND}">{said}</text></g></svg>'
    )
    return svg.encode()
