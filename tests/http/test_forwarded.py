"""The address of a client, as proxies that are trusted tell it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web
from multidict import CIMultiDict

from couchreg.errors import BadRequest
from couchreg.http.forwarded import Proxies

PROXIES = Proxies("10.0.0.0/8, ::1")


def address(*told: str, peer: str = "10.0.0.1") -> str:
    headers = CIMultiDict[Any]([("X-Forwarded-For", one) for one in told])
    return PROXIES.address(cast(web.BaseRequest, SimpleNamespace(remote=peer, headers=headers)))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (["192.0.2.7"], "192.0.2.7"),
        (["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
        (["198.51.100.1", "192.0.2.7"], "192.0.2.7"),
        (["nonsense, 192.0.2.7, 10.1.1.1"], "192.0.2.7"),
        (["192.0.2.7:50123"], "192.0.2.7"),
        (["::ffff:192.0.2.7"], "192.0.2.7"),
        (["2001:db8::7"], "2001:db8::7"),
        (["[2001:db8::7]"], "2001:db8::7"),
        (["[2001:db8::7]:50123, 10.1.1.1:80"], "2001:db8::7"),
        ([], "10.0.0.1"),
    ],
)
def test_the_nearest_that_is_no_proxy_of_ours_is_the_client(told: list[str], expected: str) -> None:
    assert address(*told) == expected
    assert address(*told, peer="192.0.2.99") == "192.0.2.99"


@pytest.mark.parametrize("told", ["nonsense", "192.0.2.7, unknown", "[", ":80", "1.2.3.4:5:6"])
def test_what_is_no_address_is_refused(told: str) -> None:
    with pytest.raises(BadRequest):
        address(told)
