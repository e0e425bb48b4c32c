"""`couchreg://gdp@2026/gdp.csv` for everything that opens files through fsspec: pandas, DuckDB, Dask, ….

The path is `NAME[@VERSION]/` and a file's path, a resource's name, or the name with its suffix; without a
version it is the latest. Reads only what is asked for. Which registry, and as whom: see `couchreg.Client`.

Source: https://filesystem-spec.readthedocs.io/en/latest/developer.html.
"""

from datetime import UTC, datetime
from typing import Any

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from couchreg.client.account import look_up
from couchreg.client.address import SCHEME, FileEntry, file_entries
from couchreg.client.errors import Missing
from couchreg.client.facade import Client
from couchreg.client.reading import OpenedFile

_CLIENTS: dict[tuple[Any, ...], Client] = {}
_MOST = 8  # clients that are kept


def _client(*account: str | None) -> Client:
    """A client that all file systems with the same account share."""
    key = (look_up(*account),)
    if key not in _CLIENTS:
        while len(_CLIENTS) >= _MOST:
            _CLIENTS.pop(next(iter(_CLIENTS)))
        _CLIENTS[key] = Client(account[0], user=account[1], password=account[2], token=account[3])
    return _CLIENTS[key]


class CouchregFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """A registry to read from; folders are packages and their folders."""

    protocol = "couchreg"
    cachable = False  # the registry may come from an environment that changes
    root_marker = ""

    def __init__(
        self,
        registry: str | None = None,
        user: str | None = None,
        password: str | None = None,
        token: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.client = _client(registry, user, password, token)

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(item) for item in path]
        return str(path).removeprefix(SCHEME).strip("/")

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """Packages, or what is in a version or a folder of it; each as `info` gives it."""
        path = self._strip_protocol(path)
        found = self._packages() if not path else self._below(path) or [self.info(path)]
        return found if detail else [item["name"] for item in found]

    def _packages(self) -> list[dict[str, Any]]:
        return [_folder(str(package["name"])) for package in self.client.packages()]

    def _below(self, path: str) -> list[dict[str, Any]]:
        """The files and folders directly in a folder; none where there is no such folder."""
        package, _, inner = path.partition("/")
        descriptor = self._descriptor(package)
        start = f"{inner}/" if inner else ""
        rows: dict[str, dict[str, Any]] = {}
        for entry in file_entries(descriptor):
            if not entry.path.startswith(start):
                continue
            first, slash, _ = entry.path.removeprefix(start).partition("/")
            name = f"{package}/{start}{first}"
            rows.setdefault(name, _folder(name) if slash else _file(name, entry, entry.length, descriptor))
        return list(rows.values())

    def _descriptor(self, package: str) -> dict[str, Any]:
        try:
            return self.client.info(package)
        except Missing as error:
            raise FileNotFoundError(error.reason) from error

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """`{name, size, type}`, and of files `sha256`, `mediatype`, `version` and `published`."""
        path = self._strip_protocol(path)
        inner = path.partition("/")[2]
        if not path or not inner:
            if path:
                self._descriptor(path)
            return _folder(path)
        try:
            opened = self.client.find(path)
        except Missing as error:
            if self._below(path):
                return _folder(path)
            raise FileNotFoundError(error.reason) from error
        return _file(path, opened.entry, opened.length, opened.descriptor)

    def _open(self, path: str, mode: str = "rb", block_size: Any = "default", **options: Any) -> Any:
        if mode != "rb":
            raise PermissionError("what is published never changes: publish a new version instead")
        opened = self._find(path)
        if opened.length is None:  # a resource elsewhere, which has to be fetched to know
            return self.client.open(path)
        return CouchregFile(self, path, opened, mode, block_size, **options)

    def _find(self, path: str) -> OpenedFile:
        try:
            return self.client.find(self._strip_protocol(path))
        except Missing as error:
            raise FileNotFoundError(error.reason) from error

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        opened = self._find(path)
        if opened.length is not None:
            start = start + opened.length if start is not None and start < 0 else start
            end = end + opened.length if end is not None and end < 0 else end
        return self.client.read_range(opened, start or 0, end)

    def modified(self, path: str) -> datetime:
        """When the version was published: what is published never changes."""
        published = self.info(path).get("published")
        try:
            return datetime.fromisoformat(str(published)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise FileNotFoundError(f"{path} has no moment of publication") from None

    def created(self, path: str) -> datetime:
        """The same."""
        return self.modified(path)

    def ukey(self, path: str) -> str:
        """Changes when the bytes do."""
        found = self.info(path)
        return str(found.get("sha256") or (found["name"], found.get("version")))

    def url(self, path: str) -> str:
        """Where a browser finds a file."""
        return str(self._find(path).url)


class CouchregFile(AbstractBufferedFile):  # type: ignore[misc]
    """One file of one exact version, read in blocks."""

    def __init__(
        self, fs: CouchregFileSystem, path: str, opened: OpenedFile, mode: str, *rest: Any, **more: Any
    ):
        self._opened = opened
        more["size"] = opened.length
        super().__init__(fs, path, mode, *rest, **more)

    def _fetch_range(self, start: int, end: int) -> bytes:
        client: Client = self.fs.client
        return client.read_range(self._opened, start, end)


def _folder(name: str) -> dict[str, Any]:
    return {"name": name, "size": 0, "type": "directory"}


def _file(name: str, entry: FileEntry, length: int | None, descriptor: dict[str, Any]) -> dict[str, Any]:
    published = (descriptor.get("couchreg") or {}).get("published")
    return {
        "name": name,
        "size": length,
        "type": "file",
        "sha256": entry.sha256,
        "mediatype": entry.mediatype,
        "version": descriptor.get("version"),
        "published": published,
    }
