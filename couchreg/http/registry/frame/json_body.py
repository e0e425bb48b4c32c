"""A small JSON object in the body of a request."""

from typing import Any

from couchreg.errors import BadContentType, BadRequest, TooLarge
from couchreg.http.registry.frame.body import plain_body
from couchreg.http.registry.frame.call import Call
from couchreg.model import json
from couchreg.registry.publishing.intake import PublishLimits
from couchreg.wire.headers import parameters

MOST = 64 << 10  # bytes


async def json_object(call: Call, most: int = MOST) -> dict[str, Any]:
    """The members. Raises BadRequest, TooLarge, and BadContentType for what is not said to be JSON:
    a form on somebody else's page cannot say so.
    """
    kind, _ = parameters(call.request.headers.get("Content-Type", ""))
    if kind != "application/json":
        raise BadContentType("Send a JSON object, with “Content-Type: application/json”.")
    data = bytearray()
    async for chunk in plain_body(call, PublishLimits(total=most, files=0, descriptor=0)):
        data += chunk
        if len(data) > most:
            raise TooLarge(f"The body of this request may have at most {most} bytes.")
    await call.confirm()
    value = json.decode(bytes(data))
    if not isinstance(value, dict):
        raise BadRequest("The body of this request must be a JSON object.")
    return value


def text_of(members: dict[str, Any], name: str) -> str:
    """A member that has to be there and to be a text. Raises BadRequest."""
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"“{name}” is missing or is not a string.")
    return value
