"""Values as people read them."""

from typing import Any, Final

_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_WORDS: Final = {1e12: "trillion", 1e9: "billion", 1e6: "million"}
_LARGEST: Final = 10**18  # bytes
LONGEST: Final = 300  # characters of a cell


def size(count: Any) -> str:
    """Bytes, in powers of a thousand as file managers count."""
    if not isinstance(count, int | float) or isinstance(count, bool) or not 0 <= count < _LARGEST:
        return ""  # publishers write all kinds of numbers
    amount, unit = float(count), 0
    while amount >= 999.5 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if unit == 0 or amount >= 99.5 else f"{amount:.1f} {_UNITS[unit]}"


def number(value: Any) -> str:
    """A whole number with thin spaces between its thousands."""
    return f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else str(value)


def rough(value: float) -> str:
    """A measure as people say it: in four digits, large ones in words."""
    size = abs(value)
    if size and not 1e-4 <= size < 1e15:
        return f"{value:.4g}"
    for least, word in _WORDS.items():
        if size >= 0.99995 * least:
            return f"{value / least:.4g} {word}"
    return number(round(value)) if size >= 9_999.5 else f"{value:.4g}"


def cell(value: Any) -> str:
    """A cell of a table; what is missing is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def placed(value: Any) -> dict[str, Any]:
    """A cell, and whether it stands at the right, as numbers do."""
    return {"text": cell(value), "right": isinstance(value, int | float) and not isinstance(value, bool)}


def plain(value: Any, longest: int = 2000) -> str:
    """A text of a descriptor, empty for what is none: publishers write all kinds of things."""
    if not isinstance(value, str):
        return ""
    return value if len(value) <= longest else value[: longest - 1] + "…"
