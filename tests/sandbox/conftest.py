"""Pools of test jobs, closed behind each test."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import Kind, Limits
from couchreg.sandbox.pool import Pool
from tests.warm_forks import cold_forks

MODULE = "tests.sandbox.jobs"
SMALL = Limits(seconds=60, cpu_seconds=30, memory=1 << 30, message=4 << 20)

Make = Callable[..., Pool]


@pytest.fixture(autouse=True)
def as_the_product_starts_them() -> Iterator[None]:
    with cold_forks():
        yield


@pytest.fixture
async def forks() -> AsyncIterator[ForkServer]:
    server = ForkServer([MODULE])
    yield server
    await server.close()


@pytest.fixture
async def make(forks: ForkServer) -> AsyncIterator[Make]:
    """Make a pool; members are those of `Kind`."""
    pools: list[Pool] = []

    def made(limits: Limits = SMALL, **members: Any) -> Pool:
        pools.append(Pool(Kind("test jobs", MODULE, limits, **members), forks))
        return pools[-1]

    yield made
    for pool in pools:
        await pool.close()


@pytest.fixture
def pool(make: Make) -> Pool:
    return make()
