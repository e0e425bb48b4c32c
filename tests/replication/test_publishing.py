"""Publishing by replication: what owners made elsewhere becomes theirs here, and nothing else does."""

import gzip
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import md5, sha256
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.packages import Package, related, small
from tests.replication.conftest import Peer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANNA, BOB = ("anna", "a"), ("bob", "b")
CSV = b"id,word\n1,one\n2,two\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def people(servers: tuple[Peer, Peer]) -> AsyncIterator[None]:
    for peer in servers:
        for name, password in (ANNA, BOB):
            user = {"name": name, "password": password, "roles": [], "type": "user"}
            await peer.ok("PUT", f"/_users/org.couchdb.user:{name}", user)
    yield


async def publish(peer: Peer, package: Package, version: str, who: tuple[str, str] = ANNA) -> None:
    assert peer.app is not None
    body, headers = related(package)
    headers["Authorization"] = aiohttp.encode_basic_auth(*who)
    url = f"{peer.app.registry_url}/{package.name}/{version}"
    async with peer.session.put(url, data=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()


async def door(peer: Peer, path: str, method: str = "GET", **sent: Any) -> tuple[int, bytes]:
    """The registry door, as anna."""
    assert peer.app is not None
    headers = {"Authorization": aiohttp.encode_basic_auth(*ANNA)}
    async with peer.session.request(method, peer.app.registry_url + path, headers=headers, **sent) as answer:
        return answer.status, await answer.read()


async def push(here: Peer, there: Peer, ids: list[str], who: tuple[str, str] = ANNA) -> dict[str, Any]:
    """Replicate documents of one registry into another; the session's counts."""
    target = {"url": f"{there.url}/registry", "auth": {"basic": {"username": who[0], "password": who[1]}}}
    status, answer = await here.replicate("registry", target, doc_ids=ids)
    assert status == 200, answer
    return dict(answer["history"][0] if "history" in answer else answer)


async def opened(peer: Peer, doc_id: str) -> Any:
    """All leaf revisions of a document with their histories and the digests of their files."""
    headers = {"Accept": "application/json"}
    url = f"{peer.url}/registry/{doc_id}?open_revs=all&revs=true"
    async with peer.session.get(url, headers=headers) as answer:
        return json.loads(await answer.read()) if answer.status == 200 else None


def document(name: str, version: str, data: bytes = CSV, **members: Any) -> dict[str, Any]:
    """A version as somebody has it in PouchDB: a descriptor and its files, made by no registry."""
    fields = [{"name": "id", "type": "integer"}, {"name": "word", "type": "string"}]
    resource = {"name": "words", "path": "data/words.csv", "schema": {"fields": fields}}
    file = {"content_type": "text/csv", "data": b64encode(data).decode()}
    return {
        "_id": f"{name}@{version}",
        "_rev": "1-" + sha256(f"{name}{version}".encode() + data).hexdigest()[:32],
        "name": name,
        "version": version,
        "resources": [resource],
        **members,
        "_attachments": {"data/words.csv": file},
    }


def package_of(name: str, *owners: str, rev: str = "1-" + "a" * 32, **members: Any) -> dict[str, Any]:
    return {"_id": name, "_rev": rev, "name": name, "owners": list(owners), **members}


async def send(peer: Peer, *docs: dict[str, Any], who: tuple[str, str] | None = ANNA) -> dict[str, str]:
    """As a replicator sends them; the reasons of those that were refused."""
    status, answer = await peer("POST", "/registry/_bulk_docs", {"docs": docs, "new_edits": False}, who=who)
    assert status == 201, answer
    assert {row["error"] for row in answer} <= {"forbidden"}
    return {row["id"]: row["reason"] for row in answer}


def stored(peer: Peer, name: str) -> list[str]:
    """The files of a package in the datastore."""
    assert peer.app is not None
    folder = peer.app.settings.data_dir / "datastore"
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(str(path.relative_to(folder)) for path in found if name in str(path))


async def test_an_owner_brings_versions_tags_and_owners_from_a_registry_of_their_own(
    here: Peer, there: Peer
) -> None:
    package = small("brought")
    await publish(here, package, "1.0.0")
    counts = await push(here, there, ["brought", "brought@1.0.0"])
    assert (counts["docs_written"], counts["doc_write_failures"]) == (2, 0)
    for doc_id in ("brought", "brought@1.0.0"):
        assert await opened(there, doc_id) == await opened(here, doc_id)
    assert (await door(there, "/brought/1.0.0/data/words.csv"))[1] == package.files["data/words.csv"]
    whole = [json.loads((await door(peer, "/brought/1.0.0?clone=true"))[1]) for peer in (here, there)]
    assert whole[0] == whole[1]
    await door(here, "/-/dist-tags/brought/stable", "PUT", json={"version": "1.0.0"})
    await door(here, "/-/deprecated/brought/1.0.0", "PUT", json={"message": "use words"})
    await door(here, "/owner/add", "POST", json={"username": "bob", "dpkgName": "brought"})
    await publish(here, package, "1.1.0")
    await door(here, "/-/yanked/brought/1.1.0", "PUT", json={"message": "wrong"})
    counts = await push(here, there, ["brought", "brought@1.1.0"])
    assert (counts["docs_written"], counts["doc_write_failures"]) == (2, 0)
    assert json.loads((await door(there, "/-/dist-tags/brought"))[1])["stable"] == "1.0.0"
    assert json.loads((await door(there, "/-/deprecated/brought"))[1]) == {"1.0.0": "use words"}
    assert json.loads((await door(there, "/-/yanked/brought"))[1]) == {"1.1.0": "wrong"}
    owners = json.loads((await door(there, "/owner/ls/brought"))[1])
    assert [row["name"] for row in owners] == ["anna", "bob"]
    assert await opened(there, "brought") == await opened(here, "brought")
    await door(here, "/brought/1.0.0", "DELETE")
    counts = await push(here, there, ["brought", "brought@1.0.0"])
    assert counts["doc_write_failures"] == 0
    assert (await door(there, "/brought/1.0.0"))[0] == 404
    for doc_id in ("brought", "brought@1.0.0"):
        assert await opened(there, doc_id) == await opened(here, doc_id)
    assert not [key for key in stored(there, "brought") if key.startswith("brought/1.0.0/")]


async def test_what_a_stranger_sends_changes_nothing_and_harms_nothing(here: Peer, there: Peer) -> None:
    await publish(there, small("anothers"), "1")
    before = await opened(there, "anothers"), await opened(there, "anothers@1"), stored(there, "anothers")
    refused = await send(
        there,
        document("anothers", "1", CSV + b"3,three\n"),
        document("anothers", "2"),
        package_of("anothers", "bob", rev="9-" + "b" * 32),
        {"_id": "anothers@1", "_rev": "9-" + "c" * 32, "_deleted": True},
        document("bobs-own", "1"),
        {"_id": "no package!", "_rev": "1-" + "a" * 32},
        {"_id": "_design/x", "_rev": "1-" + "a" * 32, "language": "javascript"},
        who=BOB,
    )
    assert set(refused) == {"anothers", "anothers@1", "anothers@2", "no package!", "_design/x"}
    assert "not an owner" in refused["anothers@2"]
    assert (await opened(there, "anothers"), await opened(there, "anothers@1")) == before[:2]
    assert stored(there, "anothers") == before[2]
    assert (await door(there, "/bobs-own/1"))[0] == 200  # which came along
    assert (await there("POST", "/registry/_bulk_docs", {"docs": [], "new_edits": False}, who=None))[0] == 401
    status, answer = await there("POST", "/registry/_bulk_docs", {"docs": [document("mine", "1")]}, who=BOB)
    assert (status, answer["reason"]) == (403, "Packages are published through the registry.")


async def test_versions_are_those_of_a_put_or_none(there: Peer) -> None:
    good = document("checked", "1")
    other = {**good, "_id": "checked@2", "version": "2"}
    broken = document("checked", "3", b"id,word\nx,one\n")
    resource = good["resources"][0]
    hashed = document("checked", "4", resources=[{**resource, "hash": "sha256:" + "0" * 64}])
    missing = document("checked", "5", resources=[{**resource, "path": "data/other.csv"}])
    claims = document("checked", "6", couchreg={"publisher": "bob"})
    renamed = document("checked", "7") | {"version": "8"}
    outside = document("checked", "8") | {"_attachments": {"../x": {"data": ""}}}
    refused = await send(there, good, broken, hashed, missing, claims, renamed, outside)
    assert set(refused) == {f"checked@{version}" for version in range(3, 9)}
    for version, reason in zip(
        range(3, 9), ("type-error", "hash", "not sent", "publisher", "version", "leaves"), strict=True
    ):
        assert reason in refused[f"checked@{version}"], refused
    assert await send(there, good, other) == {}
    assert json.loads((await door(there, "/-/versions/checked"))[1])["latest"] == "2"
    changed = await send(there, document("checked", "1", CSV + b"3,three\n"))
    assert "versions never change" in changed["checked@1"]
    assert {key.split("/")[1] for key in stored(there, "checked") if key.startswith("checked/")} == {"1", "2"}
    found = await opened(there, "checked@1")
    assert [row["ok"]["_rev"] for row in found] == [good["_rev"]]
    assert found[0]["ok"]["_attachments"]["data/words.csv"]["content_type"] == "text/csv"


async def test_where_accounts_have_limits_nobody_publishes_in_anothers_name(
    there: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert there.app is not None
    monkeypatch.setattr(there.app.registry.publisher.quotas, "limit", 1 << 30)
    nobodys = document("counted", "1")
    refused = await send(there, nobodys, document("counted", "2", couchreg={"publisher": "anna"}))
    assert list(refused) == ["counted@1"]
    assert "who sends the version" in refused["counted@1"]
    monkeypatch.setattr(there.app.registry.publisher.quotas, "limit", 0)
    assert await send(there, nobodys) == {}


async def test_datapackage_json_and_the_document_say_the_same(there: Peer) -> None:
    whole = document("sent", "1")
    text = {key: value for key, value in whole.items() if not key.startswith("_")}
    for version, value in (("1", text), ("2", {**text, "version": "2", "title": "Other"})):
        doc = document("sent", version)
        data = b64encode(json.dumps(value).encode()).decode()
        doc["_attachments"]["datapackage.json"] = {"content_type": "application/json", "data": data}
        assert bool(await send(there, doc)) == (version == "2")
    status, data = await door(there, "/sent/1/datapackage.json")
    assert (status, json.loads(data)) == (200, text)


async def test_what_was_deleted_with_a_tool_that_knows_no_registry_is_remembered(there: Peer) -> None:
    first = document("erased", "1")
    await send(there, first)
    gone = {"_id": "erased@1", "_rev": "2-" + "d" * 32, "_deleted": True}
    gone["_revisions"] = {"start": 2, "ids": ["d" * 32, first["_rev"][2:]]}
    assert await send(there, gone, who=BOB) != {}
    assert await send(there, gone) == {}
    assert (await door(there, "/erased/1"))[0] == 404
    assert not [key for key in stored(there, "erased") if key.startswith("erased/1/")]
    [leaf] = await opened(there, "erased@1")
    assert leaf["ok"]["_revisions"]["ids"][1:] == ["d" * 32, first["_rev"][2:]]
    other = document("erased", "1", CSV + b"3,three\n")
    assert "other content" in (await send(there, other))["erased@1"]
    forgets = {"_id": "erased@1", "_rev": "9-" + "e" * 32, "_deleted": True}
    assert await send(there, forgets) != {}
    assert "other content" in (await send(there, other))["erased@1"]
    again = {**first, "_rev": "4-" + "f" * 32}
    assert await send(there, again) == {}
    assert (await door(there, "/erased/1/data/words.csv"))[1] == CSV


async def test_documents_of_packages_come_before_or_behind_their_versions(there: Peer) -> None:
    """And what is no edit of the one that is here is refused."""
    assert await send(there, document("late", "1")) == {}
    theirs = package_of(
        "late", "anna", **{"dist-tags": {"stable": "1"}, "created": "2026-01-01T00:00:00.000Z"}
    )
    assert await send(there, theirs) == {}
    assert json.loads((await door(there, "/-/dist-tags/late"))[1])["stable"] == "1"
    assert (await there.ok("GET", "/registry/late?conflicts=true")).get("_conflicts") is None
    meanwhile = package_of("late", "anna", rev="2-" + "b" * 32)
    assert "meanwhile" in (await send(there, meanwhile))["late"]
    edit = {**theirs, "_rev": "2-" + "c" * 32, "owners": ["anna", "nobody-here"]}
    edit["_revisions"] = {"start": 2, "ids": ["c" * 32, "a" * 32]}
    assert "no account" in (await send(there, edit))["late"]
    assert await send(there, {**edit, "owners": ["bob"]}) == {}
    assert "not an owner" in (await send(there, document("late", "2")))["late@2"]
    assert await send(there, document("late", "2"), who=BOB) == {}
    for wrong in (
        {"owners": []},
        {"owners": [1]},
        {"name": "x"},
        {"dist-tags": {"1": "1"}},
        {"deprecated": {"*": ""}},
        {"yanked": {"*": "all"}},
        {"yanked": {"1": ""}},
    ):
        doc = package_of("wrong", "anna") | wrong
        assert await send(there, doc) != {}, wrong


async def test_names_are_not_hoarded(there: Peer) -> None:
    docs = [package_of(f"empty-{number}", "bob") for number in range(25)]
    refused = await send(there, *docs, who=BOB)
    assert 4 <= len(refused) <= 6
    assert "without a version" in refused["empty-24"]


async def test_files_come_in_parts_and_packed(there: Peer) -> None:
    """As CouchDB sends them: text as gzip, whose digest is that of the packed bytes."""
    packed = gzip.compress(CSV)
    doc = document("packed", "1")
    [member] = doc["_attachments"].values()
    member.pop("data")
    member |= {
        "follows": True,
        "encoding": "gzip",
        "length": len(CSV),
        "encoded_length": len(packed),
        "revpos": 1,
    }
    member["digest"] = "md5-" + b64encode(md5(packed).digest()).decode()
    for sent, error in ((packed[:-1] + b"?", "content_md5_mismatch"), (packed, None)):
        head = b"--b\r\nContent-Type: application/json\r\n\r\n" + json.dumps(doc).encode()
        body = head + b"\r\n--b\r\n\r\n" + sent + b"\r\n--b--"
        headers = {
            "Content-Type": 'multipart/related; boundary="b"',
            "Authorization": aiohttp.encode_basic_auth(*ANNA),
        }
        url = f"{there.url}/registry/packed@1?new_edits=false"
        async with there.session.put(url, data=body, headers=headers) as answer:
            assert (await answer.json(content_type=None)).get("error") == error
    assert (await door(there, "/packed/1/data/words.csv"))[1] == CSV
    [leaf] = await opened(there, "packed@1")
    assert leaf["ok"]["_rev"] == doc["_rev"]


async def test_what_a_database_keeps_packed_is_published_plain(here: Peer, there: Peer) -> None:
    """From a database that is no registry, where text is kept as gzip, as a CouchDB keeps it."""
    text = "id,word\n" + "".join(f"{n},word\n" for n in range(2000))
    await publish(here, small("pressed", text), "1")
    ids = ["pressed", "pressed@1"]
    await here.replicate("registry", here.by_door("kept"), create_target=True, doc_ids=ids)
    doc = await here.ok("GET", "/kept/pressed@1?att_encoding_info=true")
    assert doc["_attachments"]["data/words.csv"]["encoding"] == "gzip"
    target = {"url": f"{there.url}/registry", "auth": {"basic": {"username": "anna", "password": "a"}}}
    status, answer = await here.replicate("kept", target, doc_ids=ids)
    assert status == 200, answer
    assert (answer["docs_written"], answer["doc_write_failures"]) == (2, 0)
    assert (await door(there, "/pressed/1/data/words.csv"))[1] == text.encode()
    [leaf] = await opened(there, "pressed@1")
    assert leaf["ok"]["_rev"] == doc["_rev"]
