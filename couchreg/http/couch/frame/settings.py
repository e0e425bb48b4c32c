"""The server's settings as CouchDB has them: `[section] key = text`, defaults under what is stored.

Owns the defaults and their reading as numbers and booleans; storing is the document store's,
and showing and changing them over HTTP is `config.py`'s.
"""

from collections.abc import Mapping

from couchreg.docstore.attachments.compression import DEFAULT_LEVEL, DEFAULT_TYPES
from couchreg.docstore.base import Store

# What a CouchDB that was never configured shows.
SHOWN: dict[str, dict[str, str]] = {
    "attachments": {
        "compressible_types": DEFAULT_TYPES,
        "compression_level": str(DEFAULT_LEVEL),
    },
    "chttpd": {"bind_address": "127.0.0.1", "port": "5984"},
    "vendor": {"name": "couchreg"},
}

# What counts where nothing is set; not shown, as CouchDB shows only what its files say.
IMPLIED: dict[str, dict[str, str]] = {
    "chttpd": {
        "admin_only_all_dbs": "true",
        "changes_timeout": "60000",
        "max_db_number_for_dbs_info_req": "100",
        "max_http_request_size": "4294967296",
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
    "uuids": {"algorithm": "sequential", "max_count": "1000"},
}

_TRUE = {"true", "on", "yes", "1"}


class Settings:
    """What is configured now; every read sees the latest change."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def text(self, section: str, key: str, default: str = "") -> str:
        value = self._store.config().get(section, {}).get(key)
        if value is None:
            value = SHOWN.get(section, {}).get(key) or IMPLIED.get(section, {}).get(key)
        return default if value is None else value

    def integer(self, section: str, key: str, default: int) -> int:
        """The number; `default` where the text is none (CouchDB logs and falls back as well)."""
        try:
            return int(self.text(section, key, str(default)))
        except ValueError:
            return default

    def boolean(self, section: str, key: str) -> bool:
        return self.text(section, key).strip().lower() in _TRUE

    def all(self) -> dict[str, dict[str, str]]:
        """Every section as it is shown, stored values over defaults, sorted."""
        stored = self._store.config()
        return {name: merged(stored, name) for name in sorted({*SHOWN, *stored})}

    def section(self, name: str) -> dict[str, str]:
        return merged(self._store.config(), name)


def merged(stored: Mapping[str, Mapping[str, str]], section: str) -> dict[str, str]:
    """One section with the stored values laid over the defaults."""
    return dict(sorted({**SHOWN.get(section, {}), **stored.get(section, {})}.items()))
