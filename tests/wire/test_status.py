"""Every error has the status that CouchDB gives it."""

from collections.abc import Iterator

import pytest

from couchreg import errors
from couchreg.wire.status import STATUS, WORDS, status_of


def kinds(kind: type[errors.CouchregError] = errors.CouchregError) -> Iterator[type[errors.CouchregError]]:
    yield kind
    for under in kind.__subclasses__():
        if under.__module__ == errors.__name__:
            yield from kinds(under)


@pytest.mark.parametrize("kind", STATUS)
def test_a_kind_of_error_has_its_status(kind: type[errors.CouchregError]) -> None:
    error = kind.__new__(kind)
    assert status_of(error) == WORDS.get(kind.error, STATUS[kind])


def test_no_error_is_a_failure_of_the_server_by_oversight() -> None:
    failures = {kind for kind in kinds() if status_of(kind.__new__(kind)) == 500}
    ours = {errors.CouchregError, errors.Failure, errors.StorageFailure}
    assert failures <= {*ours, errors.LostBytes, errors.LostDocument}


def test_an_error_of_another_room_has_the_status_of_its_kind() -> None:
    class Unknown(errors.NotFound):
        error = "unknown"

    assert status_of(Unknown("x")) == 404


def test_a_word_may_have_a_status_of_its_own() -> None:
    assert status_of(errors.BadRequest("x", error="gone")) == 410
