"""The `couchreg` command: which subcommands there are, and how a failure is shown.

Each subcommand is a module of this package, imported when it is asked for, so that `couchreg --help` and
the small commands start without the server's libraries.
"""

import importlib
import os
import sys
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from couchreg import __version__
from couchreg.errors import CouchregError, StorageFailure, Unavailable

INTERRUPTED, PIPE_CLOSED = 130, 141  # as shells have it: 128 and the signal
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Lazy(NamedTuple):
    """A subcommand that is not imported yet: where it is, and its line in the list of commands."""

    module: str
    attribute: str
    help: str


COMMANDS: dict[str, Lazy] = {
    "serve": Lazy("couchreg.cli.serve", "serve", "Run a registry."),
    "rebuild": Lazy("couchreg.cli.rebuild", "rebuild", "Rebuild the database from the datastore."),
    "backup": Lazy("couchreg.cli.backup", "backup", "Back a data directory up, or verify a backup."),
    "restore": Lazy("couchreg.cli.backup", "restore", "Make a data directory from a backup."),
    "doctor": Lazy("couchreg.cli.doctor", "doctor", "Say what is wrong with a data directory."),
    "mirror": Lazy("couchreg.cli.mirror", "mirror", "Run a mirror of a registry, or show how it is."),
    "follow": Lazy("couchreg.cli.follow", "follow", "Follow a registry that is elsewhere."),
    "datastore": Lazy("couchreg.cli.datastore", "datastore", "Set up, check and copy the datastore."),
    "docstore": Lazy("couchreg.cli.docstore", "docstore", "Copy a registry's documents into a CouchDB."),
    "publish": Lazy("couchreg.cli.publish", "publish", "Publish a data package folder."),
    "install": Lazy("couchreg.cli.install", "install", "Install published packages into folders."),
    "cache": Lazy("couchreg.cli.cache", "cache", "Show or shrink the cache of installed files."),
    "init": Lazy("couchreg.cli.init", "init", "Write a datapackage.json for the data in a folder."),
    "validate": Lazy("couchreg.cli.validate", "validate", "Check a data package folder as a registry does."),
    "cat": Lazy("couchreg.cli.cat", "cat", "Write a resource to standard output."),
    "ls": Lazy("couchreg.cli.versions", "ls", "List packages, or the files of one."),
    "versions": Lazy("couchreg.cli.versions", "versions", "List the versions of a package."),
    "diff": Lazy("couchreg.cli.versions", "diff", "Show what changed between two versions."),
    "dist-tag": Lazy("couchreg.cli.tags", "dist_tag", "List, set and remove dist-tags."),
    "deprecate": Lazy("couchreg.cli.tags", "deprecate", "Mark versions as deprecated."),
    "yank": Lazy("couchreg.cli.tags", "yank", "Hide a version from ranges and from latest."),
    "sql": Lazy("couchreg.cli.sql", "sql", "Ask tables with SQL."),
    "search": Lazy("couchreg.cli.search", "search", "Search for packages."),
    "info": Lazy("couchreg.cli.info", "info", "Describe a package."),
    "adduser": Lazy("couchreg.cli.users", "adduser", "Create an account."),
    "login": Lazy("couchreg.cli.login", "login", "Log in and keep a token."),
    "logout": Lazy("couchreg.cli.login", "logout", "Log out: revoke that token and delete it."),
    "whoami": Lazy("couchreg.cli.login", "whoami", "Show which user you are at the registry."),
    "passwd": Lazy("couchreg.cli.users", "passwd", "Change your password."),
    "users": Lazy("couchreg.cli.caring", "users", "Look after the accounts of others."),
    "token": Lazy("couchreg.cli.token", "token", "Create, list and revoke API tokens."),
    "owner": Lazy("couchreg.cli.owner", "owner", "List and change the owners of packages."),
    "trust": Lazy("couchreg.cli.trust", "trust", "Let jobs elsewhere publish packages."),
    "access": Lazy("couchreg.cli.access", "access", "Say who may read and publish packages."),
    "groups": Lazy("couchreg.cli.groups", "groups", "List and change groups of accounts."),
    "completion": Lazy(
        "couchreg.cli.completion", "completion", "Print what lets your shell complete commands."
    ),
    "design": Lazy("couchreg.cli.design", "design", "Keep design documents in folders."),
    "unpublish": Lazy("couchreg.cli.unpublish", "unpublish", "Delete versions of a package."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        command: click.Command = getattr(importlib.import_module(lazy.module), lazy.attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches  # only now: it is slow to import

            near = get_close_matches(args[0], COMMANDS, 1) if args else []
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]}?", ctx) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completing a name imports nothing: it happens at every press of a key."""
        fitting = [name for name in COMMANDS if name.startswith(incomplete)]
        found = [CompletionItem(name, help=COMMANDS[name].help) for name in fitting]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="couchreg")
def cli() -> None:
    """A registry for data packages that replicates like CouchDB."""


def main() -> None:
    """Run the command line. What is foreseen to go wrong is shown as one sentence, without a traceback."""
    try:
        status = cli.main(prog_name="couchreg", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # `couchreg ls | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is flushed at the end
        sys.exit(PIPE_CLOSED)
    except CouchregError as error:
        from couchreg.cli.showing import complain  # only now: it brings libraries of the client

        complain(error, _told_of_the_disk(error))
        sys.exit(getattr(error, "exit_status", 1))
    except OSError as error:
        told = _told(error)
        if told is None:
            raise
        click.echo(f"couchreg: {told}", err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "couchreg":
            raise
        click.echo(f"couchreg: {_what_is_missing(error.name)}", err=True)
        sys.exit(1)


def _told_of_the_disk(error: CouchregError) -> str | None:
    """What stores keep from clients: which file it is, and what to do."""
    is_of_a_store = isinstance(error, Unavailable | StorageFailure) and isinstance(error.__cause__, OSError)
    return _told(error.__cause__) if is_of_a_store else None


def _told(error: BaseException | None) -> str | None:
    from couchreg.os_errors import sentence  # only now: nearly no command needs it

    return sentence(error) if isinstance(error, OSError) else None


def _what_is_missing(module: str) -> str:
    """A client is installed without the libraries of a server; some commands need them."""
    return (
        f"this command needs {module.partition('.')[0]}, which comes with the server: "
        "pip install 'couchreg[server]'"
    )
