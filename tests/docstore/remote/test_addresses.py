"""Where a CouchDB is, what databases and documents are called there, and places in their changes."""

import pytest

from couchreg.docstore.base import BEGINNING, Seq
from couchreg.docstore.remote import CouchAddress, sequences
from couchreg.docstore.remote.address import document_path
from couchreg.errors import BadRequest, Failure, NotFound

NAMES = ["registry", "a/b", "_users", "_replicator", "a/_replicator", "_global_changes", "a$()+-_0/", "a//"]
NAMES += ["couchreg/x", "couchreg/$_replicator", "couchreg/_x", "a/$b", "a/_users"]


@pytest.mark.parametrize("where", ["http://h", "http://h/team"])
def test_names_are_one_to_one(where: str) -> None:
    address = CouchAddress.parse(where)
    there = [address.physical(name) for name in NAMES]
    assert [address.logical(name) for name in there] == NAMES
    assert len({*there, address.private}) == len(NAMES) + 1
    assert address.logical(address.private) is None
    assert all(name[:1].isalpha() for name in there)


def test_a_couchdb_takes_nothing_in_hand() -> None:
    """It runs what is written into a database whose name ends with `_replicator`, and so on."""
    for where in ("http://h", "http://h/team"):
        there = [CouchAddress.parse(where).physical(name) for name in NAMES]
        assert [name for name in there if any(part.startswith("_") for part in name.split("/"))] == []
    assert CouchAddress.parse("http://h").physical("_users") == "couchreg/$/$_users"
    assert CouchAddress.parse("http://h/team").physical("_users") == "team/$_users"


def test_databases_of_others_are_none_of_ours() -> None:
    team = CouchAddress.parse("http://h/team")
    assert [team.logical(name) for name in ("registry", "_users", "team2/a", "team", "team/_x")] == [None] * 5
    assert [CouchAddress.parse("http://h").logical(name) for name in ("_replicator", "_users")] == [None] * 2


def test_an_address_is_read() -> None:
    found = CouchAddress.parse("https://us%40er:p%2Fw:d@[::1]:6984/team/")
    assert (found.url, found.user, found.password, found.prefix) == (
        "https://[::1]:6984",
        "us@er",
        "p/w:d",
        "team/",
    )
    assert "p/w" not in f"{found!r}{found.shown}"


@pytest.mark.parametrize(
    "text",
    [
        "couch:5984",
        "ftp://u:secret@h",
        "http://u:secret@",
        "http://u:secret@h:port",
        "http://u:secret@h/a/b",
        "http://u:secret@h/_x",
        "http://u:secret@h/couchreg",
        "http://u:secret@h/a?b=c",
        "http://u:secret@[h",
    ],
)
def test_what_is_no_address_is_told_without_its_login(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        CouchAddress.parse(text)
    assert "secret" not in str(caught.value)


def test_ids_stay_in_their_place() -> None:
    assert document_path("a/b") == "/a%2Fb"
    assert document_path("..") == "/%2E%2E"
    assert document_path("_design/a/_view/b") == "/_design/a%2F_view%2Fb"
    assert document_path("_local/é") == "/_local/%C3%A9"
    for none in ("", "_all_docs", "_design", "_design/", "_security", "_local/"):
        with pytest.raises(NotFound):
            document_path(none)
    with pytest.raises(UnicodeEncodeError):
        document_path("\udcff")


@pytest.mark.parametrize("told", ["7-g1AAA_-x", 7, "7", [7, "7-g1AAA"], "7-a.b-c"])
def test_a_place_is_given_back_to_couchdb_as_it_came(told: object) -> None:
    seq = sequences.stamp(told, "life")
    assert sequences.parse(seq.text, "life") == seq
    assert sequences.parse(f'"{seq.text}"', "life") == seq
    assert sequences.since(seq, "life") == str(told[1] if isinstance(told, list) else told)
    assert sequences.parse(seq.text, "other") == BEGINNING
    assert sequences.since(seq, "other") == "0"


def test_what_is_no_place_is_refused() -> None:
    for text in ("", "x", "-1", "7-g1AAA", "7-life.", '7-life."', "7-life.a b", "٣"):
        with pytest.raises(BadRequest, match="Malformed sequence"):
            sequences.parse(text, "life")
    for told in (None, "x-1", ["1"], {}):
        with pytest.raises(Failure):
            sequences.stamp(told, "life")
    assert sequences.stamp("0-abc", "life") == Seq(0, "0-life.-", "life")
    assert sequences.parse("now", "life") is None
