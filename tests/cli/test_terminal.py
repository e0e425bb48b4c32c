"""What a registry says reaches a terminal as text: no escape sequence of it does anything."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.answering import Answering, answering
from tests.cli.conftest import run

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\u2028\x7f"
BAD = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))} - {"\n"} | set("\u202e\u2028")
OWN = {
    "published": EVIL,
    "publisher": EVIL,
    "deprecated": EVIL,
    "files": [{"path": "a.csv", "bytes": 1, "hash": f"sha256:{'0' * 64}", "mediatype": EVIL}],
}
DESCRIPTOR = {
    "name": "evil",
    "version": "1.0.0",
    "title": EVIL,
    "description": EVIL,
    "keywords": [EVIL],
    "licenses": [{"name": EVIL}],
    "dataDependencies": {EVIL: EVIL},
    "resources": [{"name": EVIL, "path": EVIL, "schema": {"fields": [{"name": EVIL, "type": EVIL}]}}],
    "couchreg": OWN,
}
ROW = {"version": EVIL, "published": EVIL, "publisher": EVIL, "files": EVIL, "bytes": EVIL, "tags": [EVIL]}


class Registry(Answering):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        found: dict[str, Any] = {
            "/": {"couchreg": EVIL, "version": EVIL},
            "/search": {"total": 1, "hits": [{"name": EVIL, "version": EVIL, "title": EVIL}]},
            "/-/packages": {"packages": [{"name": EVIL, "latest": EVIL}]},
            "/-/versions/evil": {"versions": [{**ROW, "deprecated": EVIL}]},
            "/-/dist-tags/evil": {EVIL: EVIL},
            "/owner/ls/evil": [{"name": EVIL, "email": EVIL}],
            "/-/whoami": {"name": EVIL, "roles": [EVIL], "packages": [EVIL]},
            "/-/tokens": {"tokens": [dict.fromkeys(("id", "scope", "label", "created", "expires"), EVIL)]},
            "/evil": DESCRIPTOR,
            "/evil/latest": DESCRIPTOR,
            "/evil/1.0.0": DESCRIPTOR,
        }
        self._answer(found.get(path))

    def do_PUT(self) -> None:
        self._answer(None)

    do_DELETE = do_POST = do_PUT

    def _answer(self, value: Any) -> None:
        known = value is not None
        self.answer_json(200 if known else 404, value if known else {"error": EVIL, "reason": EVIL})


@pytest.fixture(scope="module")
def evil() -> Iterator[str]:
    with answering(Registry) as url:
        yield url


COMMANDS = [
    ["search", "x"],
    ["info", "evil"],
    ["info", "missing"],
    ["versions", "evil"],
    ["ls"],
    ["ls", "evil"],
    ["cat", "evil/a.csv"],
    ["diff", "evil@1.0.0", "1.0.0"],
    ["dist-tag", "ls", "evil"],
    ["owner", "ls", "evil"],
    ["install", "evil", "--no-cache"],
    ["whoami"],
    ["token", "ls"],
    ["deprecate", "evil", "because"],
    ["unpublish", "evil", "--yes"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_of_it_is_acted_on(evil: str, tmp_path: Path, command: list[str], as_json: bool) -> None:
    arguments = [*command, "--json"] if as_json else command
    ran = run(*arguments, cwd=tmp_path, registry=evil, user="anna", password="x")
    assert ran.out + ran.err
    assert not BAD & set(ran.out + ran.err)
    assert "Traceback" not in ran.err
    if as_json and ran.out:
        json.loads(ran.out)
