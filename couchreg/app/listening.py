"""Ports, certificates and runners: how the two doors come to be reachable."""

import socket
import ssl
from contextlib import AsyncExitStack

from aiohttp import web

from couchreg.config import CannotStart, Settings


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


async def serve(
    stack: AsyncExitStack, runner: web.BaseRunner, port: socket.socket, tls: ssl.SSLContext | None
) -> str:
    """Answer on a bound socket until the stack unwinds; the address of the door."""
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.SockSite(runner, port, backlog=1024, ssl_context=tls).start()
    host, number = port.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{number}"
