"""`couchreg info`: what a package is, which versions there are, what each resource holds."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from couchreg.cli.account import account_of, account_options
from couchreg.cli.install import split
from couchreg.cli.showing import json_option, plain, print_json, run
from couchreg.client.registry import Registry

Versions = Sequence[Mapping[str, Any]]


@click.command()
@click.argument("package", metavar="NAME[@VERSION]")
@account_options
@json_option
def info(package: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Describe a package; without a version, the latest one. With --json: its descriptor."""
    descriptor, versions = run(_info(package, registry, user), as_json=as_json)
    if as_json:
        print_json(descriptor)
        return
    show(descriptor, versions)


async def _info(package: str, registry: str | None, user: str | None) -> tuple[dict[str, Any], Versions]:
    name, version = split(package)
    account = account_of(registry, user)
    async with Registry(account.registry, account.login) as found:
        return await found.info(name, version), await found.catalog.versions(name)


def show(descriptor: Mapping[str, Any], versions: Versions) -> None:
    own = descriptor.get("couchreg") or {}
    click.echo(f"{plain(descriptor.get('name'))}@{plain(descriptor.get('version'))}")
    for text in (descriptor.get("title"), descriptor.get("description")):
        if text:
            click.echo(f"  {plain(text)}")
    licenses = [item.get("name") or item.get("title") for item in descriptor.get("licenses") or []]
    rows = [
        ("published", f"{own.get('published')} by {own.get('publisher')}"),
        ("licences", ", ".join(map(plain, filter(None, licenses)))),
        ("keywords", ", ".join(map(plain, descriptor.get("keywords") or []))),
        ("versions", ", ".join(plain(row.get("version")) for row in versions)),
    ]
    for label, value in rows:
        if value:
            click.echo(f"  {label:<10} {plain(value)}")
    for resource in descriptor.get("resources") or []:
        _show_resource(resource)


def _show_resource(resource: Mapping[str, Any]) -> None:
    size = resource.get("bytes")
    click.echo(f"  {plain(resource.get('name'))}{f'  {size} bytes' if size is not None else ''}")
    if isinstance(resource.get("path"), str):
        click.echo(f"    {plain(resource['path'])}")
    schema = resource.get("schema")
    fields = schema.get("fields") or [] if isinstance(schema, dict) else []
    if fields:
        click.echo(
            "    "
            + ", ".join(f"{plain(field.get('name'))}: {plain(field.get('type', 'any'))}" for field in fields)
        )
