"""The tests that take long are begun first, whatever the number of workers."""

from itertools import accumulate, pairwise
from typing import Any, NamedTuple, cast

import pytest

from tests.conftest import begun_first


class Listed(NamedTuple):
    nodeid: str
    is_long: bool = False

    def get_closest_marker(self, name: str) -> Any:
        return name if self.is_long else None


def listed(*lengths: int, every: int = 3) -> list[pytest.Item]:
    """Modules with so many tests each; each third one is long."""
    return [
        cast(pytest.Item, Listed(f"test_{module}.py::test_{number}", module % every == 0))
        for module, length in enumerate(lengths)
        for number in range(length)
    ]


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 8])
def test_each_worker_begins_with_a_part_of_the_long_ones(workers: int) -> None:
    items = listed(3, 20, 9, 2, 30, 40, 5, 7, 11, 1, 60, 70)
    ordered = begun_first(items, workers)
    assert sorted(ordered) == sorted(items)  # type: ignore[type-var]
    sizes = [len(items) // workers + (number >= workers - len(items) % workers) for number in range(workers)]
    for number, (begin, end) in enumerate(pairwise(accumulate(sizes, initial=0))):
        kinds = [item.get_closest_marker("long") is not None for item in ordered[begin:end]]
        assert kinds == sorted(kinds, reverse=True)
        assert any(kinds) == (number < 4)  # so many modules are long


def test_few_tests_are_all_there() -> None:
    for workers in (1, 4):
        for items in (listed(), listed(1), listed(9, 1), listed(5, 5, every=1)):
            assert sorted(begun_first(items, workers)) == sorted(items)  # type: ignore[type-var]
