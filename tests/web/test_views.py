"""Views of descriptors."""

from typing import Any

import pytest

from couchreg.web.plots import BAR, LINE, POINTS
from couchreg.web.views import places_of, views_of

ENCODING = {"x": {"field": "year"}, "y": {"field": "much", "type": "quantitative"}}


def of(view: Any, name: str = "a") -> Any:
    found = views_of({"views": [view]}, ["a", "b"], name)
    return found[0] if found else None


def test_simple_graphs_are_drawn() -> None:
    spec = {"type": "lines-and-points", "group": "year", "series": ["much", "more", 5, None]}
    found = of({"title": "All", "specType": "simple", "spec": spec})
    assert found[:5] == ("All", LINE, "year", ("much", "more"), "")
    assert of({"name": "bars", "spec": {**spec, "type": "bar"}}).kind == BAR
    assert of({"spec": {"group": "year", "series": "much"}}).series == ("much",)


@pytest.mark.parametrize(("mark", "kind"), [("line", LINE), ({"type": "bar"}, BAR), ("point", POINTS)])
def test_vega_lite_is_drawn_where_it_says_the_same(mark: Any, kind: str) -> None:
    found = of({"specType": "vega-lite", "spec": {"mark": mark, "encoding": ENCODING}})
    assert found[1:5] == (kind, "year", ("much",), "")


def test_observable_plot_is_drawn_where_a_mark_shows_columns() -> None:
    """As packages of DataHub have it."""
    rule = {"type": "ruleY", "staticData": [{"y": 350}], "y": "y"}
    words = {"type": "line", "staticData": [{"x": 1, "y": 2}], "x": "x", "y": "y"}
    line = {"type": "line", "x": "year", "y": "gdp", "stroke": "country", "strokeWidth": 2}
    found = of({"specType": "plot", "spec": {"y": {"type": "log"}, "marks": [rule, words, line, 5]}})
    assert found[1:] == (LINE, "year", ("gdp",), "", ("country",), True, "one of 3 marks")
    bars = of({"specType": "plot", "spec": {"marks": [{"type": "barX", "x": "much", "y": "place"}]}})
    assert bars[1:] == (BAR, "place", ("much",), "", (), False, "")


def test_vega_lite_names_what_lines_are_told_apart_by() -> None:
    encoding = {**ENCODING, "color": {"field": "place"}, "y": {"field": "much", "scale": {"type": "log"}}}
    found = of({"specType": "vega-lite", "spec": {"mark": "line", "encoding": encoding}})
    assert (found.keys, found.is_log) == (("place",), True)


@pytest.mark.parametrize(
    "view",
    [
        {"specType": "plot", "spec": {}},
        {"specType": "plot", "spec": {"marks": {}}},
        {"specType": "plot", "spec": {"marks": [{"type": []}, {"type": "line", "x": {}, "y": 5}, None]}},
        {"spec": None},
        {"spec": "line"},
        {"spec": {"type": "pie", "group": "a", "series": ["b"]}},
        {"spec": {"type": ["line"], "group": "a", "series": ["b"]}},
        {"spec": {"type": "line", "group": {}, "series": ["b"]}},
        {"spec": {"type": "line", "group": "a", "series": ["x" * 500]}},
        {"specType": "vega", "spec": {"marks": []}},
        {"specType": "vega-lite", "spec": {"mark": "arc", "encoding": ENCODING}},
        {"specType": "vega-lite", "spec": {"mark": "bar", "encoding": ENCODING, "transform": [{}]}},
        {"specType": "vega-lite", "spec": {"mark": "bar", "encoding": []}},
        {"specType": "vega-lite", "spec": {"mark": "bar", "encoding": {"x": {"field": "a", "bin": True}}}},
        {"specType": "matplotlib", "spec": {}},
        {"specType": 5, "spec": {}},
    ],
)
def test_of_all_else_it_is_said_why_it_is_not(view: Any) -> None:
    found = of(view)
    assert found.problem
    assert not found.series
    assert len(found.problem) < 200


@pytest.mark.parametrize(
    ("resources", "name"),
    [(None, "a"), ([], "a"), ([1], "b"), (["b"], "b"), ([{"name": "b"}], "b"), ("b", "a")],
)
def test_a_view_is_one_of_a_resource(resources: Any, name: str) -> None:
    view = {"resources": resources, "spec": {"group": "x", "series": ["y"]}}
    assert [one for one in ("a", "b") if of(view, one)] == [name]
    assert places_of({"views": [view]}, ["a", "b"]) == [("A view", name)]


@pytest.mark.parametrize("resources", [["none"], [7], [-1], [True], [[]], [{}]])
def test_a_view_of_nothing_that_there_is_is_none(resources: Any) -> None:
    assert of({"resources": resources}) is None
    assert places_of({"views": [{"resources": resources}]}, ["a", "b"]) == []


@pytest.mark.parametrize("views", [None, 5, "x", {}, [None, 5, "x", []], [{}] * 1000])
def test_whatever_a_publisher_writes_is_read(views: Any) -> None:
    assert len(views_of({"views": views}, ["a"], "a")) <= 6
    assert len(places_of({"views": views}, ["a"])) <= 6
