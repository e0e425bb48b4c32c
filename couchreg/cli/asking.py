"""One question to a registry, and its answer: what most commands have in common."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from couchreg.cli.account import account_of, logged_in
from couchreg.cli.showing import run
from couchreg.client.address import read_package
from couchreg.client.errors import NotAllowed
from couchreg.client.people import People
from couchreg.client.registry import Registry

T = TypeVar("T")
NOBODY = "You are not logged in: use couchreg login."


def call(
    registry: str | None,
    user: str | None,
    as_json: bool,
    question: Callable[[People], Awaitable[T]],
    *,
    about: str | None = None,
    public: bool = False,
) -> T:
    """The same, about people."""
    return ask(registry, user, as_json, lambda found: question(found.people), about=about, public=public)


def ask(
    registry: str | None,
    user: str | None,
    as_json: bool,
    question: Callable[[Registry], Awaitable[T]],
    *,
    about: str | None = None,
    public: bool = False,
) -> T:
    """What a registry answers; unless it is public, to somebody who is logged in. `about` is a package, or
    one version, as people write it: of one that is not there they are told which may be meant."""

    async def work() -> T:
        account = account_of(registry, user) if public else logged_in(registry, user)
        if account.login is None and not public:
            raise NotAllowed(NOBODY)
        async with Registry(account.registry, account.login) as found:
            if about is None:
                return await question(found)
            async with found.about(*read_package(about)):
                return await question(found)

    return run(work(), as_json=as_json)
