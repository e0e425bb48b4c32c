"""A package whose own record has been lost is nobody's to read after a rebuild, but the administrators'."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from couchreg.cli.main import cli
from couchreg.cli.rebuild import run as rebuild
from couchreg.docstore.maintenance.audit import Audit
from couchreg.registry.rebuild.rebuild import Rebuilt
from tests.access.conftest import ADMIN, ANNA, BOB, Door
from tests.conftest import ServerFactory
from tests.packages import small

Harm = Callable[[Path], None]  # to the folder of all records, or of those of a package's own document
Rebuilding = Callable[..., Awaitable[Rebuilt]]
FILE = "/bees/1.0.0/words"


def truncated(folder: Path) -> None:
    [record] = folder.iterdir()
    record.write_bytes(record.read_bytes()[:-20])


def flipped(folder: Path) -> None:
    [record] = folder.iterdir()
    record.write_bytes(record.read_bytes().replace(b'"restricted":true', b'"restrictec":true'))


def opened(folder: Path) -> None:
    [record] = folder.iterdir()
    record.write_bytes(record.read_bytes().replace(b'"access"', b'"acces5"'))


def exchanged(folder: Path) -> None:
    """The record of another package lies there."""
    [record] = folder.iterdir()
    [other] = (folder.parent / "open").iterdir()
    record.write_bytes(other.read_bytes())


def removed(folder: Path) -> None:
    [record] = folder.iterdir()
    record.unlink()


def gone(folder: Path) -> None:
    removed(folder)
    folder.rmdir()


async def statuses(door: Door, path: str, *who: str | None) -> list[int]:
    return [(await door.raw("GET", path, auth))[0] for auth in who]


@pytest.fixture
async def rebuilt(server: ServerFactory, door: Door) -> Rebuilding:
    """Stop the server, lose its database and what is taken away, rebuild, start again."""

    async def rebuilt(harm: Harm, **settings: str) -> Rebuilt:
        await door.settled()
        data = door.app.settings.data_dir
        await door.app.stop()
        harm(data / "datastore" / "_registry")
        for file in (data / "databases").glob("registry@*"):
            file.unlink()
        done = await rebuild(replace(door.app.settings, **settings))
        door.app = await server(validation="off")
        return done

    return rebuilt


async def published(door: Door) -> None:
    await door.restrict("bees")
    for name in ("bees", "open"):
        assert (await door.publish(small(name)))[0] == 201
    await door.grant("bees", "bob")
    assert await statuses(door, FILE, None, BOB, ANNA) == [404, 200, 200]


@pytest.mark.parametrize("harm", [truncated, flipped, opened, exchanged, removed, gone])
async def test_a_restricted_package_is_closed(door: Door, rebuilt: Rebuilding, harm: Harm) -> None:
    await published(door)
    done = await rebuilt(lambda records: harm(records / "bees"))
    told = done.problems[0]
    assert told.startswith("bees: ")
    assert ("couchreg owner add USER bees" in told, "couchreg access public bees" in told) == (True, True)
    for path in ("/bees", FILE, "/-/versions/bees"):
        assert await statuses(door, path, None, BOB, ANNA, ADMIN) == [404, 404, 404, 200]
    assert await statuses(door, "/open/1.0.0/words", None) == [200]
    assert (await door.publish(small("bees"), "2.0.0", BOB))[0] == 403  # the name is nobody's to take
    anna = {"username": "anna", "dpkgName": "bees"}
    assert (await door.ask("POST", "/owner/add", ADMIN, json=anna))[0] == 200
    assert await statuses(door, FILE, None, BOB, ANNA) == [404, 404, 200]
    await door.restrict("bees", access="public")
    # What is lost is an ancestor by now, so that another rebuild closes nothing.
    done = await rebuilt(lambda records: None)
    assert (done.problems, await statuses(door, FILE, None)) == ([], [200])
    [record] = (door.app.settings.data_dir / "datastore/_registry/bees").iterdir()
    found = await Audit(door.app.store, door.app.attachments, "registry").check(deep=True)
    assert (found.missing, found.different, found.orphans) == ([], [], []), record
    await Audit(door.app.store, door.app.attachments, "registry").gc(0)  # it lacks nothing that was recorded


async def test_an_older_record_gives_nothing_back(door: Door, rebuilt: Rebuilding) -> None:
    """Whose it was, and who could read it, may have been taken from them in what was lost."""
    assert (await door.publish(small("bees")))[0] == 201
    await door.settled()
    folder = door.app.settings.data_dir / "datastore/_registry/bees"
    [older] = folder.iterdir()
    kept = older.read_bytes()
    await door.restrict("bees")

    def harm(records: Path) -> None:
        truncated(records / "bees")
        older.write_bytes(kept)

    assert len((await rebuilt(harm)).problems) == 2
    assert await statuses(door, FILE, None, ANNA, ADMIN) == [404, 404, 200]
    _, document = await door.ask("GET", "/registry/bees?conflicts=true&revs=true", ADMIN, couch=True)
    assert (document["owners"], "_conflicts" in document) == ([], False)
    assert document["_revisions"]["ids"][-1] == older.stem.partition("-")[2]


async def test_an_older_record_that_is_damaged_closes_nothing(door: Door, rebuilt: Rebuilding) -> None:
    assert (await door.publish(small("bees")))[0] == 201
    await door.settled()
    folder = door.app.settings.data_dir / "datastore/_registry/bees"
    [older] = folder.iterdir()
    await door.restrict("bees")
    done = await rebuilt(lambda records: (records / "bees" / older.name).write_bytes(b"{") and None)
    assert [problem.partition(":")[0] for problem in done.problems] == [f"_registry/bees/{older.name}"]
    assert await statuses(door, FILE, None, ANNA) == [404, 200]


async def test_what_other_software_wrote_is_sealed(door: Door, rebuilt: Rebuilding) -> None:
    """The revision of a package's document that its owner replicates from a PouchDB proves nothing."""
    assert (await door.publish(small("bees")))[0] == 201
    _, there = await door.ask("GET", "/registry/bees", ADMIN, couch=True)
    sent = {**there, "_rev": "2-" + "a" * 32, "title": "Bees"}
    sent["_revisions"] = {"start": 2, "ids": ["a" * 32, there["_rev"].partition("-")[2]]}
    body = {"new_edits": False, "docs": [sent]}
    assert (await door.ask("POST", "/registry/_bulk_docs", ADMIN, couch=True, json=body)) == (201, [])
    done = await rebuilt(lambda records: None)
    assert (done.problems, done.differing, await statuses(door, FILE, None)) == ([], 1, [200])

    def harm(records: Path) -> None:
        [record] = (records / "bees").iterdir()
        record.write_bytes(record.read_bytes().replace(b'"Bees"', b'"Beez"'))

    done = await rebuilt(harm)
    assert "does not have the SHA-256 that it states" in done.problems[1]
    assert await statuses(door, FILE, None, ADMIN) == [404, 200]


