"""Which jobs are trusted with which packages, and the token that such a job gets.

An owner of a package says what a job's identity token has to state: its issuer, and claims (`repository`,
`sub`, …). A job whose token states that gets a couchreg token of a quarter of an hour, which publishes this
package as that owner does. So it ends with the owner's account, and is of no use once they own the package
no more. Kept in notes beside `_users`, as tokens are: a mirror trusts nobody that its source trusts.

Which account of its name an owner's is stands in one note for all that they trust, so that an edit of the
account, which moves it along as it does with tokens, writes once however much that is.
"""

import asyncio
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any, Final

import msgspec

from couchreg.auth.tokens import ApiToken, Mark, Scope, TokenHolders, Tokens
from couchreg.auth.trust.issuers import Issuers
from couchreg.auth.trust.statements import LONGEST_TEXT, Statement, heading, verified
from couchreg.docstore.notes import Notes
from couchreg.errors import BadRequest, Conflict, Forbidden, NotFound, TooManyRequests, Unauthorized
from couchreg.journal.asking import record
from couchreg.model.user import User

KIND: Final = "trust"
NOTE: Final = f"{KIND}:"  # and the package's name
ACCOUNT: Final = "trust-account:"  # and an owner's name
USED: Final = "trust-exchanged"  # tokens that were exchanged and have not expired: owner -> hash -> its end
LIFETIME: Final = 900.0  # seconds
IDENTITIES: Final = ("sub", "repository", "project_path")  # claims of which one has to be named
MOST: Final = 20  # of one package
MOST_CLAIMS: Final = 10
MOST_PACKAGES: Final = 50  # of one token
MOST_USED: Final = 200  # tokens of one owner's jobs that have not expired
MOST_USED_BY_ALL: Final = 10_000
MOST_TOKENS: Final = 30  # of one owner, made so, at a time: an account has a hundred
LABEL: Final = "trusted publisher: "
NO_MORE: Final = "No package trusts this job any more: see couchreg trust."


class TrustedPublisher(msgspec.Struct, frozen=True):
    """`claims`: what a job's token has to state, each in full, or up to a `*` at its end."""

    id: str
    issuer: str
    claims: dict[str, str]
    owner: str  # who said so, and as whom the job publishes
    created: float  # Unix seconds
    account: str = ""  # which account of the owner's name it was; one that does not say so is of none

    def fits(self, statement: Statement) -> bool:
        return self.issuer == statement.issuer and all(
            _fits(wanted, statement.claims.get(name)) for name, wanted in self.claims.items()
        )


class _Account(msgspec.Struct, frozen=True):
    """An account that has trusted jobs: `id` is what they are kept with, `mark` where it stands now."""

    id: str
    mark: Mark


