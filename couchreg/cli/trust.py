"""`couchreg trust`: jobs elsewhere that may publish a package, and a token for the job in which this runs."""

from typing import Any

import click

from couchreg.cli.account import account_options, registry_option
from couchreg.cli.asking import ask, call
from couchreg.cli.showing import json_option, plain, print_json
from couchreg.client.jobs import checked_audience, identity_token
from couchreg.client.registry import Registry

GITHUB, GITLAB = "https://token.actions.githubusercontent.com", "https://gitlab.com"


@click.group()
def trust() -> None:
    """Let jobs elsewhere publish a package, without a password kept there."""


@trust.command()
@click.argument("name", metavar="NAME")
@click.option("--github", metavar="OWNER/REPOSITORY", help="Jobs of a repository at GitHub.")
@click.option("--workflow", metavar="FILE", help="Of these only those of a workflow: publish.yml.")
@click.option("--gitlab", metavar="GROUP/PROJECT", help="Jobs of a project at gitlab.com.")
@click.option("--environment", metavar="NAME", help="Only those of a deployment environment.")
@click.option("--issuer", metavar="URL", help="Whose tokens, if they are others.")
@click.option("--claim", "claims", metavar="NAME=VALUE", multiple=True, help="What a token has to state.")
@account_options
@json_option
def add(
    name: str,
    github: str | None,
    workflow: str | None,
    gitlab: str | None,
    environment: str | None,
    issuer: str | None,
    claims: tuple[str, ...],
    **asked: Any,
) -> None:
    """Trust the jobs whose identity tokens state all of this."""
    wanted: dict[str, str] = {}
    if (github is not None) + (gitlab is not None) + (issuer is not None) != 1:
        raise click.UsageError("Name one of --github, --gitlab and --issuer.")
    if github is not None:
        issuer, wanted["repository"] = GITHUB, github
        if workflow is not None:
            wanted["job_workflow_ref"] = f"{github}/.github/workflows/{workflow}@*"
    elif workflow is not None:
        raise click.UsageError("--workflow goes with --github.")
    if gitlab is not None:
        issuer, wanted["project_path"] = GITLAB, gitlab
    if environment is not None:
        wanted["environment"] = environment
    for one in claims:
        claim, equals, value = one.partition("=")
        if not equals:
            raise click.UsageError(f"{one!r} is no claim: write it like repository_id=1234.")
        wanted[claim] = value
    found = _asked(asked, name, lambda people: people.rights.trust(name, str(issuer), wanted))
    if asked["as_json"]:
        print_json(found)
    else:
        _show(found)


@trust.command()
@click.argument("name", metavar="NAME")
@account_options
@json_option
def ls(name: str, **asked: Any) -> None:
    """List the jobs that may publish a package of yours."""
    found = _asked(asked, name, lambda people: people.rights.trusted(name))
    if asked["as_json"]:
        print_json(found)
        return
    for one in found:
        _show(one)


@trust.command()
@click.argument("name", metavar="NAME")
@click.argument("publisher_id", metavar="ID")
@account_options
@json_option
def rm(name: str, publisher_id: str, **asked: Any) -> None:
    """Trust a job no more. Tokens that it has got end by themselves, in a quarter of an hour at most."""
    _asked(asked, name, lambda people: people.rights.distrust(name, publisher_id))
    if asked["as_json"]:
        print_json({"ok": True, "id": publisher_id})
    else:
        click.echo(f"{plain(publisher_id)} is not trusted any more.")


@trust.command()
@click.option("--package", metavar="NAME", help="Which package is meant, where several owners trust the job.")
@click.option(
    "--audience",
    metavar="URL",
    help="The public address of the registry, where --registry is another one of it.",
)
@registry_option
@json_option
def token(package: str | None, audience: str | None, registry: str | None, as_json: bool) -> None:
    """Print a token for the job in which this runs: COUCHREG_TOKEN=$(couchreg trust token)."""

    async def question(found: Registry) -> dict[str, Any]:
        rights = found.people.rights
        meant = checked_audience(found.url, await rights.audience()) if audience is None else audience
        return await rights.exchange(await identity_token(meant), package)

    made = ask(registry, None, as_json, question, public=True)
    if as_json:
        print_json(made)
        return
    click.echo(str(made["token"]))
    named = ", ".join(plain(one) for one in made.get("packages", []))
    click.echo(f"It publishes {named}, and ends {plain(made.get('expires'))}.", err=True)


def _asked(asked: dict[str, Any], name: str, question: Any) -> Any:
    return call(asked["registry"], asked["user"], asked["as_json"], question, about=name)


def _show(one: dict[str, Any]) -> None:
    claims = ", ".join(f"{name}={value}" for name, value in sorted(one.get("claims", {}).items()))
    told = (one.get("id"), one.get("issuer"), claims, f"as {one.get('owner')}")
    click.echo("  ".join(plain(text) for text in told))
