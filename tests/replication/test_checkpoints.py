"""Where two records of a replication agree."""

from typing import Any

from couchreg.replication.checkpoints import REMEMBERED, ReplicationSession, Start, compare


def record(*sessions: tuple[str, int]) -> dict[str, Any]:
    entries = [{"session_id": name, "recorded_seq": seq} for name, seq in sessions]
    return {"session_id": sessions[0][0], "source_last_seq": sessions[0][1], "history": entries}


def test_the_same_session_is_believed() -> None:
    assert compare(record(("b", 9), ("a", 5)), record(("b", 9), ("a", 5))).since == 9


def test_else_the_newest_that_both_remember() -> None:
    assert compare(record(("c", 12), ("a", 5)), record(("b", 9), ("a", 5))).since == 5
    assert compare(record(("b", 9), ("a", 5)), record(("c", 12), ("b", 9), ("a", 5))).since == 9


def test_nothing_in_common_is_the_beginning() -> None:
    assert compare(record(("a", 5)), record(("b", 9))) == Start(0, ())
    assert compare(record(("a", 5)), {}) == Start(0, ())
    assert compare({}, {}).since == 0


def test_odd_records_are_no_records() -> None:
    assert compare({"session_id": "a", "history": 5}, {"session_id": "b", "history": [5, None]}).since == 0


def test_only_so_many_sessions_are_remembered() -> None:
    before = [{"session_id": str(n), "recorded_seq": n} for n in range(REMEMBERED)]
    history = ReplicationSession("new", 0.0, Start(3, before)).record(7, 1.0, by_ids=False)["history"]
    assert (len(history), history[0]["session_id"], history[0]["start_last_seq"]) == (REMEMBERED, "new", 3)
