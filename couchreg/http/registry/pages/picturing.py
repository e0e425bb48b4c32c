"""What of a resource is shown beside rows: pictures that its descriptor asks for, maps, images, texts."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, NamedTuple

from couchreg.analytics.answering import is_spent
from couchreg.analytics.ledger import Table
from couchreg.analytics.quoting import quoted
from couchreg.docstore.base import Attachment
from couchreg.errors import BadStatement, CouchregError, TooLarge, TooManyRequests, Unavailable
from couchreg.http.registry.analytics.streaming import asking_of
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.papers import address_to_read
from couchreg.http.registry.frame.rendered import Rendering
from couchreg.http.registry.pages.gathering import gathered
from couchreg.http.registry.pages.waiting import PageDeadline, made
from couchreg.model import json
from couchreg.model.media_types import PAPER, essence, is_text
from couchreg.package.descriptor import Resource
from couchreg.package.tables import format_of
from couchreg.registry.reading.catalog import Version
from couchreg.registry.reading.served import url_of
from couchreg.web import maps, papers
from couchreg.web.plots import BAR, MOST_ROWS, POINTS, Plot, counted, keyed, plot
from couchreg.web.snippets import fetching
from couchreg.web.views import DrawnView, views_of

_RASTER: Final = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif")
_IMAGES: Final = (*_RASTER, "image/svg+xml")  # in an <img> no script of an SVG runs
_TEXT: Final = 16_000  # bytes that are shown
_IMAGE: Final = 20_000_000  # bytes that a page makes a browser load
_LARGE: Final = 100_000_000  # bytes from which on it is said how a file is had
_HIGHEST: Final = 40  # bars of a view of ours
_LONGEST_NAME: Final = 200  # characters of a column in a view of ours
LONGEST_COURSE: Final = 2_000_000  # rows; with more, nobody would wait for what is counted of all of them
TIMES: Final = ("year", "date", "datetime")  # types that others are looked at along
AMOUNTS: Final = ("number", "integer")


async def drawn_views(
    call: Call, version: Version, resource: Resource, table: Table, deadline: PageDeadline
) -> list[dict[str, Any]]:
    """The `views` of a table, or one that suits it: `title`, and `plot` with what is `counted` in it, or
    `problem`. Nothing of a descriptor that is long."""
    if version.is_large:
        return []
    wanted = _wanted(version, resource, table)
    answers = await _answers(call, table, [one.statement for one in wanted if one.statement], deadline)
    found = []
    for one in wanted:
        body = answers.get(one.statement, b"")
        picture = await asyncio.to_thread(_picture, one, body) if body else None
        if picture is None and one.is_made:
            continue  # nobody has asked for it
        problem = one.view.problem or ("" if picture else "Its rows cannot be drawn, or are not ready yet.")
        drawn = _told(picture, one, table) if picture else ""
        found.append({"title": one.view.title, "plot": picture, "counted": drawn, "problem": problem})
    return found


class WantedView(NamedTuple):
    """A view, which rows it is drawn of (none: empty), and whether the last column of these says which series
    they are of. `is_made`: it is of ours, since the descriptor has none."""

    view: DrawnView
    statement: str = ""
    is_keyed: bool = False
    is_made: bool = False


def _wanted(version: Version, resource: Resource, table: Table) -> list[WantedView]:
    source = f"{quoted(f'{version.name}@{version.version}')}.{quoted(table.resource)}"
    columns = json.decode(table.columns)
    there = {one["name"] for one in columns}
    found = []
    for view in views_of(version.document, list(version.resources), resource.name):
        if view.problem or not there.issuperset({view.group, *view.series}):
            found.append(WantedView(view))
            continue
        key = next((one for one in view.keys if one in there), "")
        names = [quoted(name) for name in (view.group, *view.series, key) if name]
        statement = f"SELECT {', '.join(names)} FROM {source} LIMIT {MOST_ROWS}"  # noqa: S608 - quoted
        found.append(WantedView(view, statement, bool(key)))
    made = None if found or table.rows > LONGEST_COURSE else _fitting(columns, key_of(resource))
    if made is not None:
        across, up = quoted(made.group), quoted(made.series[0])
        statement = f"SELECT {across}, {up} FROM {source} LIMIT {MOST_ROWS}"  # noqa: S608 - quoted
        if made.kind == BAR:
            statement = (
                f"SELECT {across}, avg({up}) FROM {source} GROUP BY 1 "  # noqa: S608 - quoted
                f"HAVING avg({up}) IS NOT NULL ORDER BY 2 DESC, 1 LIMIT {_HIGHEST}"
            )
        found.append(WantedView(made, statement, is_made=True))
    return found


def _fitting(columns: Sequence[Mapping[str, str]], keys: Sequence[str]) -> DrawnView | None:
    """What suits the types of a table without a column of time, along which it has a line: the average of an
    amount for each text, or two amounts against each other."""
    if any(one["type"] in TIMES for one in columns):
        return None
    named = [(one["name"], one["type"]) for one in columns if len(one["name"]) <= _LONGEST_NAME]
    text = next((name for name, kind in named if kind == "string"), "")
    amounts = [name for name, kind in named if kind in AMOUNTS and name not in keys]
    if text and amounts:
        title = f"Average of {amounts[0]} for each {text}, the highest first"
        return DrawnView(title, BAR, text, (amounts[0],))
    if len(amounts) > 1:
        return DrawnView(f"{amounts[1]} against {amounts[0]}", POINTS, amounts[0], (amounts[1],))
    return None


def key_of(resource: Resource) -> list[str]:
    """The primary key of a table."""
    schema = resource.members.get("schema")
    key = schema.get("primaryKey") if isinstance(schema, Mapping) else None
    return [key] if isinstance(key, str) else [str(name) for name in key] if isinstance(key, list) else []


def _told(picture: Plot, wanted: WantedView, table: Table) -> str:
    """What a picture is of, and what it leaves out."""
    if wanted.is_made and picture.kind == BAR:
        return f"the {_HIGHEST} highest" if len(picture.marks) == _HIGHEST else ""
    view = wanted.view
    scale = "on a logarithmic scale" if picture.is_log else "on an even scale" if view.is_log else ""
    return "; ".join(filter(None, (scale, picture.more, counted(picture, table.rows), view.note)))


def _picture(wanted: WantedView, body: bytes) -> Plot | None:
    view, rows = wanted.view, json.decode_own(body)["rows"]
    if wanted.is_keyed:
        return keyed(view.kind, view.group, rows, is_log=view.is_log)
    return plot(view.kind, view.group, view.series, rows, is_log=view.is_log)


async def _answers(
    call: Call, table: Table, statements: Sequence[str], deadline: PageDeadline
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
        async with deadline.time(deadline.for_pictures):
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


async def preview(
    call: Call, version: Version, resource: Resource, deadline: PageDeadline, *, opened: bool
) -> dict[str, Any]:
    """`kind`, and what it needs: `image`, `map`, `text` (with `more`), `paper` (a PDF that does nothing by
    itself, at `read_url`), `pdf` (any other), `unread` (it could not be looked into just now), or none;
    whether a page `frames` it, or will; `files` that are had from here, and `commands` for those that are
    large. Where rows are shown nothing is
    `opened`, and there is no kind: a page of rows needs no file."""
    base, address = call.base, (version.name, version.version)
    files = [version.files[path] for path in resource.paths if path in version.files]
    size = sum(file.length for file in files)
    shown: dict[str, Any] = {
        "kind": "",
        "text": "",
        "more": False,
        "map": None,
        "frames": False,
        "read_url": "",
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
    seen = await _seen(call, resource, files[0], deadline)
    if seen.get("kind") == "paper":
        seen["frames"] = True
        seen["read_url"] = address_to_read(call, url_of(base, *address, resource.name), files[0])
    return {**shown, **seen}


async def _seen(call: Call, resource: Resource, file: Attachment, deadline: PageDeadline) -> dict[str, Any]:
    kind = essence(file.content_type)
    if kind in _IMAGES and file.length <= _IMAGE:
        return {"kind": "image"}
    if kind == PAPER and (file.length > papers.LONGEST or not file.sha256):
        return {"kind": "pdf"}
    is_map = kind == "application/geo+json" or format_of(resource) == "geojson"
    try:
        async with deadline.time(deadline.for_looking):
            if kind == PAPER:
                return {"kind": "paper" if await _is_still(call, file) else "pdf"}
            if is_map and file.length <= maps.LONGEST and (found := await _map(call, file)):
                return {"kind": "map", "map": found}
            return await _text(call, file) if is_text(kind) else {}
    except (TooManyRequests, Unavailable):
        pass  # it is somebody else's turn, or the bucket is away: the page has more to say than that
    return {"kind": "unread", "frames": kind == PAPER}


def _inline(resource: Resource) -> dict[str, Any]:
    """Of data that stands in the descriptor."""
    data = resource.members.get("data")
    text = data if isinstance(data, str) else json.encode(data).decode("utf-8", "replace")
    if format_of(resource) == "geojson" and (found := maps.drawn(text)):
        return {"kind": "map", "map": found}
    return {"kind": "text", "text": text[:_TEXT], "more": len(text) > _TEXT}


async def _map(call: Call, file: Attachment) -> maps.Drawn | None:
    """One file is held and drawn at a time."""

    async def draw() -> bytes:
        async with call.services.looking.take(*call.askers):
            text = _decoded(await _bytes(call, file, maps.LONGEST))
            return await asyncio.to_thread(json.encode, await asyncio.to_thread(maps.drawn, text))

    value = await asyncio.to_thread(json.decode_own, await _looked_into(call, "MAP", file, draw))
    if value is None:
        return None
    shapes, height, words, more = value
    return maps.Drawn([maps.MapShape(*one) for one in shapes], height, words, more)


async def _is_still(call: Call, file: Attachment) -> bool:
    """Whether a PDF is known to do nothing. One file is held and looked through at a time."""

    async def look() -> bytes:
        async with call.services.looking.take(*call.askers):
            acts = await asyncio.to_thread(papers.may_act, await _bytes(call, file, papers.LONGEST))
        return b"" if acts else b"still"

    return bool(await _looked_into(call, "PAPER", file, look))


async def _text(call: Call, file: Attachment) -> dict[str, Any]:
    begin = await _looked_into(call, "TEXT", file, lambda: _bytes(call, file, _TEXT))
    return {"kind": "text", "text": _decoded(begin), "more": file.length > _TEXT}


async def _looked_into(
    call: Call, what: str, file: Attachment, look: Callable[[], Coroutine[Any, Any, bytes]]
) -> bytes:
    """What was found in a file: kept for the next who asks, and found out once for all who ask meanwhile, of
    one asker for a few files at once. It ends when the client goes."""
    key = (what, file.sha256 or file.key)

    async def make() -> bytes:
        found = await look()
        call.services.rendered.keep(key, Rendering("", found, {}))
        return found

    kept = call.services.rendered.get(key)
    if kept is not None:
        return kept.body
    with call.while_there():
        return await call.services.fillings.made(key, make, call.askers)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace").removeprefix("\ufeff")


async def _bytes(call: Call, file: Attachment, most: int) -> bytes:
    read = call.registry.attachments.open(file, 0, min(file.length, most))
    return b"".join([chunk async for chunk in read])
