"""What proxies in front say of a request, believed only from trusted addresses (`--trusted-proxies`).

Owns `X-Forwarded-For`, `-Host`, `-Proto` and `-Ssl`: from any other sender they are nothing but text of
the client's, and count for nothing.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import web

from couchreg.errors import BadRequest

MOST_HOPS = 20


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

    def scheme(self, request: web.BaseRequest) -> str:
        """`http` or `https`, as the client spoke."""
        if not self._forwards(request):
            return request.scheme
        headers = request.headers
        if headers.get("X-Forwarded-Ssl") == "on":
            return "https"
        found = headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip() or request.scheme
        return "https" if found == "https" else "http"

    def host(self, request: web.BaseRequest) -> str | None:
        """The host and port that the client asked for, not yet looked at; None where it named none."""
        forwarded = request.headers.get("X-Forwarded-Host") if self._forwards(request) else None
        return (forwarded or "").rpartition(",")[2].strip() or request.headers.get("Host")

    def _forwards(self, request: web.BaseRequest) -> bool:
        return bool(self._networks) and self._trusts(request.remote or "")

    def _trusts(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed


def _hops(request: web.BaseRequest) -> Iterator[str]:
    """The addresses of X-Forwarded-For, the nearest first. Raises BadRequest for what is none."""
    written = ",".join(request.headers.getall("X-Forwarded-For", []))
    hops = [hop.strip() for hop in written.split(",") if hop.strip()]
    for hop in reversed(hops[-MOST_HOPS:]):
        parsed = _parsed(hop.strip("[]"))
        if parsed is None:
            raise BadRequest("X-Forwarded-For has to consist of addresses.")
        yield str(parsed)


TRUSTING_NONE = Proxies()
