"""Tables that need too much, many tables at once, and what follows from changes."""

import asyncio
from pathlib import Path
from typing import Any

from couchreg.analytics.converting import ConversionLimits
from couchreg.analytics.ledger import Ledger, Table
from couchreg.analytics.tables import Tables
from couchreg.followers.base import Checkpoint
from couchreg.followers.loop import FollowerLoop
from tests.packages import Package, small
from tests.served import Serve, Served


async def finished(served: Served, tables: Tables, name: str, version: str) -> list[Table]:
    """The tables of a version when none is pending."""
    while True:
        found = await tables.of(await served.registry.catalog.version(name, version))
        if found and all(table.state != "pending" for table in found):
            return found
        await asyncio.sleep(0.05)


async def started(served: Served, path: Path, **options: Any) -> tuple[Tables, FollowerLoop]:
    tables = Tables(path, served.registry.catalog, served.registry.attachments, **options)
    loop = FollowerLoop(tables.follower, served.store, "registry")
    loop.start()
    tables.start()
    return tables, loop


async def ended(tables: Tables, loop: FollowerLoop) -> None:
    await tables.stop()
    await loop.stop()
    await tables.close()


async def test_a_table_that_needs_too_much_fails_and_the_next_is_made(serve: Serve, tmp_path: Path) -> None:
    served = await serve(validation="off")
    rows = "".join(f"{n},{n * 7919 % 10007}\n" for n in range(1_000_000))
    package = small(text="id,word\n" + rows)
    package.members["resources"].append({"name": "b", "path": "b.csv"})
    package.files["b.csv"] = b"x\n1\n"
    assert (await served.put(package, "1.0.0"))[0] == 201
    tables, loop = await started(served, tmp_path / "t.sqlite", limits=ConversionLimits(cpu_seconds=1))
    large, little = await finished(served, tables, "small", "1.0.0")
    assert (large.state, large.attempts) == ("failed", 2)
    assert "CPU time" in large.reason
    assert little.state == "ready"
    assert await tables.counts() == {"pending": 0, "ready": 1, "failed": 1}
    assert await tables.seconds_left(large) is not None
    await ended(tables, loop)
    assert not list(served.spool.iterdir())


async def test_work_goes_on_where_it_was_left(served: Served, tmp_path: Path) -> None:
    resources = [{"name": f"t{n}", "path": f"t{n}.csv"} for n in range(30)]
    files = {f"t{n}.csv": b"a\n%d\n" % n for n in range(30)}
    assert (await served.put(Package({"name": "many", "resources": resources}, files), "1"))[0] == 201
    tables, loop = await started(served, tmp_path / "t.sqlite")
    while not (await tables.counts())["ready"]:
        await asyncio.sleep(0.01)
    await ended(tables, loop)
    left = Ledger(tmp_path / "t.sqlite")
    before = {table.resource: table for table in left.of("many", "1") if table.state == "ready"}
    left.close()
    assert before
    tables, loop = await started(served, tmp_path / "t.sqlite")
    found = await finished(served, tables, "many", "1")
    assert len(found) == 30
    assert {table.state for table in found} == {"ready"}
    after = {table.resource: table for table in found}
    assert {name: after[name] for name in before} == before
    await ended(tables, loop)


def test_what_is_known_of_another_revision_is_not_believed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "t.sqlite")
    first = Table("p", "1", "r", 0, "1-a", "pending", 0, 10, "_parquet/p/1/r.parquet")
    ledger.follow([], [[first]], Checkpoint("i", "1"))
    done = first._replace(state="ready", rows=3)
    assert ledger.settle(done)
    ledger.follow([], [[first]], Checkpoint("i", "2"))  # the same change again
    assert ledger.of("p", "1") == [done]
    ledger.follow([], [[first._replace(rev="2-b")]], Checkpoint("i", "3"))
    assert [table.state for table in ledger.of("p", "1")] == ["pending"]
    assert not ledger.settle(done)
    ledger.follow([("p", "1")], [], Checkpoint("i", "4"))
    assert ledger.of("p", "1") == []
    assert not ledger.settle(done)
    assert ledger.checkpoint() == Checkpoint("i", "4")
    ledger.close()
