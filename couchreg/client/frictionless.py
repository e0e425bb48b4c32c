"""`couchreg://` for Frictionless: `import couchreg.client.frictionless` teaches it.

    Package("couchreg://gdp@2026"), Resource("couchreg://gdp@2026/gdp.csv")

A package's resources are then read from their own addresses. Which registry: see `couchreg.Client`.

Source: https://framework.frictionlessdata.io/docs/advanced/system.html#plugin.
"""

from typing import Any

from frictionless import Adapter, Loader, Package, Plugin, Resource, system

from couchreg.client.address import SCHEME
from couchreg.client.facade import Client


class CouchregAdapter(Adapter):
    """Reads the package that an address leads to."""

    def __init__(self, address: str) -> None:
        self._address = address

    def read_package(self) -> Package:
        with Client() as client:
            package: Package = client.package(self._address)
        return package


class CouchregLoader(Loader):
    """Opens the bytes of one resource."""

    remote = True

    def read_byte_stream_create(self) -> Any:
        return Client().open(self.resource.normpath or "")


class CouchregPlugin(Plugin):
    """What frictionless asks about every source."""

    def create_adapter(self, source: Any, **_: Any) -> Adapter | None:
        """Of `couchreg://NAME[@VERSION]`, which has no path, and so is a package."""
        if isinstance(source, str) and source.startswith(SCHEME):
            inside = source.removeprefix(SCHEME).strip("/")
            return None if "/" in inside else CouchregAdapter(source)
        return None

    def create_loader(self, resource: Resource) -> Loader | None:
        return CouchregLoader(resource) if resource.scheme == "couchreg" else None


system.register("couchreg", CouchregPlugin())
