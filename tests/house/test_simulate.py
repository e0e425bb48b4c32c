"""`scripts/simulate`: queues as theory knows them, and answers from costs that were measured."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes import environment

SCRIPTS = Path(__file__).parents[2] / "scripts"
COSTS = {
    "descriptor": 0.0004,
    "unchanged": 0.0002,
    "file": 0.0005,
    "publish": 0.016,
    "publishes": 50.0,
    "row": 0.0001,
    "stored": 1.1,
    "load": 0.5,
    "cores": 2,
}


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import simulate_queue

    return simulate_queue


def simulated(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / "simulate.py"), *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("busy", [0.3, 0.7])
def test_one_server_is_as_slow_as_theory_says(queue: Any, busy: float) -> None:
    """Of M/M/1 the time to the end is exponential, with a mean of work / (1 - busy)."""
    found = queue.simulate([queue.Kind(1.0, [("s", 0.01)])], {"s": 1}, busy / 0.01)
    mean = 0.01 / (1 - busy)
    assert found.half == pytest.approx(mean * math.log(2), rel=0.1)
    assert found.nearly_all == pytest.approx(mean * math.log(100), rel=0.15)
    assert found.busy["s"] == pytest.approx(busy, rel=0.05)


def test_more_servers_share_one_queue(queue: Any) -> None:
    kinds = [queue.Kind(1.0, [("s", 0.01)])]
    assert queue.simulate(kinds, {"s": 1}, 120.0) is None, "more comes than goes"
    two, four = (queue.simulate(kinds, {"s": number}, 120.0) for number in (2, 4))
    assert two.nearly_all > four.nearly_all
    assert queue.fewest(kinds, {}, "s", 120.0, within=1.0) == 2
    narrow = [queue.Kind(1.0, [("s", 0.01), ("below", 0.01)])]
    assert queue.fewest(narrow, {"below": 1}, "s", 120.0, within=1.0, most=8) is None


def test_kinds_come_in_their_parts(queue: Any) -> None:
    kinds = [queue.Kind(3.0, [("a", 0.001)]), queue.Kind(1.0, [("b", 0.001)])]
    assert queue.load(kinds, 100.0) == pytest.approx({"a": 0.075, "b": 0.025})
    found = queue.simulate(kinds, {"a": 1, "b": 1}, 100.0)
    assert found.busy["a"] == pytest.approx(3 * found.busy["b"], rel=0.1)


def test_what_npm_and_pypi_would_need(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    file.write_text(json.dumps(COSTS))
    done = simulated("--costs", str(file), "--rate", "3000", "--core-price", "1")
    assert done.returncode == 0, done.stderr
    assert "99 of 100 within 50 ms: 2 processes; work for 1.10 cores" in done.stdout
    assert "with one to spare 2,190 a month, at 1.0 for a core and an hour" in done.stdout
    first = done.stdout.partition("what breaks first")[2].splitlines()[1]
    assert first.split(maxsplit=1) == ["2.00", "a burst of 100 publishes a second"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "costs have the members"),
        ('{"row": "x"}', "costs are numbers"),
        ('{"row": 1}', "not all"),
        ("{", ""),
    ],
)
def test_costs_that_are_none(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "costs.json").write_text(text)
    done = simulated("--costs", str(tmp_path / "costs.json"))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert said in done.stderr


def test_costs_are_measured_here(tmp_path: Path) -> None:
    done = simulated("--seconds", "0.2", "--save", str(tmp_path / "costs.json"))
    assert done.returncode == 0, done.stderr
    costs = json.loads((tmp_path / "costs.json").read_text())
    assert all(costs[name] > 0 for name in ("descriptor", "unchanged", "file", "publishes", "row", "stored"))
