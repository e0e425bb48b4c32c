"""Packages and the catalog as linked data, for clients that ask for it; all others get JSON as ever."""

import asyncio
import hashlib
from collections.abc import Collection, Mapping

from aiohttp import web

from couchreg.http.registry.frame.answers import OPEN, SAFE, not_modified
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.describing import JSON, LINKED
from couchreg.http.registry.reading import packages
from couchreg.http.registry.reading.files import version_of
from couchreg.http.registry.reading.negotiation import LinkedView, Vocabulary, wanted_view
from couchreg.http.registry.reading.packages import RELEASE, number
from couchreg.model import json
from couchreg.registry.linked import croissant, dcat, schema_org
from couchreg.registry.linked.forms import Make
from couchreg.registry.linked.source import LinkedSource
from couchreg.registry.reading.served import url_of

DATASETS = {
    Vocabulary.SCHEMA_ORG: schema_org.dataset,
    Vocabulary.DCAT_AP: dcat.dataset,
    Vocabulary.CROISSANT: croissant.dataset,
}
CATALOGS = {Vocabulary.SCHEMA_ORG: schema_org.catalog, Vocabulary.DCAT_AP: dcat.catalog}
PAGE, MOST = 100, 1000  # packages of the catalog as linked data


async def welcome(call: Call) -> web.StreamResponse:
    """`GET /`: the greeting, or the catalog."""
    view = _wanted(call, CATALOGS)
    links = _links(f"{call.base}/", CATALOGS)
    if view is None:
        response = await packages.welcome(call)
        response.headers.update(links)
        return response
    await call.admit()
    limit = number(call, "limit", PAGE, MOST)
    found, after = await call.registry.history.newest(call.request.query.get("start"), limit)
    if after is not None:
        query = call.request.rel_url.with_query({**call.request.query, "start": after}).raw_query_string
        links["Link"] = f'<{call.base}/?{query}>; rel="next", {links["Link"]}'
    made = CATALOGS[view.vocabulary](call.base, found)
    tag = _tag(view, await asyncio.to_thread(json.encode, made))
    return await _answer(call, tag, lambda: made, view, links)


async def descriptor(call: Call) -> web.StreamResponse:
    """`GET /:name/:version?`: the descriptor, or the version as linked data."""
    if call.request.query.get("clone") == "true":
        return await packages.published(call)
    view = _wanted(call, DATASETS)
    if view is None:
        return await packages.descriptor(call, lambda name, version: _links_of(call, name, version))
    version = await version_of(call)
    links = _links_of(call, version.name, version.version)
    source = LinkedSource(version, call.base)
    # By what it is made of, so that 304 and HEAD make nothing.
    tag = _tag(view, json.encode([call.base, version.name, version.version, version.rev]))
    return await _answer(call, tag, lambda: DATASETS[view.vocabulary](source), view, links)


def _links_of(call: Call, name: str, version: str) -> dict[str, str]:
    return _links(url_of(call.base, name, version), DATASETS)


def _wanted(call: Call, offered: Collection[Vocabulary]) -> LinkedView | None:
    request = call.request
    accept = ", ".join(request.headers.getall("Accept", [])) or None
    return wanted_view(request.query.get("profile"), accept, offered)


def _tag(view: LinkedView, made_of: bytes) -> str:
    asked = json.encode([RELEASE, str(view.vocabulary), str(view.form)])
    return hashlib.sha256(asked + made_of).hexdigest()[:32]


async def _answer(
    call: Call, tag: str, make: Make, wanted: LinkedView, links: Mapping[str, str]
) -> web.StreamResponse:
    headers = {"Cache-Control": "no-cache", **links, "ETag": f'"{tag}"'}
    if not_modified(call.request, tag):
        return web.Response(status=304, headers={**headers, **OPEN})
    headers |= {**SAFE, **OPEN, "Content-Type": wanted.content_type}
    forms = call.registry.forms
    if call.request.method == "HEAD" and forms.kept(tag) is None:
        await forms.check(tag, make, wanted.form)
        return web.StreamResponse(headers=headers)
    return web.Response(body=await forms.text(tag, make, wanted.form), headers=headers)


def _links(address: str, offered: Collection[Vocabulary]) -> dict[str, str]:
    """What else there is: https://www.rfc-editor.org/rfc/rfc8288."""
    kind = f'rel="alternate"; type="{LINKED}"'
    others = (f'<{address}?profile={word}>; {kind}; title="{word}"' for word in offered)
    links = [f'<{address}>; rel="canonical"', f'<{address}>; rel="alternate"; type="{JSON}"', *others]
    return {"Vary": "Accept, Accept-Encoding, Host", "Link": ", ".join(links)}
