"""`couchreg completion`: a script that lets a shell complete commands, options and files."""

import click
from click.shell_completion import get_completion_class

from couchreg.client.errors import UsageError

_VARIABLE = "_COUCHREG_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script for a shell. In bash: eval "$(couchreg completion bash)"."""
    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"There is no completion for {shell}.")
    click.echo(found(click.get_current_context().find_root().command, {}, "couchreg", _VARIABLE).source())
