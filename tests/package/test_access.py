"""What a package's document says of who may read it."""

from typing import Any

import pytest

from couchreg.package.access import access_of, grants_of


def test_a_package_that_says_nothing_is_public() -> None:
    assert access_of({"owners": ["anna"]}) is None


@pytest.mark.parametrize("stated", [None, 1, "public", [], {}, {"restricted": None}, {"restricted": 0}])
def test_what_cannot_be_read_closes(stated: Any) -> None:
    found = access_of({"owners": ["anna"], "access": stated})
    assert found is not None
    assert [found.lets_read({name}) for name in ("anna", "bob")] == [True, False]


def test_rights() -> None:
    grants = {"bob": "read-only", "group:team": "read-write", "carla": "everything", "dora": 1}
    members = {"owners": ["anna", 5], "access": {"restricted": True, "grants": grants}}
    found = access_of(members)
    assert found is not None
    names = ({"anna"}, {"bob"}, {"x", "group:team"}, {"carla"}, {"dora"}, set[str]())
    assert [found.lets_read(one) for one in names] == [True, True, True, False, False, False]
    assert [found.lets_publish(one) for one in names] == [True, False, True, False, False, False]
    assert grants_of(members) == {"bob": "read-only", "group:team": "read-write"}
    opened = access_of({**members, "access": {"restricted": False, "grants": grants}})
    assert opened is not None
    assert opened.lets_read({"nobody"})
    assert not opened.lets_publish({"nobody"})
