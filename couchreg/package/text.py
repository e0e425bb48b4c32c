"""JSON that people wrote, with the place of what is wrong in it. Pure."""

import re
from typing import Any, Final

import msgspec

from couchreg.errors import BadRequest
from couchreg.model import json

_BOM: Final = b"\xef\xbb\xbf"
_look: Final = msgspec.json.Decoder(json.Raw).decode
_PLACE: Final = re.compile(r" \(byte (\d+)\)\Z")


class BadText(BadRequest):
    """Text that is no JSON; `fault` ends a sentence, `line` and `column` count from 1 (None: unknown)."""

    def __init__(self, fault: str, line: int | None, column: int | None) -> None:
        self.fault, self.line, self.column = fault, line, column
        super().__init__(f"The text {fault}.")


def read_json(data: bytes) -> Any:
    """The value of a JSON text in UTF-8, with or without a byte order mark. Raises BadText."""
    text = data.removeprefix(_BOM)
    try:
        return json.decode(text)
    except BadRequest as error:
        raise _explained(text, str(error.__context__ or "")) from None


def check_json(data: bytes) -> None:
    """See that a text is JSON, as `read_json`, but make no values of it: it needs a few times its own memory
    whatever it holds. Raises BadText."""
    text = data.removeprefix(_BOM)
    if (fault := _not_utf_8(text)) is not None:
        raise fault
    try:
        _look(text)
    except RecursionError:
        raise BadText("is nested too deeply to be read here", None, None) from None
    except msgspec.MsgspecError as error:
        raise _explained(text, str(error)) from None


def _not_utf_8(text: bytes) -> BadText | None:
    try:
        text.decode()
    except UnicodeDecodeError as fault:
        line, column = _place(text, fault.start)
        return BadText(
            f"is not UTF-8: byte 0x{text[fault.start]:02x} in line {line}, column {column}; save it as UTF-8",
            line,
            column,
        )
    return None


def _explained(text: bytes, cause: str) -> BadText:
    if (fault := _not_utf_8(text)) is not None:
        return fault
    if not text.strip():
        return BadText("is empty", 1, 1)
    found = _PLACE.search(cause)
    at = int(found[1]) if found else len(text.rstrip()) if "truncated" in cause else None
    if at is None:
        return BadText("is not JSON that can be read", None, None)
    line, column = _place(text, at)
    what = (
        cause[: found.start()].removeprefix("JSON is malformed: ")
        if found
        else "it ends before it is complete"
    )
    return BadText(f"is not valid JSON in line {line}, column {column}: {what}", line, column)


def _place(text: bytes, offset: int) -> tuple[int, int]:
    before = text[:offset]
    start = before.rfind(b"\n") + 1
    return before.count(b"\n") + 1, len(before[start:].decode(errors="replace")) + 1
