"""Which registry a program speaks to, and as whom: what it says itself, else the environment, else the file.

The file is the one that `couchreg login` writes. Its token is for its own registry only. Nobody is asked
anything here: prompts are `cli`'s.
"""

from typing import NamedTuple

from couchreg.client.config_file import config_file, read
from couchreg.client.environment import PASSWORD, REGISTRY, TOKEN, USER, value
from couchreg.client.transport import Credentials, Login, Token, registry_url

DEFAULT_REGISTRY = "http://127.0.0.1:8000"


class Account(NamedTuple):
    """A registry's address, the login where there is one, and the user's name where it is known."""

    registry: str
    login: Login | None
    user: str | None = None


def look_up(
    registry: str | None = None,
    user: str | None = None,
    password: str | None = None,
    token: str | None = None,
) -> Account:
    """What is not given comes from the environment and the file. Raises UsageError.

    A token of the environment is nobody's by name, so it is not taken for a `user` that is given.
    """
    kept = read(config_file())
    address = registry or value(REGISTRY) or kept.get("registry") or DEFAULT_REGISTRY
    url, written = registry_url(address)
    if str(url) != str(registry_url(kept.get("registry") or DEFAULT_REGISTRY)[0]):
        kept = {}  # a login is for its own registry
    name = user or value(USER) or kept.get("user")
    if token:
        return Account(str(url), Token(token))
    if written is not None:
        return Account(str(url), written, written.user)
    secret = password if password is not None else value(PASSWORD)
    if name and secret:
        return Account(str(url), Credentials(name, secret), name)
    from_environment = value(TOKEN)
    if user is None and from_environment:
        return Account(str(url), Token(from_environment))
    if kept.get("token") and name == kept.get("user"):
        return Account(str(url), Token(kept["token"]), name)
    return Account(str(url), None, name)
