"""The server's settings as CouchDB has them: `[section] key = text`, defaults under what is stored.

Owns the defaults and their reading as numbers and booleans; storing is the document store's,
and showing and changing them over HTTP is `config.py`'s.
"""

from collections.abc import Callable, Mapping
from typing import Self, TypeVar, cast

from couchreg.docstore.attachments.compression import DEFAULT_LEVEL, DEFAULT_TYPES
from couchreg.docstore.base import Config

# What a CouchDB that was never configured shows.
SHOWN: dict[str, dict[str, str]] = {
    "attachments": {
        "compressible_types": DEFAULT_TYPES,
        "compression_level": str(DEFAULT_LEVEL),
    },
    "chttpd": {"bind_address": "127.0.0.1", "decode_plus_to_space": "true", "port": "5984"},
    "couch_httpd_auth": {"authentication_db": "_users"},
    "vendor": {"name": "couchreg"},
}

# What counts where nothing is set; not shown, as CouchDB shows only what its files say.
IMPLIED: dict[str, dict[str, str]] = {
    "chttpd": {
        "admin_only_all_dbs": "true",
        "changes_timeout": "60000",
        "max_db_number_for_dbs_info_req": "100",
        "max_http_request_size": "4294967296",
        "rewrite_limit": "100",
        "secure_rewrites": "true",
    },
    "chttpd_auth": {"authentication_redirect": "/_utils/session.html"},
    "cluster": {"n": "1", "q": "2"},
    "cors": {"max_age": "600"},
    "couchdb": {
        "default_security": "admin_only",
        "max_attachment_size": "1073741824",
        "max_document_size": "8000000",
    },
    "couchreg": {"max_json_body": "268435456"},
    "purge": {"max_document_id_number": "100", "max_revisions_number": "1000"},
    "uuids": {"algorithm": "sequential", "max_count": "1000"},
}

T = TypeVar("T")

Sections = Mapping[str, Mapping[str, str]]

NO_FACTS: Sections = {}
_UNREAD = "\0"  # can be no setting's text
_BOOLEANS = dict.fromkeys(("true", "on", "yes", "1"), True) | dict.fromkeys(
    ("false", "off", "no", "0"), False
)


class CouchSettings:
    """What `config()` says at each read, over the defaults."""

    def __init__(self, config: Callable[[], Config], facts: Sections = NO_FACTS) -> None:
        """`facts` are shown and hold where nothing is set: what this server was started with."""
        self._config = config
        self._facts = facts
        self._latest: Self | None = None
        self._of: Config | None = None  # what the latest was made of
        self._texts: dict[tuple[str, str], str | None] | None = None  # what was read, where it stays
        self._made: dict[Callable[[CouchSettings], object], object] = {}

    def now(self) -> Self:
        """The settings as they are at this moment and stay: a request sees one state of them.

        Requests between two changes share it, so that each setting is looked for once.
        """
        stored = self._config()
        if self._latest is None or self._of is not stored:
            self._latest = type(self)(lambda: stored, self._facts)
            self._latest._texts = {}
            self._of = stored
        return self._latest

    def text(self, section: str, key: str, default: str = "") -> str:
        texts = self._texts
        if texts is None:
            value = self._stored(section, key)
        else:
            value = texts.get((section, key), _UNREAD)
            if value is _UNREAD:
                value = texts[section, key] = self._stored(section, key)
        return default if value is None else value

    def _stored(self, section: str, key: str) -> str | None:
        value = self._config().get(section, {}).get(key)
        return self._default(section, key) if value is None else value

    def _default(self, section: str, key: str) -> str | None:
        known = (self._facts, SHOWN, IMPLIED)
        return next((of[section][key] for of in known if key in of.get(section, ())), None)

    def once(self, make: Callable[["CouchSettings"], T]) -> T:
        """What `make` makes of the settings, which is remembered for as long as they stay."""
        if self._texts is None:
            return make(self)
        found = self._made.get(make)
        if found is None:
            found = self._made[make] = make(self)
        return cast(T, found)

    def integer(self, section: str, key: str, default: int) -> int:
        """The number; `default` where the text is none (CouchDB logs and falls back as well)."""
        try:
            return int(self.text(section, key, str(default)))
        except ValueError:
            return default

    def boolean(self, section: str, key: str) -> bool:
        """What is neither true nor false counts as not set, as in CouchDB: a misspelt `admin_only_all_dbs`
        opens nothing."""
        found = _BOOLEANS.get(self.text(section, key).strip().lower())
        if found is None:
            found = _BOOLEANS.get((self._default(section, key) or "").strip().lower(), False)
        return found

    def all(self) -> dict[str, dict[str, str]]:
        """Every section as it is shown, stored values over defaults, sorted."""
        stored = self._config()
        return {name: self.section(name) for name in sorted({*SHOWN, *self._facts, *stored})}

    def section(self, name: str) -> dict[str, str]:
        """One section with the stored values laid over the defaults."""
        layers = (SHOWN, self._facts, self._config())
        found = {key: value for layer in layers for key, value in layer.get(name, {}).items()}
        return dict(sorted(found.items()))