async def test_a_damaged_version_stays_in_its_package(door: Door, rebuilt: Rebuilding) -> None:
    """It comes back from its descriptor, restricted as its package is; without that, closed."""
    await published(door)

    def harm(records: Path) -> None:
        truncated(records / "bees@1.0.0")

    done = await rebuilt(harm)
    assert (done.imported, len(done.problems)) == (1, 1)
    assert await statuses(door, FILE, None, BOB, ANNA) == [404, 200, 200]

    def more(records: Path) -> None:
        harm(records)
        gone(records / "bees")

    done = await rebuilt(more)
    assert (done.imported, len(done.problems)) == (1, 2)
    assert await statuses(door, FILE, None, BOB, ANNA, ADMIN) == [404, 404, 404, 200]
    await Audit(door.app.store, door.app.attachments, "registry").gc(0)


async def test_a_mirror_waits_for_the_document(door: Door, rebuilt: Rebuilding) -> None:
    """What it wrote itself would stand beside what the registry that it mirrors says."""
    await published(door)
    done = await rebuilt(lambda records: truncated(records / "bees"), mirror="http://127.0.0.1:9/")
    assert "until the registry that is mirrored has sent it again" in done.problems[0]
    assert (await door.ask("GET", "/registry/bees", ADMIN, couch=True))[0] == 404


async def test_what_is_public_in_its_bucket_is_told_and_left(door: Door, rebuilt: Rebuilding) -> None:
    assert (await door.publish(small("bees")))[0] == 201
    done = await rebuilt(lambda records: gone(records / "bees"), redirect="public")
    assert "all files of this registry are public" in done.problems[0]
    assert await statuses(door, FILE, None) == [200]


async def test_the_command_says_it(door: Door) -> None:
    await published(door)
    await door.settled()
    data = door.app.settings.data_dir
    await door.app.stop()
    removed(data / "datastore/_registry/bees")
    [file] = (data / "databases").glob("registry@*")
    file.unlink()
    done = await asyncio.to_thread(CliRunner().invoke, cli, ["rebuild", "--data-dir", str(data)])
    assert (done.exit_code, "Traceback" in done.output) == (1, False)
    assert "couchreg: bees: who owns this package and who may read it is not known" in done.output
