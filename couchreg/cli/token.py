"""`couchreg token`: logins for scripts, with less than their user may."""

import click

from couchreg.cli.account import account_options
from couchreg.cli.asking import call
from couchreg.cli.login import DAY, LASTING, SCOPES
from couchreg.cli.showing import json_option, plain, print_json


@click.group()
def token() -> None:
    """Create, list and revoke API tokens."""


@token.command()
@click.option("--scope", type=SCOPES, required=True, help="What it allows.")
@click.option(
    "--package",
    "packages",
    metavar="PATTERN",
    multiple=True,
    help="Only for these packages; * and ? stand for anything.",
)
@click.option("--days", type=click.IntRange(0, 3650), help=LASTING)
@click.option("--label", default="", metavar="TEXT", help="What it is for.")
@account_options
@json_option
def create(
    scope: str,
    packages: tuple[str, ...],
    days: int | None,
    label: str,
    registry: str | None,
    user: str | None,
    as_json: bool,
) -> None:
    """Create a token and print it: it is not shown again."""
    lifetime = None if days is None else days * DAY
    made = call(
        registry,
        user,
        as_json,
        lambda people: people.create_token(scope, packages=packages, lifetime=lifetime, label=label),
    )
    if as_json:
        print_json(made)
        return
    click.echo(str(made["token"]))
    ends = f"ends {made['expires']}" if made.get("expires") else "has no end"
    click.echo(f"This is token {plain(made['id'])}. It {plain(ends)}, and is not shown again.", err=True)


@token.command()
@account_options
@json_option
def ls(registry: str | None, user: str | None, as_json: bool) -> None:
    """List your tokens."""
    found = call(registry, user, as_json, lambda people: people.tokens())
    if as_json:
        print_json(found)
        return
    for row in found:
        patterns = ", ".join(row.get("packages") or ["all packages"])
        until = f"until {row['expires']}" if row.get("expires") else "until revoked"
        used = f"used {row['used']}" if row.get("used") else "never used"
        told = (row.get("id"), row.get("scope"), patterns, until, used, row.get("label"))
        click.echo("  ".join(plain(text) for text in told if text))


@token.command()
@click.argument("token_id", metavar="ID")
@account_options
@json_option
def revoke(token_id: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Revoke a token; it ends at once."""
    call(registry, user, as_json, lambda people: people.revoke_token(token_id))
    if as_json:
        print_json({"ok": True, "id": token_id})
    else:
        click.echo(f"Token {plain(token_id)} is revoked.")
