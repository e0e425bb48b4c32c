"""The examples in the words of `couchreg.Client`: each public call has one, and each does what it says."""

import doctest
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import couchreg
from couchreg import Client
from couchreg.client import errors, facade
from tests.client.conftest import PACKAGES, eventually, made, write_package
from tests.processes import ADMIN, running

CALLS = [name for name, member in inspect.getmembers(Client, inspect.isfunction) if name[0] != "_"]
# In the order in which the examples build on each other; all others before these.
LAST = ["set_tag", "remove_tag", "deprecate", "undeprecate", "install", "validate", "publish", "yank"]
LAST += [
    "unyank",
    "unpublish",
    "undelete",
    "add_owner",
    "remove_owner",
    "create_token",
    "tokens",
    "revoke_token",
    "close",
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry of its own, as the examples tell of it."""
    with running(tmp_path_factory.mktemp("examples") / "data", "--analytics", "on") as server:
        with Client(server.registry_url, user=ADMIN[0], password=ADMIN[1]) as client:
            client.publish(PACKAGES / "gdp")
            client._loop.run(client._registry.people.register("anna", "a long enough one"))
            eventually(lambda: client.search("gross", "product"))
            made(server.registry_url, "gdp", "2026")
        yield server.registry_url


def test_every_public_call_has_an_example() -> None:
    lacking = [name for name in CALLS if ">>> " not in (getattr(Client, name).__doc__ or "")]
    assert lacking == []
    assert set(LAST) <= set(CALLS)


def test_the_examples_do_what_they_say(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COUCHREG_CACHE", str(tmp_path / "cache"))
    write_package(tmp_path / "bees", "1.0.0", {"hives.csv": "hive,bees\nnorth,40000\n"})
    client = Client(url, user=ADMIN[0], password=ADMIN[1])
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner()
    for name in [*(name for name in CALLS if name not in LAST), *LAST]:
        known = {"client": client, "folder": tmp_path}
        for example in finder.find(getattr(facade.Client, name), name, globs=known):
            runner.run(example)
    assert runner.summarize(verbose=False).failed == 0, capsys.readouterr().out


def test_the_package_shows_the_client_and_its_errors() -> None:
    kinds = {
        name
        for name, member in inspect.getmembers(errors, inspect.isclass)
        if issubclass(member, errors.ClientError)
    }
    assert kinds | {"Client", "__version__"} == set(couchreg.__all__)
    assert set(couchreg.__all__) <= set(dir(couchreg))
    for name in couchreg.__all__:
        assert getattr(couchreg, name) is not None
    with pytest.raises(AttributeError):
        _ = couchreg.nothing
