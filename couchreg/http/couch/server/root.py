"""The server itself: welcome, health, UUIDs, and what is not built.

Source: https://docs.couchdb.org/en/stable/api/server/common.html
"""

import struct
from hashlib import md5

from couchreg import __version__
from couchreg.errors import BadRequest, NotImplementedHere
from couchreg.http.couch.frame import params
from couchreg.http.couch.frame import uuids as ids
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer, answer_json, not_modified

COUCHDB = "3.5.0"  # whose API this is
FEATURES = ["partitioned", "pluggable-storage-engines"]
ICON_COLOUR = struct.pack("<BBBB", 0x7A, 0x4B, 0x1E, 0xFF)  # blue, green, red, alpha


async def not_built(ctx: Context) -> Answer:
    """A part of CouchDB's API that is known and not built here."""
    raise NotImplementedHere


async def welcome(ctx: Context) -> Answer:
    vendor = {"version": __version__, **ctx.settings.section("vendor")}
    return answer_json(
        {
            "couchdb": "Welcome",
            "version": COUCHDB,
            "git_sha": f"couchreg-{__version__}",
            "uuid": ctx.store.uuid,
            "features": FEATURES,
            "vendor": {"name": vendor.pop("name"), **vendor},
        }
    )


async def up(ctx: Context) -> Answer:
    """404 in maintenance mode, so that a load balancer stops asking."""
    mode = ctx.settings.text("couchdb", "maintenance_mode")
    if mode in ("true", "nolb"):
        return answer_json({"status": "maintenance_mode" if mode == "true" else mode}, status=404)
    return answer_json({"status": "ok", "seeds": {}})


async def uuids(ctx: Context) -> Answer:
    """`count` new ids; never from a cache."""
    count = params.parse_int(ctx.query.get("count", "1"))
    if count is None or count < 0:
        raise BadRequest("count must be a positive integer")
    if count > ctx.settings.integer("uuids", "max_count", 1000):
        raise BadRequest("count parameter too large")
    made = ids.new_uuids(ctx, count)
    tag = md5("".join(made).encode(), usedforsecurity=False).hexdigest()
    answer = answer_json({"uuids": made})
    answer.extra = [
        ("Cache-Control", "no-cache"),
        ("Pragma", "no-cache"),
        ("Expires", "Mon, 01 Jan 1990 00:00:00 GMT"),
        ("ETag", f'"{tag}"'),
    ]
    return answer


async def favicon(ctx: Context) -> Answer:
    headers = [("Cache-Control", "public, max-age=31536000"), ("ETag", '"couchreg-icon-1"')]
    if not_modified(ctx.request, '"couchreg-icon-1"'):
        return Answer(status=304, headers=headers)
    return Answer(ICON, headers=headers, content_type="image/x-icon")


def _icon(side: int = 16) -> bytes:
    """An icon file with one picture: a disc."""
    middle = (side - 1) / 2
    pixels = b"".join(
        ICON_COLOUR if (x - middle) ** 2 + (y - middle) ** 2 <= middle**2 else bytes(4)
        for y in range(side)
        for x in range(side)
    )
    head = struct.pack("<IiiHHIIiiII", 40, side, side * 2, 1, 32, 0, len(pixels), 0, 0, 0, 0)
    picture = head + pixels + bytes(side * 4)  # the last is a mask that hides nothing
    entry = struct.pack("<BBBBHHII", side, side, 0, 0, 1, 32, len(picture), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + picture


ICON = _icon()
