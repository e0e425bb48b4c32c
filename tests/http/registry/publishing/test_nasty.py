"""Each nasty package gets its documented answer, and what is refused leaves nothing behind."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from couchreg.package.layout import package_key
from couchreg.package.names import is_package_name, is_version, version_id
from couchreg.package.paths import path_fault
from couchreg.registry.publishing.intake import PublishLimits
from tests import blob_stores
from tests.http.registry.publishing.nasty import CHECKS, KINDS, LIMITS, Nasty
from tests.packages import Package, small
from tests.served import ADMIN, Serve, Served

pytestmark = pytest.mark.long

S3_PARTS = 4 * 8 + 8  # MiB: four parts of 8 MiB are on their way to a bucket, and what threads leave of them
LARGE = int(os.environ.get("COUCHREG_TEST_LARGE_MIB", "48"))  # of the CSV that is streamed
MANY = int(os.environ.get("COUCHREG_TEST_RESOURCES", "300"))
RACES = int(os.environ.get("COUCHREG_TEST_RACES", "25"))
ROW = b"1234567,a word in every row of the table\n" * 25_000


@pytest.mark.parametrize("kind", KINDS)
async def test_each_gets_its_answer_and_leaves_nothing_when_refused(serve: Serve, kind: str) -> None:
    served = await serve(checks=CHECKS, publishing=LIMITS)
    wrong: dict[str, str] = {}
    for number, nasty in enumerate(KINDS[kind]()):
        fault = await fault_of(served, nasty, str(number))
        if fault:
            wrong[nasty.name] = fault
    assert wrong == {}


async def fault_of(served: Served, nasty: Nasty, version: str) -> str | None:
    """What is wrong with the answer to a nasty package, or with what it leaves behind."""
    before = served.blobs(), await served.database.update_seq()
    status, answer = await served.send(f"/nasty/{version}", nasty.body, nasty.headers)
    if status != nasty.status:
        return f"{status} {answer}"
    if status == 201:
        found = await served.get(f"/nasty/{version}")
        return None if found[0] == 200 and not await waiting(served) else str(found)
    kinds = {item["type"] for item in answer.get("problems", ())}
    if nasty.words not in answer["reason"] and nasty.words not in kinds:
        return f"{answer}"
    after = served.blobs(), await served.database.update_seq()
    gone = (await served.get(f"/nasty/{version}"))[0] == 404
    return None if after == before and gone else f"left behind: {after}"


async def waiting(served: Served) -> list[Path]:
    """What is left in the spool."""
    return list(served.spool.rglob("*"))


async def test_many_resources_are_one_package(serve: Serve) -> None:
    served = await serve()
    fields = [{"name": "id", "type": "integer"}]
    resources = [
        {"name": f"r{n}", "path": f"data/{n}.csv", "schema": {"fields": fields}} for n in range(MANY)
    ]
    package = Package({"name": "many", "resources": resources}, {r["path"]: b"id\n1\n" for r in resources})
    status, answer = await served.put(package, "1")
    assert status == 201, answer
    _, descriptor = await served.get("/many/1")
    assert len(descriptor["resources"]) == len(descriptor["couchreg"]["files"]) - 1 == MANY
    assert (await served.fetch(f"/many/1/r{MANY - 1}"))[2] == b"id\n1\n"


def peak() -> int:
    """The most memory this process has had since the last reset, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


async def test_a_large_table_goes_in_and_out_with_little_memory(serve: Serve) -> None:
    served = await serve(validation="off", publishing=PublishLimits())
    rows = LARGE * (1 << 20) // len(ROW)
    head = b"--x\r\nContent-Disposition: form-data; name=%b\r\n\r\n"
    descriptor = json.dumps(small("large").members).encode()

    async def body() -> AsyncIterator[bytes]:
        yield head % b"datapackage.json" + descriptor + b"\r\n" + head % b'"data/words.csv"' + b"id,word\n"
        for _ in range(rows):
            yield ROW
        yield b"\r\n--x--\r\n"

    await served.put(small("other"), "1")  # what is imported once counts for nothing
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    headers = {"Authorization": ADMIN, "Content-Type": "multipart/form-data; boundary=x"}
    url = f"{served.url}/large/1"
    async with served.client.put(url, data=body(), headers=headers, timeout=None) as response:
        assert response.status == 201, await response.text()
    total = 0
    async with served.client.get(f"{url}/words", timeout=None) as response:
        async for chunk in response.content.iter_any():
            total += len(chunk)
    assert total == len(b"id,word\n") + rows * len(ROW)
    parts = S3_PARTS if blob_stores.server else 0
    assert peak() - before < 24 + parts << 10


async def test_of_two_publishers_exactly_one_wins_every_time(serve: Serve) -> None:
    served = await serve(validation="off")
    for version in range(RACES):
        rivals = [small(text=f"id,word\n{number},{version}\n") for number in (1, 2)]
        answers = await asyncio.gather(*(served.put(rival, str(version)) for rival in rivals))
        assert sorted(status for status, _ in answers) == [201, 409]
        winner = next(rival for rival, (status, _) in zip(rivals, answers, strict=True) if status == 201)
        assert (await served.fetch(f"/small/{version}/words"))[2] == winner.files["data/words.csv"]
    assert not await waiting(served)


@pytest.mark.parametrize("length", [1, 2, 149, 150, 151, 200])
def test_whatever_the_door_takes_has_its_place_in_the_datastore(length: int) -> None:
    name, version = "x" * length, "1" * length
    assert is_package_name(name) == is_version(version) == (length <= 150)
    if length <= 150:
        for path in ("a", "a" * 200, "/".join(["b" * 100] * 4), "é" * 100):
            assert path_fault(path) is None
            assert package_key(version_id(name, version), path) == f"{name}/{version}/{path}"


async def test_names_that_are_too_long_are_refused_at_the_door(served: Served) -> None:
    for path in (f"/{'x' * 151}/1", f"/small/{'1' * 151}"):
        status, answer = await served.put_json(path, {"resources": [{"name": "x", "data": []}]})
        assert (status, "150 characters" in answer["reason"]) == (400, True)


async def test_a_strict_check_that_cannot_end_in_time_says_so_and_warn_publishes_it(serve: Serve) -> None:
    served = await serve(checks=CHECKS, validation="warn")
    endless = small("large", text="id,word\n1," + "a" * 40 + "!\n")
    endless.members["resources"][0]["schema"]["fields"][1]["constraints"] = {"pattern": "(?:a|aa)+"}
    status, answer = await served.put(endless, "1")
    assert (status, answer["report"]["complete"]) == (201, False)
    _, report = await served.get("/-/report/large/1")
    assert [item["type"] for item in report["problems"]] == ["check-stopped"]
