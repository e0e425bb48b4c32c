"""What unfinished publishes count for."""

import pytest

from couchreg.errors import TooManyRequests
from couchreg.registry.publishing.records import Announced, Record
from couchreg.registry.publishing.sessions import SessionLimits
from tests.served import Serve

FILES = [Announced("b.csv", 60, "0" * 64, "text/csv")]


def record(number: int) -> Record:
    return Record(
        id=f"{number:032x}",
        name="a",
        version="1",
        user="anna",
        pledge=None,
        digest="",
        length=60,
        made=number,
        touched=number,
    )


async def test_what_takes_the_place_of_a_publish_does_not_count_against_it(serve: Serve) -> None:
    sessions = (await serve(sessions=SessionLimits(space=200))).registry.sessions
    first, second, third = record(1), record(2), record(3)
    await sessions.adopt(first, FILES)
    await sessions.adopt(second, FILES, first)
    assert first.length == second.length == 60  # until the first is removed there are both
    with pytest.raises(TooManyRequests, match="100 bytes"):
        await sessions.adopt(third, FILES)
    await sessions.remove(second)  # as when its files cannot be kept
    with pytest.raises(TooManyRequests, match="100 bytes"):
        await sessions.adopt(third, FILES)
    assert sessions.of("anna") == [first]
