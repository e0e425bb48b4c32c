"""The description of the door: it is right about every route, and what it says is what is answered."""

import asyncio
from collections.abc import Sequence
from itertools import cycle
from typing import Any

import openapi_spec_validator
from hypothesis import HealthCheck, Phase, given, settings

from couchreg.http.registry.routes import ROUTES
from tests.packages import small
from tests.served import ADMIN, ANNA, Serve, Served

EXAMPLES = 4  # of each operation


async def test_the_description_is_valid_and_has_every_route(served: Served) -> None:
    _, described = await served.get("/-/openapi.json")
    openapi_spec_validator.validate(described)
    listed = {(method.upper(), path) for path, item in described["paths"].items() for method in item}
    assert listed == {(route.method, route.path) for route in ROUTES}
    assert described["servers"] == [{"url": served.url}]


def test_every_route_says_what_it_does() -> None:
    assert [f"{route.method} {route.path}" for route in ROUTES if not route.summary] == []
    # A search by meaning is an option of one that is there.
    assert [route.path for route in ROUTES if 501 in route.answers] == ["/-/search.atom", "/-/search"]


async def test_the_door_answers_as_described(serve: Serve) -> None:
    """No 500, no status and no shape that the description does not have, for made-up requests."""
    served = await serve(with_tables=True)
    for version in ("1.0.0", "1.1.0"):
        assert (await served.put(small(), version, auth=ADMIN))[0] == 201
    _, described = await served.get("/-/openapi.json")
    await asyncio.to_thread(_hammer, described, served.url)


def _hammer(described: dict[str, Any], url: str) -> None:
    import schemathesis  # takes half a second, which whoever runs other tests need not wait for
    from schemathesis.specs.openapi import checks

    wanted = (
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    )
    schema = schemathesis.openapi.from_dict(described)
    for result in schema.get_all_operations():
        _try(result.ok(), url, wanted)


def _try(described: Any, url: str, checks: Sequence[Any]) -> None:
    users = cycle([ANNA] if described.method == "delete" else [ADMIN, ANNA, None])

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),
    )
    @given(case=described.as_strategy())
    def run(case: Any) -> None:
        for name, known in (("name", "small"), ("version", "1.0.0"), ("old", "1.0.0"), ("new", "1.1.0")):
            if name in case.path_parameters and len(case.path_parameters[name]) % 2:
                case.path_parameters[name] = known  # every other time something that is there
        user = next(users)
        headers = {"Authorization": user} if user else {}
        response = case.call(base_url=url, headers=headers, allow_redirects=False)
        assert response.status_code != 500
        case.validate_response(response, checks=checks)

    run()
