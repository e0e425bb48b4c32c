"""Nobody without an account can keep others waiting, or fill the memory, by any request.

Requests for all routes of both doors, as bad as they come, one at a time; what each does to the server is
measured. COUCHREG_TEST_GUESTS says how many (10,000 else), COUCHREG_TEST_SEED which ones. With
COUCHREG_TEST_ANALYTICS=on they ask tables and graphs, too, which takes three times as long; else those routes
say that there are none.
"""

import os
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.hostile.attacking import BEFORE, Attack, attacking
from tests.hostile.content import open_databases, publish, settle
from tests.hostile.routes import Guests
from tests.hostile.sending import Request
from tests.processes import running

pytestmark = pytest.mark.long

COUNT = int(os.environ.get("COUCHREG_TEST_GUESTS", "10000"))
SEED = int(os.environ.get("COUCHREG_TEST_SEED", "1"))
ANALYTICS = os.environ.get("COUCHREG_TEST_ANALYTICS", "off")
# Bytes that all children together may have for themselves: what questions and functions are allowed. Measured
# up to 1.8 GiB, where a statement and a question in SPARQL are at work.
CHILDREN = (3 << 30) if ANALYTICS == "on" else (512 << 20)
TOGETHER = 20  # requests that are measured as one, and one by one where that is too much


@pytest.fixture(scope="module")
def attack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attack]:
    data: Path = tmp_path_factory.mktemp("hostile") / "data"
    with running(data, "--validation", "off", "--analytics", ANALYTICS, program=True) as server:
        publish(server)
        open_databases(server)
        settle(server, tables=ANALYTICS == "on")
        with attacking(server) as made:
            yield made


@pytest.mark.timeout(0)
def test_no_guest_keeps_others_waiting_or_fills_the_memory(attack: Attack) -> None:
    for request in islice(Guests(SEED + 1_000_000), 300):  # what is made once has been made
        attack.cost([request])
    recent: deque[Request] = deque(maxlen=BEFORE)
    bad: list[str] = []
    guests = islice(Guests(SEED), COUNT)
    for first in range(0, COUNT, TOGETHER):
        if first % 10_000 == 0:
            print(f"{first} requests, {attack.statuses}", flush=True)
        some = list(islice(guests, TOGETHER))
        if attack.cost(some).is_bad():
            bad += attack.offenders(some, first, recent)
        recent.extend(some)
    assert not bad, f"{len(bad)} of {COUNT}:\n" + "\n\n".join(bad[:20])
    print(f"{attack.watch.below() >> 20} MiB in children at most, {attack.statuses}")
    assert attack.watch.below() <= CHILDREN
    before, found, after = attack.log.read_text().partition("Traceback")
    assert not found, before[-500:] + found + after[:5000]
    assert attack.statuses.get(200, 0) > COUNT // 50  # they do reach what they are for
