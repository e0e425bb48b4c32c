"""Which registry a program speaks to, and as whom: what it says itself, else the environment, else the file.

The file is the one that `couchreg login` writes. Its token is for its own registry only. Nobody is asked
anything here: prompts are `cli`'s.
"""

import os
from typing import NamedTuple

from couchreg.client.config_file import config_file, read
from couchreg.client.transport import Credentials, Login, Token, registry_url

DEFAULT_REGISTRY = "http://127.0.0.1:8000"


class Account(NamedTuple):
    """A registry's address, and a login where there is one."""

    registry: str
    login: Login | None


def look_up(
    registry: str | None = None,
    user: str | None = None,
    password: str | None = None,
    token: str | None = None,
) -> Account:
    """What is not given comes from the environment and the file. Raises UsageError."""
    environ, kept = os.environ, read(config_file())
    address = registry or environ.get("COUCHREG_REGISTRY") or kept.get("registry") or DEFAULT_REGISTRY
    url, written = registry_url(address)
    if str(url) != str(registry_url(kept.get("registry") or DEFAULT_REGISTRY)[0]):
        kept = {}  # a login is for its own registry
    if token:
        return Account(str(url), Token(token))
    if written is not None:
        return Account(str(url), written)
    name = user or environ.get("COUCHREG_USER") or kept.get("user")
    secret = password if password is not None else environ.get("COUCHREG_PASSWORD")
    if name and secret:
        return Account(str(url), Credentials(name, secret))
    text = (environ.get("COUCHREG_TOKEN") if user is None else None) or (
        kept.get("token") if name == kept.get("user") else None
    )
    return Account(str(url), Token(text) if text else None)
