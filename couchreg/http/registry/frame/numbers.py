"""Whole numbers in addresses and bodies."""


def whole_number(text: str, most: int) -> int | None:
    """The number that a text is in decimal digits; None for any other text, and for more than `most`."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 15 or int(text) > most:
        return None
    return int(text)
