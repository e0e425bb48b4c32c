"""Header blocks and parameters of multipart parts, read as strictly as needed and no stricter. Pure.

https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1, https://www.rfc-editor.org/rfc/rfc6266
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from couchreg.errors import BadRequest
from couchreg.wire import fields

MAX_FIELDS = 64
MAX_BOUNDARY = 70

_LINE = re.compile(rb"\r?\n")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]*[0-9A-Za-z'()+_,./:=?-]")


def parsed_block(block: bytes) -> dict[str, str]:
    """Header names in lower case with their values; of equal names the first counts.

    Values are UTF-8, as CouchDB and browsers send file names, or else Latin-1. Raises BadRequest.
    """
    headers: dict[str, str] = {}
    lines = _unfolded(block)
    if len(lines) > MAX_FIELDS:
        raise BadRequest("A part has too many headers")
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name):
            raise BadRequest("A part has an invalid header")
        headers.setdefault(name.decode("ascii").lower(), _text(value.strip(b" \t")))
    return headers


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """`text/plain; charset="utf-8"` -> ("text/plain", {"charset": "utf-8"}); names in lower case."""
    return fields.item(value)


def boundary_of(content_type: str) -> str:
    """The boundary of a multipart content type. Raises BadRequest when there is no usable one."""
    main, found = parameters(content_type)
    boundary = found.get("boundary", "")
    if not main.startswith("multipart/") or len(boundary) > MAX_BOUNDARY or not _BOUNDARY.fullmatch(boundary):
        raise BadRequest("The Content-Type has no valid multipart boundary")
    return boundary


def filename_of(headers: Mapping[str, str]) -> str | None:
    """The file name of a part's Content-Disposition, `filename*` before `filename`."""
    found = parameters(headers.get("content-disposition", ""))[1]
    charset, quote, encoded = found.get("filename*", "").partition("''")
    if quote and charset.lower() in ("utf-8", "iso-8859-1"):
        return unquote(encoded, charset)
    return found.get("filename")


def _unfolded(block: bytes) -> list[bytes]:
    lines: list[bytes] = []
    for line in _LINE.split(block) if block else ():
        if line[:1] in (b" ", b"\t") and lines:
            lines[-1] += b" " + line.strip(b" \t")
        else:
            lines.append(line)
    return lines


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
