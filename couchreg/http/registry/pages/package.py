"""The page of a version: what it holds, how it is used and cited, and what else there is of the package."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from aiohttp import web
from markupsafe import Markup
from yarl import URL

from couchreg.docstore.base import Attachment
from couchreg.errors import CouchregError, NotFound
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.rendered import Rendering
from couchreg.http.registry.pages.waiting import FILLING, deadline_of, made
from couchreg.http.registry.pages.wanted import or_page, show
from couchreg.http.registry.reading import linked
from couchreg.http.registry.reading.files import version_of
from couchreg.package.dependencies import stated_dependencies
from couchreg.package.descriptor import Resource
from couchreg.package.standing import Standing
from couchreg.package.tables import format_of, is_table, parquet_address
from couchreg.package.versions import LATEST
from couchreg.registry.linked import schema_org
from couchreg.registry.linked.source import LinkedSource
from couchreg.registry.reading.catalog import Version
from couchreg.registry.reading.served import url_of
from couchreg.web import snippets
from couchreg.web.plots import BAR, plot
from couchreg.web.readme import LONGEST, readme_html
from couchreg.web.rendering import data_block
from couchreg.web.showing import plain
from couchreg.web.views import places_of

_RESOURCES: Final = 200  # that are listed
_VERSIONS: Final = 20
_DEPENDENTS: Final = 10
_LISTED: Final = 30  # licences, keywords, authors, dependencies
_SPAN: Final = 30  # days of downloads
_README: Final = 4 * LONGEST  # bytes that are read of it
_READMES: Final = ("readme.md", "readme.markdown", "readme.txt", "readme")
_WEB: Final = ("http", "https")


async def _page(call: Call) -> web.StreamResponse:
    version = await version_of(call)
    base, name, document = call.base, version.name, version.document
    standing = await call.registry.catalog.standing(name)
    deadline, readme, dependents = deadline_of(call), None, list[dict[str, str]]()
    async with deadline.time(deadline.for_looking):
        readme = await _readme(call, version)
    async with deadline.time(deadline.for_answers):
        dependents = await made(call, ("DEPENDENTS", name), lambda: _dependents(call, name))
    return await show(
        call,
        "package.html",
        script=FILLING if deadline.is_over else "",
        rest=deadline.rest,
        pictured=_readme_file(version) if deadline.is_over or (readme and "<img" in readme) else None,
        asked="",
        name=name,
        version=version.version,
        url=url_of(base, name, version.version),
        title=plain(document.get("title"), 300),
        description=plain(document.get("description")),
        deprecated=standing.deprecated(version.version) or "",
        yanked=standing.yanked(version.version) or "",
        profiles=[str(word) for word in linked.DATASETS],
        linked=await _linked(call, version),
        resources=[_resource(call, version, one) for one in list(version.resources.values())[:_RESOURCES]],
        more_resources=max(0, len(version.resources) - _RESOURCES),
        views=_views(call, version),
        readme=readme,
        for_all=call.audience.is_everyone and not call.registry.private.is_restricted(name),
        owners=await _owners(call, name),
        licenses=_licenses(document),
        keywords=_keywords(base, document),
        **await _downloads(call, name),
        **_checked(call, version),
        dependencies=[
            {"name": one, "range": wanted, "url": url_of(base, one)}
            for one, wanted in list(stated_dependencies(document).items())[:_LISTED]
        ],
        dependents=dependents,
        **_published(version),
        **_copied(call, version),
        **await _versions(call, version, standing),
    )


page = or_page(_page, linked.descriptor)


def _checked(call: Call, version: Version) -> dict[str, Any]:
    found = version.own.get("report")
    report = url_of(call.base, "-", "report", version.name, version.version)
    return {
        "report": report if found else "",
        "passed": isinstance(found, Mapping) and found.get("valid") is True,
    }


def _published(version: Version) -> dict[str, Any]:
    moment = plain(version.own.get("published"), 100)
    return {"published": moment, "day": moment[:10], "publisher": plain(version.own.get("publisher"), 200)}


async def _versions(call: Call, version: Version, standing: Standing) -> dict[str, Any]:
    """The highest first, with their tags; `newer` is what `latest` leads to, where that is another one."""
    known = await call.registry.catalog.known_versions(version.name)
    tags = standing.tags(known)
    by_version: dict[str, list[str]] = {}
    for tag, one in tags.items():
        by_version.setdefault(one, []).append(tag)
    shown = known[::-1][:_VERSIONS]
    if version.version not in shown:
        shown.append(version.version)
    latest = tags.get(LATEST, version.version)
    newer = {"version": latest, "url": url_of(call.base, version.name, latest)}
    return {
        "versions": [
            {
                "version": one,
                "url": url_of(call.base, version.name, one),
                "tags": by_version.get(one, []),
                "yanked": standing.yanked(one) is not None,
            }
            for one in shown
        ],
        "more_versions": len(known) if len(known) > len(shown) else 0,
        "newer": newer if latest != version.version else None,
        "before": _before(call, version, known),
    }


def _before(call: Call, version: Version, known: Sequence[str]) -> dict[str, str] | None:
    """The version before this one, and what has changed since."""
    at = known.index(version.version) if version.version in known else 0
    if not at:
        return None
    url = url_of(call.base, "-", "diff", version.name, known[at - 1], version.version)
    return {"version": known[at - 1], "url": url}


def _resource(call: Call, version: Version, resource: Resource) -> dict[str, Any]:
    base, address = call.base, (version.name, version.version, resource.name)
    asked = call.services.tables is not None and is_table(resource)
    files = [version.files[path] for path in resource.paths if path in version.files]
    return {
        "name": resource.name,
        "title": plain(resource.members.get("title"), 200),
        "format": plain(format_of(resource), 30),
        "bytes": sum(one.length for one in files) if files else resource.members.get("bytes"),
        "url": url_of(base, *address),
        "page": url_of(base, "-", "table", *address),
        "parquet": parquet_address(base, *address) if asked else "",
    }


def _views(call: Call, version: Version) -> list[dict[str, str]]:
    """Where the pictures are that the descriptor asks for; of one that is long nothing is looked at."""
    if version.is_large or call.services.tables is None:
        return []
    table = (call.base, "-", "table", version.name, version.version)
    return [
        {"title": title, "url": url_of(*table, resource) + "#views"}
        for title, resource in places_of(version.document, list(version.resources))
    ]


def _copied(call: Call, version: Version) -> dict[str, Any]:
    base, name, exact = call.base, version.name, version.version
    tables = [one for one in list(version.resources.values())[:_RESOURCES] if is_table(one)]
    asked = call.services.tables is not None
    used = [
        (
            one.name,
            url_of(base, name, exact, one.name),
            parquet_address(base, name, exact, one.name) if asked else "",
        )
        for one in tables
    ]
    published = _published(version)
    cited = snippets.Cited(
        name,
        exact,
        plain(version.document.get("title"), 300),
        _authors(version.document) or [one for one in (published["publisher"],) if one],
        published["published"][:4],
        url_of(base, name, exact),
    )
    return {
        "snippets": snippets.uses(base, name, exact, used),
        "bibtex": snippets.bibtex(cited),
        "ris": snippets.ris(cited),
        "cff": snippets.citation_cff(cited),
        "badge": f"[![{name}]({url_of(base, '-', 'badge', name)})]({url_of(base, name)})",
    }


def _authors(document: Mapping[str, Any]) -> list[str]:
    listed = _objects(document.get("contributors"))
    names = [plain(one.get("title") or one.get("name"), 200) for one in listed]
    return [name for name in names if name]


def _objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects in a list, as far as it is one: publishers write all kinds of things."""
    items = value[:_LISTED] if isinstance(value, list) else []
    return [one for one in items if isinstance(one, Mapping)]


