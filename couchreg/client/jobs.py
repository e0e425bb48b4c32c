"""The identity token of the job in which this runs, as its provider gives it: GitHub on request, others in
the environment.

Source: https://docs.github.com/en/actions/reference/security/oidc,
https://docs.gitlab.com/ci/secrets/id_token_authentication/
"""

from typing import Final

import aiohttp
from yarl import URL

from couchreg.client.environment import GITHUB_TOKEN, GITHUB_URL, ID_TOKEN, value
from couchreg.client.errors import ClientError, NotAllowed, Unreachable, UsageError
from couchreg.errors import CouchregError
from couchreg.model import json

MOST: Final = 64 << 10  # bytes of an answer
SECONDS: Final = 30.0


def checked_audience(registry: str, audience: str) -> str:
    """The audience that the registry asked at this address states. Raises NotAllowed for that of another
    origin: whoever answers could use such a token there, in the name of the job."""
    if _origin(audience) != _origin(registry):
        raise NotAllowed(
            f"{registry} wants an identity token for {audience[:200]!r}, which may be another registry. If "
            "that is the public address of the one you mean, say so with --audience."
        )
    return audience


def _origin(address: str) -> tuple[str, str, int | None] | None:
    """None for what is no http:// or https:// address."""
    try:
        found = URL(address)
        is_one = found.scheme in ("http", "https") and found.host
        return (found.scheme, (found.host or "").lower(), found.port) if is_one else None
    except ValueError:
        return None


async def identity_token(audience: str) -> str:
    """For this audience. Raises UsageError where there is no job, and ClientError."""
    given = value(ID_TOKEN)
    if given is not None:
        return given
    url, proof = value(GITHUB_URL), value(GITHUB_TOKEN)
    if url is None or proof is None:
        raise UsageError(
            f"There is no identity token here: set {ID_TOKEN}, or at GitHub give the job the permission "
            "“id-token: write”."
        )
    return await _asked(URL(url).update_query(audience=audience), proof)


async def _asked(url: URL, proof: str) -> str:
    headers = {"Authorization": f"Bearer {proof}", "Accept": "application/json"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session,
            session.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            data = await answer.content.read(MOST)
            found = json.decode(data) if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unreachable(f"{url.host} gives this job no identity token: {type(error).__name__}.") from error
    except CouchregError:
        found = None
    text = found.get("value") if isinstance(found, dict) else None
    if not isinstance(text, str):
        raise ClientError(f"{url.host} gives this job no identity token: it answers {answer.status}.")
    return text
