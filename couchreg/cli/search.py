"""`couchreg search`: packages and resources that match words and properties."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click

from couchreg.cli.account import account_of, account_options
from couchreg.cli.showing import json_option, plain, print_json, run
from couchreg.client.registry import Registry

FILTERS = {
    "type": "A JSON-LD type, or one that is a kind of it.",
    "where": "A property and its value: spatialCoverage.name:France.",
    "about": "An IRI that occurs in it.",
    "field": "The name of a field.",
    "fieldtype": "The type of a field.",
    "unit": "A unit.",
    "license": "A licence.",
    "format": "A format of data.",
    "keywords": "A keyword.",
    "publisher": "Who published it.",
}
Question = list[tuple[str, str]]


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    for name, summary in reversed(FILTERS.items()):
        command = click.option(f"--{name}", multiple=True, metavar="VALUE", help=summary)(command)
    return command


@click.command()
@click.argument("words", metavar="WORDS", nargs=-1)
@_filters
@click.option("--like", metavar="TEXT", help="A text by its meaning, where the registry can do that.")
@click.option("--deprecated", type=click.Choice(["true", "false"]), help="Whether it is deprecated.")
@click.option("--temporal", metavar="TIME", help="A time that it speaks of: 2010/2020.")
@click.option("--bbox", metavar="W,S,E,N", help="A box that it touches, in degrees.")
@click.option("--in", "kind", type=click.Choice(["packages", "resources"]), help="What to look for.")
@click.option("--sort", type=click.Choice(["score", "name", "date", "downloads"]), help="The order.")
@click.option("--facet", metavar="NAMES", help="Count values, such as license,type.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 200), help="How many to show.")
@click.option("--skip", default=0, type=click.IntRange(0, 10_000), help="How many to leave out before.")
@account_options
@json_option
def search(
    words: tuple[str, ...], registry: str | None, user: str | None, as_json: bool, **given: Any
) -> None:
    """List what matches all WORDS (and properties), best first. A word with blanks is a phrase."""
    asked = _question(words, given)
    if not words and len(asked) == 1:
        raise click.UsageError("Say what to look for: words, or properties such as --type Dataset.")
    found = run(_search(asked, registry, user), as_json=as_json)
    if as_json:
        print_json(found if given["facet"] else found["hits"])
        return
    for hit in found["hits"]:
        click.echo(_line(hit))
        if sys.stdout.isatty() and (why := _why(hit)):
            click.echo(f"    {why}")
    for line in _facets(found):
        click.echo(line)
    _advise(words, found, given["skip"])


def _question(words: Sequence[str], given: Mapping[str, Any]) -> Question:
    """The parameters of `/-/search`; the limit is always among them."""
    asked = [(name, value) for name in FILTERS for value in given[name]]
    asked += [
        (name, given[name])
        for name in ("like", "deprecated", "temporal", "bbox", "sort", "facet")
        if given[name]
    ]
    asked += [("in", given["kind"])] if given["kind"] else []
    asked += [("skip", str(given["skip"]))] if given["skip"] else []
    quoted = (f'"{word}"' if " " in word.strip() and '"' not in word else word for word in words)
    return [*([("q", " ".join(quoted))] if words else []), *asked, ("limit", str(given["limit"]))]


async def _search(asked: Question, registry: str | None, user: str | None) -> dict[str, Any]:
    account = account_of(registry, user)
    async with Registry(account.registry, account.login) as found:
        return await found.look(asked)


def _line(hit: Mapping[str, Any]) -> str:
    resource = f"/{plain(hit['resource'])}" if hit.get("resource") else ""
    title = _marked(hit) or plain(hit.get("title") or "")
    end = "  (deprecated)" if hit.get("deprecated") else ""
    return (
        f"{plain(hit.get('name'))}@{plain(hit.get('version'))}{resource}{'  ' + title if title else ''}{end}"
    )


def _marked(hit: Mapping[str, Any]) -> str | None:
    """The title with what was found in bold, on a terminal."""
    for one in hit.get("highlights", ()):
        if one["path"] == "title" and one["text"] == hit.get("title"):
            return _bold(one)
    return None


def _bold(highlight: Mapping[str, Any]) -> str:
    text, done, pieces = highlight["text"], 0, []
    for first, last in highlight["marks"]:
        if first >= done:
            pieces += [plain(text[done:first]), click.style(plain(text[first:last]), bold=True)]
            done = last
    return "".join([*pieces, plain(text[done:])])


def _why(hit: Mapping[str, Any]) -> str | None:
    """What was found elsewhere than in the title: a text, or a property and why it counts."""
    for one in hit.get("highlights", ()):
        if one["path"] != "title":
            return f"{plain(one['path'])}: {_bold(one)}"
    for one in hit.get("matched", ()):
        if one["path"] not in ("title", "like"):
            because = f" ({plain(one['because'])})" if one.get("because") else ""
            return f"{plain(one['path'])}: {plain(one['value'])}{because}"
    return None


def _facets(found: Mapping[str, Any]) -> Iterator[str]:
    for name, values in found.get("facets", {}).items():
        counts = ", ".join(f"{plain(one['value'])} ({one['count']})" for one in values[:10])
        yield f"{plain(name)}: {counts or 'none'}"


def _advise(words: Sequence[str], found: Mapping[str, Any], skipped: int) -> None:
    shown, total = len(found["hits"]), found.get("total", 0)
    if not shown and found.get("suggestion"):
        click.echo(f"Nothing matches. Did you mean: couchreg search {plain(found['suggestion'])}", err=True)
    elif not shown:
        what = f" {' '.join(words)}" if words else ""
        click.echo(f"Nothing matches{what}: try fewer or other words.", err=True)
    elif skipped + shown < total:
        click.echo(f"{total - skipped - shown} more: --skip {skipped + shown}", err=True)
