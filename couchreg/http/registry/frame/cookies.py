"""The two cookies of the pages: of a login, and of whoever is about to log in.

No script reads them, and no other site's page makes a browser send them with a form. Over HTTPS their names
say that no neighbour of this host and nobody on the way has put them there.

Source: https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis.
"""

from collections.abc import Mapping
from typing import Final

VISIT_COOKIE: Final = "couchreg"
FORM_COOKIE: Final = "couchreg-form"
_PREFIX: Final = "__Host-"


def visit_cookie(headers: Mapping[str, str], *, secure: bool) -> str:
    """What the cookie of a login holds, empty where there is none."""
    return _found(headers, VISIT_COOKIE, secure=secure)


def form_cookie(headers: Mapping[str, str], *, secure: bool) -> str:
    """What the cookie of somebody who has not logged in holds, empty where there is none."""
    return _found(headers, FORM_COOKIE, secure=secure)


def set_cookie(name: str, value: str, *, secure: bool) -> str:
    """A `Set-Cookie` header, for as long as the browser is open; without a value the cookie goes.

    That of a login comes along with a link from elsewhere (`Lax`), the other one never does (`Strict`).
    """
    site = "Lax" if name == VISIT_COOKIE else "Strict"
    parts = [f"{_name(name, secure)}={value}", "Path=/", "HttpOnly", f"SameSite={site}"]
    if secure:
        parts.append("Secure")
    if not value:
        parts.append("Max-Age=0")
    return "; ".join(parts)


def _name(name: str, secure: bool) -> str:
    return _PREFIX + name if secure else name


def _found(headers: Mapping[str, str], name: str, *, secure: bool) -> str:
    for part in headers.get("Cookie", "").split(";"):
        key, _, value = part.strip().partition("=")
        if key == _name(name, secure):
            return value
    return ""
