"""What is kept of reduced answers, and how much."""

from pathlib import Path

from couchreg.designdocs.views.answers import LARGEST, OVERHEAD, RANGES, Answers, IndexState, ReduceQuestion
from couchreg.designdocs.views.index import IndexFile
from couchreg.designdocs.views.reading import KeyBound, Read
from tests.designdocs.rows import mapped

ALL = Read(0, None, None, descending=False)


def question(number: int, *reads: Read) -> ReduceQuestion:
    return ReduceQuestion(IndexState(1, number), b"sum", 1, reads or (ALL,), 0, None)


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    answers = Answers(3 * (OVERHEAD + 10))
    for number in range(3):
        answers.put(question(number), b"0123456789")
    assert answers.get(question(0)) == b"0123456789"
    answers.put(question(3), b"x")
    assert [answers.get(question(number)) is not None for number in range(4)] == [True, False, True, True]
    assert answers.size <= 3 * (OVERHEAD + 10)


def test_large_answers_and_long_questions_are_not_kept() -> None:
    answers = Answers()
    answers.put(question(0), b"x" * LARGEST)
    assert answers.get(question(0)) is None
    far = ALL._replace(first=KeyBound(b"x" * LARGEST, "id"))
    assert not question(0, far).is_small
    assert not question(0, *[ALL] * (RANGES + 1)).is_small
    assert question(0).is_small
    answers.put(question(0), b"x")
    answers.put(question(0), b"y")
    assert (answers.get(question(0)), answers.size) == (b"x", OVERHEAD + 1)


def test_no_two_states_of_rows_are_equal(tmp_path: Path) -> None:
    states = []
    for _ in range(2):  # the same file, opened twice
        file = IndexFile(tmp_path / "x.view")
        states.append(file.state)
        file.apply([mapped({"a": [(0, b"k", b"1", b"1")]})], {})
        states.append(file.state)
        file.clear({})
        states.append(file.state)
        assert file.is_quiet
        file.close()
    assert len(set(states)) == len(states)
