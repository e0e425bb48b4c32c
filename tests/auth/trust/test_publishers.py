"""Trusted publishers as they are kept."""

from typing import Any, cast

import pytest

from couchreg.auth.tokens import Mark, Tokens
from couchreg.auth.trust.issuers import Issuers
from couchreg.auth.trust.publishers import TrustedPublishers
from couchreg.errors import Unavailable
from couchreg.model.user import User
from tests.access.test_groups import Kept
from tests.issuing import TestIssuer

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
