"""A breaker opens after failures in a row, and lets one call through as a trial when its pause is over."""

import pytest

from couchreg.blobstore.s3.breaker import Breaker
from couchreg.errors import Unavailable


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("The bucket", failures=3, pause=1, longest=4, clock=clock)


def refused(breaker: Breaker) -> int | None:
    """The seconds to wait that a call is told; None for one that is let through."""
    try:
        breaker.check()
    except Unavailable as error:
        return error.retry_after
    return None


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.failed()


def test_it_opens_after_so_many_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert refused(breaker) is None
    breaker.succeeded()
    fail(breaker, 2)
    assert refused(breaker) is None
    breaker.failed()
    assert refused(breaker) == 1


def test_one_trial_is_let_through_and_its_success_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 1
    assert refused(breaker) is None
    assert refused(breaker) == 1  # the others wait for the trial
    breaker.succeeded()
    assert [refused(breaker), refused(breaker)] == [None, None]


def test_each_trial_that_fails_doubles_the_pause_up_to_a_bound(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    pauses = []
    for _ in range(4):
        clock.now += 100
        assert refused(breaker) is None
        breaker.failed()
        pauses.append(refused(breaker))
    assert pauses == [2, 4, 4, 4]


def test_the_pause_begins_anew_after_a_success(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 1
    breaker.check()
    breaker.failed()
    assert refused(breaker) == 2
    clock.now += 2
    breaker.check()
    breaker.succeeded()
    fail(breaker, 3)
    assert refused(breaker) == 1


def test_a_trial_that_never_ends_does_not_hold_it_open_for_ever(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 1
    breaker.check()
    clock.now += 1
    assert refused(breaker) is None


def test_clients_are_told_what_does_not_answer(breaker: Breaker) -> None:
    fail(breaker, 3)
    with pytest.raises(Unavailable, match="The bucket does not answer"):
        breaker.check()
