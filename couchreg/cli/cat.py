"""`couchreg cat`: the bytes of a resource or file on standard output, as they were published."""

import codecs
import os
import re
import sys

import click

from couchreg.cli.account import account_options
from couchreg.cli.asking import ask
from couchreg.cli.showing import json_option, print_json
from couchreg.client.address import Address, find_resource, read_address
from couchreg.client.errors import UsageError
from couchreg.client.registry import Registry

# What a terminal acts on, and no text has; the second half as it stands in UTF-8.
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]|\xc2[\x80-\x9f]")
_NO_TEXT = ("image/", "audio/", "video/", "font/", "application/")  # but where it is UTF-8
PIPE_CLOSED = 141  # as other programs end whose reader went away: 128 and SIGPIPE


@click.command()
@click.argument("address", metavar="NAME[@VERSION]/RESOURCE")
@account_options
@json_option
def cat(address: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Write a resource, by its name or path, to standard output. With --json: where it is,
    and its descriptor."""
    if as_json:
        print_json(ask(registry, user, as_json, lambda found: _about(found, address), public=True))
        return
    try:
        ask(registry, user, as_json, lambda found: _copy(found, address), public=True)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # `couchreg cat … | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is flushed at the end
        sys.exit(PIPE_CLOSED)


def _resource(text: str) -> Address:
    address = read_address(text)
    if not address.path:
        raise UsageError(f"Say which file of {address}: couchreg ls {address} lists them.")
    return address


async def _copy(found: Registry, text: str) -> None:
    opened = await found.reader.open(_resource(text))
    shown, is_picture = sys.stdout.isatty(), str(opened.entry.mediatype).startswith(_NO_TEXT)
    async for chunk in found.reader.chunks(opened):
        if shown and (_CONTROLS.search(chunk) or (is_picture and not _is_utf_8(chunk))):
            raise UsageError(f"{text} is binary: send it to a file or a pipe, as in couchreg cat … > FILE.")
        sys.stdout.buffer.write(chunk)


def _is_utf_8(chunk: bytes) -> bool:
    """Whether it is, but for a character in which it may end."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(chunk)
    except UnicodeDecodeError:
        return False
    return True


async def _about(found: Registry, text: str) -> dict[str, object]:
    opened = await found.reader.open(_resource(text))
    entry, digest = opened.entry, opened.entry.sha256
    described = find_resource(opened.descriptor, _resource(text).path)
    about = {
        "name": opened.descriptor.get("name"),
        "version": opened.descriptor.get("version"),
        "path": entry.path,
        "bytes": opened.length,
        "hash": digest and f"sha256:{digest}",
        "mediatype": entry.mediatype,
        "url": str(opened.url),
    }
    if described is not None:
        about["resource"] = {key: value for key, value in described.items() if key != "data"}
    return about
