"""Which addresses belong to one client."""

from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network

_OF_PROVIDER = {4: 16, 6: 32}  # bits of what one provider or data centre has
_OF_ONE = 64  # bits: a provider gives each of its clients at least such a network


def origin(address: str) -> str:
    """The text by which an address counts: of IPv6 its /64, since a client has all of it; an IPv4 address
    stands for itself, also where it is written as IPv6. What is no address is returned as it is.

    Source: RFC 6177, RFC 4291 2.5.5.2.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found), _OF_ONE), strict=False))


def provider(address: str) -> str:
    """The large network that an address belongs to: one who rents many addresses has them close together."""
    try:
        found = ip_address(origin(address).partition("/")[0])
    except ValueError:
        return address
    return str(ip_network(f"{found}/{_OF_PROVIDER[found.version]}", strict=False))
