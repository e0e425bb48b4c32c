"""`couchreg search`: packages that match words."""

from typing import Any

import click

from couchreg.cli.account import account_of, account_options
from couchreg.cli.showing import json_option, plain, print_json, run
from couchreg.client.registry import Registry


@click.command()
@click.argument("words", metavar="WORDS", nargs=-1, required=True)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 200), help="How many to show.")
@account_options
@json_option
def search(words: tuple[str, ...], limit: int, registry: str | None, user: str | None, as_json: bool) -> None:
    """List the packages that match all WORDS, best first."""
    hits = run(_search(words, limit, registry, user), as_json=as_json)
    if as_json:
        print_json(hits)
        return
    if not hits:
        click.echo(f"Nothing matches {' '.join(words)}: try fewer or other words.", err=True)
    for hit in hits:
        title = plain(hit.get("title") or "")
        click.echo(f"{plain(hit.get('name'))}@{plain(hit.get('version'))}{'  ' + title if title else ''}")


async def _search(
    words: tuple[str, ...], limit: int, registry: str | None, user: str | None
) -> list[dict[str, Any]]:
    account = account_of(registry, user)
    async with Registry(account.registry, account.login) as found:
        return await found.search(words, limit)
