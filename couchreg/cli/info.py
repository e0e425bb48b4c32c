"""`couchreg info`: what a package is, which versions there are, what each resource holds."""

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import click

from couchreg.cli.account import account_of, account_options
from couchreg.cli.showing import human, json_option, plain, print_json, run, wrapped
from couchreg.client.address import read_package
from couchreg.client.errors import Missing, NotAllowed
from couchreg.client.registry import Registry

T = TypeVar("T")

Rows = Sequence[Mapping[str, Any]]


class About(NamedTuple):
    """All that is told of a package."""

    descriptor: dict[str, Any]
    versions: Rows
    owners: Sequence[str]
    tags: Mapping[str, Any]
    downloads: int | None


@click.command()
@click.argument("package", metavar="NAME[@VERSION]")
@account_options
@json_option
def info(package: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Describe a package; without a version, the latest one. With --json: its descriptor."""
    about = run(_info(package, registry, user), as_json=as_json)
    if as_json:
        print_json(about.descriptor)
        return
    show(about)


async def _info(package: str, registry: str | None, user: str | None) -> About:
    name, version = read_package(package)
    account = account_of(registry, user)
    async with Registry(account.registry, account.login) as found:
        descriptor = await found.info(name, version)
        versions = await found.catalog.versions(name)
        owners = await _or(found.people.owners(name), [])
        tags: dict[str, Any] = await _or(found.catalog.tags(name), {})
        downloads = await _or(found.catalog.downloads(name), None)
        return About(descriptor, versions, [str(row.get("name")) for row in owners], tags, downloads)


async def _or(question: Awaitable[T], otherwise: T) -> T:
    """What is told beside the rest is left out where the registry does not tell it."""
    try:
        return await question
    except (Missing, NotAllowed):
        return otherwise


def show(about: About) -> None:
    descriptor = about.descriptor
    own = descriptor.get("couchreg") or {}
    click.echo(f"{plain(descriptor.get('name'))}@{plain(descriptor.get('version'))}")
    if own.get("deprecated"):
        click.echo(wrapped(f"DEPRECATED: {plain(own['deprecated'])}", "  "))
    if own.get("yanked"):
        click.echo(wrapped(f"YANKED: {plain(own['yanked'])}", "  "))
    for text in (descriptor.get("title"), descriptor.get("description")):
        if text:
            click.echo(wrapped(plain(text), "  "))
    for label, value in _rows(about, own):
        if value:
            click.echo(wrapped(plain(value), f"  {label:<12} ", " " * 15))
    for resource in descriptor.get("resources") or []:
        _show_resource(resource)


def _rows(about: About, own: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    descriptor = about.descriptor
    needs = descriptor.get("dataDependencies")
    licenses = [item.get("name") or item.get("title") for item in descriptor.get("licenses") or []]
    yield "published", f"{own.get('published')} by {own.get('publisher')}"
    yield "owners", ", ".join(about.owners)
    yield "licences", ", ".join(str(text) for text in licenses if text)
    yield "keywords", ", ".join(map(str, descriptor.get("keywords") or []))
    yield "versions", ", ".join(str(row.get("version")) for row in about.versions)
    yield "dist-tags", ", ".join(f"{tag}: {version}" for tag, version in about.tags.items())
    pairs = needs.items() if isinstance(needs, dict) else ()
    yield "depends on", ", ".join(f"{name} {wanted}" for name, wanted in pairs)
    yield "downloads", f"{about.downloads} in the last 30 days" if about.downloads else ""


def _show_resource(resource: Mapping[str, Any]) -> None:
    size = resource.get("bytes")
    click.echo(f"  {plain(resource.get('name'))}{f'  {human(size)}' if size is not None else ''}")
    if isinstance(resource.get("path"), str):
        click.echo(f"    {plain(resource['path'])}")
    schema = resource.get("schema")
    fields = schema.get("fields") or [] if isinstance(schema, dict) else []
    if fields:
        named = [f"{plain(field.get('name'))}: {plain(field.get('type', 'any'))}" for field in fields]
        click.echo(wrapped(", ".join(named), "    "))
