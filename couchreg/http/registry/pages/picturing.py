"""What of a resource is shown beside rows: pictures that its descriptor asks for, maps, images, texts."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from couchreg.analytics.answering import is_spent
from couchreg.analytics.ledger import Table
from couchreg.analytics.quoting import quoted
from couchreg.docstore.base import Attachment
from couchreg.errors import BadStatement, CouchregError, TooLarge, TooManyRequests, Unavailable
from couchreg.http.registry.analytics.streaming import asking_of
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.rendered import Rendering
from couchreg.http.registry.pages.gathering import gathered
from couchreg.http.registry.pages.waiting import Patience, made
from couchreg.model import json
from couchreg.model.media_types import essence, is_text
from couchreg.package.descriptor import Resource
from couchreg.package.tables import format_of
from couchreg.registry.reading.catalog import Version
from couchreg.registry.reading.served import url_of
from couchreg.web import maps, papers
from couchreg.web.plots import MOST_ROWS, Plot, counted, plot
from couchreg.web.snippets import fetching
from couchreg.web.views import DrawnView, views_of

_RASTER: Final = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif")
_IMAGES: Final = (*_RASTER, "image/svg+xml")  # in an <img> no script of an SVG runs
_TEXT: Final = 16_000  # bytes that are shown
_IMAGE: Final = 20_000_000  # bytes that a page makes a browser load
_LOOKING: Final = 10.0  # seconds, with the wait for a turn
_LARGE: Final = 100_000_000  # bytes from which on it is said how a file is had


async def drawn_views(
    call: Call, version: Version, resource: Resource, table: Table, patience: Patience
) -> list[dict[str, Any]]:
    """The `views` of a table: `title`, and `plot` with what is `counted` in it, or `problem`. Nothing of a
    descriptor that is long."""
    if version.is_large:
        return []
    views = views_of(version.document, list(version.resources), resource.name)
    statements = [_statement(version, table, view) for view in views]
    answers = await _answers(call, table, [one for one in statements if one], patience)
    found = []
    for view, statement in zip(views, statements, strict=True):
        body = answers.get(statement, b"")
        picture = await asyncio.to_thread(_picture, view, body) if body else None
        problem = view.problem or ("" if picture else "Its rows cannot be drawn, or are not ready yet.")
        drawn = counted(picture, table.rows) if picture else ""
        found.append({"title": view.title, "plot": picture, "counted": drawn, "problem": problem})
    return found


def _statement(version: Version, table: Table, view: DrawnView) -> str:
    """Which rows a view is drawn of; empty for one that the table has no columns for."""
    there = {one["name"] for one in json.decode(table.columns)}
    if view.problem or not there.issuperset({view.group, *view.series}):
        return ""
    wanted = ", ".join(quoted(name) for name in (view.group, *view.series))
    source = f"{quoted(f'{version.name}@{version.version}')}.{quoted(table.resource)}"
    return f"SELECT {wanted} FROM {source} LIMIT {MOST_ROWS}"  # noqa: S608 - names are quoted


def _picture(view: DrawnView, body: bytes) -> Plot | None:
    return plot(view.kind, view.group, view.series, json.decode_own(body)["rows"])


async def _answers(
    call: Call, table: Table, statements: Sequence[str], patience: Patience
) -> Mapping[str, bytes]:
    """Those that are had soon, empty for what cannot be drawn. What was asked before is there, whatever
    becomes of the rest; a page waits for all others together."""
    rendered = call.services.rendered

    def kept() -> dict[str, bytes]:
        found = {one: rendered.get(("VIEW", table.sha256, one)) for one in statements}
        return {one: rendering.body for one, rendering in found.items() if rendering is not None}

    async def make() -> dict[str, bytes]:
        found = kept()
        for one in statements:
            if one not in found:
                found[one] = await _answer(call, one)
                rendered.keep(("VIEW", table.sha256, one), Rendering("", found[one], {}))
        return found

    found = kept()
    try:
        async with patience.time(patience.for_pictures):
            if len(found) < len(set(statements)):
                found = await made(call, ("VIEWS", table.sha256, *statements), make)
    except CouchregError:
        pass  # the page says of the others that they are not ready yet
    return kept() | found


async def _answer(call: Call, statement: str) -> bytes:
    """Empty where the table itself is why there is none: that will be so the next time, too."""
    try:
        return await _asked(call, statement)
    except TooLarge:
        return b""
    except BadStatement as error:
        if is_spent(error):
            return b""
        raise


async def _asked(call: Call, statement: str) -> bytes:
    asking = asking_of(call)
    question = await asking.read(statement, lambda package: None, call.room)
    answer = asking.answer(
        question, parameters={}, format="arrays", size=MOST_ROWS, skip=0, askers=call.askers
    )
    async with answer as parts:
        return await gathered(asking.answering, parts)


async def preview(call: Call, version: Version, resource: Resource, *, opened: bool) -> dict[str, Any]:
    """`kind`, and what it needs: `image`, `map`, `text` (with `more`), `paper` (a PDF that does nothing by
    itself), `pdf` (any other), or none; `files` that are had from here, and `commands` for those that are
    large. Where rows are shown nothing is `opened`, and there is no kind: a page of rows needs no file."""
    base, address = call.base, (version.name, version.version)
    files = [version.files[path] for path in resource.paths if path in version.files]
    size = sum(file.length for file in files)
    shown: dict[str, Any] = {
        "kind": "",
        "text": "",
        "more": False,
        "map": None,
        "size": size,
        "large": size >= _LARGE,
        "files": [
            {"path": file.name, "bytes": file.length, "url": url_of(base, *address, *file.name.split("/"))}
            for file in files[:100]
        ],
        "commands": fetching(base, *address, resource.name, [file.name for file in files][:1]),
    }
    if not opened:
        return shown
    if resource.inline and not version.is_large:
        return {**shown, **await asyncio.to_thread(_inline, resource)}
    if len(files) != 1 or files[0].encoding != "identity":
        return shown
    return {**shown, **await _seen(call, resource, files[0])}


async def _seen(call: Call, resource: Resource, file: Attachment) -> dict[str, Any]:
    kind = essence(file.content_type)
    if kind in _IMAGES and file.length <= _IMAGE:
        return {"kind": "image"}
    if kind == "application/pdf":
        return {"kind": "paper" if await _is_still(call, file) else "pdf"}
    is_map = kind == "application/geo+json" or format_of(resource) == "geojson"
    if is_map and file.length <= maps.LONGEST and (found := await _map(call, file)):
        return {"kind": "map", "map": found}
    if is_text(kind):
        text = await _beginning(call, file, _TEXT)
        return {"kind": "text", "text": text, "more": file.length > _TEXT}
    return {}


def _inline(resource: Resource) -> dict[str, Any]:
    """Of data that stands in the descriptor."""
    data = resource.members.get("data")
    text = data if isinstance(data, str) else json.encode(data).decode("utf-8", "replace")
    if format_of(resource) == "geojson" and (found := maps.drawn(text)):
        return {"kind": "map", "map": found}
    return {"kind": "text", "text": text[:_TEXT], "more": len(text) > _TEXT}


async def _map(call: Call, file: Attachment) -> maps.Drawn | None:
    """Kept once it is made, for the next who asks."""
    key = ("MAP", file.sha256 or file.key)
    kept = call.services.rendered.get(key)
    if kept is None:
        text = await _beginning(call, file, maps.LONGEST)
        found = await asyncio.to_thread(maps.drawn, text)
        kept = Rendering("", await asyncio.to_thread(json.encode, found), {})
        call.services.rendered.keep(key, kept)
    value = await asyncio.to_thread(json.decode_own, kept.body)
    if value is None:
        return None
    shapes, height, words, more = value
    return maps.Drawn([maps.MapShape(*one) for one in shapes], height, words, more)


async def _is_still(call: Call, file: Attachment) -> bool:
    """Whether a PDF is known to do nothing; kept once it is found out. One file is held and looked through at
    a time, once for all who ask; where that takes long the page does without."""
    if file.length > papers.LONGEST:
        return False
    key = ("PAPER", file.sha256 or file.key)

    async def make() -> Rendering:
        async with call.services.looking.take(*call.askers):
            acts = await asyncio.to_thread(papers.may_act, await _bytes(call, file, papers.LONGEST))
        kept = Rendering("", b"" if acts else b"still", {})
        call.services.rendered.keep(key, kept)
        return kept

    kept = call.services.rendered.get(key)
    try:
        if kept is None:
            async with asyncio.timeout(_LOOKING):
                kept = await call.services.fillings.made(key, make, call.askers)
    except (TooManyRequests, Unavailable, TimeoutError):
        return False
    return bool(kept.body)


async def _beginning(call: Call, file: Attachment, most: int) -> str:
    return (await _bytes(call, file, most)).decode("utf-8", "replace").removeprefix("\ufeff")


async def _bytes(call: Call, file: Attachment, most: int) -> bytes:
    read = call.registry.attachments.open(file, 0, min(file.length, most))
    return b"".join([chunk async for chunk in read])
