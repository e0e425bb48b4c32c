"""`couchreg.Client`: a registry for programs without an event loop of their own, notebooks among them.

    with couchreg.Client("http://127.0.0.1:8000") as client:
        print(client.info("gdp")["title"])
        first = client.cat("gdp@2026/gdp", end=1000)

The work is done by `Registry` on an event loop in the background, so a client may be used by several threads.
Every method raises ClientError, whose `reason` says what to do next.
"""

import io
import weakref
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from yarl import URL

from couchreg.client.account import look_up
from couchreg.client.address import read_address, read_package, read_pinned
from couchreg.client.asking import Parameters
from couchreg.client.background import background
from couchreg.client.cache import Cache
from couchreg.client.folder import Folder
from couchreg.client.project import Outcome
from couchreg.client.ranged import RangedFile
from couchreg.client.reading import OpenedFile
from couchreg.client.registry import Published, Registry
from couchreg.client.transport import Progress, no_progress
from couchreg.package.frictionless_terms import served_terms
from couchreg.package.versions import LATEST

Members = dict[str, Any]
T = TypeVar("T")


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
        """Close the connections. Using the client afterwards is an error.

        >>> client.close()
        """
        if self._end.detach() is not None:
            self._loop.close(self._registry)

    def _about(self, package: str, work: Coroutine[Any, Any, T]) -> T:
        """What is done with a package; of one that is not there the error says which may be meant."""
        return self._loop.run(self._registry.asked_of(package, work))

    # -- finding

    def search(self, *words: str, limit: int = 20) -> list[Members]:
        """The packages that match all words, best first.

        >>> [hit["name"] for hit in client.search("gross", "product")]
        ['gdp']
        """
        return self._loop.run(self._registry.search(words, limit))

    def packages(self) -> Iterator[Members]:
        """All packages, the newest first: `{name, latest, versions, …}`.

        >>> sorted(package["name"] for package in client.packages())
        ['gdp']
        """
        return self._loop.iterate(self._registry.catalog.packages())

    def info(self, package: str) -> Members:
        """The descriptor as the registry serves it: each resource's path is a URL.

        >>> client.info("gdp@2026")["version"]
        '2026'
        """
        return self._loop.run(self._registry.info(*read_package(package)))

    def versions(self, name: str) -> list[Members]:
        """The published versions, the highest first: `{version, published, publisher, …}`.

        >>> [row["version"] for row in client.versions("gdp")]
        ['2026']
        """
        return self._about(name, self._registry.catalog.versions(name))

    def diff(self, package: str, new: str) -> Members:
        """What changed from `package` (`NAME@OLD`) to the version `new`, rows of tables included.

        >>> client.diff("gdp@2026", "2026")["resources"]["changed"]
        {}
        """
        name, old = read_package(package)
        return self._about(package, self._registry.catalog.diff(name, old or LATEST, new))

    def dependents(self, name: str) -> list[Members]:
        """The packages whose latest version depends on this one: `{name, version, title, url}`.

        >>> client.dependents("gdp")
        []
        """
        return self._about(name, self._registry.dependents(name))

    def tags(self, name: str) -> Members:
        """Dist-tag -> version.

        >>> client.tags("gdp")
        {'latest': '2026'}
        """
        return self._about(name, self._registry.catalog.tags(name))

    # -- reading

    def cat(self, address: str, start: int = 0, end: int | None = None) -> bytes:
        """The bytes of a resource or file, from `start` up to `end`.

        >>> client.cat("gdp@2026/gdp", end=12)
        b'Country Name'
        """
        opened = self.find(address)
        return self._loop.run(self._registry.reader.read(opened, start, end))

    def iterate(self, address: str) -> Iterator[bytes]:
        """The same in pieces, for what is large.

        >>> sum(len(piece) for piece in client.iterate("gdp/gdp")) == len(client.cat("gdp/gdp"))
        True
        """
        return self._loop.iterate(self._registry.reader.chunks(self.find(address)))

    def open(self, address: str, mode: str = "rb", *, encoding: str = "utf-8") -> IO[Any]:
        """A resource or file opened for reading (`rb`, or `r` for text), read in ranges as it is needed.

        >>> with client.open("gdp/gdp", "r") as file:
        ...     file.readline()
        'Country Name,Country Code,Year,Value\\n'
        """
        if mode not in ("r", "rt", "rb"):
            raise ValueError(f"what is published never changes: open it with “r” or “rb”, not {mode!r}")
        file = io.BufferedReader(RangedFile(self, self.find(address)), 1 << 20)
        return file if mode == "rb" else io.TextIOWrapper(file, encoding)

    def sql(self, statement: str, parameters: Parameters | None = None, form: str = "rows") -> Any:
        """The answer to one SELECT over `package.table` or `"package@version".table`: a list of objects, or
        with `form` `arrow` a `pyarrow.Table`, with `pandas` or `polars` a data frame. Parameters stand for
        `$name`.

        >>> client.sql('select count(*) as rows from "gdp@2026".gdp where "Year" < $year', {"year": 1970})
        [{'rows': 1497}]
        """
        return self._loop.run(self._registry.answer(statement, parameters, form))

    def package(self, package: str) -> Any:
        """A `frictionless.Package` whose resources are read from the registry when they are asked for.

        >>> client.package("gdp").resource_names
        ['top-economies', 'gdp']
        """
        from frictionless import Package

        found = self.info(package)
        address = URL(self.url) / str(found.get("name")) / str(found.get("version"))
        return Package.from_descriptor(served_terms(found, str(address)))

    def find(self, address: str) -> OpenedFile:
        """What an address leads to, for `read_range`.

        >>> client.find("gdp/gdp").descriptor["version"]
        '2026'
        """
        return self._loop.run(self._registry.reader.open(read_address(address)))

    def read_range(self, opened: OpenedFile, start: int, end: int | None) -> bytes:
        """Bytes of what `find` has found: always of the same version.

        >>> client.read_range(client.find("gdp/gdp"), 0, 7)
        b'Country'
        """
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

        >>> client.install("gdp", folder=folder).installed[0].version
        '2026'
        """
        project = self._registry.project(Path(folder), cache or Cache(), offline=offline)
        named = [read_package(package) for package in packages]
        return self._loop.run(project.install(named, progress, force=force))

    # -- publishing

    def publish(
        self, folder: Path | str, version: str | None = None, *, progress: Progress = no_progress
    ) -> Published:
        """Publish a data package folder; `version` where its descriptor has none.

        >>> client.publish(folder / "bees", "1.0.0").new
        True
        """
        package = Folder.read(Path(folder), version)
        return self._loop.run(self._registry.publish(package, progress))

    def validate(self, folder: Path | str, version: str | None = None) -> Members:
        """The report of the registry's checks on a folder, made on this machine; raises Invalid with the
        report of one that has errors. Needs the server's libraries: `pip install 'couchreg[server]'`.

        >>> client.validate(folder / "bees", "1.0.0")["valid"]
        True
        """
        from couchreg.client.checking import check

        return self._loop.run(check(Path(folder), version))

    def set_tag(self, package: str, tag: str) -> Members:
        """Let a dist-tag lead to `NAME@VERSION`; the tags afterwards.

        >>> client.set_tag("gdp@2026", "stable")
        {'latest': '2026', 'stable': '2026'}
        """
        name, version = read_package(package)
        return self._about(package, self._registry.catalog.set_tag(name, tag, version or LATEST))

    def remove_tag(self, name: str, tag: str) -> Members:
        """The tags afterwards.

        >>> client.remove_tag("gdp", "stable")
        {'latest': '2026'}
        """
        return self._about(name, self._registry.catalog.remove_tag(name, tag))

    def deprecate(self, package: str, message: str) -> Members:
        """Deprecate a version, a range or with a bare name the package; all messages afterwards.

        >>> client.deprecate("gdp@2026", "use population")
        {'2026': 'use population'}
        """
        return self._about(package, self._registry.catalog.deprecate(*read_package(package), message))

    def undeprecate(self, package: str) -> Members:
        """Take it back; the messages that are left.

        >>> client.undeprecate("gdp@2026")
        {}
        """
        return self._about(package, self._registry.catalog.undeprecate(*read_package(package)))

    def yank(self, package: str, reason: str) -> Members:
        """Let neither `latest` nor a range choose a version, which can be read by its name; all reasons.

        >>> client.yank("bees@1.0.0", "counted twice")
        {'1.0.0': 'counted twice'}
        """
        return self._about(package, self._registry.catalog.yank(*read_pinned(package), reason))

    def unyank(self, package: str) -> Members:
        """Take it back; the reasons that are left.

        >>> client.unyank("bees@1.0.0")
        {}
        """
        return self._about(package, self._registry.catalog.unyank(*read_pinned(package)))

    def unpublish(self, package: str, *, for_good: bool = False) -> list[str]:
        """Delete a version, or with a bare name all of them; those that are deleted. With `for_good` the
        registry keeps nothing that `undelete` could bring back.

        >>> client.unpublish("bees@1.0.0")
        ['1.0.0']
        """
        name, version = read_package(package)
        found = self._about(package, self._registry.unpublish(name, version, for_good=for_good))
        return list(found["versions"])

    def undelete(self, package: str) -> list[str]:
        """Bring a deleted version back, or with a bare name all that the registry keeps; these.

        >>> client.undelete("bees@1.0.0")
        ['1.0.0']
        """
        return list(self._loop.run(self._registry.undelete(*read_package(package)))["versions"])

    # -- accounts, owners and tokens

    def whoami(self) -> Members:
        """Who the registry takes this client for: `{name, roles, packages}`, and `token` with one.

        >>> client.whoami()["name"]
        'admin'
        """
        return self._loop.run(self._registry.people.whoami())

    def owners(self, name: str) -> list[str]:
        """Who may publish a package, the first owner first.

        >>> client.owners("gdp")
        ['admin']
        """
        rows = self._about(name, self._registry.people.owners(name))
        return [str(row.get("name")) for row in rows]

    def add_owner(self, name: str, user: str) -> list[str]:
        """Let somebody publish a package too; the owners afterwards.

        >>> client.add_owner("gdp", "anna")
        ['admin', 'anna']
        """
        return self._about(name, self._registry.people.add_owner(name, user))

    def remove_owner(self, name: str, user: str) -> list[str]:
        """The owners afterwards; the last one stays.

        >>> client.remove_owner("gdp", "anna")
        ['admin']
        """
        return self._about(name, self._registry.people.remove_owner(name, user))

    def create_token(
        self, scope: str, *, packages: Sequence[str] = (), lifetime: float | None = None, label: str = ""
    ) -> Members:
        """`{token, id, scope, …}`: the only time that the token is shown. `scope` is read, publish or admin,
        `packages` are patterns, `lifetime` is in seconds: 0 for no end, None as the registry has it.

        >>> made = client.create_token("read", label="notebook")
        >>> made["scope"], made["token"][:9]
        ('read', 'couchreg_')
        """
        made = self._registry.people.create_token(scope, packages=packages, lifetime=lifetime, label=label)
        return self._loop.run(made)

    def tokens(self) -> list[Members]:
        """The tokens of this client's user: `{id, scope, packages, label, created, expires,
        used}`, of the last use its day.

        >>> [token["label"] for token in client.tokens()]
        ['notebook']
        """
        return self._loop.run(self._registry.people.tokens())

    def revoke_token(self, token_id: str) -> None:
        """End a token now.

        >>> client.revoke_token(client.tokens()[0]["id"])
        """
        self._loop.run(self._registry.people.revoke_token(token_id))
