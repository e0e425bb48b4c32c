"""API tokens: made, used in their limits, listed, revoked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from couchreg.auth.policy import USERS
from couchreg.auth.tokens import LONGEST_LABEL, MOST, Grant, Mark, Scope, Tokens
from couchreg.docstore.notes import NoteChange
from couchreg.docstore.sqlite.store import SqliteStore
from couchreg.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthorized, Unavailable
from couchreg.model.user import ANONYMOUS, User

BOB, BOSS = User("bob", ("r",)), User("boss_1", ("_admin", "r"))


class World:
    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.users = {"bob": BOB, "boss_1": BOSS}
        self.now = 1_000_000.0
        self.marks: dict[str, str] = {}
        self.tokens = Tokens(store, self, clock=lambda: self.now)

    async def user(self, name: str) -> User | None:
        return self.users.get(name)

    async def mark(self, name: str) -> Mark:
        return (self.marks.get(name),)

    async def follows(self, name: str, mark: Mark) -> bool:
        return mark == await self.mark(name)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = SqliteStore(tmp_path)
    await store.create(USERS)
    yield World(store)
    await store.close()


async def test_a_token_proves_its_user(world: World) -> None:
    text, token = await world.tokens.create(BOB, "publish", packages=["gdp-*"], label="CI")
    assert await world.tokens.authenticate(text) == (BOB, Grant(token.id, Scope.PUBLISH, ("gdp-*",)))
    assert [one.shown() for one in await world.tokens.list("bob")] == [
        {
            "id": token.id,
            "scope": "publish",
            "packages": ("gdp-*",),
            "label": "CI",
            "created": 1_000_000.0,
            "expires": None,
            "used": None,
        }
    ]


async def test_the_day_of_the_last_use_is_written_once_a_day(world: World) -> None:
    text, _ = await world.tokens.create(BOB, "read")
    other, _ = await world.tokens.create(BOB, "read")
    notes, written = world.tokens._notes, []
    change = notes.change

    async def counted(name: str, changed: NoteChange) -> None:
        written.append(name)
        await change(name, changed)

    notes.change = counted  # type: ignore[method-assign,assignment]
    for _ in range(3):
        await world.tokens.authenticate(text)
    await world.tokens.close()
    assert [one.used for one in await world.tokens.list("bob")] == [950_400.0, None]
    again = Tokens(world.store, world, clock=lambda: world.now)
    await again.authenticate(text)
    await again.close()
    assert len(written) == 1
    world.now += 86_400
    await world.tokens.authenticate(text)
    await world.tokens.authenticate(other)
    await world.tokens.close()
    assert [one.used for one in await world.tokens.list("bob")] == [1_036_800.0, 1_036_800.0]


async def test_a_use_that_cannot_be_written_is_no_obstacle(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    text, _ = await world.tokens.create(BOB, "read")

    async def full(name: str, change: object) -> None:
        raise Unavailable("No room.")

    world.tokens._notes.change = full  # type: ignore[method-assign,assignment]
    for _ in range(2):
        assert (await world.tokens.authenticate(text))[0] == BOB
    await world.tokens.close()
    assert [record.args and record.args[1] for record in caplog.records] == ["No room."]


async def test_only_a_hash_is_kept(world: World, tmp_path: Path) -> None:
    text, _ = await world.tokens.create(BOB, "read")
    await world.store.close()
    secret = text.rpartition("_")[2].encode()
    assert all(secret not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


async def test_tokens_survive_a_restart(world: World, tmp_path: Path) -> None:
    text, _ = await world.tokens.create(BOB, "read")
    await world.store.close()
    world.store = SqliteStore(tmp_path)
    user, _ = await Tokens(world.store, world, clock=lambda: world.now).authenticate(text)
    assert user == BOB


async def test_a_revoked_token_ends_at_once(world: World) -> None:
    text, token = await world.tokens.create(BOB, "read")
    other, _ = await world.tokens.create(BOB, "read")
    await world.tokens.revoke("bob", token.id)
    with pytest.raises(Unauthorized):
        await world.tokens.authenticate(text)
    assert (await world.tokens.authenticate(other))[0] == BOB
    with pytest.raises(NotFound):
        await world.tokens.revoke("bob", token.id)
    await world.tokens.revoke_all("bob")
    with pytest.raises(Unauthorized):
        await world.tokens.authenticate(other)


async def test_a_token_expires(world: World) -> None:
    text, _ = await world.tokens.create(BOB, "read", lifetime=60)
    world.now += 59
    await world.tokens.authenticate(text)
    world.now += 1
    with pytest.raises(Unauthorized, match="expired"):
        await world.tokens.authenticate(text)
    assert await world.tokens.list("bob") == []


async def test_a_token_lives_no_longer_than_its_account(world: World) -> None:
    text, _ = await world.tokens.create(BOB, "read")
    del world.users["bob"]
    with pytest.raises(Unauthorized):
        await world.tokens.authenticate(text)


async def test_what_is_not_exactly_a_token_is_none(world: World) -> None:
    text, _ = await world.tokens.create(BOB, "read")
    head, _, secret = text.rpartition("_")
    for wrong in (
        text[:-1],
        text + "0",
        head,
        f"{head}_",
        f"{head}_{'0' * 64}",
        text.upper(),
        "couchreg_",
        f"couchreg_!_{secret}",
        "couchreg___",
        text.replace("couchreg_", ""),
        "couchreg_é_a_b",
    ):
        with pytest.raises(Unauthorized):
            await world.tokens.authenticate(wrong)


async def test_less_than_admin_makes_no_admin(world: World) -> None:
    for scope, roles in (("read", ("r",)), ("publish", ("r",)), ("admin", ("_admin", "r"))):
        text, _ = await world.tokens.create(BOSS, scope)
        user, grant = await world.tokens.authenticate(text)
        assert (user, grant.scope) == (User("boss_1", roles), scope)


async def test_what_no_token_can_be(world: World) -> None:
    with pytest.raises(BadRequest, match="read, publish, admin"):
        await world.tokens.create(BOB, "write")
    for pattern in ("", "A", "a/b", "x" * 300):
        with pytest.raises(BadRequest, match="pattern"):
            await world.tokens.create(BOB, "publish", packages=[pattern])
    for lifetime in (0, -1, 1e12):
        with pytest.raises(BadRequest, match="lifetime"):
            await world.tokens.create(BOB, "publish", lifetime=lifetime)
    for label in ("x" * (LONGEST_LABEL + 1), "a\nb"):
        with pytest.raises(BadRequest, match="label"):
            await world.tokens.create(BOB, "publish", label=label)
    with pytest.raises(Unauthorized):
        await world.tokens.create(ANONYMOUS, "read")


async def test_a_user_has_so_many_tokens_at_most(world: World) -> None:
    for _ in range(MOST):
        await world.tokens.create(BOB, "read", lifetime=10)
    with pytest.raises(Conflict):
        await world.tokens.create(BOB, "read")
    world.now += 11
    await world.tokens.create(BOB, "read")


@pytest.mark.parametrize(
    ("grant", "scope", "package", "allowed"),
    [
        (Grant("i", Scope.READ), Scope.READ, None, True),
        (Grant("i", Scope.READ), Scope.PUBLISH, "gdp", False),
        (Grant("i", Scope.PUBLISH), Scope.PUBLISH, "gdp", True),
        (Grant("i", Scope.PUBLISH), Scope.ADMIN, None, False),
        (Grant("i", Scope.ADMIN), Scope.PUBLISH, "gdp", True),
        (Grant("i", Scope.PUBLISH, ("gdp", "pop-*")), Scope.PUBLISH, "pop-2", True),
        (Grant("i", Scope.PUBLISH, ("gdp", "pop-*")), Scope.PUBLISH, "gdp2", False),
        (Grant("i", Scope.PUBLISH, ("gdp",)), Scope.READ, "other", True),
        (Grant("i", Scope.ADMIN, ("gdp",)), Scope.ADMIN, None, False),
    ],
)
def test_what_a_grant_allows(grant: Grant, scope: Scope, package: str | None, allowed: bool) -> None:
    if allowed:
        grant.require(scope, package)
    else:
        with pytest.raises(Forbidden, match="token"):
            grant.require(scope, package)
