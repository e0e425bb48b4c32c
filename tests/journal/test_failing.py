"""What is told of disks and files: a sentence, and the same one seldom."""

import logging

import pytest

from couchreg.errors import StorageFailure, damaged, of_a_file
from couchreg.journal import failing
from couchreg.journal.failing import tell

log = logging.getLogger(__name__)


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failing, "_said", type(failing._said)())


def test_a_damaged_file_is_told_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    tell(log, "GET /x\n2026-01-01 INFO forged", damaged("The database file"))
    [record] = caplog.records
    assert record.exc_info is None
    assert record.getMessage() == (
        "GET /x?2026-01-01 INFO forged failed: The database file is damaged. couchreg doctor says what to do."
    )


def test_what_nobody_foresaw_has_its_traceback_each_time(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        tell(log, "The sweep", ValueError("ours"))
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def test_the_same_is_said_seldom(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1.0]
    monkeypatch.setattr(failing.time, "monotonic", lambda: now[0])
    for _ in range(5):
        tell(log, "GET /x", damaged("The database file"))
    tell(log, "GET /y", damaged("The database file"))
    assert len(caplog.records) == 2
    now[0] += failing.AGAIN
    tell(log, "GET /x", damaged("The database file"))
    assert len(caplog.records) == 3
    for number in range(2 * failing._MOST):
        tell(log, f"GET /{number}", damaged("The database file"))
    assert len(failing._said) == failing._MOST


def test_files_that_cannot_be_used_are_foreseen(caplog: pytest.LogCaptureFixture) -> None:
    error = PermissionError(13, "Permission denied", "/data/x.db")
    tell(log, "GET /x", error)
    assert ("/data/x.db" in caplog.text, caplog.records[0].exc_info) == (True, None)
    told = of_a_file(error)
    assert isinstance(told, StorageFailure)
    assert ("/data" in told.reason, told.error) == (False, "file_error")  # clients are told no path
    assert of_a_file(ConnectionResetError(104, "Connection reset by peer")) is None
