"""What a document of `_users` may look like, and who may change what in it."""

from typing import Any

import pytest

from couchreg.auth.passwords.hashes import hash_password
from couchreg.auth.users.documents import clear_password, roles_of, validate, validate_deletion, with_hash
from couchreg.errors import Forbidden

ID = "org.couchdb.user:bob"
BOB: dict[str, Any] = {"name": "bob", "type": "user", "roles": ["reader"]}


def check(
    new: dict[str, Any],
    old: dict[str, Any] | None = BOB,
    *,
    doc_id: str = ID,
    admin: bool = True,
    name: str | None = "bob",
) -> None:
    validate(doc_id, new, old, name=name, admin=admin)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "x"}, "doc.type must be user"),
        ({"name": ""}, "doc.name is required"),
        ({"name": 5}, "doc.name is required"),
        ({"name": "eve"}, "Doc ID must be of the form org.couchdb.user:name"),
        ({"roles": None}, "doc.roles must exist"),
        ({"roles": "x"}, "doc.roles must be an array"),
        ({"roles": [1]}, "doc.roles can only contain strings"),
        ({"roles": ["_admin"]}, "No system roles (starting with underscore) in users db."),
        ({"password_sha": "00"}, "Users with password_sha must have a salt."),
        ({"password_scheme": "rot13"}, "Password scheme `rot13` not supported."),
        ({"password_scheme": "pbkdf2", "derived_key": "0"}, "iterations must be a number."),
        ({"password_scheme": "pbkdf2", "iterations": 1}, "derived_key must be a string."),
    ],
)
def test_documents_that_are_refused_even_to_admins(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(Forbidden) as caught:
        check({**BOB, **change}, None)
    assert caught.value.reason == reason


@pytest.mark.parametrize("name", ["_bob", "b:b"])
def test_names_that_nobody_may_have(name: str) -> None:
    with pytest.raises(Forbidden):
        check({**BOB, "name": name}, None, doc_id="org.couchdb.user:" + name)


def test_people_change_themselves_but_not_their_roles() -> None:
    check({**BOB, "email": "b@example.org"}, admin=False)
    check({**BOB, "roles": []}, None, admin=False, name=None)
    for new, old, reason in (
        ({**BOB, "roles": ["reader", "boss"]}, BOB, "Only _admin may edit roles"),
        ({**BOB, "roles": []}, BOB, "Only _admin may edit roles"),
        (BOB, None, "Only _admin may set roles"),
        (BOB, {**BOB, "name": "ann"}, "Usernames can not be changed."),
    ):
        with pytest.raises(Forbidden) as caught:
            check(new, old, admin=False)
        assert caught.value.reason == reason
    with pytest.raises(Forbidden, match="You may only update your own user document"):
        check(BOB, admin=False, name="eve")


def test_only_admins_and_oneself_delete() -> None:
    validate_deletion(BOB, name="bob", admin=False)
    validate_deletion(None, name=None, admin=True)
    for old, name in ((BOB, "eve"), (BOB, None), (None, "bob"), ({}, None)):
        with pytest.raises(Forbidden):
            validate_deletion(old, name=name, admin=False)


def test_a_hash_takes_the_place_of_the_password_and_of_the_hash_before() -> None:
    before = with_hash({**BOB, "password": "old"}, hash_password("old", iterations=2))
    after = with_hash({**before, "password": "new"}, hash_password("new", iterations=3))
    assert "password" not in after
    assert after["iterations"] == 3
    assert after["derived_key"] != before["derived_key"]
    assert {key: after[key] for key in BOB} == BOB


def test_passwords_are_text() -> None:
    assert clear_password({"password": "x"}) == "x"
    assert clear_password({"password": None}) is clear_password({}) is None
    with pytest.raises(Forbidden, match="Password value of '5' is invalid"):
        clear_password({"password": 5})


def test_no_document_makes_an_admin() -> None:
    assert roles_of({"roles": ["a", "_admin", 5]}) == ("a",)
    assert roles_of({"roles": "x"}) == ()
