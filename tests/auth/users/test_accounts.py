"""Accounts as people change them."""

from couchreg.app import App
from couchreg.auth.users.accounts import Login
from couchreg.model.user import User


async def test_no_token_is_left_that_is_made_while_all_end(app: App) -> None:
    """A job that is trusted takes another one until the trust has ended, too."""
    await app.accounts.create("anna", Login("a long enough one"))

    async def ends(name: str) -> None:
        await app.tokens.create(User(name), "publish")

    app.accounts.ends_also(ends)
    await app.accounts.change("anna", login=Login("another long one"), revoke_tokens=True)
    assert await app.tokens.list("anna") == []