def _licenses(document: Mapping[str, Any]) -> list[dict[str, str]]:
    found = []
    for one in _objects(document.get("licenses")):
        url = plain(one.get("path"), 500)
        is_web = url.partition("://")[0].lower() in _WEB
        name = plain(one.get("name") or one.get("title") or one.get("path"), 200)
        if name:
            found.append({"name": name, "url": url if is_web else ""})
    return found


def _keywords(base: str, document: Mapping[str, Any]) -> list[dict[str, str]]:
    listed = document.get("keywords")
    words = [one for one in (listed[:_LISTED] if isinstance(listed, list) else []) if isinstance(one, str)]
    search = url_of(base, "-", "search")
    return [
        {
            "word": plain(one, 100),
            "url": f"{search}?{URL().with_query({'keywords': one}).raw_query_string}",
        }
        for one in words
    ]


async def _owners(call: Call, name: str) -> tuple[str, ...]:
    """Empty for a package whose versions came without any."""
    try:
        return await call.registry.owners.of(name)
    except NotFound:
        return ()


async def _downloads(call: Call, name: str) -> dict[str, Any]:
    """How many there were lately, and a picture of their days where there were any."""
    counts = call.registry.downloads
    first = counts.today - timedelta(_SPAN - 1)
    by_day = {(first + timedelta(day)).isoformat(): 0 for day in range(_SPAN)}
    for row in await counts.of(name, first, counts.today):
        by_day[row.day] = by_day.get(row.day, 0) + row.downloads
    total = sum(by_day.values())
    drawn = plot(BAR, "day", ["Downloads"], [[*pair] for pair in by_day.items()]) if total else None
    return {"downloads": total, "course": drawn}


async def _dependents(call: Call, name: str) -> list[dict[str, str]]:
    """Nothing while the search is being made anew: the page has more to say than that."""
    try:
        found = await call.services.search.dependents(name, _DEPENDENTS, 0)
    except CouchregError:
        return []
    return [{"name": str(hit["name"]), "url": url_of(call.base, str(hit["name"]))} for hit in found.hits]


async def _linked(call: Call, version: Version) -> Markup | None:
    """The version for search engines of datasets; not of one whose descriptor is long."""
    if version.is_large:
        return None
    node = schema_org.dataset(LinkedSource(version, call.base))
    return await asyncio.to_thread(data_block, node)


# -- the README


async def _readme(call: Call, version: Version) -> Markup | None:
    """The README as HTML, kept for the next who asks, since making it takes a while; made once for all who
    ask meanwhile."""
    found = _readme_file(version)
    if found is None:
        return None
    key = ("README", version.name, version.version, version.rev, call.base)

    async def make() -> Rendering:
        read = call.registry.attachments.open(found, 0, min(found.length, _README))
        text = b"".join([chunk async for chunk in read]).decode("utf-8", "replace").removeprefix("\ufeff")
        folder = url_of(call.base, version.name, version.version) + "/"
        html = await asyncio.to_thread(readme_html, text, folder, found.name)
        rendering = Rendering("", html.encode(), {})
        call.services.rendered.keep(key, rendering)
        return rendering

    kept = call.services.rendered.get(key)
    if kept is None:
        with call.while_there():
            kept = await call.services.fillings.made(key, make, call.askers)
    return Markup(kept.body.decode())  # noqa: S704 - made by readme_html


def _readme_file(version: Version) -> Attachment | None:
    """The first that is there; one that arrived compressed, from a CouchDB, is left alone."""
    names = {name.lower(): found for name, found in version.files.items() if found.encoding == "identity"}
    return next((names[name] for name in _READMES if name in names), None)
