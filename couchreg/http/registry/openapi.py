"""The OpenAPI 3.1 description of the door, made from its route table at `/-/openapi.json`.

Source: https://spec.openapis.org/oas/v3.1.1.html.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version as installed_version
from typing import Any

from aiohttp import web

from couchreg.auth.policy import Rule
from couchreg.http.registry.frame.answers import cacheable
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.describing import (
    ALWAYS,
    ERROR,
    JSON,
    Answers,
    DescribedAnswer,
    DescribedBody,
)
from couchreg.http.registry.frame.route import Route
from couchreg.http.registry.frame.schemas import PATHS, REASONS, SCHEMAS
from couchreg.http.registry.routes import ROUTES

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


async def openapi(call: Call) -> web.StreamResponse:
    """`GET /-/openapi.json`."""
    return cacheable(call, {**_description(), "servers": [{"url": call.base}]})


@cache
def _description() -> dict[str, Any]:
    return describe(ROUTES)


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """The description of a route table, without `servers`."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "couchreg",
            "version": installed_version("couchreg"),
            "description": "A registry for data packages. Every GET answers HEAD as well.",
        },
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {name: {"type": "http", "scheme": name} for name in ("basic", "bearer")},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": f"{route.method.lower()} {route.path}",
        "summary": route.summary or route.operation,
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.body is not None:
        described["requestBody"] = _body(route.body)
    if route.rule is not Rule.PUBLIC:
        described["security"] = [{"basic": []}, {"bearer": []}]
    return described


def _parameters(route: Route) -> list[dict[str, Any]]:
    placed = [
        {"name": name, "in": "path", "required": True, "schema": dict(PATHS[name])}
        for name in _PLACEHOLDER.findall(route.path)
    ]
    asked = [
        {
            "name": item.name,
            "in": "query",
            "required": item.required,
            "description": item.summary,
            "schema": dict(item.schema),
        }
        for item in route.query
    ]
    return [*placed, *asked]


def _responses(route: Route) -> dict[str, Any]:
    absent = {404: ERROR} if "{" in route.path else {}
    answers: Answers = {**ALWAYS, **absent, **route.answers}
    return {str(status): _response(status, answers[status]) for status in sorted(answers)}


def _response(status: int, answer: DescribedAnswer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": REASONS[status]}
    if answer.schema is not None:
        described["content"] = {kind: _media(kind, answer.schema) for kind in answer.types}
    return described


def _media(kind: str, schema: str) -> Mapping[str, Any]:
    """Only JSON has a shape that can be described."""
    return {"schema": {"$ref": f"#/components/schemas/{schema}"}} if kind == JSON else {}


def _body(body: DescribedBody) -> dict[str, Any]:
    content = {kind: {"schema": dict(body.schema)} if kind == JSON else {} for kind in body.types}
    return {"required": True, "content": content}
