"""A group of commands that are found by their file's name and imported when they run: `--help` stays quick. And how any
of them ends that is cut short."""

import errno
import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EIO}

# What a shell shows of a command that SIGPIPE ended.
_UNREAD = 141


class Lazy(click.Group):
    """Imports a command only where it is run, or its own help is asked for. `commands` are the name and the line that
    help shows of each: the function of that name in the file of that name in `package`."""

    def __init__(self, *args: Any, package: str, commands: Mapping[str, str], **more: Any) -> None:
        super().__init__(*args, **more)
        self._package = package
        self._lines = commands

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Help is printed here."""
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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lines.items()))


@contextmanager
def _ended() -> Iterator[None]:
    """Ends with 130 where somebody interrupts, with 141 and no word where nobody reads what is printed, and with 2
    where that finds no room: 1 is an answer."""
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
        # What is left of it would fail once more as Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(_UNREAD if error.errno == errno.EPIPE else 2) from None
