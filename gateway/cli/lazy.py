"""A group of commands that imports each one only when it runs, so that `--help` stays quick; and the exit codes of
commands that are interrupted or cannot write."""

import errno
import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click
from click.shell_completion import CompletionItem

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EIO}

# The exit status that a shell reports for a command that SIGPIPE ended.
_UNREAD = 141


class Lazy(click.Group):
    """Imports a command when it runs or shows its own help. `commands` maps each name to the line in the group's help.
    The command is the function of that name, in the file of that name in `package`."""

    def __init__(self, *args: Any, package: str, commands: Mapping[str, str], **more: Any) -> None:
        super().__init__(*args, **more)
        self._package = package
        self._lines = commands

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Parse the arguments; click prints help here, which may fail too."""
        with _ended():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        with _ended():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lines)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.commands or cmd_name not in self._lines:
            return self.commands.get(cmd_name)
        command: click.Command = getattr(importlib.import_module(f"{self._package}.{cmd_name}"), cmd_name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, with their lines in the help; none of them is imported for that."""
        names = [CompletionItem(name, help=line) for name, line in self._lines.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lines.items()))


@contextmanager
def _ended() -> Iterator[None]:
    """Exits with 130 after Ctrl-C, with 141 and no message if the reader closed the output, and with 2 if the output
    cannot be written. Python would exit with 1, which means findings."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("figway: interrupted", err=True)
        raise click.exceptions.Exit(130) from None
    except OSError as error:
        if error.errno not in {*_FULL, errno.EPIPE}:
            raise
        if error.errno != errno.EPIPE:
            click.echo(f"figway: the output cannot be written: {error.strerror}", err=True)
        # Python flushes the rest at exit; into /dev/null, where it cannot fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(_UNREAD if error.errno == errno.EPIPE else 2) from None
