"""For whom a job lets its provider make identity tokens."""

import pytest

from couchreg.client.errors import NotAllowed
from couchreg.client.jobs import checked_audience

HERE = "https://data.example.org/registry/"


@pytest.mark.parametrize("audience", ["https://data.example.org", "https://DATA.example.org:443/other"])
def test_a_registry_may_ask_for_tokens_that_are_for_itself(audience: str) -> None:
    assert checked_audience(HERE, audience) == audience


@pytest.mark.parametrize(
    "audience",
    [
        "",
        "data.example.org",
        "//data.example.org",
        "http://data.example.org",
        "https://data.example.org:8443",
        "https://data.example.org@evil.example",
        "https://data.example.org.evil.example",
        "https://[",
        "sigstore",
    ],
)
def test_a_registry_gets_no_token_that_is_for_another(audience: str) -> None:
    with pytest.raises(NotAllowed, match="--audience"):
        checked_audience(HERE, audience)
