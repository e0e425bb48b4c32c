"""A few hundred descriptors such as people publish, and what somebody would look for among them.

`topics.json` has for each topic a title, a description, keywords, fields (`name:type:unit`), a period, a
licence and a format; every topic is published for every place. `expected.json` are questions, parameters
other than `q` behind "?", with the package that is expected first.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_DATA = Path(__file__).parents[2] / "data" / "search"


def _read(name: str) -> Any:
    return json.loads((_DATA / f"{name}.json").read_text("utf-8"))


EXPECTED: list[tuple[str, str]] = [(text, name) for text, name in _read("expected")]


def descriptors() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and descriptor of each package."""
    yield from _read("alone").items()
    places = _read("places")
    for topic, (title, description, keywords, fields, period, licence, form) in _read("topics").items():
        listed = [_field(written) for written in fields.split()]
        resource = {
            "name": topic,
            "path": f"data/{topic}.{form}",
            "format": form,
            "schema": {"fields": listed},
        }
        for key, (place, iri, box) in places.items():
            yield (
                f"{topic}-{key}",
                {
                    "@context": {"@vocab": "http://schema.org/"},
                    "title": f"{title} in {place}",
                    "description": description,
                    "keywords": [*keywords.split(), place],
                    "licenses": [{"name": licence}],
                    "temporal": period,
                    "spatialCoverage": {"name": place, "sameAs": iri, "bbox": box},
                    "resources": [resource],
                },
            )


def _field(written: str) -> dict[str, str]:
    name, kind, unit = [*written.split(":"), "", ""][:3]
    return {"name": name, "type": kind or "string", **({"unit": unit} if unit else {})}
