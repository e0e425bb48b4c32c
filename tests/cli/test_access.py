"""`couchreg access` and `couchreg groups`, as their users use them."""

import json
from pathlib import Path

from tests.cli.conftest import Couchreg
from tests.cli.test_people import PASSWORD, package


def test_a_package_is_closed_shared_and_opened(couchreg: Couchreg, tmp_path: Path) -> None:
    for name in ("reader-a", "reader-b"):
        assert couchreg("adduser", name, "--password-stdin", stdin=f"{PASSWORD}\n").status == 0
    reader = {"user": "reader-a", "password": PASSWORD}
    other = {"user": "reader-b", "password": PASSWORD}
    done = couchreg("access", "restricted", "closed-bees")
    assert done.out == "closed-bees is restricted. Owners: admin\n", done.err
    assert couchreg("publish", package(tmp_path / "closed-bees")).status == 0
    assert [couchreg("versions", "closed-bees", **who).status for who in (reader, {})] == [3, 0]
    done = couchreg("access", "grant", "reader-a", "read", "closed-bees")
    assert done.out.splitlines()[1:] == ["reader-a\tread"], done.err
    assert couchreg("cat", "closed-bees/r", **reader).out == "n\n1\n"
    into = str(tmp_path / "installed")
    assert couchreg("install", "closed-bees", "--into", into, "--no-cache", **other).status == 3
    assert couchreg("install", "closed-bees", "--into", into, "--no-cache", **reader).status == 0
    assert couchreg("access", "ls", "--json", **reader).json == {"closed-bees": "read-only"}
    assert couchreg("access", "ls", "closed-bees").out == "admin\tpublish\nreader-a\tread\n"
    assert couchreg("access", "grant", "reader-b", "read", "closed-bees", **reader).status == 4
    assert couchreg("access", "revoke", "reader-a", "closed-bees", "--json").json["collaborators"] == {}
    assert couchreg("cat", "closed-bees/r", **reader).status == 3
    assert couchreg("access", "public", "closed-bees").status == 0
    assert couchreg("cat", "closed-bees/r", **other).status == 0
    assert couchreg("access", "grant", "nobody-at-all", "read", "closed-bees").status == 3
    assert couchreg("access", "grant", "reader-a", "own", "closed-bees").status == 2


def test_a_name_that_was_misspelled_is_not_taken(couchreg: Couchreg, tmp_path: Path) -> None:
    assert couchreg("publish", package(tmp_path / "wasps3")).status == 0
    done = couchreg("access", "restricted", "wasps33")
    assert (done.status, "did you mean wasps3?" in done.err) == (3, True)
    assert couchreg("access", "ls", "wasps33").status == 3
    done = couchreg("access", "restricted", "wasps33", "--new")
    assert (done.status, "the name is yours now" in done.err) == (0, True)
    done = couchreg("access", "restricted", "wasps33")
    assert (done.status, done.err) == (0, "")
    assert couchreg("versions", "wasps3", user="").status == 0


def test_a_package_is_published_for_some_or_for_all(couchreg: Couchreg, tmp_path: Path) -> None:
    made = {name: package(tmp_path / name) for name in ("secret-bees", "open-bees")}
    done = couchreg("publish", made["secret-bees"], "--access", "restricted")
    assert done.status == 0, done.err
    assert couchreg("publish", made["open-bees"], "--access", "public").status == 0
    assert [couchreg("versions", name, user="").status for name in made] == [3, 0]
    assert couchreg("publish", made["secret-bees"], "--access", "public").status == 0
    assert couchreg("versions", "secret-bees", user="").status == 0
    assert couchreg("publish", made["open-bees"], "--access", "mine").status == 2


def test_groups(couchreg: Couchreg, tmp_path: Path) -> None:
    assert couchreg("adduser", "reader-c", "--password-stdin", stdin=f"{PASSWORD}\n").status == 0
    reader = {"user": "reader-c", "password": PASSWORD}
    done = couchreg("groups", "create", "keepers")
    assert done.out == "Owners of keepers: admin\nMembers: none besides\n", done.err
    assert couchreg("groups", "create", "keepers").status == 5
    assert couchreg("access", "restricted", "kept-birds").status == 0
    assert couchreg("publish", package(tmp_path / "kept-birds")).status == 0
    assert couchreg("access", "grant", "group:keepers", "publish", "kept-birds").status == 0
    assert couchreg("publish", package(tmp_path / "kept-birds", "2.0.0"), **reader).status == 4
    assert couchreg("groups", "ls", "keepers", **reader).status == 3
    done = couchreg("groups", "add", "reader-c", "keepers", "--json")
    assert done.json == {"name": "keepers", "owners": ["admin"], "members": ["reader-c"]}
    assert couchreg("publish", package(tmp_path / "kept-birds", "2.0.0"), **reader).status == 0
    assert couchreg("groups", "ls", **reader).out == "keepers\n"
    assert json.loads(couchreg("groups", "ls", "--json", **reader).out)[0]["owners"] == ["admin"]
    assert couchreg("groups", "rm", "reader-c", "keepers", **reader).status == 0
    assert couchreg("cat", "kept-birds/r", **reader).status == 3
    assert couchreg("groups", "add", "reader-c", "keepers", "--owner").status == 0
    assert couchreg("groups", "delete", "keepers", **reader).out == "Deleted the group keepers.\n"
