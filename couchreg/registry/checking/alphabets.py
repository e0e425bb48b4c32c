"""Which letters beyond ASCII a language is written with: a text tells its encoding by them. Pure.

Most encodings of one byte fit any bytes, so that the words have to decide: the bytes of `Besançon` are a
French name in one encoding, and no word of any language in the others.
"""

import re
from collections import Counter

_WESTERN = "windows-1252"
# Encoding -> the letters of a language beside ASCII, in lower case.
_ALPHABETS: tuple[tuple[str, str], ...] = (
    (_WESTERN, "äöüßé"),  # German
    (_WESTERN, "àâæçéèêëîïôœùûüÿ"),  # French
    (_WESTERN, "áéíñóúü"),  # Spanish
    (_WESTERN, "ãáàâçéêíóôõúü"),  # Portuguese
    (_WESTERN, "àçéèíïóòúü"),  # Catalan
    (_WESTERN, "àèéìíîòóùú"),  # Italian
    (_WESTERN, "åäöé"),  # Swedish, Finnish
    (_WESTERN, "åæøéèêóòôü"),  # Danish, Norwegian
    (_WESTERN, "ðþáéíóúýæö"),  # Icelandic
    (_WESTERN, "äëïöüéèêáóíú"),  # Dutch
    (_WESTERN, "äöüõšž"),  # Estonian
    ("cp1250", "áčďéěíňóřšťúůýž"),  # Czech
    ("cp1250", "áäčďéíĺľňóôŕšťúýž"),  # Slovak
    ("cp1250", "ąćęłńóśźż"),  # Polish
    ("cp1250", "áéíóöőúüű"),  # Hungarian
    ("cp1250", "čćđšž"),  # Croatian, Slovene, Bosnian
    ("cp1250", "ăâîşţ"),  # Romanian
    ("cp1254", "çğıöşüâîûi\u0307"),  # Turkish; its capital İ is two characters in lower case
    ("cp1257", "āčēģīķļņšūž"),  # Latvian
    ("cp1257", "ąčęėįšųūž"),  # Lithuanian
)
_LIKELY, _CLEARLY = 0.95, 0.08  # the share of a text's letters, and how much less another language may have
_DISTINCT = 3  # letters, before a language of the East is believed
# Encodings of the same languages, of Unix, of old Macs, of DOS.
_AS = {
    "iso8859-2": "cp1250",
    "cp852": "cp1250",
    "iso8859-15": _WESTERN,
    "mac_roman": _WESTERN,
    "cp850": _WESTERN,
}
_CYRILLIC = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяєіїґў"
_SYMBOLS = frozenset("°€µ“”‘’„«»–—²³§£©®½¼¾±×…№\xa0")  # that stand in tables of any language
_ORDINALS = "ªº"
_BETWEEN = "–—…"  # words, not letters
_WORDS = re.compile(r"[^\W\d_]{2}.[^\W\d_]{2}")
_IN_WORDS = "’‘·´`\xa0\xad²³°×"  # marks that stand between letters in right texts
_STRANGE = 0.2  # the share of characters beyond ASCII


def latin(sample: bytes, detected: str) -> str | None:
    """The encoding of a text in Latin letters by the language that they are of; None where none stands out.
    Where several may be, it is the one that was `detected` by other means, else the Western one."""
    shares: dict[str, float] = {}
    for encoding in {encoding for encoding, _ in _ALPHABETS}:
        letters = _letters(sample.decode(encoding, "replace"))
        total = letters.total()
        if len(letters) < _DISTINCT and encoding != _WESTERN:
            continue
        for own, alphabet in _ALPHABETS:
            if own == encoding and total:
                share = sum(letters[letter] for letter in alphabet) / total
                shares[encoding] = max(share, shares.get(encoding, 0.0))
    western = shares.get(_WESTERN, 0.0)
    if shares.get(detected, 0.0) >= _LIKELY:
        return detected
    if western >= _LIKELY:
        return _WESTERN
    best = max(shares, key=lambda encoding: shares[encoding], default=_WESTERN)
    return best if shares.get(best, 0.0) >= max(_LIKELY, western + _CLEARLY) else None


def _letters(text: str) -> Counter[str]:
    """The characters beyond ASCII that are letters, or stand amid them, in lower case."""
    found: Counter[str] = Counter()
    for at, char in enumerate(text):
        is_amid = text[at - 1 : at].isalpha() and text[at + 1 : at + 2].isalpha()
        if char > "\x7f" and (is_amid or (char.isalpha() and char not in _ORDINALS)):
            found.update(char.lower())
    return found


def has_symbols_alone(text: str) -> bool:
    """Whether what is beyond ASCII in a text are signs that stand in tables of any language."""
    return all(char <= "\x7f" or char in _SYMBOLS for char in text)


def is_written_in(text: str, encoding: str) -> bool:
    """Whether one language that is written in an encoding has all the letters of a text."""
    found = frozenset("".join(char.lower() for char in text if char > "\x7f")) - _SYMBOLS
    if encoding in ("cp1251", "cp866"):
        return found <= frozenset(_CYRILLIC)
    own = _AS.get(encoding, encoding)
    return any(found <= frozenset(alphabet) for name, alphabet in _ALPHABETS if name == own)


def is_of_one_script(text: str) -> bool:
    """Whether most letters beyond ASCII stand in words of such letters alone, as those of other scripts do:
    in a text of Latin letters that is read by the encoding of another script they stand amid ASCII."""
    pure = mixed = 0
    word = ""
    for char in text + " ":
        if char.isalpha():
            word += char
            continue
        foreign = sum(letter > "\x7f" for letter in word)
        if foreign == len(word) > 1:
            pure += foreign
        else:
            mixed += foreign
        word = ""
    return pure > mixed


def is_strange(text: str, many: float = _STRANGE) -> bool:
    """Whether many (a share of) characters beyond ASCII are where no language has them: marks inside words,
    and capitals amid small letters. So it is where a text is read by another encoding than its own."""
    strange = others = 0
    for at, char in enumerate(text):
        if char <= "\x7f":
            continue
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        is_amid = before.isalpha() and after.isalpha()
        is_between = char in _BETWEEN and _WORDS.fullmatch(text[max(0, at - 2) : at + 3]) is not None
        is_mark = is_amid and not (char.isalpha() or char in _IN_WORDS or is_between)
        is_capital = char.isupper() and before.isalpha() and (before.islower() or after.islower())
        strange += is_mark or is_capital or char == "\ufffd"
        others += 1
    return strange > others * many
