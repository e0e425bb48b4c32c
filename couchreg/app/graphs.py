"""Packages as RDF, as a server has them: built, and driven once somebody has asked."""

import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Protocol

from couchreg.access.known import PrivatePackages
from couchreg.app.closing import is_settled
from couchreg.auth.policy import REGISTRY
from couchreg.config import Settings
from couchreg.datadir import DataDir
from couchreg.docstore.base import Database, Store
from couchreg.errors import Unavailable
from couchreg.followers.loop import FollowerLoop
from couchreg.graphs.asking import GraphAsking
from couchreg.graphs.following import GraphsFollower
from couchreg.graphs.shelf import GraphShelf


class Graphs:
    """`asking` is for the door: the first question has the follower begin."""

    def __init__(self, data: DataDir, packages: Database, private: PrivatePackages, base: str) -> None:
        shelf = GraphShelf(data.graphs)
        self._are_there = shelf.exists  # somebody has asked in an earlier life
        self._follower = GraphsFollower(shelf, packages, base)
        self._start: Callable[[], None] = lambda: None
        self._has_begun = False
        self._private = private
        self._loop: FollowerLoop | None = None
        self.asking = GraphAsking(self._follower, base, self.begin, settled=self._settled)

    def drive(self, stack: AsyncExitStack, store: Store, followers: dict[str, FollowerLoop]) -> None:
        """Have a loop ready, which is among `followers` once it has begun."""
        loop = self._loop = FollowerLoop(self._follower, store, REGISTRY)
        stack.push_async_callback(loop.stop)

        def start() -> None:
            followers[self._follower.name] = loop
            loop.start()

        self._start = start
        if self._are_there:
            self.begin()

    def begin(self) -> None:
        """Called each time that somebody asks."""
        if not self._has_begun:
            self._has_begun = True
            self._start()

    async def _settled(self) -> None:
        """Raises Unavailable while a package may be in there that has been closed."""
        if self._loop is not None and not await is_settled(self._private, self._loop):
            raise Unavailable("The graphs are being brought up to date: ask again.", retry_after=2)


class Server(Protocol):
    """What a whole server has when its followers start."""

    settings: Settings
    followers: dict[str, FollowerLoop]
    private: PrivatePackages


def open_graphs(
    stack: AsyncExitStack,
    server: Server,
    data: DataDir,
    packages: Database,
    store: Store,
    port: socket.socket,
) -> Graphs | None:
    """Closed with the stack; nothing is made before somebody asks. It is made of `packages`, as they are
    in the `store`, too."""
    if server.settings.analytics == "off":
        return None
    graphs = Graphs(data, packages, server.private, address_of(server.settings, port))
    graphs.drive(stack, store, server.followers)
    stack.push_async_callback(graphs.asking.close)
    return graphs


def address_of(settings: Settings, port: socket.socket) -> str:
    """The address of the registry that names begin with: the public one, else that of its door."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host, number = port.getsockname()[:2]
    scheme = "http" if settings.tls_cert is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{number}"
