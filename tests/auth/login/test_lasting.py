"""Whether something that goes on is still the same account's."""

from couchreg.app import App
from couchreg.auth.users.accounts import Login
from couchreg.docstore.base import Edit
from couchreg.model.user import SYSTEM

PASSWORD = Login("a long enough one")


async def test_an_account_lasts_over_edits_and_ends_with_itself(app: App) -> None:
    await app.accounts.create("anna", PASSWORD)
    first = await app.lasting.mark("anna")
    await app.accounts.change("anna", login=Login("another long one"))
    now = await app.lasting.renewed("anna", first)
    assert now is not None
    assert now != first
    await app.store.set_config("admins", "anna", "secret")
    assert await app.lasting.renewed("anna", now) is None  # a server admin is somebody else
    await app.store.set_config("admins", "anna", None)
    await app.accounts.delete("anna")
    assert await app.lasting.renewed("anna", now) is None
    await app.accounts.create("anna", PASSWORD)
    assert await app.lasting.renewed("anna", now) is None


async def test_whose_name_is_in_conflict_keeps_what_they_have_until_it_is_settled(app: App) -> None:
    await app.accounts.create("anna", PASSWORD)
    mark = await app.lasting.mark("anna")
    users = await app.store.open("_users")
    found = await users.revision("org.couchdb.user:anna")
    other = Edit(found.id, "1-" + "f" * 32, False, found.body, history=("f" * 32,))
    await users.update([other], new_edits=False, user=SYSTEM)
    assert await app.lasting.renewed("anna", mark) == mark
    await users.update([Edit(found.id, found.rev, True, {})], new_edits=True, user=SYSTEM)
    assert await app.lasting.renewed("anna", mark) is None


async def test_a_server_admin_lasts_as_long_as_there_is_one_of_the_name(app: App) -> None:
    await app.store.set_config("admins", "root2", "secret")
    mark = await app.lasting.mark("root2")
    await app.store.set_config("admins", "root2", "another")
    assert await app.lasting.renewed("root2", mark) == mark
    await app.store.set_config("admins", "root2", None)
    assert await app.lasting.renewed("root2", mark) is None
