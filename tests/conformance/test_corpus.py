"""Every recorded scenario, asked of a running couchreg.

The chosen scenarios are replayed a few at a time in threads, ahead of the tests that wait for them.
Those tagged `config` change settings of the whole server and run alone, after the others.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest

from tests import remote_differences
from tests.conformance.differences import DIFFERENCES, LATER
from tests.conformance.replaying import Run, Scenario, load
from tests.processes import Server

THREADS = 8
_REASONS = {difference.scenario: difference.reason for difference in DIFFERENCES}
_LATER = {later.tag for later in LATER}


def _param(scenario: Scenario) -> Any:
    reason = _REASONS.get(scenario["name"])
    marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
    return pytest.param(scenario, id=scenario["name"], marks=marks)


def _chosen() -> list[Scenario]:
    wanted = [scenario for scenario in load() if not _LATER & set(scenario["tags"])]
    return sorted(wanted, key=lambda scenario: "config" in scenario["tags"])


Replays = dict[str, Future[str | None]]


@pytest.fixture(scope="package")  # as long as the server: replayed twice, wrong logins would lock theirs out
def replays(request: pytest.FixtureRequest, live: Server) -> Iterator[Replays]:
    """The replay of each scenario that this run of pytest selected, begun at once."""
    with ThreadPoolExecutor(THREADS) as pool, ThreadPoolExecutor(1) as last:
        begun: Replays = {}
        for scenario in _selected(request.session):
            run = Run(scenario, live.couch_url, live.admin)
            if "config" in scenario["tags"]:
                last.submit(wait, list(begun.values()))
                begun[scenario["name"]] = last.submit(run.first_difference)
            else:
                begun[scenario["name"]] = pool.submit(run.first_difference)
        yield begun
        for future in begun.values():
            future.cancel()


def _selected(session: pytest.Session) -> list[Scenario]:
    name = "test_answers_as_couchdb"
    functions = [item for item in session.items if getattr(item, "originalname", "") == name]
    return [item.callspec.params["scenario"] for item in functions]  # type: ignore[attr-defined]


@pytest.mark.parametrize("scenario", [_param(scenario) for scenario in _chosen()])
def test_answers_as_couchdb(scenario: Scenario, replays: Replays, request: pytest.FixtureRequest) -> None:
    found = replays[scenario["name"]].result()
    if found is not None and request.config.getoption("--docstore") == "remote":
        kind = remote_differences.kind_of(found)
        if kind is not None:
            pytest.xfail(kind)
    assert found is None, found


def test_known_differences_name_scenarios() -> None:
    names = {scenario["name"] for scenario in load()}
    assert {difference.scenario for difference in DIFFERENCES} <= names


def test_every_area_that_waits_exists() -> None:
    tags = {tag for scenario in load() for tag in scenario["tags"]}
    assert tags >= _LATER
