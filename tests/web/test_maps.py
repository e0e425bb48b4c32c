"""Maps of GeoJSON."""

import json
from typing import Any

import pytest

from couchreg.web.maps import MOST_POSITIONS, MOST_SHAPES, drawn


def of(value: Any) -> Any:
    return drawn(json.dumps(value))


def line(*positions: list[float]) -> dict[str, Any]:
    return {"type": "LineString", "coordinates": list(positions)}


def test_every_geometry_is_drawn() -> None:
    square = [[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]
    geometries: list[Any] = [
        {"type": "Point", "coordinates": [0.5, 0.5, 100]},
        {"type": "MultiPoint", "coordinates": [[0, 0], [1, 1]]},
        line([0, 0], [1, 1]),
        {"type": "MultiLineString", "coordinates": [[[0, 0], [1, 0]]]},
        {"type": "Polygon", "coordinates": [square, square]},
        {"type": "MultiPolygon", "coordinates": [[square]]},
    ]
    features = [{"type": "Feature", "geometry": one} for one in geometries]
    collection = {"type": "GeometryCollection", "geometries": [geometries[0]]}
    found = of({"type": "FeatureCollection", "features": [*features, collection]})
    kinds = [shape.kind for shape in found.shapes]
    assert kinds == ["point"] * 3 + ["line"] * 2 + ["area"] * 3 + ["point"]
    assert found.shapes[3].path == "M0.0 600.0L600.0 0.0"
    assert found.shapes[5].path.endswith("Z")
    assert (found.words, found.more) == ("0.00° N to 1.00° N, 0.00° E to 1.00° E", False)


def test_one_place_alone_is_a_dot() -> None:
    found = of({"type": "Point", "coordinates": [-7, -50]})
    assert (len(found.shapes), found.words) == (1, "50.00° S to 50.00° S, 7.00° W to 7.00° W")
    assert 0 < found.height <= 600


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        [],
        {},
        {"type": "Point"},
        {"type": "Point", "coordinates": "x"},
        {"type": "Point", "coordinates": [200, 0]},
        {"type": "Point", "coordinates": [True, 1]},
        {"type": "Point", "coordinates": [float("nan"), 1]},
        {"type": "Point", "coordinates": [10**400, 1]},
        {"type": "FeatureCollection", "features": {"type": "Point"}},
        {"type": "Polygon", "coordinates": [[["<svg>", "<script>"]]]},
        {"type": "Topology", "arcs": []},
    ],
)
def test_what_shows_nothing_is_none(value: Any) -> None:
    assert of(value) is None


def test_what_is_no_json_is_none() -> None:
    for text in ("", "{", "[" * 100_000, '{"type": "Feature", "geometry": ' * 5000):
        assert drawn(text) is None


def test_what_is_drawn_is_bounded() -> None:
    many = of({"type": "MultiPoint", "coordinates": [[n % 180, n % 90] for n in range(50_000)]})
    assert (len(many.shapes), many.more) == (MOST_SHAPES, True)
    long = of(line(*([n % 180, n % 90] for n in range(50_000))))
    assert (long.shapes[0].path.count("L") + 1, long.more) == (MOST_POSITIONS, True)
    inner: dict[str, Any] = {"type": "Point", "coordinates": [1, 1]}
    for _ in range(100):
        inner = {"type": "GeometryCollection", "geometries": [inner]}
    assert of(inner) is None


def test_what_is_no_position_counts_among_those_that_are_looked_at() -> None:
    """Where it does not, a text of nothing but empty lines is gone through to its end."""
    lines: list[list[list[int]]] = [[] for _ in range(MOST_POSITIONS)]
    shown = of({"type": "MultiLineString", "coordinates": [[[1, 1], [2, 2]], *lines, [[3, 3], [4, 4]]]})
    assert (len(shown.shapes), shown.more) == (1, True)
