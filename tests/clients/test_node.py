"""PouchDB, nano and couchbackup against a running server: nothing of ours in between."""

import hashlib
import json
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any

from couchreg.client import Credentials, publish
from tests.clients.conftest import RunNode
from tests.processes import Server, running

PACKAGES = Path(__file__).parents[1] / "data" / "packages"


def ask(live: Server, method: str, path: str, body: Any = None) -> Any:
    login = b64encode(":".join(live.admin).encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(live.couch_url + path, data, headers, method=method)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def hashes(package: str) -> dict[str, str]:
    files = {path for path in (PACKAGES / package).rglob("*") if path.is_file()}
    return {str(f.relative_to(PACKAGES / package)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_pouchdb_replicates_the_registry_both_ways(live: Server, node: RunNode) -> None:
    for package in ("gdp", "population"):
        publish(live.registry_url, PACKAGES / package, credentials=Credentials(*live.admin))
    found = node("pouchdb", f"{live.couch_url_with_login}/registry")
    assert found["pulled"]["gdp@2026"] == hashes("gdp")
    assert found["pulled"]["population@2023-03-30"] == hashes("population")
    assert found["pushed"] == found["sent"]
    assert found["deletedRev"] == "3"
    assert found["here"]["_rev"] == found["there"]["_rev"]
    assert found["here"]["_conflicts"] == found["there"]["_conflicts"]
    assert len(found["here"]["_conflicts"]) == 1
    assert found["info"]["db_name"] == "registry"


def test_pouchdb_in_several_tabs(live: Server, node: RunNode) -> None:
    """Whoever loses the race for making the database can use it all the same."""
    found = node("pouchdb_tabs", live.couch_url_with_login)
    assert found["ended"] == [["409 conflict", "409 conflict", "written"]] * 10


def test_nano(live: Server, node: RunNode) -> None:
    assert node("nano", live.couch_url_with_login) == {"ok": True}


def test_couchbackup_backs_up_and_restores(live: Server, node: RunNode, tmp_path: Path) -> None:
    source, target = "backup-from", "backup-to"
    for name in (source, target):
        ask(live, "PUT", f"/{name}")
    docs: list[dict[str, Any]] = [{"_id": f"d{i}", "n": i, "text": "ü" * i} for i in range(100)]
    data = b64encode(bytes(range(256))).decode()
    docs[3]["_attachments"] = {"a.bin": {"content_type": "x/y", "data": data}}
    ask(live, "POST", f"/{source}/_bulk_docs", {"docs": docs})
    rev = ask(live, "GET", f"/{source}/d5")["_rev"]
    ask(live, "PUT", f"/{source}/d5?rev={rev}", {"n": "second"})
    ask(live, "PUT", f"/{source}/_design/d", {"views": {}})
    found = node("couchbackup", live.couch_url_with_login, source, target, str(tmp_path / "backup.jsonl"))
    assert found["restore"]["total"] == 101
    whole = "_all_docs?include_docs=true&attachments=true"
    assert ask(live, "GET", f"/{target}/{whole}") == ask(live, "GET", f"/{source}/{whole}")


def test_pouchdb_publishes_what_was_made_offline(node: RunNode, tmp_path: Path) -> None:
    """An owner's version is there byte for byte under the revision it was made with; what a stranger sends
    changes nothing, but for what is the stranger's own."""
    with running(tmp_path / "data") as server:
        for name in ("anna", "bob"):
            user = {"name": name, "password": "pw", "roles": [], "type": "user"}
            ask(server, "PUT", f"/_users/org.couchdb.user:{name}", user)
        owner, stranger = [
            server.couch_url.replace("://", f"://{name}:pw@") + "/registry" for name in ("anna", "bob")
        ]
        found = node("pouchdb_publish", owner, stranger, str(PACKAGES / "gdp"), "2026")
        assert found["first"] == {"written": 2, "failures": 0, "denied": []}
        assert ask(server, "GET", "/registry/gdp@2026")["_rev"] == found["rev"]
        assert sorted(found["files"]) == sorted(hashes("gdp"))
        for path, expected in hashes("gdp").items():
            with urllib.request.urlopen(f"{server.registry_url}/gdp/2026/{path}") as response:
                assert hashlib.sha256(response.read()).hexdigest() == expected, path
        assert (found["second"]["written"], found["second"]["failures"]) == (1, 3)
        assert {row["name"] for row in found["second"]["denied"]} == {"forbidden"}
        assert ask(server, "GET", "/registry/gdp")["owners"] == ["anna"]
        assert found["third"] == {"written": 1, "failures": 0, "denied": []}
        with urllib.request.urlopen(f"{server.registry_url}/-/dist-tags/gdp") as response:
            assert json.load(response)["stable"] == "2026"
