"""`couchreg dist-tag`, `deprecate` and `yank`: what owners say of their versions."""

from typing import Any

import click

from couchreg.cli.account import account_options
from couchreg.cli.asking import ask
from couchreg.cli.showing import json_option, plain, print_json
from couchreg.client.address import read_package, read_pinned
from couchreg.client.errors import UsageError


@click.group(name="dist-tag")
def dist_tag() -> None:
    """List, set and remove dist-tags: names that lead to versions."""


@dist_tag.command(name="ls")
@click.argument("name", metavar="NAME")
@account_options
@json_option
def listing(name: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """List the dist-tags of a package."""
    _tell(
        ask(registry, user, as_json, lambda found: found.catalog.tags(name), about=name, public=True), as_json
    )


@dist_tag.command()
@click.argument("package", metavar="NAME@VERSION")
@click.argument("tag", metavar="TAG")
@account_options
@json_option
def add(package: str, tag: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Set TAG to a version."""
    name, version = _exact(package)
    _tell(
        ask(registry, user, as_json, lambda found: found.catalog.set_tag(name, tag, version), about=package),
        as_json,
    )


@dist_tag.command()
@click.argument("name", metavar="NAME")
@click.argument("tag", metavar="TAG")
@account_options
@json_option
def rm(name: str, tag: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Remove TAG."""
    _tell(
        ask(registry, user, as_json, lambda found: found.catalog.remove_tag(name, tag), about=name), as_json
    )


def _exact(package: str) -> tuple[str, str]:
    name, version = read_package(package)
    if version is None:
        raise UsageError(f"Say which version: {name}@VERSION.")
    return name, version


def _tell(tags: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(tags)
        return
    for tag, version in tags.items():
        click.echo(f"{plain(tag)}: {plain(version)}")


@click.command()
@click.argument("package", metavar="NAME[@VERSION]")
@click.argument("message", metavar="[MESSAGE]", default="")
@click.option("--undo", is_flag=True, help="Remove the deprecation.")
@account_options
@json_option
def deprecate(
    package: str, message: str, undo: bool, registry: str | None, user: str | None, as_json: bool
) -> None:
    """Deprecate a version, a range of versions or a package; MESSAGE says why and what to use instead.

    An empty MESSAGE removes the deprecation, as --undo does.
    """
    name, wanted = read_package(package)
    if undo or (not message and click.get_current_context().get_parameter_source("message") == GIVEN):
        left = ask(
            registry, user, as_json, lambda found: found.catalog.undeprecate(name, wanted), about=package
        )
    elif message:
        left = ask(
            registry,
            user,
            as_json,
            lambda found: found.catalog.deprecate(name, wanted, message),
            about=package,
        )
    else:
        raise UsageError("Give a message: why, and what to use instead. Or --undo.")
    _tell_messages(name, left, "deprecated", as_json)


@click.command()
@click.argument("package", metavar="NAME@VERSION")
@click.argument("reason", metavar="[REASON]", default="")
@click.option("--undo", is_flag=True, help="Offer the version again.")
@account_options
@json_option
def yank(
    package: str, reason: str, undo: bool, registry: str | None, user: str | None, as_json: bool
) -> None:
    """Hide a version from ranges and from latest; who names it, or has it in a lock file, still gets it.

    Whoever installs it is told the REASON. Nothing is deleted: see couchreg unpublish.
    """
    name, version = read_pinned(package)
    if undo:
        left = ask(registry, user, as_json, lambda found: found.catalog.unyank(name, version), about=package)
    elif reason:
        left = ask(
            registry, user, as_json, lambda found: found.catalog.yank(name, version, reason), about=package
        )
    else:
        raise UsageError("Give a reason: why, and what to use instead. Or --undo.")
    _tell_messages(name, left, "yanked", as_json)


def _tell_messages(name: str, left: dict[str, Any], what: str, as_json: bool) -> None:
    if as_json:
        print_json(left)
        return
    for version, said in left.items():
        click.echo(f"{plain(name)}@{plain(version)}: {plain(said)}")
    if not left:
        click.echo(f"No version of {plain(name)} is {what}.")


GIVEN = click.core.ParameterSource.COMMANDLINE
