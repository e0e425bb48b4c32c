"""What proxies in front say of a request, believed only from trusted addresses (`--trusted-proxies`).

Owns `X-Forwarded-For`, `-Host`, `-Proto` and `-Ssl`: from any other sender they are nothing but text of
the client's, and count for nothing. Where no proxy is named, a door may take one on this very machine for a
proxy (`local`), for the address of the server alone, never for the client's.
"""

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from aiohttp import web

from couchreg.errors import BadRequest

MOST_HOPS = 20
LONGEST = 8192  # characters of the hops, from the nearest on


class Names(NamedTuple):
    """What the headers are called in which a proxy tells how it was reached."""

    host: str = "X-Forwarded-Host"
    proto: str = "X-Forwarded-Proto"
    ssl: str = "X-Forwarded-Ssl"


STANDARD = Names()


class Proxies:
    """The trusted ones: addresses and networks, with commas between them."""

    def __init__(self, trusted: str = "") -> None:
        self._networks = [ip_network(part.strip()) for part in trusted.split(",") if part.strip()]

    def address(self, request: web.BaseRequest) -> str:
        """The client's address: the nearest one that is no trusted proxy's. "" where there is none."""
        peer = request.remote or ""
        if not self._networks or not self._trusts(peer):
            return peer
        for hop in _hops(request):
            peer = hop
            if not self._trusts(hop):
                break
        return peer

    def trusts(self, address: str) -> bool:
        """Whether a proxy of ours connects from this address."""
        return bool(self._networks) and self._trusts(address)

    def scheme(self, request: web.BaseRequest, names: Names = STANDARD, *, local: bool = False) -> str:
        """`http` or `https`, as the client spoke."""
        if not self._forwards(request, local=local):
            return request.scheme
        headers = request.headers
        if headers.get(names.ssl) == "on":
            return "https"
        found = headers.get(names.proto, "").rpartition(",")[2].strip() or request.scheme
        return "https" if found == "https" else "http"

    def host(self, request: web.BaseRequest, names: Names = STANDARD, *, local: bool = False) -> str | None:
        """The host and port that the client asked for, not yet looked at; None where it named none."""
        forwarded = request.headers.get(names.host) if self._forwards(request, local=local) else None
        return (forwarded or "").rpartition(",")[2].strip() or request.headers.get("Host")

    def _forwards(self, request: web.BaseRequest, *, local: bool) -> bool:
        peer = request.remote or ""
        if self._networks:
            return self._trusts(peer)
        return local and _is_loopback(peer)

    def _trusts(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)


@lru_cache(1024)
def _is_loopback(text: str) -> bool:
    parsed = _parsed(text)
    return parsed is not None and parsed.is_loopback


@lru_cache(1024)
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed


def _bare(hop: str) -> str:
    """An address without the brackets and the port that some proxies write beside it."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _hops(request: web.BaseRequest) -> Iterator[str]:
    """The addresses of X-Forwarded-For, the nearest first. Raises BadRequest for what is none."""
    written = ",".join(request.headers.getall("X-Forwarded-For", []))[-LONGEST:]
    hops = [hop.strip() for hop in written.split(",") if hop.strip()]
    for hop in reversed(hops[-MOST_HOPS:]):
        parsed = _parsed(_bare(hop))
        if parsed is None:
            raise BadRequest("X-Forwarded-For must consist of addresses.")
        yield str(parsed)


TRUSTING_NONE = Proxies()
