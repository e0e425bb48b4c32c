"""Which addresses replications reach."""

import socket

import pytest
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver

from couchreg.replication.network import AddressNotAllowed, CheckedResolver, Networks

KEYS = (
    "169.254.169.254",
    "fe80::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "::ffff:169.254.169.254",
    "224.0.0.1",
)
PRIVATE = (
    "127.0.0.1",
    "::1",
    "10.1.2.3",
    "192.168.0.1",
    "172.16.0.1",
    "fc00::1",
    "0.0.0.0",
    "64:ff9b::7f00:1",
)
PUBLIC = ("93.184.216.34", "2606:2800:220:1::1")


@pytest.mark.parametrize("address", KEYS)
def test_nobody_reaches_where_keys_are_given_out(address: str) -> None:
    for private in (True, False):
        with pytest.raises(AddressNotAllowed):
            Networks(private=private).check("x.org", address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_networks_are_the_administrators(address: str) -> None:
    Networks(private=True).check("x.org", address)
    with pytest.raises(AddressNotAllowed):
        Networks(private=False).check("x.org", address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_everybodys(address: str) -> None:
    Networks(private=False).check("x.org", address)


def test_what_is_named_is_allowed() -> None:
    networks = Networks(["mirror.lan", "10.0.0.0/8"], private=False)
    networks.check("Mirror.lan", "192.168.0.1")
    networks.check("other", "10.1.2.3")
    with pytest.raises(AddressNotAllowed):
        networks.check("other", "192.168.0.1")


async def test_a_name_is_looked_at_each_time_it_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["93.184.216.34", "127.0.0.1"])

    async def resolve(self: object, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=next(answers), port=port, family=2, proto=0, flags=0)]

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)
    resolver = CheckedResolver(Networks(private=False))
    [found] = await resolver.resolve("x.org", 80, socket.AF_INET)
    assert found["host"] == "93.184.216.34"
    with pytest.raises(AddressNotAllowed):
        await resolver.resolve("x.org", 80, socket.AF_INET)
