"""The modules that take long are begun first, and a worker is given whole ones."""

from itertools import groupby
from typing import Any, NamedTuple, cast

import pytest

from tests.conftest import ByModule, begun_first, module_of


class Listed(NamedTuple):
    nodeid: str
    is_long: bool = False

    def get_closest_marker(self, name: str) -> Any:
        return name if self.is_long else None


def listed(*lengths: int, every: int = 3) -> list[pytest.Item]:
    """Modules with so many tests each; the second test of each third one is long."""
    return [
        cast(pytest.Item, Listed(f"test_{module}.py::test_{number}", module % every == 0 and number == 1))
        for module, length in enumerate(lengths)
        for number in range(length)
    ]


def test_modules_with_long_tests_are_begun_first_and_each_module_is_one() -> None:
    ordered = begun_first(listed(3, 20, 9, 2, 30, 40, 5))
    assert sorted(ordered) == sorted(listed(3, 20, 9, 2, 30, 40, 5))  # type: ignore[type-var]
    modules = [module for module, _ in groupby(module_of(item.nodeid) for item in ordered)]
    assert modules == [f"test_{number}.py" for number in (0, 3, 6, 1, 2, 4, 5)]


def test_few_tests_are_all_there() -> None:
    for items in (listed(), listed(1), listed(9, 1), listed(5, 5, every=1)):
        assert begun_first(items) == items


def test_a_worker_is_given_whole_modules() -> None:
    """What a module's tests share would be made by each worker that has one of them."""
    scheduler = object.__new__(ByModule)
    names = ["tests/a/test_x.py::test_y[1::2]", "tests/a/test_x.py::test_z"]
    assert {scheduler._split_scope(name) for name in names} == {"tests/a/test_x.py"}
