"""What a server was started with, in the words of CouchDB's settings: `_config` shows it to its clients."""

from couchreg.config import Settings
from couchreg.docstore.base import Store


def facts(settings: Settings, store: Store, couch_port: int) -> dict[str, dict[str, str]]:
    """By section and key. Nothing here is a secret; all of it is for server admins alone."""
    databases = str(settings.data_dir.absolute() / "databases")
    cors = {"enable_cors": "true"} if settings.cors else {}
    return {
        "chttpd": {"bind_address": settings.host, "port": str(couch_port), **cors},
        **({"cors": {"origins": settings.cors, "credentials": "true"}} if settings.cors else {}),
        "couchdb": {
            "database_dir": databases,
            "single_node": "true",
            "uuid": store.uuid,
            "view_index_dir": databases,
        },
        "log": {"level": settings.log_level},
    }
