"""The `views` of a descriptor: which columns are drawn, and how. Pure.

Of graph specifications the simple ones are drawn, and of Vega-Lite and Observable Plot what says the same:
one mark, one field across and one up, and one that says which of several lines a row is of. Nothing that a
view says is run, and no address in it is asked.

Sources: https://specs.frictionlessdata.io/views/, https://vega.github.io/vega-lite/docs/,
https://observablehq.com/plot/features/marks.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from couchreg.web.plots import BAR, LINE, MOST_SERIES, POINTS
from couchreg.web.showing import plain

MOST_VIEWS: Final = 6  # of one resource
_LOOKED_AT: Final = 50  # of a descriptor
_LONGEST: Final = 200  # characters of a name
_SIMPLE: Final = {
    "line": LINE,
    "lines-and-points": LINE,
    "bar": BAR,
    "horizontal-bar": BAR,
    "points": POINTS,
    "scatter": POINTS,
}
_MARKS: Final = {
    "line": LINE,
    "area": LINE,
    "trail": LINE,
    "bar": BAR,
    "point": POINTS,
    "circle": POINTS,
    "square": POINTS,
    "tick": POINTS,
}
_VEGA_LITE: Final = ("vega-lite", "vegalite")
_PLOT: Final = ("plot", "observable-plot")
_OF_PLOT: Final = {  # marks
    **dict.fromkeys(("line", "lineY", "area", "areaY"), LINE),
    **dict.fromkeys(("barX", "barY", "rectY"), BAR),
    "dot": POINTS,
}
_MARKS_LOOKED_AT: Final = 50


class DrawnView(NamedTuple):
    """What is drawn of a table; without `series` nothing can be, and `problem` says why. Of `keys` the first
    that is a column says which series a row is of. `note`: what is otherwise than it says."""

    title: str
    kind: str = ""
    group: str = ""
    series: tuple[str, ...] = ()
    problem: str = ""
    keys: tuple[str, ...] = ()
    is_log: bool = False
    note: str = ""


def views_of(document: Mapping[str, Any], resources: list[str], name: str) -> list[DrawnView]:
    """Those of one of the `resources`, which are all in their order. A view that names none is one of the
    first."""
    listed = document.get("views")
    found: list[DrawnView] = []
    for one in listed[:_LOOKED_AT] if isinstance(listed, list) else []:
        if isinstance(one, Mapping) and name == _resource(one, resources) and len(found) < MOST_VIEWS:
            found.append(_view(one))
    return found


def places_of(document: Mapping[str, Any], resources: list[str]) -> list[tuple[str, str]]:
    """Titles of views, and the resource that each is one of."""
    listed = document.get("views")
    views = [one for one in (listed[:_LOOKED_AT] if isinstance(listed, list) else []) if _is_object(one)]
    return [(_title(one), name) for one in views if (name := _resource(one, resources))][:MOST_VIEWS]


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _title(view: Mapping[str, Any]) -> str:
    return plain(view.get("title"), _LONGEST) or plain(view.get("name"), _LONGEST) or "A view"


def _resource(view: Mapping[str, Any], resources: list[str]) -> str:
    """Empty for one of none that there is."""
    listed = view.get("resources")
    said = listed[0] if isinstance(listed, list) and listed else view.get("resourceName", 0)
    if isinstance(said, Mapping):
        said = said.get("name", said.get("resource"))
    if isinstance(said, int) and not isinstance(said, bool):
        return resources[said] if 0 <= said < len(resources) else ""
    return said if isinstance(said, str) and said in resources else ""


def _view(view: Mapping[str, Any]) -> DrawnView:
    title, spec = _title(view), view.get("spec")
    said = view.get("specType", view.get("type", "simple"))
    kind = said.lower() if isinstance(said, str) else ""
    if not isinstance(spec, Mapping):
        return DrawnView(title, problem="It has no “spec” that could be drawn.")
    if kind == "simple":
        return _simple(title, spec)
    if kind in _VEGA_LITE or (kind == "vega" and "mark" in spec):
        return _vega_lite(title, spec)
    if kind in _PLOT:
        return _of_plot(title, spec)
    return DrawnView(
        title, problem=f"Views of the type {plain(said, 50) or 'that it states'} are not drawn here."
    )


def _simple(title: str, spec: Mapping[str, Any]) -> DrawnView:
    kind = _SIMPLE.get(str(spec.get("type", "line")))
    group, series = _text(spec.get("group")), spec.get("series")
    names = tuple(_texts(series if isinstance(series, list) else [series]))[:MOST_SERIES]
    if kind is None:
        return DrawnView(
            title, problem=f"Graphs of the type {plain(spec.get('type'), 50)} are not drawn here."
        )
    if not group or not names:
        return DrawnView(title, problem="It needs a “group” and “series”: names of columns.")
    return DrawnView(title, kind, group, names)


def _vega_lite(title: str, spec: Mapping[str, Any]) -> DrawnView:
    mark, encoding = spec.get("mark"), spec.get("encoding")
    kind = _MARKS.get(str(mark.get("type") if isinstance(mark, Mapping) else mark))
    if kind is None or not isinstance(encoding, Mapping) or spec.get("transform"):
        return DrawnView(
            title, problem="Of Vega-Lite one mark with an encoding and no transform is drawn here."
        )
    across, up = (_field(encoding.get(name)) for name in ("x", "y"))
    if not across or not up:
        return DrawnView(
            title, problem="Its encoding needs a field for x and one for y, as they are in the table."
        )
    keys = tuple(one for name in ("color", "detail", "strokeDash") if (one := _field(encoding.get(name))))
    scale = encoding["y"].get("scale")
    return DrawnView(title, kind, across, (up,), keys=keys, is_log=_is_log(scale))


def _of_plot(title: str, spec: Mapping[str, Any]) -> DrawnView:
    """The first mark that shows columns of the table; rules and words beside it are left out."""
    listed = spec.get("marks")
    marks = [one for one in listed[:_MARKS_LOOKED_AT] if _is_object(one)] if isinstance(listed, list) else []
    for mark in marks:
        said = mark.get("type")
        kind = _OF_PLOT.get(said) if isinstance(said, str) else None
        across, up = (_text(mark.get(name)) for name in (("y", "x") if said == "barX" else ("x", "y")))
        if kind is None or not across or not up or "staticData" in mark:
            continue
        keys = tuple(_texts([mark.get(name) for name in ("z", "stroke", "fill")]))
        note = f"one of {len(marks)} marks" if len(marks) > 1 else ""
        return DrawnView(title, kind, across, (up,), keys=keys, is_log=_is_log(spec.get("y")), note=note)
    return DrawnView(
        title, problem="Of Observable Plot a line, an area, bars or dots with columns for x and y are drawn."
    )


def _is_log(scale: Any) -> bool:
    return isinstance(scale, Mapping) and scale.get("type") == "log"


def _field(channel: Any) -> str:
    """Empty where something is counted, or made of several rows, which is not done here."""
    if not isinstance(channel, Mapping) or channel.get("aggregate") or channel.get("bin"):
        return ""
    return _text(channel.get("field"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= _LONGEST else ""


def _texts(values: list[Any]) -> Iterator[str]:
    return (value for value in values if _text(value))
