"""Forms that people send: read, bounded, and believed to be ours only with what our own page has given.

Another site can make a browser send a form here, with the cookies of whoever sits before it. It cannot read
our pages, so it does not know the token in the form, which belongs to a cookie; and browsers say where a form
is from.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from couchreg.auth.login.authenticator import VISIT
from couchreg.errors import BadContentType, BadRequest, Forbidden, TooLarge
from couchreg.http.registry.frame.body import plain_body
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.cookies import FORM_COOKIE, form_cookie, set_cookie
from couchreg.registry.publishing.intake import PublishLimits
from couchreg.wire.headers import parameters

KIND: Final = "application/x-www-form-urlencoded"
TOKEN: Final = "form"  # noqa: S105 - the field that holds it
HEADER: Final = "X-Couchreg-Form"  # that holds it where a script of a page asks
STRANGE: Final = "This form has grown old, or does not come from this registry's own page: send it again."
_MOST, _FIELDS = 32 << 10, 50  # bytes, fields
_SIZE: Final = 43  # characters of a cookie
_OURS: Final = ("same-origin", "none")  # of `Sec-Fetch-Site`: our own page, or the person alone
LONGEST_PLACE: Final = 2000  # characters

Headers = list[tuple[str, str]]


def token_for(call: Call) -> tuple[str, Headers]:
    """What a form on a page for this client has to bring back, and headers that go with the page."""
    if call.identity.handler == VISIT:
        return _token(call, call.visit), []
    value = _form_cookie(call)
    if value:
        return _token(call, value), []
    value = secrets.token_urlsafe(32)
    return _token(call, value), [("Set-Cookie", set_cookie(FORM_COOKIE, value, secure=call.is_secure))]


async def fields_of(call: Call, most: int = _MOST, count: int = _FIELDS) -> Mapping[str, str]:
    """What a form says, the last of each name: at most `most` bytes, and `count` fields. Raises Forbidden for
    one that is not ours, BadContentType, BadRequest, TooLarge, and Unauthorized as `Call.confirm`."""
    check_site(call)
    kind, _ = parameters(call.request.headers.get("Content-Type", ""))
    if kind != KIND:
        raise BadContentType(f"Send a form, as {KIND}.")
    data = bytearray()
    async for chunk in plain_body(call, PublishLimits(total=most, files=0, descriptor=0)):
        data += chunk
        if len(data) > most:
            raise TooLarge(f"This form may have at most {most} bytes.")
    await call.confirm()
    try:
        fields = await asyncio.to_thread(_parsed, bytes(data), count)
    except ValueError:
        raise BadRequest(f"This form is text in UTF-8, of at most {count} fields.") from None
    check_token(call, fields.get(TOKEN, ""))
    return fields


def _parsed(data: bytes, count: int) -> dict[str, str]:
    """Raises ValueError."""
    return dict(parse_qsl(data.decode(), keep_blank_values=True, errors="strict", max_num_fields=count))


def check_site(call: Call) -> None:
    """Raises Forbidden for a form that a browser says is from elsewhere."""
    headers = call.request.headers
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site is not None and site not in _OURS:
        raise Forbidden(STRANGE)
    if site is None and origin is not None and origin.lower() != _origin(call.base):
        raise Forbidden(STRANGE)


def check_token(call: Call, given: str) -> None:
    """Raises Forbidden for what this client's cookie does not belong to."""
    value = call.visit if call.identity.handler == VISIT else _form_cookie(call)
    if not value or not hmac.compare_digest(_token(call, value).encode(), given.encode()):
        raise Forbidden(STRANGE)


def check_script(call: Call) -> None:
    """Raises Forbidden for a request by the cookie of a login that is none of our own page's script."""
    if call.identity.handler == VISIT:
        check_site(call)
        check_token(call, call.request.headers.get(HEADER, ""))


def place_of(text: str, otherwise: str) -> str:
    """Where to go on afterwards: a path of ours and nothing else."""
    plain = text.isascii() and text.isprintable() and " " not in text and "\\" not in text
    if not plain or len(text) > LONGEST_PLACE or not text.startswith("/") or text.startswith("//"):
        return otherwise
    return text


def _token(call: Call, value: str) -> str:
    key = hmac.digest(call.services.upload_secret, b"forms of pages", "sha256")
    return hmac.new(key, value.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()


def _form_cookie(call: Call) -> str:
    value = form_cookie(call.request.headers, secure=call.is_secure)
    return value if len(value) == _SIZE else ""


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
