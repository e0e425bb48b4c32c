"""`couchreg.Client`: a registry for programs without an event loop of their own, notebooks among them.

    with couchreg.Client("http://127.0.0.1:8000") as client:
        print(client.info("gdp")["title"])
        first = client.cat("gdp@2026/gdp", end=1000)

The work is done by `Registry` on an event loop in the background, so a client may be used by several threads.
Every method raises ClientError, whose `reason` says what to do next.
"""

import io
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from couchreg.client.account import look_up
from couchreg.client.address import read_address, read_package
from couchreg.client.background import background
from couchreg.client.cache import Cache
from couchreg.client.folder import Folder
from couchreg.client.project import Outcome
from couchreg.client.ranged import RangedFile
from couchreg.client.reading import OpenedFile
from couchreg.client.registry import Published, Registry
from couchreg.client.transport import Progress, no_progress
from couchreg.package.versions import LATEST

Members = dict[str, Any]


class Client:
    """One registry. What is not given comes from the environment and from what `couchreg login` kept.

    `package` is `NAME` or `NAME@WANTED`, and `address` the same with `/` and a resource or file; WANTED is a
    version, a dist-tag or a range such as `^1.2`.
    """

    def __init__(
        self,
        registry: str | None = None,
        *,
        user: str | None = None,
        password: str | None = None,
        token: str | None = None,
    ) -> None:
        account = look_up(registry, user, password, token)
        self._loop = background()
        self._registry = Registry(account.registry, account.login)
        self.url = self._registry.url
        self._loop.run(self._registry.open())
        self._loop.opened(self._registry)
        self._end = weakref.finalize(self, self._loop.close, self._registry)
        self._end.atexit = False  # the loop closes what is still open when the process ends

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. Using the client afterwards is an error."""
        if self._end.detach() is not None:
            self._loop.close(self._registry)

    # -- finding

    def search(self, *words: str, limit: int = 20) -> list[Members]:
        """The packages that match all words, best first."""
        return self._loop.run(self._registry.search(words, limit))

    def packages(self) -> Iterator[Members]:
        """All packages, the newest first: `{name, latest, versions, …}`."""
        return self._loop.iterate(self._registry.catalog.packages())

    def info(self, package: str) -> Members:
        """The descriptor as the registry serves it: each resource's path is a URL."""
        return self._loop.run(self._registry.info(*read_package(package)))

    def versions(self, name: str) -> list[Members]:
        """The published versions, the highest first: `{version, published, publisher, …}`."""
        return self._loop.run(self._registry.catalog.versions(name))

    def diff(self, package: str, new: str) -> Members:
        """What changed from `package` (`NAME@OLD`) to the version `new`, rows of tables included."""
        name, old = read_package(package)
        return self._loop.run(self._registry.catalog.diff(name, old or LATEST, new))

    def tags(self, name: str) -> Members:
        """Dist-tag -> version."""
        return self._loop.run(self._registry.catalog.tags(name))

    # -- reading

    def cat(self, address: str, start: int = 0, end: int | None = None) -> bytes:
        """The bytes of a resource or file, from `start` up to `end`."""
        opened = self.find(address)
        return self._loop.run(self._registry.reader.read(opened, start, end))

    def iterate(self, address: str) -> Iterator[bytes]:
        """The same in pieces, for what is large."""
        return self._loop.iterate(self._registry.reader.chunks(self.find(address)))

    def open(self, address: str, mode: str = "rb", *, encoding: str = "utf-8") -> IO[Any]:
        """A resource or file opened for reading (`rb`, or `r` for text), read in ranges as it is needed."""
        if mode not in ("r", "rt", "rb"):
            raise ValueError(f"what is published never changes: open it with “r” or “rb”, not {mode!r}")
        file = io.BufferedReader(RangedFile(self, self.find(address)), 1 << 20)
        return file if mode == "rb" else io.TextIOWrapper(file, encoding)

    def package(self, package: str) -> Any:
        """A `frictionless.Package` whose resources are read from the registry when they are asked for."""
        from frictionless import Package

        return Package.from_descriptor(self.info(package))

    def find(self, address: str) -> OpenedFile:
        """What an address leads to, for `read_range`."""
        return self._loop.run(self._registry.reader.open(read_address(address)))

    def read_range(self, opened: OpenedFile, start: int, end: int | None) -> bytes:
        """Bytes of what `find` has found: always of the same version."""
        return self._loop.run(self._registry.reader.read(opened, start, end))

    # -- installing

    def install(
        self,
        *packages: str,
        folder: Path | str = ".",
        cache: Cache | None = None,
        offline: bool = False,
        force: bool = False,
        progress: Progress = no_progress,
    ) -> Outcome:
        """Write packages, and those they depend on, into folders of their names in `folder`, and lock them.

        Without packages: what datapackage.json and datapackage-lock.json in `folder` ask for.
        """
        project = self._registry.project(Path(folder), cache or Cache(), offline=offline)
        named = [read_package(package) for package in packages]
        return self._loop.run(project.install(named, progress, force=force))

    # -- publishing

    def publish(
        self, folder: Path | str, version: str | None = None, *, progress: Progress = no_progress
    ) -> Published:
        """Publish a data package folder; `version` where its descriptor has none."""
        package = Folder.read(Path(folder), version)
        return self._loop.run(self._registry.publish(package, progress))

    def set_tag(self, package: str, tag: str) -> Members:
        """Let a dist-tag lead to `NAME@VERSION`; the tags afterwards."""
        name, version = read_package(package)
        return self._loop.run(self._registry.catalog.set_tag(name, tag, version or LATEST))

    def remove_tag(self, name: str, tag: str) -> Members:
        """The tags afterwards."""
        return self._loop.run(self._registry.catalog.remove_tag(name, tag))

    def deprecate(self, package: str, message: str) -> Members:
        """Deprecate a version, a range or with a bare name the package; all messages afterwards."""
        return self._loop.run(self._registry.catalog.deprecate(*read_package(package), message))

    def undeprecate(self, package: str) -> Members:
        """Take it back; the messages that are left."""
        return self._loop.run(self._registry.catalog.undeprecate(*read_package(package)))

    def unpublish(self, package: str) -> list[str]:
        """Delete a version, or with a bare name all of them; those that are deleted."""
        return self._loop.run(self._registry.unpublish(*read_package(package)))
