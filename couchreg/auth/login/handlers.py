"""Which ways to say who one is the couch door takes, in order: `[chttpd] authentication_handlers`.

Source: https://docs.couchdb.org/en/stable/config/auth.html#authentication-configuration
"""

import logging
import re

from couchreg.auth.options import Config

log = logging.getLogger(__name__)

DEFAULT: tuple[str, ...] = ("cookie", "default")
KNOWN = ("proxy", "jwt", *DEFAULT)
_HANDLER = re.compile(r"\{\s*\w+\s*,\s*(\w+?)_authenti(?:fi)?cation_handler\s*\}")


class Handlers:
    """The names, `cookie` and `default` (Basic) unless the setting says otherwise."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._read = ""
        self._names = DEFAULT

    @property
    def names(self) -> tuple[str, ...]:
        written = self._config().get("chttpd", {}).get("authentication_handlers", "")
        if written != self._read:
            self._read, self._names = written, _parse(written)
        return self._names


def _parse(written: str) -> tuple[str, ...]:
    """With what cannot be understood nobody could log in to mend it, so then the default counts."""
    found = tuple(_HANDLER.findall(written))
    if found == DEFAULT or not written.strip():
        return DEFAULT
    if not found or not set(found) <= set(KNOWN):
        log.error(
            "chttpd/authentication_handlers names no handler that this server has; using cookie and Basic"
        )
        return DEFAULT
    return found
