"""Where passwords are hashed and verified: a few threads, in turn, with a bounded number waiting.

One hash takes tenths of a second on purpose. Many logins at once therefore wait for each other and
never for the loop. Turns are fair between names and between networks, so that who guesses much waits for
itself; of one network few may wait.
"""

import asyncio
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import NamedTuple, TypeVar

from couchreg.auth.options import Config, Options
from couchreg.auth.passwords.hashes import PRFS, PasswordHash, hash_password, unkeyed
from couchreg.auth.passwords.rules import check_password_rules
from couchreg.errors import Forbidden
from couchreg.model.addresses import origin
from couchreg.turns import Turns

Result = TypeVar("Result")

MOST_WAITING = 1024
MOST_WAITING_OF_ONE = 16  # logins of one name from one network; of the network twice as many
USUAL = 600_000  # iterations of a hash that comes from elsewhere, another CouchDB say
MOST_ITERATIONS = 2_000_000  # of any hash that is verified, unless `[chttpd_auth] max_iterations` says so
_WAIT = 10  # seconds that a client without a place is asked to stay away


class HashTarget(NamedTuple):
    """How passwords are hashed from now on."""

    prf: str
    iterations: int


class PasswordWork:
    """Hashes and verifies; `iterations` counts unless `[chttpd_auth] iterations` says otherwise."""

    def __init__(self, config: Config, *, iterations: int) -> None:
        self._options = Options(config)
        self._iterations = iterations
        self._salt = secrets.token_hex(16).encode()
        workers = max(1, (os.cpu_count() or 2) - 1)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="couchreg-passwords")
        self._turns = Turns(
            workers,
            waiting=MOST_WAITING,
            waiting_of_one=MOST_WAITING_OF_ONE,
            what="logins",
            retry_after=_WAIT,
        )

    def target(self) -> HashTarget:
        """Raises Forbidden where the setting names a function that is none."""
        prf = self._options.text("pbkdf2_prf", "sha256")
        if prf not in PRFS:
            raise Forbidden(f"The setting chttpd_auth/pbkdf2_prf is not one of {', '.join(PRFS)}.")
        return HashTarget(prf, self._options.number("iterations", self._iterations, least=1))

    async def hash(self, password: str, *, salt: bytes | None = None, address: str = "") -> PasswordHash:
        """A new hash, with a fresh salt unless one is to be kept. Raises TooManyRequests, Unavailable."""
        prf, iterations = self.target()
        async with self._turns.take(*_askers("", address)):
            return await self._run(lambda: hash_password(password, iterations=iterations, prf=prf, salt=salt))

    async def verify(
        self,
        hashed: PasswordHash | None,
        password: str,
        *,
        name: str = "",
        address: str = "",
        before: Callable[[], None] = lambda: None,
    ) -> bool:
        """Whether it is the password; never for None, which takes as long. `name` and `address` tell whose
        turn it is; `before` is called when it has come and may raise.

        Raises TooManyRequests and Unavailable when too many wait, Forbidden for a hash that this server does
        not verify.
        """
        nobody = self._nobody()
        if hashed is not None:
            self._check(hashed)
        async with self._turns.take(*_askers(name, address)):
            before()
            return await self._run(lambda: _verify(hashed, nobody, password))

    async def admit_hash(self, iterations: int, *, address: str = "") -> None:
        """Somebody brings a hash of a password of theirs: it costs as much as one made here.

        Raises Forbidden where passwords have rules, which nobody can check then, and for more iterations than
        are usual; Unavailable.
        """
        if self._options.text("password_regexp").strip() not in ("", "[]"):
            raise Forbidden("Passwords have rules here: send the password itself, not a hash of it.")
        most = max(self.target().iterations, USUAL)
        if iterations > most:
            raise Forbidden(f"A hash has at most {most} iterations here.")
        await self.hash("", address=address)

    def check_rules(self, password: str) -> None:
        """Raises BadRequest for a new password that `[chttpd_auth] password_regexp` refuses."""
        check_password_rules(self._options.text("password_regexp"), password)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _nobody(self) -> PasswordHash:
        """A hash of no password, made as new hashes are."""
        prf, iterations = self.target()
        return unkeyed(prf, iterations, self._salt)

    def _check(self, hashed: PasswordHash) -> None:
        if hashed.prf and hashed.iterations < self._options.number("min_iterations", 1):
            raise Forbidden("Iteration count is too low for this server")
        most = max(MOST_ITERATIONS, self.target().iterations)
        if hashed.iterations > self._options.number("max_iterations", most):
            raise Forbidden("Iteration count is too high for this server")

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _askers(name: str, address: str) -> tuple[str, str]:
    """A name counts for each network by itself: guesses from elsewhere do not delay its owner."""
    network = f"network {origin(address)}"
    # A name may be as long as a header; what is kept of it is not.
    return (
        f"{blake2b(name.encode('utf-8', 'surrogateescape'), digest_size=16).hexdigest()} {network}",
        network,
    )


def _verify(hashed: PasswordHash | None, nobody: PasswordHash, password: str) -> bool:
    """A quick hash is made to take as long as the others: how long an answer takes tells nothing."""
    if hashed is None or not hashed.prf:
        nobody.verify(password)
    return hashed is not None and hashed.verify(password)
