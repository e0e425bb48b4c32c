"""Rows as pictures."""

from typing import Any

import pytest

from couchreg.web.plots import BAR, HEIGHT, LINE, MOST_ROWS, POINTS, WIDTH, counted, fitting, keyed, plot

HUGE = 1.7e308


def test_a_line_goes_through_its_points_in_the_order_of_what_is_across() -> None:
    found = plot(LINE, "year", ["much"], [[2002, 5], [2000, 0], [2001, 10]])
    assert found is not None
    assert [mark.points for mark in found.marks] == ["0.0,240.0 300.0,0.0 600.0,120.0"]
    assert (found.first, found.last, found.least, found.most) == ("2000", "2002", "0", "10")
    assert found.words == "Lines of much along year, from 2000 to 2002"


def test_dates_stand_where_their_days_do_and_gaps_stay_gaps() -> None:
    days = ["2020-01-01", "2020-01-02", "2020-01-03T00:00:00Z", "2020-01-05"]
    found = plot(LINE, "day", ["a", "b"], [[day, n, None if n == 1 else n] for n, day in enumerate(days)])
    assert found is not None
    assert [mark.points.split()[-1].split(",")[0] for mark in found.marks] == ["600.0", "0.0", "600.0"]
    assert [mark.series for mark in found.marks] == [0, 1, 1]
    months = plot(LINE, "month", ["a"], [["2020-01", 1], ["2020-02", 2]])
    assert months is not None
    assert months.marks[0].points == "0.0,240.0 600.0,0.0"


def test_bars_stand_on_nothing() -> None:
    found = plot(BAR, "place", ["a"], [["x", 4], ["y", -4], ["z", None]])
    assert found is not None
    assert [(mark.top, mark.height) for mark in found.marks] == [(0, HEIGHT / 2), (HEIGHT / 2, HEIGHT / 2)]
    assert all(0 <= mark.left <= mark.left + mark.width <= WIDTH for mark in found.marks)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [[1, 1]],
        [[1, None], [2, None]],
        [[1, True], [2, False]],
        [[1, "a"], [2, "b"]],
        [[1, HUGE], [2, -HUGE]],
        [[HUGE, 1], [-HUGE, 2]],
        [[1, float("nan")], [2, float("inf")]],
        [[1, 10**400], [2, 10**400]],
    ],
)
@pytest.mark.parametrize("kind", [LINE, POINTS])
def test_what_is_no_picture_is_none(kind: str, rows: list[list[Any]]) -> None:
    assert plot(kind, "a", ["b"], rows) is None


def test_all_that_is_drawn_is_bounded() -> None:
    rows: list[list[Any]] = [[n, n, n, n, n, n] for n in range(10_000)]
    found = plot(POINTS, "a" * 1000, ["b" * 1000, "c", "d", "e", "f"], rows)
    assert found is not None
    assert len(found.marks) == 4 * MOST_ROWS
    assert max(map(len, (found.across, *found.names))) <= 60
    assert counted(found, 10_000) == "the first 2\u202f000 rows"
    assert counted(found, 10) == ""
    bars = plot(BAR, "a", ["b", "c"], rows)
    assert bars is not None
    assert len(bars.marks) == 240


def test_the_same_place_everywhere_is_in_the_middle() -> None:
    found = plot(POINTS, "a", ["b"], [[1, 3], [1, 3]])
    assert found is not None
    assert [(mark.left, mark.top) for mark in found.marks] == [(300, 240), (300, 240)]


@pytest.mark.parametrize(
    ("types", "rows", "kind"),
    [
        (["date", "integer"], [["2020-01-01", 1], ["2020-01-02", 2]], LINE),
        (["integer", "year", "number"], [[1, 2000, 2.0], [2, 2001, 3.0]], LINE),
        (["string", "integer"], [["a", 1], ["b", 2]], BAR),
        (["number", "number"], [[1.5, 1], [2.5, 2]], POINTS),
        (["date", "integer"], [["2020-01-01", 1], ["2020-01-01", 2]], POINTS),
        (["string", "string"], [["a", "b"], ["c", "d"]], None),
        (["integer"], [[1], [2]], None),
        (["date", "integer"], [["2020-01-01", 1]], None),
        (["object", "integer"], [[{}, 1], [{}, 2]], None),
        ([], [], None),
    ],
)
def test_an_answer_has_the_picture_that_suits_its_columns(
    types: list[str], rows: list[list[Any]], kind: str | None
) -> None:
    columns = [{"name": f"c{place}", "type": one} for place, one in enumerate(types)]
    found = fitting(columns, rows)
    assert (found and found.kind) == kind


def test_whole_numbers_that_are_called_years_are_time() -> None:
    columns = [{"name": "Country", "type": "string"}, {"name": "Year", "type": "integer"}]
    columns.append({"name": "Value", "type": "number"})
    found = fitting(columns, [["a", 2001, 1.0], ["a", 2002, 3.0]])
    assert found is not None
    assert (found.kind, found.across, found.names) == (LINE, "Year", ["Value"])


def test_a_column_says_which_line_a_row_is_of() -> None:
    rows = [[2000, 1, "b"], [2001, 5, "b"], [2000, 2, "a"], [2002, 3, "b"], [2002, 1, "a"], [2000, 9, "a"]]
    found = keyed(LINE, "year", rows)
    assert found is not None
    assert (found.names, found.more) == (["b", "a"], "")
    assert [(mark.series, mark.points) for mark in found.marks] == [
        (0, "0.0,240.0 300.0,0.0 600.0,120.0"),
        (1, "0.0,180.0 600.0,240.0"),  # over the year that it has no row of
    ]


def test_of_many_lines_and_bars_the_first_are_drawn_and_the_rest_is_told() -> None:
    rows = [[f"place {n % 100}", n, f"key {n // 100}"] for n in range(MOST_ROWS)]
    lines, bars = keyed(LINE, "at", rows), keyed(BAR, "at", rows)
    assert lines is not None
    assert bars is not None
    assert (len(lines.names), lines.more) == (12, "12 of 20 series")
    assert (len(bars.names), bars.more) == (4, "4 of 20 series; the first 60 along at")
    assert len(bars.marks) == 240
    assert counted(bars, MOST_ROWS) == ""
    assert keyed(POINTS, "a", [[[1], {}, None], [{}, None, [2]]]) is None


def test_values_stand_by_their_logarithms_where_all_are_above_zero() -> None:
    found = plot(LINE, "a", ["b"], [[0, 1], [1, 10], [2, 100]], is_log=True)
    assert found is not None
    assert (found.is_log, found.marks[0].points) == (True, "0.0,240.0 300.0,120.0 600.0,0.0")
    even = plot(LINE, "a", ["b"], [[0, 0], [1, 10], [2, 100]], is_log=True)
    assert even is not None
    assert not even.is_log
