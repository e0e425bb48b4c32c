"""Who publishes does not keep others from it, and leaves no work behind when it goes."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from couchreg.registry.checking.checker import CheckLimits
from couchreg.registry.publishing import integrity
from couchreg.registry.publishing.threads import Abandoned, IsStopped, in_thread
from tests.packages import Package, small
from tests.served import ANNA, BOB, Serve, Served

LATEST = 60  # seconds after which a test has failed


def endless(name: str) -> Package:
    """A package whose check uses all the time it may."""
    package = small(name, text="id,word\n1," + "a" * 40 + "!\n")
    package.members["resources"][0]["schema"]["fields"][1]["constraints"] = {"pattern": "(?:a|aa)+"}
    return package


async def running(served: Served, number: int) -> None:
    async with asyncio.timeout(LATEST):
        while served.registry.checker.busy < number:
            await asyncio.sleep(0.01)


async def test_one_user_does_not_have_every_checker(serve: Serve) -> None:
    served = await serve(checks=CheckLimits(workers=2, cpu_seconds=3000))
    slow = [asyncio.create_task(served.put(endless(f"slow{n}"), "1", auth=ANNA)) for n in range(3)]
    await running(served, 3)
    async with asyncio.timeout(LATEST):
        assert (await served.put(small("quick"), "1", auth=BOB))[0] == 201
    assert not any(task.done() for task in slow)
    await _leave(served, *slow)


async def test_one_user_has_few_packages_waiting(serve: Serve) -> None:
    served = await serve(checks=CheckLimits(workers=1, cpu_seconds=3000, waiting_of_one=2))
    slow = [asyncio.create_task(served.put(endless(f"slow{n}"), "1", auth=ANNA)) for n in range(3)]
    await running(served, 3)
    status, headers, answer = await _tried(served, endless("more"))
    assert (status, headers["Retry-After"], answer["error"]) == (429, "10", "too_many_requests")
    await _leave(served, *slow)


async def _tried(served: Served, package: Package) -> tuple[int, Any, Any]:
    from tests.packages import related

    body, headers = related(package)
    url = f"{served.url}/{package.name}/1"
    async with served.client.put(url, data=body, headers={**headers, "Authorization": ANNA}) as response:
        return response.status, response.headers, await response.json()


async def _leave(served: Served, *asking: asyncio.Task[Any]) -> None:
    """The clients close their connections."""
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    async with asyncio.timeout(LATEST):
        while served.registry.checker.busy:
            await asyncio.sleep(0.01)


async def test_the_check_of_a_client_that_has_gone_ends(serve: Serve) -> None:
    served = await serve(checks=CheckLimits(workers=1, cpu_seconds=3000))
    publishing = asyncio.create_task(served.put(endless("slow"), "1"))
    await running(served, 1)
    await asyncio.sleep(0.5)  # so that it computes
    await _leave(served, publishing)
    async with asyncio.timeout(LATEST):
        while any(served.spool.iterdir()):
            await asyncio.sleep(0.01)
    assert served.blobs() == []
    assert (await served.put(small("slow"), "1"))[0] == 201


async def test_resources_that_name_the_same_files_again_and_again_are_refused(served: Served) -> None:
    files = {f"{number}.bin": os.urandom(100) for number in range(2)}
    paths = [[*files] * (number + 2) for number in range(20)]
    resources = [{"name": f"r{number}", "path": path} for number, path in enumerate(paths)]
    status, answer = await served.put(Package({"name": "again", "resources": resources}, files), "1")
    assert status == 422
    assert [item["type"] for item in answer["problems"]] == ["resource-error"]
    assert "name each once" in answer["reason"] + answer["problems"][0]["message"]


async def test_equal_resources_are_hashed_once(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Any] = []
    real = integrity._hash

    def counted(paths: Any, algorithm: str, is_stopped: IsStopped) -> str:
        hashed.append(algorithm)
        return real(paths, algorithm, is_stopped)

    monkeypatch.setattr(integrity, "_hash", counted)
    files = {f"{number}.bin": os.urandom(100) for number in range(2)}
    resources = [{"name": f"r{number}", "path": [*files]} for number in range(50)]
    status, answer = await served.put(Package({"name": "again", "resources": resources}, files), "1")
    assert status == 201, answer
    assert hashed == ["sha256"]


async def test_hashing_ends_when_nobody_waits_for_it(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as large:
        large.truncate(64 << 30)  # minutes of hashing, and no disk space
    began = threading.Event()
    failed: list[BaseException] = []

    def work(is_stopped: IsStopped) -> None:
        began.set()
        try:
            integrity.digests([((file,), "sha256")], is_stopped)
        except Abandoned as error:
            failed.append(error)
            raise

    hashing = asyncio.create_task(in_thread(work))
    while not began.is_set():
        await asyncio.sleep(0.01)
    hashing.cancel()
    async with asyncio.timeout(LATEST):
        with pytest.raises(asyncio.CancelledError):
            await hashing
    assert [type(error) for error in failed] == [Abandoned]
