"""The base of the addresses that answers contain.

It is the setting `--public-url`, else the request's own Host header; X-Forwarded-… are believed of
trusted proxies only.
"""

import re
from urllib.parse import quote

from aiohttp import web

from couchreg.errors import BadRequest
from couchreg.http.forwarded import Proxies

_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253}[A-Za-z0-9_.])?"
_ADDRESS = r"\[[0-9A-Fa-f:.]{2,45}\]"
_HOST = re.compile(rf"(?:{_NAME}|{_ADDRESS})(?::[0-9]{{1,5}})?")


def base_url(request: web.BaseRequest, public_url: str | None, proxies: Proxies) -> str:
    """`http://host:port`, without a slash at its end. Raises BadRequest for a Host that is none."""
    if public_url:
        return public_url.rstrip("/")
    host = proxies.host(request) or ""
    if not _HOST.fullmatch(host):
        raise BadRequest("The Host header is missing or is not the name of a host.")
    return f"{proxies.scheme(request)}://{host.lower()}"


def is_secure(request: web.BaseRequest, public_url: str | None, proxies: Proxies) -> bool:
    """Whether the client speaks HTTPS, as far as is known."""
    return (public_url or f"{proxies.scheme(request)}:").lower().startswith("https:")


def url_of_user(base: str, name: str) -> str:
    """The address of an account."""
    return f"{base}/-/user/{quote(name, safe='')}"
