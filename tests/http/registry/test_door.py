"""The route table, and what is mounted beside it."""

import re
from pathlib import Path

from aiohttp import web

import couchreg.http.registry
from couchreg.http.registry.routes import ROUTES
from tests.served import Serve

PAGE = Path(str(couchreg.http.registry.__file__)).with_name("DESIGN.md").read_text("utf-8")


def test_the_page_of_the_door_names_every_route_that_is_built() -> None:
    for route in ROUTES:
        path = route.path.replace("{path}", ":resource")
        path = re.sub(r"\{(\w+)\}", r":\1", path)
        assert f"`{route.method} {path}" in PAGE


async def test_the_couch_door_gets_everything_below_its_prefix_untouched(serve: Serve) -> None:
    async def couch(request: web.Request) -> web.StreamResponse:
        return web.json_response({"path": request.raw_path, "method": request.method})

    served = await serve(couch=couch)
    for path in ("/_couch", "/_couch/", "/_couch/registry/gdp%2F2026?rev=1-a", "/_couch/a//b"):
        assert (await served.get(path))[1] == {"path": path, "method": "GET"}
    async with served.client.request("COPY", f"{served.url}/_couch/x/y") as response:
        assert (await response.json())["method"] == "COPY"
