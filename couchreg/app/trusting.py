"""Trusted publishers, as a server has them: how the keys of issuers are fetched, and who may publish what."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

import aiohttp
from yarl import URL

from couchreg import __version__
from couchreg.access.asking import SERVER, asking
from couchreg.auth.policy import USERS
from couchreg.auth.trust.issuers import Issuers
from couchreg.auth.trust.publishers import TrustedPublishers
from couchreg.docstore.named import NamedNotes
from couchreg.errors import NotFound, Unavailable
from couchreg.replication.network import AddressNotAllowed, CheckedResolver, Networks

if TYPE_CHECKING:
    from couchreg.app.server import App

MOST: Final = 256 << 10  # bytes of an answer
SECONDS: Final = 10.0  # that it may take, all in all


async def trusting(stack: AsyncExitStack, app: "App") -> TrustedPublishers:
    """Closed with the stack. Without `--public-url`, which `--oidc-issuers` needs, no token is for here."""

    async def may_publish(owner: str, package: str) -> bool:
        if await app.auth.user(owner) is None:
            return False
        with asking(SERVER):  # a job asks as nobody, and the package may be restricted
            try:
                return owner in await app.registry.owners.of(package)
            except NotFound:
                return False

    named = [one.strip() for one in app.settings.oidc_issuers.split(",") if one.strip()]
    fetcher = KeyFetcher()
    stack.push_async_callback(fetcher.close)
    found = TrustedPublishers(
        NamedNotes(app.store, USERS),
        Issuers(named, fetcher.fetch),
        app.tokens,
        app.auth,
        may_publish,
        audience=app.settings.public_url or "",
    )
    await found.load()
    app.store.tell(found)
    app.accounts.ends_also(found.end_all)
    return found


class KeyFetcher:
    """Small documents of issuers. An operator names issuers, so they may be in the network of the server; the
    addresses at which a data centre gives out its keys may not."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self._networks = Networks(private=True)
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, address: str) -> bytes:
        """Raises Unavailable: also for a redirect, which would lead to where nobody has named."""
        url = URL(address)
        try:
            self._networks.check_literal(url.host or "")
            async with self._answer(url) as answer:
                if answer.status != 200:
                    raise Unavailable(f"{address} answers {answer.status}")
                data = bytearray()
                async for chunk in answer.content.iter_any():
                    data += chunk
                    if len(data) > MOST:
                        raise Unavailable(f"{address} answers with more than {MOST} bytes")
                return bytes(data)
        except (AddressNotAllowed, aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"{address} does not answer: {error or type(error).__name__}") from error

    @asynccontextmanager
    async def _answer(self, url: URL) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=CheckedResolver(self._networks), use_dns_cache=False)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=self._seconds),
                headers={
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    "User-Agent": f"couchreg/{__version__}",
                },
            )
        async with self._session.get(url, allow_redirects=False) as answer:
            yield answer

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
