"""The document store that servers in tests get: the embedded engine, or with `pytest --docstore=remote`
databases in the couch door of another couchreg, which stands for a CouchDB, or in COUCHREG_TEST_COUCHDB.

So the black-box tests of both doors and the recorded corpus run over `docstore/remote` as they are.
`remote_differences.py` lists those that are otherwise there, and why.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from couchreg.docstore.remote import CouchAddress, RemoteStore
from couchreg.docstore.sqlite.store import SqliteStore
from tests.docstore.couchdbs import new_prefix

server: str | None = None  # its address with a login; set by the session's fixture
_prefixes: dict[Path, str] = {}


def _address(directory: Path) -> str:
    """The same for the same directory."""
    return f"{server}/{_prefixes.setdefault(directory, new_prefix())}"


async def document_store(directory: Path) -> SqliteStore:
    """A store for one server, or what stands for it."""
    if server is None:
        return SqliteStore(directory)
    store: Any = RemoteStore(CouchAddress.parse(_address(directory)))
    await store.prepare()
    return store  # type: ignore[no-any-return]


def document_settings(data_dir: Path) -> Mapping[str, str]:
    """The settings of a whole server for it."""
    return {} if server is None else {"docstore": _address(data_dir)}


def document_environment(data_dir: Path) -> Mapping[str, str]:
    """The same for a process of its own."""
    return {} if server is None else {"COUCHREG_DOCSTORE": _address(data_dir)}
