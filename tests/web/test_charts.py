"""Pictures of columns."""

from typing import Any

import pytest

from couchreg.web.charts import HEIGHT, WIDTH, Line, Spread, line, spread


def of(kind: str, **about: Any) -> Spread:
    return spread({"column_type": kind, "column_statistics": about})


def test_numbers_have_bars_and_ends() -> None:
    histogram = {"hist": [1, 0, 200], "bin_edges": [0, 1, 2, 3]}
    found = of("int", min=0, max=3, nan_count=1200, histogram=histogram)
    assert [(bar.left, bar.top, bar.height) for bar in found.bars] == [
        (0, HEIGHT - 1, 1),
        (WIDTH, HEIGHT, 0),
        (2 * WIDTH, 0, HEIGHT),
    ]
    assert (found.width, found.words) == (3 * WIDTH, "0 to 3, 1\u202f200 missing")


def test_words_are_named_the_most_frequent_first() -> None:
    found = of("string_label", frequencies={"a": 1, "b": 4, "c": 2, "<d>": 3}, nan_count=0)
    assert found.words == "b: 4, <d>: 3, c: 2, 4 different values"
    assert [bar.height for bar in found.bars] == [24, 18, 12, 6]


def test_texts_are_told_by_their_length() -> None:
    assert of("string_text", min=1, max=9, histogram={"hist": [2]}).words == "1 to 9 characters"
    assert of("string_text", min=3, max=3, histogram={"hist": [2]}).words == "3 characters"


EMPTY: list[dict[str, Any]] = [
    {},
    {"histogram": None, "nan_count": 0},
    {"frequencies": {}},
    {"histogram": {"hist": []}, "min": 0, "max": 0},
]


@pytest.mark.parametrize("about", EMPTY)
def test_what_has_no_values_has_no_bars(about: dict[str, Any]) -> None:
    assert of("float", **about).bars == []


def test_a_line_goes_from_end_to_end() -> None:
    found = [
        {"label": str(at), "along": at, "mean": mean} for at, mean in ((2000, 5), (2001, 5.5), (2010, 6))
    ]
    assert line(found) == Line("0.0,140.0 60.0,70.0 600.0,0.0", "2000", "2010", "5", "6")


def test_what_does_not_change_is_a_line_too() -> None:
    flat = line([{"label": "x", "along": at, "mean": 2.0} for at in range(3)])
    assert flat is not None
    assert flat.points == "0.0,140.0 300.0,140.0 600.0,140.0"
    assert line([{"label": "x", "at": 1, "mean": 2.0}] * 2) is None


def test_numbers_that_are_too_large_make_no_line() -> None:
    def of(*means: Any) -> Line | None:
        return line([{"label": "x", "along": at, "mean": mean} for at, mean in enumerate(means)])

    assert of(None, "Infinity", float("inf")) is None
    assert of(-1.7e308, 0, 1.7e308) is None
    found = of(1, None, 2, 3)
    assert found is not None
    assert found.points.count(",") == 3
