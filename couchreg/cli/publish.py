"""`couchreg publish`: send a data package folder, and say what is wrong with one that is refused."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import click

from couchreg.cli.account import account_options, logged_in
from couchreg.cli.showing import complain, json_option, plain, print_json, run, status_bar
from couchreg.client.errors import AlreadyPublished, ClientError, Invalid, Missing
from couchreg.client.folder import Folder
from couchreg.client.registry import Published, Registry
from couchreg.package.report import STOPPED

RESTRICTED = "restricted"
MOST_SHOWN = 20  # names in a line


@click.command()
@click.argument("folder", metavar="[DIR|ZIP]", default=".", type=click.Path(path_type=Path))
@click.option("--version", metavar="V", help="The version to publish, when datapackage.json has none.")
@click.option(
    "--direct", is_flag=True, help="Upload the files straight to the datastore, which suits large ones."
)
@click.option(
    "--wait/--no-wait", default=True, help="Whether to wait for the end of a check that takes long."
)
@click.option(
    "--access",
    type=click.Choice(["public", RESTRICTED]),
    help="For whom it is, from the first byte.",
)
@account_options
@json_option
def publish(
    folder: Path,
    version: str | None,
    access: str | None,
    direct: bool,
    wait: bool,
    registry: str | None,
    user: str | None,
    as_json: bool,
) -> None:
    """Publish the data package in DIR (by default the current folder), or in a zip file.

    What the registry has already is not sent. A publish that was interrupted goes on when it is repeated.
    """
    seen: dict[str, Any] = {}
    wanted = _Wanted(access, direct=direct, wait=wait, hidden=as_json)
    work = _publish(folder, version, registry, user, wanted, seen)
    try:
        result = run(work, as_json=as_json, explain=explain)
    except KeyboardInterrupt:
        click.echo(_interrupted(seen), err=True)
        raise
    if as_json:
        print_json(
            {
                "name": result.name,
                "version": result.version,
                "url": result.url,
                "new": result.new,
                "report": result.report,
                "left_out": list(result.left_out),
                "skipped": list(result.skipped),
                "unchecked": list(result.unchecked),
                "checking": result.checking,
            }
        )
        return
    if result.checking:
        click.echo(f"Sent and being checked: {plain(result.name)}@{plain(result.version)}")
        click.echo(f"  {plain(result.checking)}")
        click.echo("  It is published when the check ends well; the same command shows how far it is.")
        return
    said = "Published" if result.new else "Already published, unchanged:"
    click.echo(f"{said} {plain(result.name)}@{plain(result.version)}")
    click.echo(f"  {plain(result.url)}")
    if result.left_out:
        names = some(result.left_out)
        click.echo(f"  left out, since datapackage.json does not name them: {names}")
    show_skipped(result.skipped)
    show_unchecked(result.unchecked)
    if result.report:
        click.echo("The registry published it in spite of these errors:", err=True)
        show_report(result.report)


def some(names: Sequence[str]) -> str:
    """The first of many names, and how many there are beside them."""
    listed = ", ".join(plain(name) for name in names[:MOST_SHOWN])
    return listed + (f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else "")


def _interrupted(seen: Mapping[str, Any]) -> str:
    """What has become of a publish that was left."""
    if seen.get("state") == "checking":
        return "The registry goes on with the check: the same command shows how far it is."
    return "Nothing was published. The same command goes on: what has arrived is not sent again."


class _Wanted(NamedTuple):
    """How a package is sent; `access` says for whom it is then, if it is to be changed."""

    access: str | None
    direct: bool
    wait: bool
    hidden: bool


async def _publish(
    folder: Path,
    version: str | None,
    registry: str | None,
    user: str | None,
    wanted: "_Wanted",
    seen: dict[str, Any],
) -> Published:
    """Send it; `seen` has the last status."""
    package = Folder.read(folder, version)
    account = logged_in(registry, user)
    async with Registry(account.registry, account.login) as found:
        if wanted.access is not None:  # before anything is sent, so that nobody sees it meanwhile
            with suppress(*(() if wanted.access == RESTRICTED else (Missing,))):  # what is new is public
                await found.people.rights.set_access(package.name, wanted.access)
        label = f"{package.name}@{package.version}"
        with status_bar(label, package.length, hidden=wanted.hidden) as (advance, show):

            def told(status: Mapping[str, Any]) -> None:
                seen.update(status)
                show(status)

            return await found.publish(package, advance, direct=wanted.direct, wait=wanted.wait, told=told)


def remedy(report: Mapping[str, Any], again: str) -> str:
    """What to do about a report, behind another sentence: of a check that was stopped nothing is known of the
    files, and the report itself says whose limit it was."""
    problems = report.get("problems")
    types = {one.get("type") for one in problems} if isinstance(problems, list) else set[Any]()
    return "" if types == {STOPPED} else f" Correct the files or the schema, and {again} again."


def explain(error: ClientError) -> None:
    """What happened, and what to do next."""
    complain(error)
    if isinstance(error, Invalid) and error.report:
        show_report(error.report)
        click.echo(f"Nothing was published.{remedy(error.report, 'publish')}", err=True)
    elif isinstance(error, AlreadyPublished):
        click.echo(
            "A published version never changes: publish the new content under a new version.", err=True
        )


def show_skipped(names: Sequence[str]) -> None:
    """The resources that no check looks into, in one line: pictures and documents are no faults."""
    if names:
        click.echo(f"  not looked into, since they are elsewhere or no tables that are read: {some(names)}")


def show_unchecked(items: Iterable[Mapping[str, Any]]) -> None:
    """What no check vouches for, a line each."""
    for item in items:
        whose = plain(item.get("resource") or "the package")
        click.echo(f"  not checked: {plain(item.get('member'))} of {whose}: {plain(item.get('reason'))}")


def show_report(report: Mapping[str, Any]) -> None:
    """A report of the registry, grouped by resource and kind, the first few of each with their places."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for problem in report.get("problems", []):
        groups.setdefault(
            (problem.get("resource") or "the package", problem.get("type") or "error"), []
        ).append(problem)
    counts = {
        (row.get("resource") or "the package", row.get("type")): row.get("count")
        for row in report.get("counts", [])
    }
    shown = ""
    for (resource, kind), problems in groups.items():
        if resource != shown:
            click.echo(f"\n{plain(resource)}", err=True)
            shown = resource
        _show_group(kind, counts.get((resource, kind), len(problems)), problems)
    if not report.get("complete", True):
        click.echo("\nChecking stopped early: there may be more.", err=True)
    click.echo("", err=True)


def _place(problem: Mapping[str, Any]) -> str:
    file, line, column, field = (problem.get(key) for key in ("file", "line", "column", "field"))
    line = line or problem.get("row")
    words = [str(file)] if file else []
    words += [f"line {line}"] if line else []
    words += [f"column {column}"] if column and field is None else []
    words += [f"field {field}"] if field is not None else []
    return ", ".join(words)


def _show_group(kind: str, count: Any, problems: list[Mapping[str, Any]]) -> None:
    click.echo(f"  {plain(kind)} ({count})", err=True)
    for problem in problems:
        place = _place(problem)
        click.echo(f"    {plain(place) + ': ' if place else ''}{plain(problem.get('message', ''))}", err=True)
    if isinstance(count, int) and count > len(problems):
        click.echo(f"    … and {count - len(problems)} more", err=True)
