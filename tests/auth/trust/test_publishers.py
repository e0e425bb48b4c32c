"""Trusted publishers as they are kept."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from couchreg.auth.tokens import Mark, Tokens
from couchreg.auth.trust import publishers
from couchreg.auth.trust.issuers import Issuers
from couchreg.auth.trust.publishers import USED, TrustedPublishers
from couchreg.docstore.notes import NoteChange
from couchreg.errors import Forbidden, Unauthorized, Unavailable
from couchreg.model.user import User
from tests.access.test_groups import Kept
from tests.issuing import OTHER, TestIssuer

ANNA = User("anna")


class People:
    """Everybody has an account, always the same."""

    async def user(self, name: str) -> User | None:
        return User(name)

    async def mark(self, name: str) -> Mark:
        return ("1-a",)

    async def follows(self, name: str, mark: Mark) -> bool:
        return mark == ("1-a",)


async def owns(owner: str, package: str) -> bool:
    return True


async def test_what_could_not_be_read_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom another process trusts no more is not trusted here for that."""
    kept, issuer = Kept(), TestIssuer()
    ours, theirs = (
        TrustedPublishers(
            kept, Issuers([issuer.url], issuer.fetch), cast(Tokens, None), People(), owns, audience="x"
        )
        for _ in range(2)
    )
    one = await ours.add("bees", issuer.url, {"repository": "bees/hives"}, ANNA)
    await theirs.load()
    await ours.remove("bees", one.id, ANNA)

    async def fail(front: str) -> Any:
        raise Unavailable("away")

    with monkeypatch.context() as away:
        away.setattr(kept, "all", fail)
        with pytest.raises(Unavailable):
            await theirs.refresh()
    await theirs.refresh()
    assert await theirs.of("bees") == []


class Given:
    """Tokens as they are made and ended; `before` happens while one is made."""

    def __init__(self, before: Callable[[], Awaitable[None]]) -> None:
        self.left: list[str] = []
        self._before = before

    async def list(self, name: str) -> list[Any]:
        return []

    async def create(self, user: User, scope: str, **more: Any) -> tuple[str, Any]:
        await self._before()
        self.left.append("made")
        return "text", SimpleNamespace(id="made")

    async def revoke(self, name: str, token_id: str) -> None:
        self.left.remove(token_id)


async def test_the_trail_says_why_a_token_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer, told = TestIssuer(), list[tuple[str, str]]()
    monkeypatch.setattr(publishers, "record", lambda action, **what: told.append((action, what["reason"])))
    issuers, none = Issuers([issuer.url], issuer.fetch), cast(Tokens, None)
    trust = TrustedPublishers(Kept(), issuers, none, People(), owns, audience="x")
    with pytest.raises(Unauthorized):
        await trust.exchange(issuer.token("x", OTHER))
    assert told == [("trust.refused", "The token is not signed by its issuer.")]


@pytest.mark.parametrize("moment", ["before", "while"])
async def test_no_token_comes_of_trust_that_has_ended(moment: str) -> None:
    """Another process may end it, so no lock tells."""
    kept, issuer = Kept(), TestIssuer()

    async def end() -> None:
        if moment == "while":
            await trust.end_all("anna")

    tokens = Given(end)
    trust = TrustedPublishers(
        kept, Issuers([issuer.url], issuer.fetch), cast(Tokens, tokens), People(), owns, audience="x"
    )
    await trust.add("bees", issuer.url, {"repository": "bees/hives"}, ANNA)
    change = kept.change

    async def used(name: str, how: NoteChange) -> Any:
        found = await change(name, how)
        if (name, moment) == (USED, "before"):
            await trust.end_all("anna")
        return found

    kept.change = used  # type: ignore[method-assign]
    with pytest.raises(Forbidden, match="any more"):
        await trust.exchange(issuer.token("x"))
    assert tokens.left == []
