"""The databases of a server for what is built of the packages for everybody."""

from couchreg.access.known import PrivatePackages
from couchreg.access.seen import public_view
from couchreg.docstore.base import Database, Store
from couchreg.docstore.proxy import StoreProxy


class PublicStore(StoreProxy):
    """A store whose database `name` has the public packages alone."""

    def __init__(self, inner: Store, name: str, private: PrivatePackages) -> None:
        super().__init__(inner)
        self._name = name
        self._private = private

    async def open(self, name: str) -> Database:
        found = await self.inner.open(name)
        return public_view(found, self._private) if name == self._name else found
