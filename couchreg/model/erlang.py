"""Erlang's ways to print a value (`~w` and `~p`), which some of CouchDB's error sentences contain.

Owns only the text of decoded JSON: `<<97,98>>` for "ab", `{[{<<97>>,1}]}` for {"a": 1}.
"""

import re
from typing import Any

PRINTABLE = re.compile(rb"[\n\r\t -~]*")
_WORDS = {None: "null", True: "true", False: "false"}


def show(value: Any) -> str:
    """A JSON value as Erlang writes the term that CouchDB keeps of it."""
    kind = type(value)
    if kind is str:
        return f"<<{','.join(map(str, value.encode()))}>>"
    if kind is dict:
        return f"{{[{','.join([f'{{{show(name)},{show(inner)}}}' for name, inner in value.items()])}]}}"
    if kind is list:
        return f"[{','.join(map(show, value))}]"
    if kind is float:
        return _float(value)
    if kind is int:
        return str(value)
    return _WORDS[value]


def pretty(value: Any) -> str:
    """As `show`, with plain text for what it is: `<<"ab">>`. Long values are not broken into lines."""
    kind = type(value)
    if kind is str and value and PRINTABLE.fullmatch(value.encode()):
        text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'<<"{text}">>'
    if kind is dict:
        return f"{{[{','.join([f'{{{pretty(name)},{pretty(inner)}}}' for name, inner in value.items()])}]}}"
    if kind is list:
        return f"[{','.join(map(pretty, value))}]"
    return show(value)


def _float(value: float) -> str:
    """Shortest digits, with a point always; the exponent form when it is the shorter one."""
    mantissa, _, exponent = repr(value).partition("e")
    if exponent:
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent)}"
    scientific = _scientific(mantissa)
    return scientific if len(scientific) < len(mantissa) else mantissa


def _scientific(plain: str) -> str:
    sign, digits = ("-", plain[1:]) if plain[0] == "-" else ("", plain)
    whole, fraction = digits.split(".")
    significant = (whole + fraction).strip("0") or "0"
    if whole != "0":
        power = len(whole) - 1
    else:
        power = len(fraction.lstrip("0")) - len(fraction) - 1 if fraction.strip("0") else 0
    return f"{sign}{significant[0]}.{significant[1:] or '0'}e{power}"
