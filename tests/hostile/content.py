"""What a guest finds on the server: packages of which each way of showing them is as dear as it can be."""

import base64
import json
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from tests.processes import Server

LEANING = 4  # long packages that need one another
MANY = 300  # resources of a package that has many


def _wide() -> dict[str, Any]:
    """A large context, and many resources that stand below it."""
    context = {f"term{number}": f"http://example.org/terms/{number}" for number in range(40_000)}
    resources = [{"name": f"r{number}", "data": [[1]], "@type": "term1"} for number in range(MANY)]
    return {"@context": context, "@type": ["term0"], "resources": resources}


def _rows() -> dict[str, Any]:
    """Rows of which each has a column of its own."""
    rows = [{f"c{number}": number} for number in range(12_000)]
    few = [{"a": number, "b": "x"} for number in range(2_000)]
    return {
        "resources": [
            {"name": "r0", "data": rows, "format": "csv"},
            {"name": "rows", "data": few, "format": "csv"},
        ]
    }


def _big() -> dict[str, Any]:
    """As large as a descriptor may be: numbers in lists, of which each is an object of its own."""
    data = [[number, number + 1] for number in range(700_000)]
    return {"title": "big", "resources": [{"name": "r0", "data": data}]}


def _leaning(number: int) -> Callable[[], dict[str, Any]]:
    """Long, and in need of others."""

    def make() -> dict[str, Any]:
        filler = [{"a": place} for place in range(300_000)]
        needs = {f"lean{other}": "^1" for other in range(LEANING) if other != number}
        return {"dataDependencies": needs, "resources": [{"name": "data", "data": filler}]}

    return make


def _texts() -> dict[str, Any]:
    """Long texts of the kinds that are taken apart, each nearly what it is not."""
    nearly = [" " * 16_000 + "<", "1.0" + "-1" * 8_000 + "!", "a@" * 8_000, "x-" * 8_000 + "\\", "(" * 16_000]
    nearly += ["http://" + "a." * 8_000 + "<", "2020-01-01T" + "0" * 16_000, "a\t," * 5_000, "_:" * 8_000]
    nearly += ["[" * 16_000, "#" * 16_000, "*_" * 8_000, "<a " * 5_000, "CC-BY-" * 2_500, "../" * 5_000]
    people = [{"title": text, "email": text, "path": text, "role": text} for text in nearly]
    return {
        "title": nearly[0],
        "description": "\n".join(nearly),
        "author": nearly,
        "contributors": [*nearly, *people],
        "license": nearly,
        "licenses": [{"name": text, "title": text} for text in nearly],
        "keywords": nearly,
        "sources": [{"title": text, "email": text} for text in nearly],
        "created": nearly[6],
        "homepage": nearly[5],
        "temporal": nearly[6] + "/" + nearly[6],
        "spatial": nearly,
        "@context": {"name": "http://schema.org/name", "about": {"@id": "http://schema.org/about"}},
        "@type": nearly[:8],
        "about": [{"@id": text} for text in nearly],
        "resources": [
            {
                "name": "r0",
                "data": [["a"], [1]],
                "format": "csv",
                "description": nearly[10],
                "@type": nearly[5],
            },
            {
                "name": "r1",
                "data": [{"a": text} for text in nearly],
                "title": nearly[0],
                "contributors": people,
            },
        ],
    }


def _small() -> dict[str, Any]:
    return {
        "title": "word",
        "description": "a" * 5000,
        "resources": [{"name": "words", "data": [["a"], [1]]}],
    }


MADE: Mapping[str, Callable[[], dict[str, Any]]] = {
    "wide": _wide,
    "rows": _rows,
    "big": _big,
    "texts": _texts,
    "small": _small,
    **{f"lean{number}": _leaning(number) for number in range(LEANING)},
}
PACKAGES = list(MADE)


def publish(server: Server) -> None:
    """All of them, as the administrator; the server must not check their data."""
    for name, make in MADE.items():
        text = json.dumps({"name": name, **make()}, separators=(",", ":")).encode()
        put(server, name, text)


def put(server: Server, name: str, descriptor: bytes) -> None:
    """Publish version 1.0.0 of a package."""
    login = base64.b64encode(":".join(server.admin).encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
    address = f"{server.registry_url}/{name}/1.0.0"
    request = urllib.request.Request(address, descriptor, headers, method="PUT")
    with urllib.request.urlopen(request, timeout=120) as answer:
        assert answer.status == 201
