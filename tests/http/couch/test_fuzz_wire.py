"""Raw requests at random: each is answered, none with a fault of the server, and the database stays sound.

`COUCHREG_FUZZ_INPUTS` says how many (a few hundred if nothing does), `COUCHREG_TEST_SEED` which.
"""

import os
from collections import Counter

from tests.http.couch.conftest import Couch
from tests.http.couch.fuzzing import Fuzzer, answer

INPUTS = int(os.environ.get("COUCHREG_FUZZ_INPUTS", "400"))
SEED = int(os.environ.get("COUCHREG_TEST_SEED", "1"))
SECONDS = 20.0
REFUSAL = b'{"error":"error","reason":"no_majority"}'  # CouchDB's answer to an odd security object, a 500


async def test_every_request_is_answered(couch: Couch) -> None:
    fuzzer = Fuzzer(SEED)
    port = int(couch.url.rpartition(":")[2])
    statuses: Counter[int] = Counter()
    for _ in range(INPUTS):
        request = fuzzer.request()
        status, text = await answer(port, request, SECONDS)
        assert status not in (0, 500) or REFUSAL in text, (request, text)
        statuses[status] += 1
        if "db" not in await couch.store.names():
            await couch.store.create("db")
    assert (await couch("GET", "")).status == 200
    assert await (await couch.store.open("db")).check() == []
    assert statuses[200] + statuses[201] > INPUTS // 10, statuses
