"""Servers that are no registry and answer JSON, and packages that are not there: what is said of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from couchreg import Client
from couchreg.client import ClientError
from couchreg.client.errors import Missing, UsageError
from tests.answering import Answering, answering
from tests.client.conftest import write_package

COUCH = {"couchdb": "Welcome", "version": "3.5.0", "vendor": {"name": "The Apache Software Foundation"}}


class Foreign(Answering):
    """Another server below each path."""

    def do_GET(self) -> None:
        _, kind, *rest = self.path.partition("?")[0].split("/")
        if kind == "hello":
            self.answer_json(200, {"hello": 1})
        elif kind == "nothing":
            self.answer_json(404, {"message": "Not Found"})
        elif any(rest):
            self.answer_json(404, {"error": "not_found", "reason": "Database does not exist."})
        else:
            self.answer_json(200, COUCH)

    do_PUT = do_POST = do_DELETE = do_GET


@pytest.fixture(scope="module")
def foreign() -> Iterator[str]:
    with answering(Foreign) as url:
        yield url


QUESTIONS: dict[str, Callable[[Client], object]] = {
    "search": lambda client: client.search("bees"),
    "packages": lambda client: list(client.packages()),
    "info": lambda client: client.info("m3"),
    "versions": lambda client: client.versions("m3"),
    "dependents": lambda client: client.dependents("m3"),
    "tags": lambda client: client.tags("m3"),
    "cat": lambda client: client.cat("m3/t"),
    "unpublish": lambda client: client.unpublish("m3@1"),
    "undelete": lambda client: client.undelete("m3@1"),
    "whoami": lambda client: client.whoami(),
    "owners": lambda client: client.owners("m3"),
    "add_owner": lambda client: client.add_owner("m3", "anna"),
    "create_token": lambda client: client.create_token("read"),
    "tokens": lambda client: client.tokens(),
    "revoke_token": lambda client: client.revoke_token("x"),
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("kind", ["hello", "nothing", "couch"])
def test_another_server_is_not_taken_for_a_registry(foreign: str, kind: str, question: str) -> None:
    with Client(f"{foreign}/{kind}", user="admin", password="secret") as client:
        with pytest.raises(ClientError, match="is not a couchreg registry") as found:
            QUESTIONS[question](client)
        assert ("CouchDB" in found.value.reason) == (kind == "couch")


@pytest.fixture
def gulls(client: Client, tmp_path: Path) -> str:
    client.publish(write_package(tmp_path / "gulls", "1.0.0", {"t.csv": "n\n1\n"}))
    return "gulls"


ABSENT: dict[str, Callable[[Client], object]] = {
    "versions": lambda client: client.versions("gull"),
    "tags": lambda client: client.tags("gull"),
    "dependents": lambda client: client.dependents("gull"),
    "owners": lambda client: client.owners("gull"),
    "diff": lambda client: client.diff("gull@1.0.0", "1.0.0"),
    "unpublish": lambda client: client.unpublish("gull@1.0.0"),
    "set_tag": lambda client: client.set_tag("gull@1.0.0", "old"),
}


def test_a_package_that_is_not_there_may_be_another(client: Client, gulls: str) -> None:
    for ask in ABSENT.values():
        with pytest.raises(Missing, match=f"did you mean {gulls}?"):
            ask(client)
    for schema in ("gull", '"gull@1.0.0"'):
        with pytest.raises(ClientError, match=f"did you mean {gulls}?"):
            client.sql(f"select * from {schema}.t")


def test_what_is_said_of_a_package_is_not_said_of_a_version(client: Client, gulls: str) -> None:
    for ask in (client.versions, client.tags, client.dependents, client.owners):
        for address in (f"{gulls}@1.0.0", f"{gulls}@1.0.0/t"):
            with pytest.raises(UsageError):
                ask(address)


def test_a_closed_client_says_so(client: Client) -> None:
    client.close()
    with pytest.raises(UsageError, match="is closed"):
        client.versions("gdp")
