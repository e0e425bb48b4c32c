"""Documents with their attachments behind them: the framing of multipart answers, to the byte.

Owns boundaries and part headers as CouchDB writes them, and the length of a body before its first
byte is sent. The bytes of attachments pass by: a caller writes `head`, the stored bytes and
`between` for each. Pure; reading multipart is `multipart.py`'s.

A document's part: https://docs.couchdb.org/en/stable/api/document/common.html#efficient-multiple-attachments-retrieving
"""

import secrets
from collections.abc import Iterable

from couchreg.wire.documents import AttachmentRecord

_UNSAFE = {'"': "%22", "\r": "%0D", "\n": "%0A"}
END = b"--"


def new_boundary() -> bytes:
    return secrets.token_hex(16).encode()


def related_type(boundary: bytes) -> str:
    return f'multipart/related; boundary="{boundary.decode()}"'


def mixed_type(boundary: bytes, subtype: str = "mixed") -> str:
    return f'multipart/{subtype}; boundary="{boundary.decode()}"'


def document_part(boundary: bytes, text: bytes) -> bytes:
    """The first part of a multipart/related body, the document itself, up to the next headers."""
    return document_head(boundary) + text + between(boundary)


def document_head(boundary: bytes) -> bytes:
    """What goes before the document itself."""
    return b"--%b\r\nContent-Type: application/json\r\n\r\n" % boundary


def attachment_head(attachment: AttachmentRecord) -> bytes:
    """What goes before the stored bytes of an attachment."""
    name = "".join(_UNSAFE.get(letter, letter) for letter in attachment.name)
    lines = (
        f'\r\nContent-Disposition: attachment; filename="{name}"'
        f"\r\nContent-Type: {_one_line(attachment.content_type)}"
        f"\r\nContent-Length: {attachment.stored_length}"
    )
    if attachment.encoding != "identity":
        lines += f"\r\nContent-Encoding: {attachment.encoding}"
    return f"{lines}\r\n\r\n".encode()


def range_head(content_type: str, content_range: str) -> bytes:
    """What goes before the bytes of one of several ranges."""
    return f"\r\nContent-Type: {_one_line(content_type)}\r\nContent-Range: {content_range}\r\n\r\n".encode()


def _one_line(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def between(boundary: bytes) -> bytes:
    """What goes behind each part; with `END` behind it, what goes behind the last."""
    return b"\r\n--" + boundary


def related_length(boundary: bytes, text: bytes, attachments: Iterable[AttachmentRecord]) -> int:
    """The length of a whole multipart/related body."""
    total = len(document_part(boundary, b"")) + len(text) + len(END)
    for attachment in attachments:
        total += len(attachment_head(attachment)) + attachment.stored_length + len(between(boundary))
    return total
