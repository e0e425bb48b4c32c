"""Where replications may go: which addresses a name may stand for.

A server that fetches what users tell it to is a way into its own network. Administrators decide for that
network and may name anything in it but what no database ever answers at: the addresses at which a
data centre gives out its keys (link-local ones and their like). Whoever else may replicate reaches public
addresses only. `[couchreg] replicate_hosts` names hosts and networks that are allowed beyond that.

The check is made of the addresses themselves, each time a name is resolved, and the connection is made to
the address that was checked: a name that resolves anew to another one gains nothing.
"""

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

Address = IPv4Address | IPv6Address

# Link-local, and what clouds use beside it to hand out credentials to whoever asks from inside.
_KEYS = tuple(
    map(
        ip_network,
        ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "192.0.0.192/32"),
    )
)
_TRANSLATED = ip_network("64:ff9b::/96")


class AddressNotAllowed(OSError):
    """An address that a replication may not reach."""


class Networks:
    """What one replication may reach. `named` are host names, addresses and networks (`10.0.0.0/8`)."""

    def __init__(self, named: Sequence[str] = (), *, private: bool) -> None:
        self._private = private
        self._hosts = {name.lower() for name in named}
        self._networks = [network for name in named if (network := _network(name)) is not None]

    def check(self, host: str, address: str) -> None:
        """Raises NotAllowed."""
        if host.lower() in self._hosts:
            return
        found = _plain(ip_address(address.partition("%")[0]))
        if any(found in network for network in self._networks):
            return
        if any(found in network for network in _KEYS) or found.is_multicast:
            raise AddressNotAllowed(f"{host} is at an address that no replication may reach")
        if not self._private and not found.is_global:
            raise AddressNotAllowed(f"{host} is at a private address, which is not open to your replications")

    def check_literal(self, host: str) -> None:
        """Where the host is an address itself, nothing is resolved. Raises NotAllowed."""
        try:
            ip_address(host.partition("%")[0])
        except ValueError:
            return
        self.check(host, host)


class CheckedResolver(AbstractResolver):
    """Resolves names to addresses that may be reached, or not at all."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for result in found:
            self._networks.check(host, result["host"])
        return found

    async def close(self) -> None:
        await self._inner.close()


def _network(name: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(name, strict=False)
    except ValueError:
        return None


def _plain(address: Address) -> Address:
    """An IPv4 address in whatever IPv6 form it comes."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _TRANSLATED:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
