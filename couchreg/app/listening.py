"""Ports, certificates and runners: how the two doors come to be reachable."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

from aiohttp import web

from couchreg.config import CannotStart, Settings

log = logging.getLogger(__name__)

Share = Callable[[socket.socket, str], None]  # is given a connection, and the address that it comes from
_AT_ONCE: Final = 64  # connections that are accepted in one turn
_EXHAUSTED: Final = 1.0  # seconds that nothing is accepted when there are no file handles


def listen(host: str, port: int, flag: str) -> socket.socket:
    """A socket bound to the port. Raises CannotStart when it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotStart(f"Cannot listen on {host}: {error.strerror}.") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(1024)
    except OSError as error:
        bound.close()
        raise CannotStart(
            f"Port {port} of {host} is not available ({error.strerror}): choose another with {flag}."
        ) from error
    return bound


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """None for plain HTTP. Raises CannotStart for a certificate or key that cannot be used."""
    if settings.tls_cert is None:
        if settings.tls_key is not None:
            raise CannotStart("A TLS key needs its certificate: name it with --tls-cert.")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password="")  # "": it asks nobody
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or error.strerror or "it is not that of its key"
        raise CannotStart(f"The certificate {settings.tls_cert} cannot be used: {reason}.") from error
    return context


class SharedSite(web.BaseSite):
    """A listening socket whose connections go to `share`, with the address that each comes from."""

    def __init__(
        self,
        runner: web.BaseRunner,
        port: socket.socket,
        share: Share,
    ) -> None:
        super().__init__(runner)
        self._port = port
        self._share = share
        self._is_listening = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        return str(self._port.getsockname())

    async def start(self) -> None:
        await super().start()
        self._port.setblocking(False)
        self._listen()

    async def stop(self) -> None:
        self.end()
        await super().stop()

    def end(self) -> None:
        """Accept nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._is_listening:
            self._is_listening = False
            asyncio.get_running_loop().remove_reader(self._port.fileno())

    def _listen(self) -> None:
        self._timer = None
        self._is_listening = True
        asyncio.get_running_loop().add_reader(self._port.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, address = self._port.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("No connection can be taken: %s", error.strerror)
                self.end()
                self._timer = asyncio.get_running_loop().call_later(_EXHAUSTED, self._listen)
                return
            connection.setblocking(False)
            self._share(connection, address[0])


async def serve(
    stack: AsyncExitStack,
    runner: web.BaseRunner,
    port: socket.socket,
    tls: ssl.SSLContext | None,
    share: Share | None = None,
) -> str:
    """Answer on a bound socket until the stack unwinds, or give its connections to `share`; the address of
    the door."""
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    if share is None:
        await web.SockSite(runner, port, backlog=1024, ssl_context=tls).start()
    else:
        await SharedSite(runner, port, share).start()
    host, number = port.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{number}"