class TrustedPublishers:
    """Whoever makes it calls `load` first. `audience` is for whom tokens of jobs have to be, as it is known
    here: what a request says would be the choice of whoever has a token for another registry.
    `may_publish(owner, package)` is whether somebody has an account and owns the package, now. It is a
    `Registrar` of the guard of `_users`, too, which tells it of accounts."""

    def __init__(
        self,
        notes: Notes,
        issuers: Issuers,
        tokens: Tokens,
        accounts: TokenHolders,
        may_publish: Callable[[str, str], Awaitable[bool]],
        *,
        audience: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.issuers = issuers
        self.audience = audience
        self._notes = notes
        self._tokens = tokens
        self._accounts = accounts
        self._may_publish = may_publish
        self._clock = clock
        self._of: dict[str, list[TrustedPublisher]] = {}  # by package
        self._by_identity: dict[tuple[str, str], set[str]] = {}  # claim and value -> packages
        self._by_owner: dict[str, set[str]] = {}  # the same, whoever trusts jobs with them
        self._changing = asyncio.Lock()
        self._state: Hashable = None
        self._exchanging = asyncio.Lock()

    async def load(self) -> None:
        """What fails in between is tried again with the next `refresh`."""
        state = await self._notes.state(KIND)  # before they are read, so that none is missed
        found = {
            note.removeprefix(NOTE): _stored(value) for note, value in (await self._notes.all(NOTE)).items()
        }
        for package in self._of.keys() | found.keys():
            self._keep(package, found.get(package, []))
        self._state = state

    async def refresh(self) -> None:
        """Know of what other processes have changed before the call."""
        if await self._notes.state(KIND) != self._state:
            async with self._changing:
                await self._catch_up()

    async def _catch_up(self) -> None:
        if await self._notes.state(KIND) != self._state:
            await self.load()

    def _all(self, package: str) -> list[TrustedPublisher]:
        return list(self._of.get(package, ()))

    async def of(self, package: str) -> list[TrustedPublisher]:
        """Those that count: trust ends with the account of whoever gave it."""
        return [one for one in self._all(package) if one.account == await self._account(one.owner)]

    async def of_owner(self, owner: str) -> list[tuple[str, TrustedPublisher]]:
        """Those that somebody trusts, with the packages, in their order."""
        await self.refresh()
        account = await self._account(owner)
        names = sorted(self._by_owner.get(owner, ())) if account is not None else []
        return [
            (name, one)
            for name in names
            for one in self._of[name]
            if (one.owner, one.account) == (owner, account)
        ]

    async def add(self, package: str, issuer: str, claims: Mapping[str, Any], user: User) -> TrustedPublisher:
        """Trust jobs with a package of the user's. Raises BadRequest, Conflict, and Forbidden for whoever
        does not own it, also where they may change it: a job that publishes as them would be refused."""
        if issuer not in self.issuers.named:
            raise BadRequest(f"This registry trusts no tokens of {issuer[:200]!r}: its operator says whose.")
        wanted, owner = _claims(claims), user.name or ""
        if not await self._may_publish(owner, package):
            raise Forbidden(
                "Only an owner of this package who has an account here can trust a job with it, "
                "for the job publishes as them: become an owner of it first."
            )
        async with self._changing:
            await self._catch_up()
            account = await self._account(owner) or await self._begin(owner)
            made = TrustedPublisher(secrets.token_hex(6), issuer, wanted, owner, self._clock(), account)
            kept = await self.of(package)
            if any((one.issuer, one.claims, one.owner) == (issuer, made.claims, made.owner) for one in kept):
                raise Conflict("This publisher is trusted already.")
            if len(kept) >= MOST:
                raise Conflict(f"A package may have {MOST} trusted publishers.")
            await self._write(package, [*kept, made])
        record("trust.add", package=package, id=made.id, issuer=issuer, by=user.name)
        return made

    async def remove(self, package: str, publisher_id: str, user: User, *, whose: str | None = None) -> None:
        """With `whose` only what this owner trusts. Raises NotFound."""
        async with self._changing:
            await self._catch_up()
            kept = await self.of(package)
            left = [
                one for one in kept if one.id != publisher_id or (whose is not None and one.owner != whose)
            ]
            if len(left) == len(kept):
                raise NotFound("There is no such trusted publisher.")
            await self._write(package, left)
        record("trust.remove", package=package, id=publisher_id, by=user.name)

    async def exchange(self, token: str, package: str | None = None) -> tuple[str, ApiToken]:
        """A couchreg token for a job's: its text and its record. Raises BadRequest, Unauthorized,
        Forbidden for a job that is not trusted, TooManyRequests, Unavailable."""
        try:
            found = heading(token)
            key = await self.issuers.key(found)
            statement = await asyncio.to_thread(verified, token, found, key, self.audience, self._clock())
            await self.refresh()
            async with self._exchanging:
                owner, packages = await self._trusted(statement, package)
                await self._check_room(owner)
                await self._use_up(statement, owner)
                account, label = await self._account(owner), LABEL + _label(statement)
                packages = self._still(statement, account, packages)
                text, made = await self._tokens.create(
                    User(owner, ()), Scope.PUBLISH, packages=packages, lifetime=LIFETIME, label=label
                )
                if await self._account(owner) != account:  # trust has ended, and all tokens but this
                    with suppress(NotFound):
                        await self._tokens.revoke(owner, made.id)
                    raise Forbidden(NO_MORE)
        except (Unauthorized, Forbidden) as error:
            record("trust.refused", reason=error.reason)
            raise
        record("trust.exchange", id=made.id, owner=owner, packages=packages, issuer=statement.issuer)
        return text, made

    async def _trusted(self, statement: Statement, package: str | None) -> tuple[str, list[str]]:
        """The owner as whom a job publishes, and the packages. Raises Forbidden, BadRequest."""
        owners: dict[str, list[str]] = {}
        accounts: dict[str, str | None] = {}
        for name in sorted(self._candidates(statement)):
            if package is not None and name != package:
                continue
            for one in self._all(name):
                if not one.fits(statement):
                    continue
                if one.owner not in accounts:
                    accounts[one.owner] = await self._account(one.owner)
                if one.account == accounts[one.owner] and await self._may_publish(one.owner, name):
                    owners.setdefault(one.owner, []).append(name)
                    break
        if not owners:
            raise Forbidden("No package trusts this job: see couchreg trust.")
        if len(owners) > 1:
            raise BadRequest("This job is trusted by several owners: name the package that is meant.")
        [(owner, packages)] = owners.items()
        return owner, packages[:MOST_PACKAGES]

    def _still(self, statement: Statement, account: str | None, packages: Sequence[str]) -> list[str]:
        """Those of the packages that trust the job at this moment. Raises Forbidden where none does."""
        left = [
            name
            for name in packages
            if any(one.account == account and one.fits(statement) for one in self._of.get(name, ()))
        ]
        if not left:
            raise Forbidden(NO_MORE)
        return left

    def _candidates(self, statement: Statement) -> Iterator[str]:
        found: set[str] = set()
        for claim in IDENTITIES:
            found |= self._by_identity.get((claim, statement.claims.get(claim, "")), set())
        yield from found

    async def _check_room(self, owner: str) -> None:
        """Jobs do not take all the tokens that an account may have. Raises TooManyRequests."""
        made = [one for one in await self._tokens.list(owner) if one.label.startswith(LABEL)]
        if len(made) >= MOST_TOKENS:
            raise TooManyRequests(f"{MOST_TOKENS} jobs of this owner publish already.", retry_after=60)

    async def _use_up(self, statement: Statement, owner: str) -> None:
        """Each token of a job is good once, for whichever owner, also after a restart. An owner whose jobs
        use many fills their own room alone. Raises Unauthorized, TooManyRequests."""
        now = self._clock()
        name = sha256(f"{statement.issuer}\n{statement.id}".encode("utf-8", "surrogatepass")).hexdigest()[:40]

        def use(kept: Any) -> Any:
            used = {
                whose: left
                for whose, ends in (kept or {}).items()
                if (left := {name: end for name, end in ends.items() if end > now})
            }
            if any(name in ends for ends in used.values()):
                raise Unauthorized("This token has been used already.")
            mine = used.get(owner, {})
            if len(mine) >= MOST_USED:
                raise TooManyRequests(
                    f"Jobs of this owner have used {MOST_USED} identity tokens that have not expired yet: "
                    "wait until they have.",
                    retry_after=math.ceil(min(mine.values()) - now),
                )
            if sum(map(len, used.values())) >= MOST_USED_BY_ALL:
                raise TooManyRequests("Too many jobs publish at the moment.", retry_after=60)
            return {**used, owner: {**mine, name: statement.expires}}

        await self._notes.change(USED, use)

    # -- which account an owner's is
    async def _account(self, owner: str) -> str | None:
        """The id that what the account of today trusts is kept with; None where it has trusted nobody."""
        kept = _of_account(await self._notes.read(ACCOUNT + owner))
        return kept.id if kept is not None and await self._accounts.follows(owner, kept.mark) else None

    async def _begin(self, owner: str) -> str:
        """What another account of this name has trusted counts no more. Raises Conflict."""
        before = await self._notes.read(ACCOUNT + owner)
        made = _Account(secrets.token_hex(6), await self._accounts.mark(owner))

        def begun(stored: Any) -> Any:
            if stored != before:
                raise Conflict("Whom this account trusts is being changed by others: try again.")
            return msgspec.to_builtins(made)

        await self._notes.change(ACCOUNT + owner, begun)
        return made.id

    # -- as a `Registrar` of the guard of `_users`: who is told of accounts
    async def edited(self, name: str) -> None:
        """The mark follows, for a compaction forgets how the document came to be."""
        now = await self._accounts.mark(name)  # first: what comes after has to have come from it
        await self._move(name, await self.holding(name), now)

    async def gone(self, name: str) -> None:
        await self._end(name)

    async def end_all(self, owner: str) -> None:
        """Trust no job any more that somebody has trusted."""
        if await self._end(owner):
            record("trust.end_all", owner=owner)

    async def _end(self, owner: str) -> bool:
        """Whether there was anything: what is kept with no account's id is good for nothing."""
        if not await self._notes.read(ACCOUNT + owner):
            return False
        await self._notes.change(ACCOUNT + owner, lambda stored: None)
        return True

    async def admit(self, name: str) -> None:
        """Anybody may come."""

    async def holding(self, name: str) -> Sequence[str]:
        account = await self._account(name)
        return [] if account is None else [account]

    async def rehashed(self, name: str, held: Sequence[str]) -> None:
        await self._move(name, held, await self._accounts.mark(name))

    async def _move(self, name: str, held: Sequence[str], mark: Mark) -> None:
        def moved(stored: Any) -> Any:
            kept = _of_account(stored)
            if kept is None or kept.id not in held:
                return stored
            return msgspec.to_builtins(msgspec.structs.replace(kept, mark=mark))

        if held:
            await self._notes.change(ACCOUNT + name, moved)

    async def _write(self, package: str, kept: list[TrustedPublisher]) -> None:
        """Raises Conflict where another process has made something else of it meanwhile."""
        before = self._all(package)

        def changed(stored: Any) -> Any:
            if _stored(stored) != before:
                raise Conflict("Whom this package trusts is being changed by others: try again.")
            return msgspec.to_builtins(kept) or None

        await self._notes.change(NOTE + package, changed)
        self._keep(package, kept)

    def _keep(self, package: str, kept: list[TrustedPublisher]) -> None:
        for one in self._of.pop(package, ()):
            for pair in _identities(one):
                _take(self._by_identity, pair, package)
            _take(self._by_owner, one.owner, package)
        if kept:
            self._of[package] = kept
        for one in kept:
            for pair in _identities(one):
                self._by_identity.setdefault(pair, set()).add(package)
            self._by_owner.setdefault(one.owner, set()).add(package)


def _take(where: dict[Any, set[str]], key: Hashable, package: str) -> None:
    where.get(key, set()).discard(package)
    if not where.get(key):
        where.pop(key, None)


def _stored(found: Any) -> list[TrustedPublisher]:
    return msgspec.convert(found or [], list[TrustedPublisher])


def _of_account(found: Any) -> _Account | None:
    return None if found is None else msgspec.convert(found, _Account)


def _identities(one: TrustedPublisher) -> list[tuple[str, str]]:
    return [(name, one.claims[name]) for name in IDENTITIES if not one.claims.get(name, "*").endswith("*")]


def _claims(given: Mapping[str, Any]) -> dict[str, str]:
    """Raises BadRequest."""
    if not 0 < len(given) <= MOST_CLAIMS:
        raise BadRequest(f"Name one to {MOST_CLAIMS} claims that the token of a job has to have.")
    for name, value in given.items():
        is_text = isinstance(value, str) and 0 < len(name) <= 100 and 0 < len(value) <= LONGEST_TEXT
        if not is_text or "*" in value[:-1] or value == "*":
            raise BadRequest("A claim is a text that has to be there, or its beginning with a * at its end.")
    if all(given.get(name, "*").endswith("*") for name in IDENTITIES):
        raise BadRequest(f"Name one of {', '.join(IDENTITIES)} in full: it says whose job it is.")
    return dict(given)


def _fits(wanted: str, given: str | None) -> bool:
    if given is None:
        return False
    return given.startswith(wanted[:-1]) if wanted.endswith("*") else given == wanted


def _label(statement: Statement) -> str:
    whose = next((statement.claims[name] for name in IDENTITIES if name in statement.claims), "")
    return "".join(letter if letter.isprintable() else "?" for letter in whose)[:70]
