"""`holdfast completion`: the script that teaches a shell our words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from holdfast.cli.context import Session

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash:  eval "$(holdfast completion bash)"
    zsh:   eval "$(holdfast completion zsh)"
    fish:  holdfast completion fish | source
    """
    assert ctx.find_object(Session) is not None
    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(ctx.find_root().command, {}, "holdfast", "_HOLDFAST_COMPLETE").source())
