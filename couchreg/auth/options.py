"""Settings of `[chttpd_auth]` as they are at this moment; older servers wrote them in `[couch_httpd_auth]`.

Source: https://docs.couchdb.org/en/stable/config/auth.html
"""

from collections.abc import Callable, Mapping

Config = Callable[[], Mapping[str, Mapping[str, str]]]

SECTION, OLD_SECTION = "chttpd_auth", "couch_httpd_auth"
USERS_KEY, USERS_DEFAULT = "authentication_db", "_users"
# Hash functions by the names that CouchDB gives them (Erlang's `crypto`) and those of `hashlib`.
HASH_ALGORITHMS = {
    "sha": "sha1",
    "sha224": "sha224",
    "sha256": "sha256",
    "sha384": "sha384",
    "sha512": "sha512",
}
_TRUE = frozenset({"true", "on", "yes", "1"})
_FALSE = frozenset({"false", "off", "no", "0"})


class Options:
    """Every read sees the latest change."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def text(self, key: str, default: str = "") -> str:
        config = self.config()
        value = config.get(SECTION, {}).get(key)
        return config.get(OLD_SECTION, {}).get(key, default) if value is None else value

    @property
    def users_database(self) -> str:
        """The database whose users log in: `_users`, unless `authentication_db` names another."""
        return self.config().get(SECTION, {}).get(USERS_KEY) or USERS_DEFAULT

    def number(self, key: str, default: int, *, least: int = 0) -> int:
        """A whole number of at least `least`; `default` where the text is none."""
        return number(self.text(key), default, least=least)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """`default` where the text is neither true nor false."""
        value = self.text(key).strip().lower()
        return value in _TRUE if value in _TRUE | _FALSE else default


def user_required(config: Config) -> bool:
    """Whether everybody has to log in, at both doors: `require_valid_user`, in any of its spellings."""
    sections = config()
    return any(
        sections.get(section, {}).get(key, "").strip().lower() in _TRUE
        for section, key in (
            ("chttpd", "require_valid_user"),
            ("chttpd", "require_valid_user_except_for_up"),
            (SECTION, "require_valid_user"),
        )
    )


def number(text: str, default: int, *, least: int = 0) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 16):
        return default
    return max(int(digits), least)
