"""Password hashes that are not as new ones are: replaced after a login, while the password is at hand.

A moment later, as in CouchDB: whoever logs in to write their own document (another password, say) has the
revision that they have read, and the server's own write must not get there first.
"""

import asyncio
import logging

from couchreg.auth.options import Options
from couchreg.auth.passwords.credentials import Credential
from couchreg.auth.passwords.hashing import HashTarget, PasswordWork
from couchreg.errors import CouchregError

log = logging.getLogger(__name__)

PAUSE = 1.0  # seconds
MOST = 1000  # users whose hashes are replaced at the same time; the others' are at another login


class Upgrades:
    def __init__(self, work: PasswordWork, options: Options) -> None:
        self._work = work
        self._options = options
        self.pause = PAUSE
        self._running: dict[str | None, asyncio.Task[None]] = {}

    def begin(self, credential: Credential, password: str, address: str) -> None:
        """Replace the hash soon, where it needs that and the server is to do so."""
        if credential.keep is None or not self._options.flag("upgrade_hash_on_auth", default=True):
            return
        hashed, name = credential.hashed, credential.user.name
        if HashTarget(hashed.prf, hashed.iterations) == self._work.target():
            return
        if name not in self._running and len(self._running) < MOST:
            task = asyncio.create_task(self._replace(credential, password, address))
            self._running[name] = task
            task.add_done_callback(lambda _: self._running.pop(name, None))

    async def settled(self) -> None:
        """Return when none is under way."""
        while self._running:
            await asyncio.wait(self._running.values())

    async def close(self) -> None:
        """Give up what is under way: there will be another login."""
        for task in self._running.values():
            task.cancel()
        await self.settled()

    async def _replace(self, credential: Credential, password: str, address: str) -> None:
        """The salt stays, for it is in the signature of the user's cookies."""
        try:
            hashed = await self._work.hash(password, salt=credential.hashed.salt, address=address)
            del password
            await asyncio.sleep(self.pause)
            if credential.keep is not None:
                await credential.keep(hashed)
        except CouchregError as error:
            log.info("The password hash of %r stays as it is: %s", credential.user.name, error.reason)
        except Exception:
            log.exception("The password hash of %r could not be replaced", credential.user.name)
